//! The quota that an existing key frees.

use crate::{EDQUOT, allowed, only, refused_at_its_end};

const FULL: &str = "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
                    main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
                    main  add_key(\"user\", \"one\", \"12345678\", K2) = K3";

/// A revoked key loses its payload and the charge for it.
#[test]
fn a_key_that_is_revoked() {
    let then = |payload: &str, gives: &str| {
        format!(
            "{FULL}
             main  use_up_bytes(K1) = 0
             main  keyctl_revoke(K3) = 0
             main  add_key(\"user\", \"x\", \"{payload}\", K2) = {gives}"
        )
    };
    only(&then("12", "K4"), &then("12", EDQUOT));
    only(&then("123", EDQUOT), &then("123", "K4"));
}

/// Destroying the key frees the rest.
#[test]
fn a_revoked_key_that_goes() {
    let then = |left: u8| {
        format!(
            "{FULL}
             main  use_up_bytes(K1) = 0
             main  keyctl_revoke(K3) = 0
             main  keyctl_unlink(K3, K2) = 0
             main  wait_for_the_collector()
             main  bytes_left(UID) = {left}"
        )
    };
    only(&then(16), &then(8));
    refused_at_its_end(&then(24));
}

/// A key given to another user is charged to that user; its link is not.
#[test]
fn a_key_that_is_given_away() {
    let then = |hoard: &str, left: &str| {
        format!(
            "{FULL}
             main  {hoard}
             main  keyctl_chown(K3, UID2, -1) = 0
             main  {left}"
        )
    };
    let keys = format!("add_keys_until_refused(1, K1) = {EDQUOT}");
    let bytes = "use_up_bytes(K1) = 0";
    for (hoard, call, left) in [(keys.as_str(), "keys_left", 1), (bytes, "bytes_left", 12)] {
        allowed(&then(hoard, &format!("{call}(UID) = {left}")));
        for other in [0, -left] {
            refused_at_its_end(&then(hoard, &format!("{call}(UID) = {other}")));
        }
    }
    allowed(&then(bytes, "key_users(UID2) = [1, keys, 12, bytes]"));
    refused_at_its_end(&then(bytes, "key_users(UID2) = [1, keys, 16, bytes]"));
}

/// Where the trace shows nothing of a quota, it may be used up; a thread keyring overruns it all the same.
#[test]
fn a_quota_that_is_not_known() {
    allowed(&format!("main  add_key(\"user\", \"x\", \"1\", @s) = {EDQUOT}"));
    allowed(&format!("main  keyctl_join_session_keyring(\"name\") = {EDQUOT}"));
    refused_at_its_end(&format!("main  keyctl_get_keyring_ID(@t, 1) = {EDQUOT}"));
    refused_at_its_end(&format!("main  keyctl_unlink(@s, @s) = {EDQUOT}"));
}
