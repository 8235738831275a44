//! Traces from any source are judged; the error for invalid input says where it is invalid.

use crate::driver::{KEYBOOK, json, stderr, stdout, with_input};
use rulebook::Snapshot;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn judge(args: &[&str], input: &[u8]) -> Output {
    with_input(Command::new(KEYBOOK).arg("judge").args(args), input)
}

const FORK: &str = "main   keyctl_get_keyring_ID(@p, 1) = K1\n\
                    main   fork() = child\n\
                    child  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)\n";

#[test]
fn every_snapshot_is_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = Snapshot::all(&root).into_values();
    let rules: Vec<String> = files.map(|file| file.display().to_string()).collect();
    assert!(rules.len() > 600, "{} snapshots", rules.len());
    let args: Vec<&str> = rules.iter().map(String::as_str).collect();
    let output = judge(&args, b"");
    let told = stdout(&output);
    let others: Vec<&str> = told.lines().filter(|line| !line.contains(": allowed (")).collect();
    assert_eq!(output.status.code(), Some(0), "{}{}", others.join("\n"), stderr(&output));
    assert_eq!(told.lines().count(), rules.len());
}

#[test]
fn standard_input_is_judged_like_a_file() {
    for args in [&[][..], &["-"]] {
        let output = judge(args, FORK.as_bytes());
        assert_eq!(stdout(&output), "standard input: allowed (3 events)\n");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn a_refused_line_is_shown_with_what_is_allowed_and_the_rules() {
    let inherits = FORK.replace("-1 ENOKEY (Required key not available)", "K1");
    let output = judge(&["-"], format!("\n{inherits}").as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let told = stdout(&output);
    let begins = "standard input:4: not allowed\n    child  keyctl_get_keyring_ID(@p, 0) = K1\n  \
                  allowed there:\n    = -1 ENOKEY (Required key not available)\n  by the rules:\n";
    assert!(told.starts_with(begins), "{told}");
    let rule = "    process.fork: A child created by fork(2) starts without a process keyring, even if \
                its parent has one.\n";
    assert!(told.contains(rule), "{told}");

    let output = judge(&["--format", "json"], inherits.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let judged = json(&output);
    assert_eq!((&judged[0]["result"], &judged[0]["line"]), (&"refused".into(), &3.into()));
    assert_eq!(judged[0]["allowed"][0], "= -1 ENOKEY (Required key not available)");
    let rules = judged[0]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "process.fork"), "{judged}");
}

#[test]
fn a_call_that_the_rules_do_not_know_is_unknown() {
    let unknown = format!("{FORK}\nmain  keyctl_fly(@t) = 0\n");
    let output = judge(&[], unknown.as_bytes());
    assert_eq!(output.status.code(), Some(5));
    let told =
        "standard input: unknown\n  the rules do not know:\n    5: main  keyctl_fly(@t) = 0\n";
    assert_eq!(stdout(&output), told);

    let output = judge(&[], format!("{unknown}main  keyctl_read(@p) = {{K2}}\n").as_bytes());
    assert_eq!(output.status.code(), Some(5));
    let until = "  not allowed, unless a call above changed something; judged no further:\n    \
                 6: main  keyctl_read(@p) = {K2}\n";
    assert_eq!(stdout(&output), format!("{told}{until}"));

    let output = judge(&["--format", "json"], unknown.as_bytes());
    let judged = json(&output);
    assert_eq!(judged[0]["result"], "unknown");
    assert_eq!(judged[0]["calls"][0]["line"], 5);

    // What is certain counts before what is not: an unreadable file, a refused trace, an unknown call.
    let folder = tempfile::tempdir().unwrap();
    let refused = folder.path().join("refused.txt");
    fs::write(&refused, "main  keyctl_get_keyring_ID(@p, 0) = K1\n").unwrap();
    let refused = refused.to_str().unwrap();
    assert_eq!(judge(&["-", refused], unknown.as_bytes()).status.code(), Some(1));
    assert_eq!(judge(&["-", refused, "/nowhere"], unknown.as_bytes()).status.code(), Some(2));
}

#[test]
fn a_raw_trace_is_given_names_first() {
    let raw = FORK.replace("K1", "#271828") + "main   keyctl_chown(#271828, uid#7, gid#8) = 0\n";
    assert_eq!(stdout(&judge(&[], raw.as_bytes())), "standard input: allowed (4 events)\n");

    let mixed = raw + "main   keyctl_read(K1) = {}\n";
    let output = judge(&[], mixed.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "keybook: standard input:5:20: expected a number such as `#1`, as the trace has numbers \
         before this name\n"
    );
}

#[test]
fn a_file_that_is_not_a_trace_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("malformed.snap");
    fs::write(&file, format!("---\nsource: x\n---\n{FORK}main   fork(] = child\n")).unwrap();
    let file = file.to_str().unwrap();
    let output = judge(&[file], b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), format!("keybook: {file}:7:13: expected a value\n"));

    let output = judge(&["-"], b"main  f()\nmain  g(\xff)\n");
    assert_eq!(output.status.code(), Some(2));
    let told = "keybook: standard input: line 2 is not UTF-8, which every trace is\n";
    assert_eq!(stderr(&output), told);
}

#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let output = judge(&["/nowhere/a.snap", "/", "-"], FORK.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "standard input: allowed (3 events)\n");
    let told = stderr(&output);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("keybook: /nowhere/a.snap: it cannot be opened: "), "{told}");
    assert!(lines[1].starts_with("keybook: /: it cannot be read: "), "{told}");
}

#[test]
fn programs_read_the_verdicts_as_json() {
    let output = judge(&["--format", "json", "-", "/nowhere"], FORK.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let judged = json(&output);
    assert_eq!(judged[0]["file"], "standard input");
    assert_eq!(judged[0]["result"], "allowed");
    assert_eq!(judged[0]["events"], 3);
    assert_eq!(judged[1]["result"], "unreadable");

    let output = judge(&["--format", "json"], b"main  f(");
    let judged = json(&output);
    assert_eq!(judged[0]["result"], "malformed");
    assert_eq!((&judged[0]["line"], &judged[0]["column"]), (&1.into(), &9.into()));
    assert_eq!(judged[0]["expected"], "a value");
}
