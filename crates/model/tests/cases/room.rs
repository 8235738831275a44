//! The room that a key gives back while it stays.

use crate::{EDQUOT, allowed, refused_at_its_end};

const FULL: &str = "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
                    main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
                    main  add_key(\"user\", \"one\", \"12345678\", K2) = K3";

/// A revoked key gives up its payload, and what that counted.
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
    allowed(&then("12", "K4"));
    refused_at_its_end(&then("12", EDQUOT));
    allowed(&then("123", EDQUOT));
    refused_at_its_end(&then("123", "K4"));
}

/// The rest comes back with the key itself.
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
    allowed(&then(16));
    refused_at_its_end(&then(8));
    refused_at_its_end(&then(24));
}

/// A key that is given away counts for its new owner; its link does not go with it.
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
