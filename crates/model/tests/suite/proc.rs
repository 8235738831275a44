//! Outside of keyctl(2): /proc/keys, /proc/key-users, waiting for the end of a key.

use crate::{EACCES, ENOKEY, allowed, only};

/// The time left is shown in whole hours, days or weeks; at the boundary both are allowed.
#[test]
fn the_time_that_is_left() {
    let shown = |seconds: u32, left: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_set_timeout(K1, {seconds}) = 0
             main  proc_keys(K1) = [\"I--Q---\", \"{left}\", \"3f010000\", UID, GID, \"user\", \"key: 7\"]"
        )
    };
    for (seconds, left, other) in
        [(7500, "2h", "1h"), (86_400 + 300, "1d", "24h"), (3 * 604_800 - 1, "2w", "3w")]
    {
        only(&shown(seconds, left), &shown(seconds, other));
    }
    for (seconds, either) in
        [(7200, ["2h", "1h"]), (7499, ["2h", "1h"]), (3600, ["1h", "59m"]), (604_800, ["1w", "6d"])]
    {
        either.iter().for_each(|left| allowed(&shown(seconds, left)));
    }
}

/// A negative key has no payload, so only its description is shown; a revoked key has one of 0 bytes.
#[test]
fn keys_without_a_payload() {
    let negative = format!(
        "main  request_key(\"user\", \"nobody:makes\", \"callout\", @t) = {ENOKEY}
         main  keyctl_read(@t) = {{K1}}"
    );
    let revoked = "main  add_key(\"user\", \"nobody:makes\", \"payload\", @t) = K1
                   main  keyctl_revoke(K1) = 0";
    for (made, flags, left, is, is_not) in [
        (negative.as_str(), "I--Q-N-", "1m", "nobody:makes", "nobody:makes: 0"),
        (revoked, "IR-Q---", "expd", "nobody:makes: 0", "nobody:makes"),
    ] {
        let shown = |summary: &str| {
            format!(
                "{made}
                 main  proc_keys(K1) = [\"{flags}\", \"{left}\", \"3f010000\", UID, GID, \"user\", \"{summary}\"]"
            )
        };
        only(&shown(is), &shown(is_not));
    }
}

/// An invalidated key counts as a link until the garbage collector has removed it.
#[test]
fn a_link_that_is_counted_until_it_goes() {
    let shown = |then: &str, links: &str| {
        format!(
            "main  add_key(\"keyring\", \"ring\", NULL, @s) = K1
             main  add_key(\"user\", \"key\", \"payload\", K1) = K2
             main  {then}
             main  proc_keys(K1) = [\"I--Q---\", \"perm\", \"3f010000\", UID, GID, \"keyring\", \"ring: {links}\"]"
        )
    };
    let (invalidated, revoked) = ("keyctl_invalidate(K2) = 0", "keyctl_revoke(K2) = 0");
    allowed(&shown(invalidated, "1"));
    allowed(&shown(invalidated, "empty"));
    only(&shown(revoked, "1"), &shown(revoked, "empty"));
}

/// A task can wait for the session keyring too.
#[test]
fn a_session_keyring_that_expires() {
    let then = |seconds: u32| {
        format!(
            "main  keyctl_set_timeout(@s, {seconds}) = 0
             main  wait_until(@s) = -1 EKEYEXPIRED (Key has expired)"
        )
    };
    only(&then(1), &then(0));
}

/// The garbage collector destroys keys without a link, then keys linked only by those. Deeper ones may
/// still exist.
#[test]
fn how_deep_the_collector_comes() {
    let then = |key: &str, gives: &str| {
        format!(
            "main  add_key(\"keyring\", \"1\", NULL, @s) = K1
             main  add_key(\"keyring\", \"2\", NULL, K1) = K2
             main  add_key(\"keyring\", \"3\", NULL, K2) = K3
             main  add_key(\"keyring\", \"4\", NULL, K3) = K4
             main  keyctl_unlink(K1, @s) = 0
             main  wait_for_the_collector()
             main  keyctl_setperm({key}, 0x3f3f0000) = {gives}"
        )
    };
    for key in ["K1", "K2"] {
        only(&then(key, ENOKEY), &then(key, EACCES));
    }
    for key in ["K3", "K4"] {
        allowed(&then(key, ENOKEY));
        allowed(&then(key, EACCES));
    }
}

/// The charge of the first user is unknown, as keys from before may exist; that of others is known.
#[test]
fn what_keys_count() {
    let counted = |user: &str, counted: &str| {
        format!(
            "main  setresuid({user}, {user}, {user}) = 0
             main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  key_users({user}) = [{counted}]"
        )
    };
    let (one, many) = ("1, keys, 11, bytes", "20, keys, 500, bytes");
    allowed(&counted("UID", one));
    allowed(&counted("UID", many));
    only(&counted("UID2", one), &counted("UID2", many));
}

/// A key under construction has no payload that /proc/keys could measure.
#[test]
fn a_key_that_a_program_is_to_instantiate() {
    let then = |flags: &str, summary: &str| {
        format!(
            "main       pthread_create() = requestor
             requestor  upcall(\"user\", \"key\", \"callout\", @t) = program
             program    key_to_instantiate() = K1
             main       proc_keys(K1) = [\"{flags}\", \"perm\", \"3f010000\", UID, GID, \"user\", \"{summary}\"]"
        )
    };
    only(&then("---QU--", "key"), &then("I--Q---", "key: 0"));
}
