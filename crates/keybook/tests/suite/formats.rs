//! What a check tells is read by the programs it is meant for.

use crate::driver::keyrings_are_here;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Two that hold everywhere, and one of which the need is never met together with its opposite.
const RULES: [&str; 4] = [
    "process.fork",
    "thread.execve.new-one",
    "keyring.absent.dh-compute",
    "keyring.absent.dh-compute.supported",
];

fn check(format: &str) -> String {
    let mut check = Command::new(env!("CARGO_BIN_EXE_keybook"));
    let output = check.args(["check", "--format", format]).args(RULES).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Gives text to a program; nothing if there is no such program.
fn read_by(program: &mut Command, text: &str) -> Option<Output> {
    let mut reader =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    reader.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Some(reader.wait_with_output().unwrap())
}

#[test]
fn tap_is_read_by_perls_harness() {
    if !keyrings_are_here() {
        return;
    }
    let tap = check("tap");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keybook.tap");
    std::fs::write(&file, &tap).unwrap();
    let prove = Command::new("prove").args(["--exec", "cat", "--verbose"]).arg(&file).output();
    let Ok(prove) = prove else {
        eprintln!("not observed: prove, of Perl, is not installed");
        return;
    };
    let told = String::from_utf8_lossy(&prove.stdout);
    assert!(told.contains("Result: PASS"), "{told}");
    assert!(told.contains("Tests=4"), "{told}");
    assert_eq!(tap.matches("# SKIP").count(), 1, "{tap}");
}

#[test]
fn ktap_is_read_by_the_kernels_parser() {
    if !keyrings_are_here() {
        return;
    }
    let ktap = check("ktap");
    let Some(parser) = std::env::var_os("KEYBOOK_KUNIT") else {
        eprintln!("not observed: KEYBOOK_KUNIT does not name the kernel's kunit.py");
        return;
    };
    let mut parse = Command::new("python3");
    let parsed = read_by(parse.arg(parser).args(["parse", "--json"]), &ktap).unwrap();
    let told = String::from_utf8_lossy(&parsed.stdout).into_owned();
    assert!(parsed.status.success(), "{told}{}", String::from_utf8_lossy(&parsed.stderr));
    for words in ["\"name\": \"process.fork\"", "\"status\": \"SKIP\"", "\"status\": \"PASS\""] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    assert!(!told.contains("\"status\": \"FAIL\"") && !told.contains("[ERROR]"), "{told}");
}

#[test]
fn junit_is_read_back() {
    if !keyrings_are_here() {
        return;
    }
    let report = quick_junit::Report::deserialize_from_str(&check("junit")).unwrap();
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
fn people_get_a_line_for_each_rule_below_the_place() {
    if !keyrings_are_here() {
        return;
    }
    let told = check("human");
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("kernel            Linux "), "{told}");
    assert!(lines.contains(&"held          process.fork"), "{told}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("not observed  ")).count(), 1, "{told}");
    assert_eq!(*lines.last().unwrap(), "4 rules: 3 held, 0 differ, 1 could not be observed");
    assert!(!told.contains('\u{1b}'), "colours where there is no terminal: {told}");
}
