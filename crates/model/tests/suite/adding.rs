//! New keys, and their charge to the quota.

use crate::{EDQUOT, EINVAL, ENOKEY, allowed, only, refused_at_its_end};

/// A full quota has room again for exactly what was freed.
#[test]
fn room_that_comes_back() {
    let full = |how: &str, freed: &str, then: &str| {
        format!(
            "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
             main  add_key(\"user\", \"one\", \"12345678\", K2) = K3
             main  {how}
             main  {freed}
             main  wait_for_the_collector()
             main  {then}"
        )
    };
    let keys = format!("add_keys_until_refused(1, K1) = {EDQUOT}");
    let bytes = "use_up_bytes(K1) = 0";
    let (unlink, nothing) = ("keyctl_unlink(K3, K2) = 0", "keyctl_capabilities() = 0");
    let add = "add_key(\"user\", \"two\", \"12345678\", K2) = K4";
    let longer = "add_key(\"user\", \"two\", \"123456789\", K2)";
    for how in [keys.as_str(), bytes] {
        only(&full(how, unlink, add), &full(how, nothing, add));
        allowed(&full(how, nothing, &format!("{} = {EDQUOT}", add.replace(" = K4", ""))));
    }
    allowed(&full(bytes, unlink, &format!("{longer} = {EDQUOT}")));
    refused_at_its_end(&full(bytes, unlink, &format!("{longer} = K4")));
}

/// Only the attributes of a negative key are accessible.
#[test]
fn a_negative_key() {
    let made = format!(
        "main  request_key(\"user\", \"nobody:makes\", \"callout\", @t) = {ENOKEY}
         main  keyctl_read(@t) = {{K1}}"
    );
    let then = |call: &str, gives: &str| format!("{made}\nmain  {call} = {gives}");
    let text = "\"user;UID;GID;3f010000;nobody:makes\"";
    allowed(&then("keyctl_describe(K1)", text));
    allowed(&then("keyctl_setperm(K1, 0x3f3f0000)", "0"));
    only(&then("keyctl_chown(K1, UID, -1)", "0"), &then("keyctl_describe(K1)", ENOKEY));
    for call in ["keyctl_update(K1, \"payload\")", "keyctl_read(K1)", "keyctl_link(K1, @s)"] {
        only(&then(call, ENOKEY), &then(call, "0"));
    }
}

/// A keyring that replaces another of its name is not charged for a link, as it replaces that too.
#[test]
fn a_keyring_that_displaces_another() {
    let with_seven_bytes_left = |then: &str| {
        format!(
            "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
             main  add_key(\"user\", \"a\", \"1\", @s) = K3
             main  use_up_bytes(K1) = 0
             main  keyctl_unlink(K3, @s) = 0
             main  wait_for_the_collector()
             main  add_key(\"keyring\", {then}"
        )
    };
    allowed(&with_seven_bytes_left("\"ring\", NULL, @s) = K4"));
    refused_at_its_end(&with_seven_bytes_left(&format!("\"ring\", NULL, @s) = {EDQUOT}")));
    allowed(&with_seven_bytes_left(&format!("\"gong\", NULL, @s) = {EDQUOT}")));
    refused_at_its_end(&with_seven_bytes_left("\"gong\", NULL, @s) = K4"));
}

/// Without a byte left, a key can be updated with a payload that is not longer than its own.
#[test]
fn an_update_without_room() {
    let made = "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
                main  add_key(\"user\", \"one\", \"12345678\", @s) = K2
                main  use_up_bytes(K1) = 0";
    let then = |payload: &str, gives: &str| {
        format!("{made}\nmain  keyctl_update(K2, \"{payload}\") = {gives}")
    };
    for payload in ["87654321", "1234"] {
        only(&then(payload, "0"), &then(payload, EDQUOT));
    }
    only(&then("123456789", EDQUOT), &then("123456789", "0"));
    // A longer one may use what a shorter one has freed.
    let again = |payload: &str, gives: &str| {
        format!("{}\nmain  keyctl_update(K2, \"{payload}\") = {gives}", then("1234", "0"))
    };
    allowed(&again("12345678", "0"));
    only(&again("123456789", EDQUOT), &again("123456789", "0"));
}

/// A destroyed key frees its last charge, not its first.
#[test]
fn room_that_comes_back_after_an_update() {
    let then = |payload: &str, gives: &str| {
        format!(
            "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"user\", \"one\", \"12345678\", @s) = K2
             main  keyctl_update(K2, \"1234\") = 0
             main  use_up_bytes(K1) = 0
             main  keyctl_unlink(K2, @s) = 0
             main  wait_for_the_collector()
             main  add_key(\"user\", \"two\", \"{payload}\", @s) = {gives}"
        )
    };
    only(&then("1234", "K3"), &then("1234", EDQUOT));
    only(&then("12345", EDQUOT), &then("12345", "K3"));
}

/// The longest payload of type `user`. The trace shows only its length.
#[test]
fn the_longest_payload() {
    let add = |length: usize, gives: &str| {
        format!("main  add_key(\"user\", \"key\", [{length}, bytes], @s) = {gives}")
    };
    only(&add(32767, "K1"), &add(32767, EINVAL));
    only(&add(32768, EINVAL), &add(32768, "K1"));
    let shown = |summary: &str| {
        let line =
            format!("[\"I--Q---\", \"perm\", \"3f010000\", UID, GID, \"user\", \"{summary}\"]");
        format!("{}\nmain  proc_keys(K1) = {line}", add(32767, "K1"))
    };
    only(&shown("key: 32767"), &shown("key: 0"));
}

/// The name of a type has 1 to 31 bytes; whether the type exists is checked later.
#[test]
fn the_name_of_a_type() {
    const ENODEV: &str = "-1 ENODEV (No such device)";
    for (length, gives, other) in
        [(0, EINVAL, ENODEV), (1, ENODEV, EINVAL), (31, ENODEV, EINVAL), (32, EINVAL, ENODEV)]
    {
        let add = |gives: &str| {
            let kind = "x".repeat(length);
            format!("main  add_key(\"{kind}\", \"key\", \"payload\", @s) = {gives}")
        };
        only(&add(gives), &add(other));
    }
}

/// A key that is no keyring is refused before a missing description, and a restriction before a description that the type
/// refuses.
#[test]
fn the_order_of_refusals() {
    let then =
        |first: &str, call: &str, gives: &str| format!("main  {first}\nmain  {call} = {gives}");
    let (enotdir, eperm) = ("-1 ENOTDIR (Not a directory)", crate::EPERM);
    let key = "add_key(\"user\", \"a\", \"payload\", @t) = K1";
    let nameless = "add_key(\"user\", NULL, \"payload\", K1)";
    only(&then(key, nameless, enotdir), &then(key, nameless, EINVAL));
    let restricted = "keyctl_restrict_keyring(@t, NULL, NULL) = 0";
    let ring = "keyctl_get_keyring_ID(@t, 1) = K1";
    let odd = "add_key(\"logon\", \"a\", \"payload\", @t)";
    let both = format!("{ring}\nmain  {restricted}");
    only(&then(&both, odd, eperm), &then(&both, odd, EINVAL));
    only(&then(ring, odd, EINVAL), &then(ring, odd, eperm));
    let restrict = "keyctl_restrict_keyring(@t, \".dot\", \"x\")";
    only(&then(ring, restrict, eperm), &then(ring, restrict, ENOKEY));
}

/// Without a payload nothing is read, and only then the type looks at its length.
#[test]
fn an_update_without_a_payload() {
    let then = |gives: &str| {
        format!(
            "main  add_key(\"user\", \"a\", \"payload\", @t) = K1
             main  keyctl_update(K1, [NULL, 0, bytes]) = {gives}"
        )
    };
    only(&then(EINVAL), &then("0"));
}
