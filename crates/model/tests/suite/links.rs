//! Links between keyrings.

use crate::only;

/// The check for cycles skips an invalidated keyring, whether it is still linked or not.
#[test]
fn a_cycle_through_an_invalidated_keyring() {
    let then = |before: &str, gives: &str| {
        format!(
            "main  add_key(\"keyring\", \"one\", NULL, @s) = K1
             main  add_key(\"keyring\", \"two\", NULL, K1) = K2
             main  add_key(\"keyring\", \"three\", NULL, @s) = K3
             main  keyctl_link(K3, K2) = 0
             main  {before}
             main  keyctl_link(K1, K3) = {gives}"
        )
    };
    let cycle = "-1 EDEADLK (Resource deadlock would occur)";
    let (nothing, invalidated) = ("keyctl_capabilities() = 0", "keyctl_invalidate(K2) = 0");
    for (before, gives, other) in [(nothing, cycle, "0"), (invalidated, "0", cycle)] {
        only(&then(before, gives), &then(before, other));
    }
}
