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

/// A shared mapping of `/dev/zero` maps another file if the device is open for writing.
#[test]
fn a_mapping_of_the_device_of_zeros() {
    let then = |open: &str, share: &str, gives: &str| {
        format!(
            "main    pthread_create() = worker
             worker  keyctl_get_keyring_ID(@t, 1) = K1
             worker  keyctl_setperm(K1, 0x3f3f0000) = 0
             worker  open(\"/dev/zero\"{open}) = file
             main    mmap(file{share}) = mapping
             main    close(file) = 0
             worker  pthread_exit()
             main    wait_for_the_collector()
             main    keyctl_describe(K1) = {gives}"
        )
    };
    let (writable, shared) = (", O_RDWR", ", MAP_SHARED");
    only(&then(writable, shared, ENOKEY), &then(writable, shared, DESCRIBED));
    for (open, share) in [(writable, ""), ("", shared), ("", "")] {
        only(&then(open, share, DESCRIBED), &then(open, share, ENOKEY));
    }
}

/// A program that runs by an interpreter which binfmt_misc has open pins what its dynamic loader does, if it has one.
#[test]
fn a_foreign_program() {
    let then = |flags: &str, next: &str, gives: &str| {
        format!(
            "main   fork() = child
             child  open_binfmt_misc() = file
             child  register_interpreter(file, \"{flags}\") = 0
             child  keyctl_get_keyring_ID(@t, 1) = K1
             child  keyctl_setperm(K1, 0x3f3f0000) = 0
             child  execve(foreign) = 0
             child  {next}
             main   wait_for_the_collector()
             main   keyctl_describe(K1) = {gives}"
        )
    };
    let (at_once, copied) = ("chdir(\".\") = 0", "copy_mapped_files() = 0");
    for gives in [DESCRIBED, ENOKEY] {
        allowed(&then("F", at_once, gives));
    }
    only(&then("F", copied, ENOKEY), &then("F", copied, DESCRIBED));
    for next in [at_once, copied] {
        only(&then("", next, DESCRIBED), &then("", next, ENOKEY));
    }
    let unregistered = |gives: &str| {
        format!(
            "main   fork() = child
             child  open_binfmt_misc() = file
             child  execve(foreign) = {gives}"
        )
    };
    only(&unregistered("-1 ENOEXEC (Exec format error)"), &unregistered("0"));
}

/// Each personality of an io_uring instance has a number, until it is unregistered.
#[test]
fn personalities() {
    let then = |number: &str, gives: &str| {
        format!(
            "main    io_uring_setup() = file
             main    io_uring_register(file, IORING_REGISTER_PERSONALITY) = 1
             main    pthread_create() = worker
             worker  keyctl_get_keyring_ID(@t, 1) = K1
             worker  keyctl_setperm(K1, 0x3f3f0000) = 0
             worker  io_uring_register(file, IORING_REGISTER_PERSONALITY) = 2
             worker  pthread_exit()
             main    io_uring_register(file, IORING_UNREGISTER_PERSONALITY, {number}) = 0
             main    wait_for_the_collector()
             main    keyctl_describe(K1) = {gives}"
        )
    };
    only(&then("1", DESCRIBED), &then("1", ENOKEY));
    only(&then("2", ENOKEY), &then("2", DESCRIBED));
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
