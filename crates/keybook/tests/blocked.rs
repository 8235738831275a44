//! Where a sandbox keeps the key system calls away: said in one paragraph, with a status of its own.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::thread;

const KEYCTL: i64 = libc::SYS_keyctl;
const ADD_KEY: i64 = libc::SYS_add_key;
const REQUEST_KEY: i64 = libc::SYS_request_key;

/// Runs keybook where these system calls meet with this.
fn keybook(args: &[&'static str], calls: &[i64], action: SeccompAction) -> Output {
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        calls.iter().map(|call| (*call, vec![])).collect();
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    let args = args.to_vec();
    // The filter stays with the thread and what it starts.
    let run = move || {
        seccompiler::apply_filter(&filter).unwrap();
        Command::new(env!("CARGO_BIN_EXE_keybook")).args(args).output().unwrap()
    };
    thread::spawn(run).join().unwrap()
}

fn errno(error: i32) -> SeccompAction {
    SeccompAction::Errno(error as u32)
}

#[test]
fn every_way_of_blocking_is_told_in_one_paragraph() {
    let all = &[KEYCTL, ADD_KEY, REQUEST_KEY][..];
    let ways = [
        (all, errno(libc::EPERM), "keyctl(2) is refused here whatever it is asked (EPERM, "),
        (all, errno(libc::ENOSYS), "keyctl(2) does not exist here (ENOSYS, "),
        (all, errno(libc::EACCES), "keyctl(2) is refused here whatever it is asked (EACCES, "),
        (all, SeccompAction::KillProcess, "keyctl(2) kills whoever makes it here (SIGSYS)"),
        (&all[1..], errno(libc::ENOSYS), "add_key(2) does not exist here (ENOSYS, "),
        (&all[2..], errno(libc::EPERM), "request_key(2) is refused here whatever it is asked ("),
    ];
    for (calls, action, words) in ways {
        let output = keybook(&["check"], calls, action);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(words), "{words:?} is not in {told:?}");
        assert!(told.starts_with("No rule can be observed here: "), "{told:?}");
        assert_eq!(told.lines().count(), 1, "{told:?}");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"", "nothing is counted as held");
    }
}

#[test]
fn the_book_is_built_from_the_snapshots_all_the_same() {
    let output = keybook(&["build"], &[KEYCTL], errno(libc::EPERM));
    let told = String::from_utf8(output.stdout).unwrap();
    let index =
        told.trim().strip_prefix("the book is built: open ").unwrap_or_else(|| panic!("{told}"));
    assert!(std::path::Path::new(index).exists());
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn what_needs_no_kernel_works() {
    for args in [&["rules"][..], &["explain", "process.fork"]] {
        let output = keybook(args, &[KEYCTL, ADD_KEY, REQUEST_KEY], SeccompAction::KillProcess);
        assert!(output.status.success(), "{args:?}");
    }
}
