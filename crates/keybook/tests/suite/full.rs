//! A full check has the same results for root and others, also beside another, and leaves no key.

use crate::driver::{
    Program, alone, am_root, first_words, json, unused_user, wait_until_nothing_is_new, wrong,
};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The rules that are wrong in any of two full checks at the same time.
fn two_at_once(program: &Program, user: Option<u32>) -> Vec<String> {
    let start = || {
        let mut check = Command::new(&program.path);
        check.args(["check", "--format", "json"]).stdout(Stdio::piped());
        if let Some(user) = user {
            check.gid(user).uid(user);
        }
        check.spawn().unwrap()
    };
    let checks = [start(), start()];
    checks.into_iter().flat_map(|it| wrong(&json(&it.wait_with_output().unwrap()))).collect()
}

#[test]
fn two_checks_at_once_agree_and_leave_nothing() {
    let Some(program) = Program::copy() else { return };
    let _alone = alone();
    let keys = first_words("/proc/keys");
    let users = first_words("/proc/key-users");
    let mut ways = vec![None];
    if am_root() {
        ways.push(Some(unused_user(1)));
    }
    for user in ways {
        assert_eq!(two_at_once(&program, user), Vec::<String>::new(), "as {user:?}");
    }
    program.wait_until_gone();
    wait_until_nothing_is_new("/proc/keys", &keys);
    wait_until_nothing_is_new("/proc/key-users", &users);
}
