//! The report formats are read by the programs they are meant for.

use crate::driver::{keybook, keyrings_are_here, stderr, stdout, with_input};
use std::process::Command;

/// Two rules that hold everywhere, and two of which one is never observed.
const RULES: [&str; 4] = [
    "process.fork",
    "thread.execve.new-one",
    "keyring.absent.dh-compute",
    "keyring.absent.dh-compute.supported",
];

/// The report in a format; `None` where no rule can be observed.
fn check(format: &str) -> Option<String> {
    let args = ["check", "--format", format];
    keyrings_are_here().then(|| stdout(&keybook(&[&args[..], &RULES].concat())))
}

#[test]
fn tap_is_read_by_perls_harness() {
    let Some(tap) = check("tap") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keybook.tap");
    std::fs::write(&file, &tap).unwrap();
    let prove = Command::new("prove").args(["--exec", "cat", "--verbose"]).arg(&file).output();
    let Ok(prove) = prove else {
        eprintln!("not observed: Perl's prove is not installed");
        return;
    };
    let told = stdout(&prove);
    assert!(told.contains("Result: PASS"), "{told}");
    assert!(told.contains("Tests=4"), "{told}");
    assert_eq!(tap.matches("# SKIP").count(), 1, "{tap}");
}

#[test]
fn ktap_is_read_by_the_kernels_parser() {
    let Some(ktap) = check("ktap") else { return };
    let Some(parser) = std::env::var_os("KEYBOOK_KUNIT") else {
        eprintln!("not observed: KEYBOOK_KUNIT does not name the kernel's kunit.py");
        return;
    };
    let mut parse = Command::new("python3");
    let parsed = with_input(parse.arg(parser).args(["parse", "--json"]), ktap.as_bytes());
    let told = stdout(&parsed);
    assert!(parsed.status.success(), "{told}{}", stderr(&parsed));
    for words in ["\"name\": \"process.fork\"", "\"status\": \"SKIP\"", "\"status\": \"PASS\""] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    assert!(!told.contains("\"status\": \"FAIL\"") && !told.contains("[ERROR]"), "{told}");
}

#[test]
fn junit_is_read_back() {
    let Some(junit) = check("junit") else { return };
    let report = quick_junit::Report::deserialize_from_str(&junit).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (4, 0, 0));
    let suite = &report.test_suites[0];
    let names: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
    assert!(names.contains(&"process.fork"), "{names:?}");
    let skipped = |case: &&quick_junit::TestCase| {
        matches!(case.status, quick_junit::TestCaseStatus::Skipped { .. })
    };
    assert_eq!(suite.test_cases.iter().filter(skipped).count(), 1);
    assert!(suite.properties.iter().any(|property| property.name.as_str() == "kernel"));
}

#[test]
fn the_report_for_people_has_a_line_for_each_rule() {
    let Some(told) = check("human") else { return };
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("kernel            Linux "), "{told}");
    assert!(lines.contains(&"held          process.fork"), "{told}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("not observed  ")).count(), 1, "{told}");
    assert_eq!(*lines.last().unwrap(), "4 rules: 3 held, 0 differ, 1 could not be observed");
    assert!(!told.contains('\u{1b}'), "colors without a terminal: {told}");
}
