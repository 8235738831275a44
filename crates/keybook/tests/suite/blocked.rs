//! Where a sandbox keeps the key system calls away: said in one paragraph, with a status of its own.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::Value;
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
    let all = [KEYCTL, ADD_KEY, REQUEST_KEY];
    let ways = [
        (errno(libc::EPERM), "keyctl(2) is refused here (EPERM, Operation not permitted)"),
        (errno(libc::ENOSYS), "keyctl(2) does not exist here (ENOSYS, Function not implemented)"),
        (errno(libc::EACCES), "keyctl(2) is refused here (EACCES, Permission denied)"),
        (SeccompAction::KillProcess, "keyctl(2) kills whoever makes it here (SIGSYS)"),
    ];
    for (action, words) in ways {
        let output = keybook(&["check"], &all, action.clone());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(words), "{words:?} is not in {told:?}");
        assert!(told.starts_with("No rule can be observed here: "), "{told:?}");
        assert_eq!(told.lines().count(), 1, "{told:?}");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"", "nothing is counted as held");

        let output = keybook(&["check", "--format", "json"], &all, action);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["summary"]["held"], 0);
        assert_eq!(report["summary"]["not_observed"], report["rules"].as_array().unwrap().len());
        let verdict = report["environment"]["keyrings"].as_str().unwrap();
        assert!(verdict.starts_with("no keyrings: keyctl(2) for thread keyrings "), "{verdict}");
        assert_eq!(output.status.code(), Some(3));
    }
}

/// What is left where keyctl(2) works and others do not.
#[test]
fn a_rule_is_observed_if_its_calls_are_let_through() {
    // It makes keyrings by keyctl(2) alone; it adds a key; it requests one.
    let rules = ["process.fork", "thread.execve.keys-live-on", "keyring.absent.request-key.miss"];
    let ways = [
        (
            &[ADD_KEY, REQUEST_KEY][..],
            errno(libc::ENOSYS),
            ["held", "not-observed", "not-observed"],
        ),
        (&[ADD_KEY], errno(libc::EPERM), ["held", "not-observed", "held"]),
        (&[REQUEST_KEY], SeccompAction::KillProcess, ["held", "held", "not-observed"]),
    ];
    for (calls, action, expected) in ways {
        let mut args = vec!["check", "--format", "json"];
        args.extend(rules);
        let output = keybook(&args, calls, action);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = report["environment"]["keyrings"].as_str().unwrap();
        assert!(verdict.starts_with("partly blocked"), "{verdict}");
        for (id, expected) in rules.iter().zip(expected) {
            let all = report["rules"].as_array().unwrap();
            let rule = all.iter().find(|rule| rule["id"] == *id).unwrap();
            assert_eq!(rule["result"], expected, "{rule}");
        }
        assert_eq!(output.status.code(), Some(0));
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
