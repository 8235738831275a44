//! The program keyctl(1).

use crate::{allowed, only};

/// The output is known only for an empty keyring.
#[test]
fn a_list_of_keys() {
    let then = |before: &str, printed: &str| {
        format!(
            "main  {before}
             main  keyctl_program(\"list\", \"@s\") = [status, 0, stdout, \"{printed}\", stderr, \"\"]"
        )
    };
    let (nothing, key) =
        ("keyctl_capabilities() = 0", "add_key(\"user\", \"key\", \"payload\", @s) = K1");
    let (empty, printed) = ("keyring is empty\\n", "1 key in keyring:\\nK1: user: key\\n");
    only(&then(nothing, empty), &then(nothing, printed));
    allowed(&then(key, printed));
}
