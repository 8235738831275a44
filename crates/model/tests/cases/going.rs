//! Keys that are about to go.

use crate::{ENOKEY, allowed, refused_at_its_end};

/// An invalidated key is refused as such, or as one that nobody possesses, its link being gone.
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
    allowed(&then("-1 EACCES (Permission denied)"));
    refused_at_its_end(&then("\"payload\""));
}

/// The same for a search: the key may still be linked, or not.
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
    allowed(&then("-1 EKEYREVOKED (Key has been revoked)"));
    refused_at_its_end(&then("K1"));
}
