//! A snippet that hangs, crashes or is killed is reported as broken and stops no other.

use crate::driver::{KEYBOOK, alone, json, rule, wait_until};
use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Stdio};

/// It waits for a timeout of a second, which is time to send it a signal.
const VICTIM: &str = "keyring.expired.reading";
const OTHER: &str = "process.fork";

/// The process group of the only snippet that runs.
fn snippet_of(check: &Child) -> Option<i32> {
    let pid = check.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    // Only a snippet leads a process group; a probe of the system does not.
    let leader = children.split_whitespace().find(|child| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let group = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2));
        group == Some(child)
    });
    leader.map(|pid| pid.parse().unwrap())
}

/// The report on the victim, to which this signal is sent, and on another rule.
fn checked_with(signal: i32, deadline: &str) -> Value {
    let mut check = Command::new(KEYBOOK);
    check.args(["check", "--format", "json", "--jobs", "1", "--deadline", deadline, VICTIM, OTHER]);
    let check = check.stdout(Stdio::piped()).spawn().unwrap();
    wait_until("a snippet runs", || snippet_of(&check).is_some());
    let group = -snippet_of(&check).unwrap();
    let kill =
        Command::new("kill").args([&format!("-{signal}"), "--", &group.to_string()]).status();
    assert!(kill.unwrap().success());
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    json(&output)
}

#[test]
fn snippets_that_hang_crash_or_are_killed_are_reported() {
    let _alone = alone();
    let ways = [
        (libc::SIGSTOP, "2", "hung: it did not end within 2 seconds"),
        (libc::SIGFPE, "60", "crashed (SIGFPE)"),
        (libc::SIGABRT, "60", "crashed (SIGABRT)"),
        (libc::SIGKILL, "60", "was killed by SIGKILL"),
    ];
    for (signal, deadline, how) in ways {
        let report = checked_with(signal, deadline);
        let victim = rule(&report["rules"], VICTIM);
        assert_eq!(victim["result"], "broken", "{victim}");
        assert_eq!(victim["how"], how, "{victim}");
        assert_eq!(rule(&report["rules"], OTHER)["result"], "held", "{how}");
        assert_eq!(report["summary"]["broken"], 1);
    }
}
