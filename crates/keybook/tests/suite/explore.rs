//! Generated programs agree with the rules, and can be run again.

use crate::driver::{
    Program, alone, am_root, first_words, keybook, keyrings_are_here, stderr, stdout, unused_user,
    wait_until, wait_until_nothing_is_new,
};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn a_fixed_number_of_programs_agrees_with_the_rules() {
    if !keyrings_are_here() {
        return;
    }
    let _alone = alone();
    let output = keybook(&["explore", "--length", "2", "--programs", "500", "--seed", "1"]);
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
    let program = "main fork; child1 keyctl_get_keyring_ID @p 1";
    let output = keybook(&["explore", "--again", program]);
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
         child1.run(|| succeeds(keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE)))?;\n\
         Ok(())\n\
         # }) }\n\
         ```\n"
    );
}

#[test]
fn invalid_arguments_are_refused() {
    let refusals = [
        (
            ["--again", "main fork; child2 exit"],
            "task `child2` does not exist yet; there are main, child1",
        ),
        (
            ["--again", "main keyctl_clear @x"],
            "`@x` is not a key: @t, @p, @s, @u, @us, 0 (no key), K1, K2, …",
        ),
        (["--budget", "soon"], "`soon` is not a time: write 60s, 10m or 1h"),
        (["--jobs", "0"], "--jobs requires a number above zero"),
    ];
    for (args, why) in refusals {
        let output = keybook(&["explore", args[0], args[1]]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(why), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn an_ordinary_user_explores_within_the_quota_and_nothing_is_left_after_a_kill() {
    let Some(program) = Program::copy().filter(|_| am_root()) else { return };
    let _alone = alone();
    let user = unused_user(0);
    let explore = |args: &[&str]| {
        let mut command = Command::new(&program.path);
        command.arg("explore").args(args).uid(user).gid(user);
        command
    };
    let output = explore(&["--length", "1", "--programs", "300", "--seed", "1"]).output().unwrap();
    let told = stdout(&output);
    assert!(told.contains("300 random"), "{told}");
    assert!(!told.contains("could not be judged"), "{told}");

    let mut exploring = explore(&["--budget", "1h"]);
    let mut exploring = exploring.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("programs are run", || program.processes().len() >= 4);
    exploring.kill().unwrap();
    exploring.wait().unwrap();
    program.wait_until_gone();
    // The kernel collects the keys after the last process.
    let mut before = first_words("/proc/key-users");
    before.remove(&format!("{user}:"));
    wait_until_nothing_is_new("/proc/key-users", &before);
}
