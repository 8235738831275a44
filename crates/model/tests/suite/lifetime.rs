//! Keys at the end of their lifetime.

use crate::{ENOKEY, allowed, only, refused_at_its_end};

/// An invalidated key is refused as such, or, if it has lost its link, as a key without a possessor.
#[test]
fn a_key_that_loses_its_link_before_it_goes() {
    let then = |gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_invalidate(K1) = 0
             main  keyctl_read(K1) = {gives}"
        )
    };
    allowed(&then(ENOKEY));
    only(&then("-1 EACCES (Permission denied)"), &then("\"payload\""));
}

/// In a search, such a key may or may not still be linked.
#[test]
fn a_search_for_a_key_that_loses_its_link() {
    let then = |gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_invalidate(K1) = 0
             main  keyctl_search(@s, \"user\", \"key\", 0) = {gives}"
        )
    };
    allowed(&then(ENOKEY));
    only(&then("-1 EKEYREVOKED (Key has been revoked)"), &then("K1"));
}

/// An invalidated keyring keeps its links to invalidated keys, and so the keys.
#[test]
fn an_invalidated_key_in_an_invalidated_keyring() {
    const ENOENT: &str = "-1 ENOENT (No such file or directory)";
    let then = |first: &str, gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_link(K1, @t) = 0
             main  {first}
             main  keyctl_invalidate(K1) = 0
             main  keyctl_unlink(K1, @t) = {gives}"
        )
    };
    for gives in ["0", ENOENT] {
        allowed(&then("keyctl_invalidate(@s) = 0", gives));
    }
    refused_at_its_end(&then("keyctl_invalidate(@s) = 0", ENOKEY));
    allowed(&then("keyctl_capabilities() = 0", ENOKEY));
}

/// A key may expire within the trace if its timeout is shorter than five minutes.
#[test]
fn a_key_that_expires_in_time() {
    const EKEYEXPIRED: &str = "-1 EKEYEXPIRED (Key has expired)";
    let then = |seconds: u32, gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_set_timeout(K1, {seconds}) = 0
             main  keyctl_read(K1) = {gives}"
        )
    };
    for seconds in [299, 300] {
        allowed(&then(seconds, "\"payload\""));
    }
    only(&then(299, EKEYEXPIRED), &then(300, EKEYEXPIRED));
}
