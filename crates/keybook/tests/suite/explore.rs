//! Generated programs agree with the rules, and what is told of them can be done again.

use crate::driver::{
    am_root, copy_of_the_program, first_words, keyrings_are_here, wait_until_nothing_is_new,
};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn explore(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keybook")).arg("explore").args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_fixed_number_of_programs_agrees_with_the_rules() {
    if !keyrings_are_here() {
        return;
    }
    let output = explore(&["--length", "2", "--programs", "500", "--seed", "1"]);
    let told = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{told}{}", stderr(&output));
    assert!(told.contains("exhaustive (all of up to 2 steps), 500 random (--seed 1)"), "{told}");
    assert!(!told.contains("could not be judged"), "{told}");
    let programs: u32 = told.split(' ').next().and_then(|number| number.parse().ok()).unwrap();
    assert!(programs > 5000, "{told}");
}

#[test]
fn one_program_is_run_again() {
    if !keyrings_are_here() {
        return;
    }
    let output = explore(&["--again", "main fork; child1 keyctl_get_keyring_ID @p 1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "allowed\n\n\
         main    fork() = child1\n\
         child1  keyctl_get_keyring_ID(@p, 1) = K1\n\n\
         ```rust\n\
         # use keyrings::*;\n\
         # fn main() -> Observed { observe(\"explored\", || {\n\
         let child1 = fork(\"child1\")?;\n\
         child1.run(move || succeeds(keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE)))?;\n\
         Ok(())\n\
         # }) }\n\
         ```\n"
    );
}

#[test]
fn what_is_not_to_be_understood_is_refused() {
    let refusals = [
        (
            ["--again", "main fork; child2 exit"],
            "task `child2` does not exist yet; there are main, child1",
        ),
        (
            ["--again", "main keyctl_clear @x"],
            "`@x` is not a key: @t, @p, @s, 0 (no key), K1, K2, …",
        ),
        (["--budget", "soon"], "`soon` is not a time: write 60s, 10m or 1h"),
        (["--jobs", "0"], "--jobs requires a number above zero"),
    ];
    for (args, why) in refusals {
        let output = explore(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(why), "{args:?}: {}", stderr(&output));
    }
}

/// The processes that run this program, by their numbers.
fn processes(program: &str) -> BTreeSet<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let running = entries.filter(|entry| {
        fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe.as_os_str() == program)
    });
    running.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_ordinary_user_explores_within_the_quota_and_nothing_is_left_when_it_is_killed() {
    if !keyrings_are_here() || !am_root() {
        return;
    }
    // Nobody else uses this id.
    const USER: u32 = 0x2f00_0001;
    let folder = tempfile::tempdir().unwrap();
    let program = copy_of_the_program(folder.path());
    let as_user = || {
        let mut command = Command::new(&program);
        command.arg("explore").uid(USER).gid(USER);
        command
    };
    let args = ["--length", "1", "--programs", "300", "--seed", "1"];
    let told = stdout(&as_user().args(args).output().unwrap());
    assert!(told.contains("300 random"), "{told}");
    assert!(!told.contains("could not be judged"), "{told}");

    let name = program.display().to_string();
    let mut exploring = as_user().args(["--budget", "1h"]).stdout(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while processes(&name).len() < 4 {
        assert!(Instant::now() < end, "no programs are run");
        sleep(Duration::from_millis(10));
    }
    exploring.kill().unwrap();
    exploring.wait().unwrap();
    while !processes(&name).is_empty() {
        assert!(Instant::now() < end, "left behind: {:?}", processes(&name));
        sleep(Duration::from_millis(10));
    }
    // The keys go with the last of them.
    let mut before = first_words("/proc/key-users");
    before.remove(&format!("{USER}:"));
    wait_until_nothing_is_new("/proc/key-users", &before);
}
