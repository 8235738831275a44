//! Runs payloads by commands of this machine.

use crate::{dir, shell};
use kernels::{Error, Kernel, Limits, Run, Target};
use std::process::Command;
use std::time::{Duration, Instant};

fn run(words: &[&str], args: &[&str], end: Duration) -> Result<Run, Error> {
    let words = words.iter().map(|word| word.to_string()).collect();
    let kernel = Kernel { name: "here".into(), target: Target::Command { words } };
    kernels::run(&kernel, &shell(args), &Limits { end, ..Limits::default() })
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn output_and_status_are_the_commands() {
    let done = run(&["env", "A=b c"], &["-c", "echo $A; echo d >&2; exit 3"], LONG).expect("a run");
    assert_eq!((done.output.as_str(), done.status), ("b c\n", 3));
    assert_eq!(done.how, "command");
}

#[test]
fn braces_stand_for_the_executable() {
    let done = run(&["echo", "<", "{}", ">"], &["x y"], LONG).expect("a run");
    assert_eq!(done.output, "< /bin/sh > x y\n");
    assert_eq!(run(&[], &["-c", "echo alone"], LONG).expect("a run").output, "alone\n");
}

#[test]
fn a_signal_is_a_status() {
    let done = run(&[], &["-c", "echo a; kill -9 $$"], LONG).expect("a run");
    assert_eq!((done.output.as_str(), done.status), ("a\n", 137));
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    let start = Instant::now();
    let args = ["-c", "echo well >&2; sleep 1000 & sleep 1000"];
    let error = run(&[], &args, Duration::from_millis(500)).expect_err("a timeout");
    assert!(error.what.ends_with("did not end within 0.5 s; last message: well"), "{error}");
    // The output ends only after both processes.
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[test]
fn background_processes_of_a_command_are_not_waited_for() {
    let start = Instant::now();
    let done = run(&[], &["-c", "sleep 1000 & echo a"], LONG).expect("a run");
    assert_eq!((done.output.as_str(), done.status), ("a\n", 0));
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[test]
fn a_process_that_escapes_with_the_output_is_reported() {
    let dir = dir();
    let id = dir.path().join("id");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}; exec sleep 1000' 2>/dev/null & \
                          while ! [ -s {0} ]; do :; done; echo a",
        id.display()
    );
    let error = run(&[], &["-c", &script], LONG).expect_err("no end of the output");
    let id = std::fs::read_to_string(&id).expect("a process id");
    let killed = Command::new("kill").args(["-KILL", id.trim()]).status();
    assert!(killed.expect("kill").success());
    assert!(error.what.ends_with("left a process that keeps its output open"), "{error}");
}

#[test]
fn a_missing_command_or_one_that_only_complains_is_an_error() {
    let error = run(&["no-such-command"], &[], LONG).expect_err("no command").to_string();
    assert!(error.starts_with("here: no-such-command cannot be started: No such file"), "{error}");
    let error = run(&[], &["-c", "echo not you >&2; exit 1"], LONG).expect_err("a refusal");
    assert!(error.what.ends_with("printed nothing and exited with 1: not you"), "{error}");
}
