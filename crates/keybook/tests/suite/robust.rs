//! A check in bad circumstances reports what is wrong, reports no rule as different, and leaves
//! nothing behind.

use crate::driver::{
    Program, alone, am_root, first_words, json, stderr, unused_user, wait_until,
    wait_until_nothing_is_new, wrong,
};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A copy of the program, if this runs as root.
fn as_root() -> Option<Program> {
    Program::copy().filter(|_| am_root())
}

#[test]
fn an_exhausted_quota_is_reported() {
    let Some(program) = as_root() else { return };
    if Command::new("keyctl").arg("--version").output().is_err() {
        eprintln!("not observed: keyctl(1) is not installed");
        return;
    }
    let fill = "keyctl session - sh -c '\
        for i in $(seq 250); do keyctl add user $i x @s >/dev/null 2>&1 || break; done; \
        exec \"$0\" check process.fork' \"$0\"";
    let id = unused_user(2);
    let output = program.sh(fill).uid(id).gid(id).output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains(&format!("the key quota of uid {id} is used up (EDQUOT)")), "{told}");
}

#[test]
fn a_lack_of_memory_is_not_reported_as_a_difference() {
    let Some(program) = Program::copy() else { return };
    let _alone = alone();
    let size = fs::metadata(&program.path).unwrap().len() / 1024;
    for more in [1_000, 4_000, 16_000, 64_000] {
        let script =
            format!("ulimit -v {}; exec \"$0\" check --format json thread. process.", size + more);
        let output = program.sh(&script).output().unwrap();
        // With the least memory the program cannot even be loaded.
        if output.status.code().is_some_and(|status| status < 4) {
            assert_eq!(wrong(&json(&output)), Vec::<String>::new(), "{more} kB more than its size");
        } else {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("memory") || told.contains("map"), "{more}: {output:?}");
        }
    }
}

#[test]
fn streams_may_be_closed_full_or_no_longer_read() {
    let Some(program) = Program::copy() else { return };
    let check = |script: &str| program.sh(script).output().unwrap();
    assert_eq!(check("exec \"$0\" check process. <&- >&- 2>&-").status.code(), Some(0));
    assert_eq!(check("exec \"$0\" check process. > /dev/null 2> /dev/full").status.code(), Some(0));

    let full = check("exec \"$0\" check process. > /dev/full");
    assert_eq!(full.status.code(), Some(2));
    assert_eq!(
        stderr(&full),
        "keybook: cannot write to standard output: No space left on device (os error 28)\n"
    );

    let unread = check("{ \"$0\" check process.; echo status $? >&2; } | true");
    assert_eq!(stderr(&unread), "status 0\n");
}

#[test]
fn a_read_only_file_system_suffices() {
    let Some(program) = as_root() else { return };
    // The mount namespace vanishes with its last process.
    let script = format!(
        "mount --make-rprivate / && mount --bind {0} {0} && mount -o remount,bind,ro {0} || exit 77
         touch {0}/x 2>/dev/null && exit 78
         cd {0} && exec \"$0\" check --format json process.",
        program.folder.path().display()
    );
    let mut unshare = Command::new("unshare");
    let output =
        unshare.args(["--mount", "sh", "-c", &script]).arg(&program.path).output().unwrap();
    if output.status.code() == Some(77) {
        eprintln!("not observed: no file system can be mounted here");
        return;
    }
    assert_eq!(wrong(&json(&output)), Vec::<String>::new());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn two_hundred_at_once_agree() {
    let Some(program) = as_root() else { return };
    let _alone = alone();
    let id = unused_user(3);
    let copies: Vec<Child> = (0..200)
        .map(|_| {
            let mut check = Command::new(&program.path);
            check.args(["check", "--format", "json", "process.fork", "thread.fork"]);
            check.uid(id).gid(id).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for copy in copies {
        let report = json(&copy.wait_with_output().unwrap());
        assert_eq!(wrong(&report), Vec::<String>::new());
        assert_eq!(report["summary"]["held"], 2, "{report}");
    }
    program.wait_until_gone();
}

/// Starts a full check, and waits until rules run.
fn in_the_middle(program: &Program) -> Child {
    let mut check = Command::new(&program.path);
    let check = check.args(["check", "--format", "json", "--jobs", "4"]);
    let check = check.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("some rules run", || program.processes().len() > 3);
    check
}

fn send(signal: &str, check: &Child) {
    let sent = Command::new("kill").args([signal, &check.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_check_stopped_by_a_signal_reports_what_it_has_and_leaves_nothing() {
    let Some(program) = Program::copy() else { return };
    let _alone = alone();
    let before = first_words("/proc/keys");
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let check = in_the_middle(&program);
        send(signal, &check);
        let output = check.wait_with_output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(status));
        assert!(told.contains(" rules not checked"), "{told}");
        assert_eq!(wrong(&json(&output)), Vec::<String>::new());
        assert_eq!(program.processes(), Vec::<String>::new());
    }
    nothing_is_left(&program, &before);
}

#[test]
fn a_killed_check_leaves_nothing() {
    let Some(program) = Program::copy() else { return };
    let _alone = alone();
    let before = first_words("/proc/keys");
    let check = in_the_middle(&program);
    send("-KILL", &check);
    check.wait_with_output().unwrap();
    nothing_is_left(&program, &before);
}

/// Waits until the program has no process, and every key that is not in `before` has vanished.
fn nothing_is_left(program: &Program, before: &BTreeSet<String>) {
    program.wait_until_gone();
    wait_until_nothing_is_new("/proc/keys", before);
}
