//! What no correct kernel answers is reported, and only that.

use crate::{explained, kinds};

const START: &str = "1 execve(\"/p\", [], 0x0) = 0\n";
const THREAD: &str = "CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD";

fn of(lines: &[&str]) -> Vec<&'static str> {
    kinds(START.to_owned() + &lines.join("\n") + "\n")
}

#[test]
fn a_child_with_its_parents_process_keyring_is_a_fault() {
    let parent = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 77";
    let fork = "1 fork() = 2";
    let child = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) = 77";
    assert_eq!(of(&[parent, fork, child]), ["kernel-fault"]);
    let child = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 77";
    assert_eq!(of(&[parent, fork, child]), ["kernel-fault"]);
    let own = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 78";
    assert_eq!(of(&[parent, fork, own]), [""; 0]);
}

#[test]
fn a_thread_that_is_older_cannot_have_the_keyring() {
    let thread = format!("1 clone(child_stack=0x1, flags={THREAD}) = 2");
    let create = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 77";
    let look = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) = 77";
    assert_eq!(of(&[&thread, create, look]), ["kernel-fault"]);
    assert_eq!(of(&[create, &thread, look]), [""; 0]);
}

#[test]
fn a_keyring_does_not_change_its_number() {
    let look = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) = 77";
    let again = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) = 78";
    assert_eq!(of(&[look, again]), ["kernel-fault"]);
    assert_eq!(of(&[look, look]), [""; 0]);
    let execve = "1 execve(\"/q\", [], 0x0) = 0";
    assert_eq!(of(&[look, execve, again]), [""; 0]);
    assert_eq!(of(&[look, execve, look.replace(", 1)", ", 0)").as_str()]), ["kernel-fault"]);
}

#[test]
fn a_thread_keyring_is_not_shared() {
    let thread = format!("1 clone(child_stack=0x1, flags={THREAD}) = 2");
    let create = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) = 77";
    // The kernel creates the new thread's keyring at once.
    let own = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) = 78";
    assert_eq!(of(&[create, &thread, own]), [""; 0]);
    let none = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) = -1 ENOKEY (x)";
    assert_eq!(of(&[create, &thread, none]), ["kernel-fault"]);
    let shared = own.replace("78", "77");
    assert_eq!(of(&[create, &thread, &shared]), ["kernel-fault"]);
}

#[test]
fn a_revoked_key_cannot_be_read_by_who_revoked_it() {
    let add = "1 add_key(\"user\", \"a\", \"b\", 1, KEY_SPEC_THREAD_KEYRING) = 5";
    let (revoke, read) =
        ("1 keyctl(KEYCTL_REVOKE, 5) = 0", "1 keyctl(KEYCTL_READ, 5, \"b\", 1) = 1");
    assert_eq!(of(&[add, revoke, read]), ["kernel-fault"]);
    assert_eq!(of(&[add, read, revoke]), [""; 0]);
}

#[test]
fn an_injected_result_is_no_fault() {
    let line = "1 keyctl(KEYCTL_READ, KEY_SPEC_PROCESS_KEYRING, NULL, 0) = 0";
    assert_eq!(of(&[line]), ["kernel-fault"]);
    assert_eq!(of(&[&format!("{line} (INJECTED)")]), [""; 0]);
}

#[test]
fn a_fault_names_the_line_that_decides() {
    let found = explained(
        START.to_owned() + "1 keyctl(KEYCTL_READ, KEY_SPEC_PROCESS_KEYRING, NULL, 0) = 0\n",
    );
    assert_eq!(found.findings[0].places, ["log:2", "log:1"]);
}

const ADD: &str = "1 add_key(\"user\", \"a\", \"b\", 1, KEY_SPEC_PROCESS_KEYRING) = 5";

#[test]
fn a_child_cannot_read_its_parents_key() {
    let read = "2 keyctl(KEYCTL_READ, 5, \"b\", 1) = 1";
    assert_eq!(of(&[ADD, "1 fork() = 2", read]), ["kernel-fault"]);
    let link = "1 keyctl(KEYCTL_LINK, 5, KEY_SPEC_SESSION_KEYRING) = 0";
    assert_eq!(of(&[ADD, "1 fork() = 2", link, read]), [""; 0]);
    // Two tasks race, and the log has their lines in the other order.
    assert_eq!(of(&[ADD, "1 fork() = 2", read, link]), [""; 0]);
    let mask = "1 keyctl(KEYCTL_SETPERM, 5, 0x3f3f0000) = 0";
    assert_eq!(of(&[ADD, "1 fork() = 2", mask, read]), [""; 0]);
    let describe = "2 keyctl(KEYCTL_DESCRIBE, 5, \"user;0;0;3f010000;a\", 64) = 20";
    assert_eq!(of(&[ADD, "1 fork() = 2", describe]), [""; 0]);
}

#[test]
fn a_search_of_ones_own_keyring_cannot_find_what_is_not_in_it() {
    let create = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 77";
    let search = "2 keyctl(KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, \"user\", \"a\", 0) = 5";
    assert_eq!(of(&[ADD, "1 fork() = 2", create, search]), ["kernel-fault"]);
    assert_eq!(of(&[ADD, &search.replacen('2', "1", 1)]), [""; 0]);
}

/// Each was a false alarm once: `keybook check` under strace 6.1 on a correct kernel.
#[test]
fn what_a_correct_kernel_answered_is_no_fault() {
    let look = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) = 53";
    let none = "1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) = -1 ENOKEY (x)";
    let request = "1 request_key(\"keyring\", \"nosuch\", \"callout\", KEY_SPEC_THREAD_KEYRING) = -1 EPERM (x)";
    assert_eq!(of(&[request, look]), [""; 0]);
    assert_eq!(of(&["1 keyctl(KEYCTL_CHOWN, KEY_SPEC_THREAD_KEYRING, -1, -1) = 0", none]), [""; 0]);
    let (own, link) =
        ("KEY_SPEC_THREAD_KEYRING", "1 keyctl(KEYCTL_LINK, KEY_SPEC_THREAD_KEYRING, 9)");
    let moved = format!("1 keyctl(KEYCTL_MOVE, {own}, {own}, {own}, 0) = 0");
    assert_eq!(of(&[&moved, look]), [""; 0]);
    assert!(!of(&[&format!("{link} = -1 EPERM (x)"), look]).contains(&"kernel-fault"));
    let thread = format!("1 clone(child_stack=0x1, flags={THREAD}) = 2");
    let create = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) = 53";
    let execve = [
        "2 execve(\"/q\", [], 0x0 <unfinished ...>",
        "1 +++ superseded by execve in pid 2 +++",
        "1 <... execve resumed>)             = -1 (errno 18446744073709551359)",
    ];
    let lines = [&[&thread, create][..], &execve, &[none]].concat();
    assert_eq!(of(&lines), ["after-execve"]);
}
