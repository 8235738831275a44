//! A check in bad circumstances: it says what is wrong, differs in nothing, and leaves nothing.

use crate::driver::{
    am_root, copy_of_the_program, first_words, keyrings_are_here, wait_until_nothing_is_new,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An ordinary user that nobody else is, another for each test.
fn user(nth: u32) -> u32 {
    0x6100_0000 + std::process::id() * 16 + nth
}

/// The program at a path that no other program has.
fn program() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let program = copy_of_the_program(folder.path());
    (folder, program)
}

fn sh(script: &str, program: &Path) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", script]).arg(program);
    sh
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {output:?}");
    })
}

/// The rules that differ or are broken.
fn wrong(report: &Value) -> Vec<String> {
    let rules = report["rules"].as_array().unwrap();
    let wrong =
        rules.iter().filter(|rule| rule["result"] == "differs" || rule["result"] == "broken");
    wrong.map(ToString::to_string).collect()
}

/// The processes that run this program.
fn running(program: &Path) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let ours =
        all.filter(|entry| fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program));
    ours.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_quota_that_is_used_up_is_told() {
    if !am_root()
        || !keyrings_are_here()
        || Command::new("keyctl").arg("--version").output().is_err()
    {
        return;
    }
    let (_folder, program) = program();
    let fill = "keyctl session - sh -c '\
        for i in $(seq 250); do keyctl add user $i x @s >/dev/null 2>&1 || break; done; \
        exec \"$0\" check process.fork' \"$0\"";
    let id = user(0);
    let output = sh(fill, &program).uid(id).gid(id).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains(&format!("the quota of keys of uid {id} is used up (EDQUOT)")), "{told}");
}

#[test]
fn where_memory_is_short_nothing_is_held_against_the_kernel() {
    if !keyrings_are_here() {
        return;
    }
    let (_folder, program) = program();
    let size = fs::metadata(&program).unwrap().len() / 1024;
    for more in [1_000, 4_000, 16_000, 64_000] {
        let script =
            format!("ulimit -v {}; exec \"$0\" check --format json thread. process.", size + more);
        let output = sh(&script, &program).output().unwrap();
        // With the least of it the program is not even loaded, or has no room for its own tables.
        if output.status.code().is_some_and(|status| status < 4) {
            assert_eq!(
                wrong(&report(&output)),
                Vec::<String>::new(),
                "{more} kB more than its size"
            );
        } else {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("memory") || told.contains("map"), "{more}: {output:?}");
        }
    }
}

#[test]
fn streams_may_be_closed_full_or_no_longer_read() {
    if !keyrings_are_here() {
        return;
    }
    let (_folder, program) = program();
    let check = |script: &str| sh(script, &program).output().unwrap();
    assert_eq!(check("exec \"$0\" check process. <&- >&- 2>&-").status.code(), Some(0));
    assert_eq!(check("exec \"$0\" check process. > /dev/null 2> /dev/full").status.code(), Some(0));

    let full = check("exec \"$0\" check process. > /dev/full");
    let told = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(2));
    assert_eq!(
        told,
        "keybook: the result cannot be written to standard output: No space left on device (os error 28)\n"
    );

    let unread = check("{ \"$0\" check process.; echo status $? >&2; } | true");
    assert_eq!(String::from_utf8_lossy(&unread.stderr), "status 0\n");
}

#[test]
fn nothing_is_written_so_a_read_only_file_system_will_do() {
    if !am_root() || !keyrings_are_here() {
        return;
    }
    let (folder, program) = program();
    // In a mount namespace of its own, which goes with it.
    let script = format!(
        "mount --make-rprivate / && mount --bind {0} {0} && mount -o remount,bind,ro {0} || exit 77
         touch {0}/x 2>/dev/null && exit 78
         cd {0} && exec \"$0\" check --format json process.",
        folder.path().display()
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .arg(&program)
        .output()
        .unwrap();
    if output.status.code() == Some(77) {
        eprintln!("not observed: no file system can be mounted here");
        return;
    }
    assert_eq!(wrong(&report(&output)), Vec::<String>::new());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn two_hundred_at_once_agree() {
    if !am_root() || !keyrings_are_here() {
        return;
    }
    let (_folder, program) = program();
    let id = user(1);
    let copies: Vec<Child> = (0..200)
        .map(|_| {
            let mut check = Command::new(&program);
            check.args(["check", "--format", "json", "process.fork", "thread.fork"]);
            check.uid(id).gid(id).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for copy in copies {
        let output = copy.wait_with_output().unwrap();
        let report = report(&output);
        assert_eq!(wrong(&report), Vec::<String>::new());
        assert_eq!(report["summary"]["held"], 2, "{report}");
    }
    wait_until("no process is left", || running(&program).is_empty());
}

/// Starts a full check, and waits until rules run.
fn in_the_middle(program: &Path) -> Child {
    let mut check = Command::new(program);
    let check = check.args(["check", "--format", "json", "--jobs", "4"]);
    let check = check.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("some rules run", || running(program).len() > 3);
    check
}

fn send(signal: &str, check: &Child) {
    let sent = Command::new("kill").args([signal, &check.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn stopped_half_way_it_tells_what_it_has_and_leaves_nothing() {
    if !keyrings_are_here() {
        return;
    }
    let (_folder, program) = program();
    let before = first_words("/proc/keys");
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let check = in_the_middle(&program);
        send(signal, &check);
        let output = check.wait_with_output().unwrap();
        let report = report(&output);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status));
        assert!(told.contains("rules were not checked"), "{told}");
        assert_eq!(wrong(&report), Vec::<String>::new());
        assert_eq!(running(&program), Vec::<String>::new());
    }
    nothing_is_left(&program, &before);
}

#[test]
fn killed_half_way_it_leaves_nothing_either() {
    if !keyrings_are_here() {
        return;
    }
    let (_folder, program) = program();
    let before = first_words("/proc/keys");
    let check = in_the_middle(&program);
    send("-KILL", &check);
    check.wait_with_output().unwrap();
    nothing_is_left(&program, &before);
}

/// Waits until there is no process of the program and no key that was not there before.
fn nothing_is_left(program: &Path, before: &BTreeSet<String>) {
    wait_until("no process is left", || running(program).is_empty());
    wait_until_nothing_is_new("/proc/keys", before);
}
