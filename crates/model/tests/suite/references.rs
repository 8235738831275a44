//! References that keep a keyring for other tasks to see.

use crate::{ENOKEY, allowed, only, refused_at_its_end};

const DESCRIBED: &str = "\"keyring;UID;GID;3f3f0000;_tid\"";

/// A mapping ends with its process, and does not belong to the parent.
#[test]
fn a_library_of_a_child() {
    let then = |call: &str, gives: &str| {
        format!(
            "main   fork() = child
             child  keyctl_get_keyring_ID(@t, 1) = K1
             child  keyctl_setperm(K1, 0x3f3f0000) = 0
             child  dlopen(\"libanl.so.1\") = library
             child  exit()
             main   {call}
             main   keyctl_describe(K1) = {gives}"
        )
    };
    let (reaped, zombie) = ("waitpid(child) = child", "keyctl_capabilities() = 0");
    allowed(&then(reaped, ENOKEY));
    only(&then(zombie, DESCRIBED), &then(zombie, ENOKEY));
}

/// No task in the trace waits for `main`, which its parent reaps at some time. A child that `main` does
/// not wait for stays a zombie.
#[test]
fn a_zombie_without_a_parent() {
    let made = "main  keyctl_get_keyring_ID(@t, 1) = K1
                main  keyctl_setperm(K1, 0x3f3f0000) = 0
                main  fork() = child
                main  exit()";
    for gives in [DESCRIBED, ENOKEY] {
        allowed(&format!("{made}\nchild  keyctl_describe(K1) = {gives}"));
    }
    let made = "main   fork() = child
                child  keyctl_get_keyring_ID(@t, 1) = K1
                child  keyctl_setperm(K1, 0x3f3f0000) = 0
                child  exit()";
    allowed(&format!("{made}\nmain  keyctl_describe(K1) = {DESCRIBED}"));
    refused_at_its_end(&format!("{made}\nmain  keyctl_describe(K1) = {ENOKEY}"));
}
