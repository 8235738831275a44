//! How tasks start, and what remains of them.

use crate::{ENOKEY, allowed, refused_at_its_end};

/// A child's mapping in memory shared with its parent stays, with the credentials that opened the file.
#[test]
fn memory_that_is_shared() {
    let then = |birth: &str, end: &str, gives: &str| {
        format!(
            "main   {birth} = child
             child  keyctl_get_keyring_ID(@t, 1) = K1
             child  open(\"/etc/passwd\") = file
             child  mmap(file) = mapping
             child  close(file) = 0
             child  exit(0)
             main   {end}
             main   wait_for_the_collector()
             main   keyctl_describe(K1) = {gives}"
        )
    };
    let there = "\"keyring;UID;GID;3f010000;_tid\"";
    // These return when the child has ended.
    for birth in ["vfork()", "clone(CLONE_VM)"] {
        allowed(&then(birth, "keyctl_capabilities() = 0", there));
        refused_at_its_end(&then(birth, "keyctl_capabilities() = 0", ENOKEY));
    }
    for birth in ["fork()", "clone(CLONE_FS)"] {
        allowed(&then(birth, "waitpid(child) = child", ENOKEY));
        refused_at_its_end(&then(birth, "waitpid(child) = child", there));
    }
}
