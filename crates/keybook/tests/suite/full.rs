//! A full check gives the same wherever and however often it runs, and leaves nothing behind.

use crate::driver::{am_root, copy_of_the_program, first_words, wait_until_nothing_is_new};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// An ordinary user that nobody else is.
const ORDINARY: u32 = 0x6000_0000;

/// The ids of the rules that differ, over two full checks at the same time.
fn two_at_once(program: &Path, user: Option<u32>) -> BTreeSet<String> {
    let checks: Vec<_> = (0..2)
        .map(|_| {
            let mut check = Command::new(program);
            check.args(["check", "--format", "json"]).stdout(Stdio::piped());
            if let Some(user) = user {
                check.gid(user).uid(user);
            }
            check.spawn().unwrap()
        })
        .collect();
    let mut differ = BTreeSet::new();
    for check in checks {
        let output = check.wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        for rule in report["rules"].as_array().unwrap() {
            if rule["result"] == "differs" {
                differ.insert(format!("{}: {}", rule["id"], rule["message"]));
            }
        }
    }
    differ
}

#[test]
fn two_checks_at_once_agree_and_leave_nothing() {
    let keys = first_words("/proc/keys");
    let users = first_words("/proc/key-users");
    let folder = tempfile::tempdir().unwrap();
    let program = copy_of_the_program(folder.path());
    let mut ways = vec![None];
    if am_root() {
        ways.push(Some(ORDINARY + std::process::id()));
    }
    for user in ways {
        assert_eq!(two_at_once(&program, user), BTreeSet::new(), "as {user:?}");
    }
    folder.close().unwrap();
    wait_until_nothing_is_new("/proc/keys", &keys);
    wait_until_nothing_is_new("/proc/key-users", &users);
}
