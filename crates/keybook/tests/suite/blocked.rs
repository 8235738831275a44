//! A sandbox that blocks the key system calls is explained in one paragraph, with exit status 3.

use crate::driver::{KEYBOOK, alone, json, rule, stderr, stdout};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

const KEYCTL: i64 = libc::SYS_keyctl;
const ADD_KEY: i64 = libc::SYS_add_key;
const REQUEST_KEY: i64 = libc::SYS_request_key;

/// Runs keybook under a filter with this action for these system calls.
fn keybook(args: &[&'static str], calls: &[i64], action: SeccompAction) -> Output {
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        calls.iter().map(|call| (*call, vec![])).collect();
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    let args = args.to_vec();
    // The filter applies to this thread and its children only.
    let run = move || {
        seccompiler::apply_filter(&filter).unwrap();
        Command::new(KEYBOOK).args(args).output().unwrap()
    };
    thread::spawn(run).join().unwrap()
}

fn errno(error: i32) -> SeccompAction {
    SeccompAction::Errno(error as u32)
}

#[test]
fn each_way_of_blocking_is_explained_in_one_paragraph() {
    let all = [KEYCTL, ADD_KEY, REQUEST_KEY];
    let ways = [
        (errno(libc::EPERM), "keyctl(2) is refused here (EPERM, Operation not permitted)"),
        (errno(libc::ENOSYS), "keyctl(2) does not exist here (ENOSYS, Function not implemented)"),
        (errno(libc::EACCES), "keyctl(2) is refused here (EACCES, Permission denied)"),
        (SeccompAction::KillProcess, "keyctl(2) kills its caller here (SIGSYS)"),
    ];
    for (action, words) in ways {
        let output = keybook(&["check"], &all, action.clone());
        let told = stderr(&output);
        assert!(told.contains(words), "{words:?} is not in {told:?}");
        assert!(told.starts_with("No rule can be observed here: "), "{told:?}");
        assert_eq!(told.lines().count(), 1, "{told:?}");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"", "nothing counts as held");

        let output = keybook(&["check", "--format", "json"], &all, action);
        let report = json(&output);
        assert_eq!(report["summary"]["held"], 0);
        assert_eq!(report["summary"]["not_observed"], report["rules"].as_array().unwrap().len());
        let verdict = report["environment"]["keyrings"].as_str().unwrap();
        assert!(verdict.starts_with("no keyrings: keyctl(2) for thread keyrings "), "{verdict}");
        assert_eq!(output.status.code(), Some(3));
    }
}

/// Where keyctl(2) works and other calls are blocked.
#[test]
fn a_rule_is_observed_if_its_calls_are_allowed() {
    // The first creates keyrings with keyctl(2) alone, the second adds a key, the third requests one.
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
        let report = json(&output);
        let verdict = report["environment"]["keyrings"].as_str().unwrap();
        assert!(verdict.starts_with("partly blocked"), "{verdict}");
        for (id, expected) in rules.iter().zip(expected) {
            assert_eq!(rule(&report["rules"], id)["result"], expected, "{id}");
        }
        assert_eq!(output.status.code(), Some(0));
    }
}

/// `git bisect run` tries another version after 125, and calls one bad after any other status below 128.
#[test]
fn a_bisection_skips_what_cannot_be_observed() {
    let bisect = |args: &[&'static str], calls: &[i64]| {
        let args = [&["check", "--bisect"], args].concat();
        keybook(&args, calls, errno(libc::EPERM)).status.code()
    };
    assert_eq!(bisect(&["process.fork"], &[]), Some(0));
    assert_eq!(bisect(&["process.fork"], &[KEYCTL, ADD_KEY, REQUEST_KEY]), Some(125));
    assert_eq!(bisect(&["thread.execve.keys-live-on"], &[ADD_KEY]), Some(125));
    assert_eq!(bisect(&["no.such-rule"], &[]), Some(128));
    assert_eq!(bisect(&["--no-such-option"], &[]), Some(128));
}

#[test]
fn the_book_is_built_from_the_snapshots_all_the_same() {
    let _alone = alone();
    let output = keybook(&["build"], &[KEYCTL], errno(libc::EPERM));
    let told = stdout(&output);
    let index =
        told.trim().strip_prefix("the book is built: open ").unwrap_or_else(|| panic!("{told}"));
    assert!(Path::new(index).exists());
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn what_needs_no_kernel_works() {
    for args in [&["rules"][..], &["explain", "process.fork"]] {
        let output = keybook(args, &[KEYCTL, ADD_KEY, REQUEST_KEY], SeccompAction::KillProcess);
        assert!(output.status.success(), "{args:?}");
    }
}
