//! What stands in the place of a key.

use crate::{allowed, refused_at_its_end};

/// keyctl(1) hands 0 on: where a keyring may be left out it is none, and else no key's number.
#[test]
fn a_zero_for_keyctl() {
    let made = "main  add_key(\"user\", \"key\", \"payload\", @s) = K1";
    let gives = |command: &str, status: i32, stdout: &str, stderr: &str| {
        let gives = format!("[status, {status}, stdout, \"{stdout}\", stderr, \"{stderr}\"]");
        format!("{made}\nmain  keyctl_program({command}) = {gives}")
    };
    let (search, link) =
        ("\"search\", \"@s\", \"user\", \"key\", \"0\"", "\"link\", \"@s\", \"0\"");
    let (of_search, of_link) =
        ("keyctl_search: Invalid argument\\n", "keyctl_link: Invalid argument\\n");
    allowed(&gives(search, 0, "K1\\n", ""));
    refused_at_its_end(&gives(search, 1, "", of_search));
    allowed(&gives(link, 1, "", of_link));
    refused_at_its_end(&gives(link, 0, "", ""));
}
