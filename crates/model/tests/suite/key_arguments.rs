//! Key arguments.

use crate::only;

/// keyctl(1) passes 0 on: no keyring where one may be left out, and an invalid id elsewhere.
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
    only(&gives(search, 0, "K1\\n", ""), &gives(search, 1, "", of_search));
    only(&gives(link, 1, "", of_link), &gives(link, 0, "", ""));
}
