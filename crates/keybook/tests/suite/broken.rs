//! A rule whose program hangs, crashes or is killed is reported as such, and stops no other.

use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// It waits for a second to go by, so there is time to do something to it.
const VICTIM: &str = "keyring.expired.reading";
const OTHER: &str = "process.fork";

/// The process of the only snippet that runs.
fn snippet_of(check: &Child) -> i32 {
    let pid = check.id();
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        // One that has a group of its own is not a probe of the place.
        let snippet = children.split_whitespace().find(|child| {
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            let group = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2));
            group == Some(child)
        });
        if let Some(snippet) = snippet {
            return snippet.parse().unwrap();
        }
        sleep(Duration::from_millis(1));
    }
    panic!("no snippet runs");
}

/// The report on the victim, which meets with this signal, and on another.
fn checked_with(signal: i32, deadline: &str) -> Value {
    let mut check = Command::new(env!("CARGO_BIN_EXE_keybook"));
    check.args(["check", "--format", "json", "--jobs", "1", "--deadline", deadline, VICTIM, OTHER]);
    let check = check.stdout(Stdio::piped()).spawn().unwrap();
    let group = -snippet_of(&check);
    let kill =
        Command::new("kill").args([&format!("-{signal}"), "--", &group.to_string()]).status();
    assert!(kill.unwrap().success());
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_way_to_come_to_no_end_is_told() {
    let ways = [
        (libc::SIGSTOP, "2", "hung: it did not end within 2 seconds"),
        (libc::SIGFPE, "60", "crashed (SIGFPE)"),
        (libc::SIGABRT, "60", "crashed (SIGABRT)"),
        (libc::SIGKILL, "60", "was killed by SIGKILL"),
    ];
    for (signal, deadline, how) in ways {
        let report = checked_with(signal, deadline);
        let rule = |id| report["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == id);
        let victim = rule(VICTIM).unwrap();
        assert_eq!(
            (&victim["result"], &victim["how"]),
            (&"broken".into(), &how.into()),
            "{victim}"
        );
        assert_eq!(rule(OTHER).unwrap()["result"], "held", "{how}");
        assert_eq!(report["summary"]["broken"], 1);
    }
}
