//! What the log does not tell stays unknown.

use crate::{explained, kinds};

#[test]
fn a_task_that_strace_attached_to_may_have_any_keyring() {
    let log = "9 restart_syscall(<... resuming interrupted read ...>) = 0\n\
               9 keyctl(KEYCTL_READ, KEY_SPEC_PROCESS_KEYRING, NULL, 0) = 0\n\
               9 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) = 5\n\
               9 keyctl(KEYCTL_READ, 77, NULL, 0) = 4\n";
    assert_eq!(kinds(log), [""; 0]);
}

#[test]
fn a_child_that_runs_before_its_creator_returns_is_a_child() {
    let log = "1 execve(\"/p\", [], 0x0) = 0\n\
               1 add_key(\"user\", \"a\", \"b\", 1, KEY_SPEC_PROCESS_KEYRING) = 5\n\
               1 keyctl(KEYCTL_READ, 5, \"b\", 1) = 1\n\
               2 keyctl(KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, \"user\", \"a\", 0) = -1 ENOKEY (x)\n\
               1 clone(child_stack=NULL, flags=SIGCHLD) = 2\n";
    assert_eq!(kinds(log), ["forked-child"]);
    // In two halves.
    let log = "1 execve(\"/p\", [], 0x0) = 0\n\
               1 add_key(\"user\", \"a\", \"b\", 1, KEY_SPEC_PROCESS_KEYRING) = 5\n\
               1 keyctl(KEYCTL_READ, 5, \"b\", 1) = 1\n\
               1 vfork( <unfinished ...>\n\
               2 keyctl(KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, \"user\", \"a\", 0) = -1 ENOKEY (x)\n\
               1 <... vfork resumed>) = 2\n";
    assert_eq!(kinds(log), ["forked-child"]);
}

#[test]
fn a_thread_that_calls_execve_becomes_the_main_thread() {
    let log = "1 execve(\"/p\", [], 0x0) = 0\n\
               1 clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD) = 2\n\
               2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) = 50\n\
               2 execve(\"/q\", [], 0x0 <unfinished ...>\n\
               1 +++ superseded by execve in pid 2 +++\n\
               1 <... execve resumed>) = 0\n\
               1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) = -1 ENOKEY (x)\n";
    assert_eq!(kinds(log), ["after-execve"]);
}

#[test]
fn a_program_that_asks_before_it_creates_is_correct() {
    let start = "1 execve(\"/p\", [], 0x0) = 0\n\
                 1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 50\n\
                 1 fork() = 2\n\
                 2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) = -1 ENOKEY (x)\n";
    assert_eq!(kinds(start), ["forked-child"]);
    let create = "2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 51\n";
    assert_eq!(kinds(start.to_owned() + create), [""; 0]);
}

#[test]
fn names_from_a_log_cannot_move_a_cursor() {
    let log = "1 execve(\"/p\", [], 0x0) = 0\n\
               1 add_key(\"user\", \"\\33[2J\\302\\233x\", \"b\", 1, KEY_SPEC_PROCESS_KEYRING) = 5\n\
               1 +++ exited with 0 +++\n";
    let explained = explained(log);
    let text = &explained.findings[0].text;
    assert!(text.contains("\\x1b[2J"), "{text}");
    assert!(!text.chars().any(char::is_control));
}

#[test]
fn a_raw_log_is_followed_too() {
    let log = "1 execve(\"/p\", [], 0x0) = 0\n\
               1 keyctl(0, 0xfffffffffffffffe, 0x1, 0, 0) = 0x32\n\
               1 fork() = 2\n\
               2 keyctl(0, 0xfffffffffffffffe, 0, 0, 0) = -1 ENOKEY (x)\n";
    assert_eq!(kinds(log), ["forked-child"]);
}

#[test]
fn the_user_keyring_is_another_one_after_a_change_of_ids() {
    let log = |change: &str| {
        format!(
            "1 execve(\"/p\", [], 0x0) = 0\n\
             1 add_key(\"user\", \"a\", \"b\", 1, KEY_SPEC_USER_KEYRING) = 5\n{change}\
             1 keyctl(KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, \"user\", \"a\", 0) = -1 ENOKEY (x)\n"
        )
    };
    assert_eq!(kinds(log("1 setresuid(1000, 1000, 1000) = 0\n")), ["ids-changed"]);
    assert_eq!(kinds(log("1 setresuid(-1, -1, -1) = 0\n")), [""; 0]);
}

#[test]
fn a_sentence_begins_with_a_capital() {
    let log = "1 execve(\"/p\", [], 0x0) = 0\n\
               1 clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD) = 2\n\
               2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 50\n\
               1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) = -1 ENOKEY (x)\n";
    let text = explained(log).findings[0].text.clone();
    assert!(text.contains(". Thread 2 of p created one at "), "{text}");
}

#[test]
fn a_log_without_the_calls_that_create_tasks_is_read_in_order() {
    let mut log = "1 execve(\"/p\", [], 0x0) = 0\n\
                   2 execve(\"/q\", [], 0x0) = 0\n\
                   2 add_key(\"user\", \"a\", \"b\", 1, KEY_SPEC_PROCESS_KEYRING) = 5\n"
        .to_owned();
    log += &"2 keyctl(KEYCTL_READ, 5, \"b\", 1) = 1\n".repeat(300);
    log += "2 execve(\"/r\", [], 0x0) = 0\n\
            2 keyctl(KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, \"user\", \"a\", 0) = -1 ENOKEY (x)\n";
    assert_eq!(kinds(log), ["after-execve", "secret-after-execve"]);
}

#[test]
fn a_range_of_files_is_closed_at_once() {
    let log = |close: &str| {
        format!(
            "1 execve(\"/p\", [\"p\"], 0x1 /* 0 vars */) = 0\n\
             1 add_key(\"user\", \"a\", \"secret payload\", 14, KEY_SPEC_PROCESS_KEYRING) = 41\n\
             1 perf_event_open(0x1, 0, -1, -1, 0) = 5\n1 fork() = 2\n2 {close}\n\
             1 exit_group(0) = ?\n1 +++ exited with 0 +++\n2 exit_group(0) = ?\n2 +++ exited with 0 +++\n"
        )
    };
    assert_eq!(kinds(log("close_range(3, 4294967295, 0) = 0")), ["exits-at-once"]);
    assert_eq!(kinds(log("close_range(6, ~0U, 0) = 0")), ["pinned-by-file"]);
    assert_eq!(
        kinds(log("close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC) = 0")),
        ["pinned-by-file"]
    );
}
