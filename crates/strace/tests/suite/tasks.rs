//! Which task a line belongs to, and what happens to calls that do not return.

use crate::events;

#[test]
fn a_call_without_a_return_is_reported_when_its_task_ends() {
    assert_eq!(
        events(
            "5 pause( <unfinished ...>\n6 read(3,  <unfinished ...>\n5 +++ killed by SIGKILL +++\n"
        ),
        "1: 5 enters pause() Unfinished\n2: 6 enters read(3) Unfinished\n1: 5 pause() Unfinished\n\
         3: 5 killed by SIGKILL\n2: 6 read(3) Unfinished\n"
    );
}

#[test]
fn halves_are_merged_per_task() {
    assert_eq!(
        events(
            "5 read(3,  <unfinished ...>\n6 read(4,  <unfinished ...>\n\
             5 <... read resumed>\"a\", 1) = 1\n6 <... read resumed> \"b\", 1) = 1\n"
        ),
        "1: 5 enters read(3) Unfinished\n2: 6 enters read(4) Unfinished\n\
         1-3: 5 read(3 ; \"a\" ; 1) = 1\n2-4: 6 read(4 ; \"b\" ; 1) = 1\n"
    );
}

#[test]
fn the_second_half_alone_is_headless() {
    assert_eq!(
        events("5 <... read resumed>\"a\", 1) = 1\n"),
        "1: 5 read(\"a\" ; 1) headless = 1\n"
    );
}

/// Without messages (-q), a pid that appears while the first task creates one is the child's.
#[test]
fn a_quiet_child_is_not_the_first_task() {
    assert_eq!(
        events(
            "vfork( <unfinished ...>\n[pid 9] getuid() = 0\n[pid 8] <... vfork resumed>) = 9\n\
             [pid 9] +++ exited with 0 +++\ngetuid() = 0\n"
        ),
        "1: 0 enters vfork() Unfinished\n2: 9 getuid() = 0\n1-3: 0 vfork() = 9\n4: 9 Exited(0)\n\
         5: 0 getuid() = 0\n"
    );
    assert_eq!(
        events(
            "fork() = 9\n[pid 9] getuid() = 0\n[pid 8] getuid() = 0\n[pid 8] +++ exited with 0 +++\ngetuid() = 1\n"
        ),
        "1: 0 fork() = 9\n2: 9 getuid() = 0\n3: 0 getuid() = 0\n4: 0 Exited(0)\n5: 9 getuid() = 1\n"
    );
}

/// The message stands where strace had written half of a call, directly after its text.
#[test]
fn a_message_interrupts_a_call() {
    for program in ["strace", "/usr/bin/strace", "./strace", "../src/strace-7.2"] {
        let log = format!("fork({{flags=SIGCHLD{program}: Process 9 attached\n, 1) = 9\n");
        let log = log.replace("fork({flags=SIGCHLD", "clone(flags=SIGCHLD");
        assert_eq!(
            events(log),
            "1: 9 Attached { threads: None }\n1-2: 0 clone(flags=SIGCHLD ; 1) = 9\n",
            "{program}"
        );
    }
}

#[test]
fn a_message_in_a_string_is_a_string() {
    let log = "add_key(\"user\", \"strace: Process 9 attached\", NULL, 0, -2) = 9\n";
    assert_eq!(
        events(log),
        "1: 0 add_key(\"user\" ; \"strace: Process 9 attached\" ; NULL ; 0 ; -2) = 9\n"
    );
}

/// No report of the thread's end follows: it is the main thread from now on.
#[test]
fn execve_of_a_thread_returns_as_the_main_thread() {
    for log in [
        "8 pause( <unfinished ...>\n9 execve(\"x\", [], NULL <unfinished ...>\n8 <... pause resumed>) = ?\n\
         8 +++ superseded by execve in pid 9 +++\n8 <... execve resumed>) = 0\n",
        // -qqq leaves the message out.
        "8 pause( <unfinished ...>\n9 execve(\"x\", [], NULL <pid changed to 8 ...>\n\
         8 <... pause resumed>) = ?\n\n8 <... execve resumed>) = 0\n",
    ] {
        let text = events(log);
        assert!(text.contains("8 execve(\"x\" ; [] ; NULL) = 0 (entered by 9)\n"), "{text}");
        assert!(!text.contains("unparsed"), "{text}");
    }
}

/// A damaged log: two calls at once.
#[test]
fn a_call_replaces_one_that_did_not_return() {
    assert_eq!(
        events("5 pause( <unfinished ...>\n5 getuid() = 0\n"),
        "1: 5 enters pause() Unfinished\n1: 5 pause() Unfinished\n2: 5 getuid() = 0\n"
    );
}

/// Seen with strace 6.1 and `-e status='!detached'`: the rest of a call follows its beginning, without the pid.
#[test]
fn a_nameless_rest_belongs_to_the_call_before_it() {
    assert_eq!(
        events(
            "5 exit(0 <unfinished ...>\n)                  = ?\n6 read(3,  <unfinished ...>\n\"a\", 1) = 1\n\
             6 clone3({flags=0} <unfinished ...>\n => {parent_tid=[7]}, 88) = 7\n\
             6 read(3,  <unfinished ...>\n7 getuid() = 0\n\"a\", 1) = 1\n"
        ),
        "1: 5 enters exit(0) Unfinished\n1-2: 5 exit(0) = Unknown\n3: 6 enters read(3) Unfinished\n\
         3-4: 6 read(3 ; \"a\" ; 1) = 1\n5: 6 enters clone3({flags=0}) Unfinished\n\
         5-6: 6 clone3({flags=0} => {parent_tid=[7]} ; 88) = 7\n7: 6 enters read(3) Unfinished\n8: 7 getuid() = 0\n\
         7: 6 read(3) Unfinished\nunparsed 9: \"*\", 1) = 1\n"
    );
}
