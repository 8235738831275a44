//! `keybook strace` explains logs, copies them without secrets, and runs programs. The findings themselves are tested in the
//! crate `findings`.

use crate::driver::{KEYBOOK, json, stderr, stdout, with_input};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn strace(args: &[&str], input: &[u8]) -> Output {
    with_input(Command::new(KEYBOOK).arg("strace").args(args), input)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stored(name: &str) -> String {
    root().join(format!("crates/findings/tests/logs/{name}.log")).display().to_string()
}

const CLEAN: &str = "1 execve(\"/p\", [], 0x0) = 0\n\
                     1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 5\n";

#[test]
fn a_finding_has_lines_rules_with_titles_and_what_to_do_instead() {
    let output = strace(&[&stored("older")], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = stdout(&output);
    assert!(told.contains("1. The thread is older than the process keyring\n"), "{told}");
    assert!(told.contains("older.log:"), "{told}");
    assert!(told.contains("   Instead: Create the process keyring first in main"), "{told}");
    let rule = "   Rule process.threads.before: An existing thread gets no process keyring from its creator\n";
    assert!(told.contains(rule), "{told}");
    assert!(told.contains("What happened to each keyring and key\n"), "{told}");
}

#[test]
fn the_exit_status_says_what_was_found() {
    let status = |args: &[&str], input: &str| strace(args, input.as_bytes()).status.code();
    assert_eq!(status(&["-"], CLEAN), Some(0));
    assert_eq!(status(&[], "1 read(0, \"\", 1) = 0\n"), Some(4));
    assert_eq!(status(&["-"], ""), Some(4));
    assert_eq!(status(&["-"], "this is not a log\nnor this\n"), Some(2));
    assert_eq!(status(&["/nonexistent"], ""), Some(2));
    // Of several: 2, 1, 4, 0.
    let (found, clean) = (stored("older"), stored("older-near"));
    assert_eq!(status(&[&clean, &found], ""), Some(1));
    assert_eq!(status(&[&clean, &found, "/nonexistent"], ""), Some(2));
    assert_eq!(status(&[&clean, "-"], ""), Some(4));
}

#[test]
fn json_has_the_same_findings() {
    let found = json(&strace(&["--format", "json", &stored("quota")], b""));
    assert_eq!((&found[0]["result"], &found[0]["unparsed"]), (&"explained".into(), &0.into()));
    assert_eq!(found[0]["findings"][0]["kind"], "quota");
    let missing = json(&strace(&["--format", "json", "/nonexistent"], b""));
    assert_eq!(missing[0]["result"], "unreadable");
}

#[test]
fn files_of_one_run_are_read_together_and_their_order_is_said_to_be_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let file = |pid: u32| folder.path().join(format!("log.{pid}")).display().to_string();
    std::fs::write(
        file(8),
        "execve(\"/p\", [], 0x0) = 0\n\
         keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 5\nfork() = 9\n",
    )
    .unwrap();
    let look = "keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) = -1 ENOKEY (x)\n";
    std::fs::write(file(9), look).unwrap();
    let output = strace(&[&file(8), &file(9)], b"");
    let told = stdout(&output);
    assert!(told.contains("the order of lines in different files is unknown"), "{told}");
    assert!(told.contains("A child process starts without its parent's keyring"), "{told}");
    assert!(told.contains("log.9:1,"), "{told}");
}

#[test]
fn a_line_that_cannot_be_read_is_counted_and_shown_masked() {
    let output = strace(&[], format!("{CLEAN}what is \"secret\" here\x07\n").as_bytes());
    let told = stdout(&output);
    assert!(told.contains("1 line could not be read, such as:\n"), "{told}");
    assert!(told.contains("\"******\" here\\x07"), "{told}");
}

#[test]
fn what_a_program_printed_between_the_lines_shows_no_payload() {
    let add = "1 add_key(\"user\", \"a\", \"Zq7!Zq8?Zq9\", 11, KEY_SPEC_PROCESS_KEYRING) = 6\n";
    let output = strace(&[], format!("{CLEAN}got Zq7!Zq8?Zq9 ok\n{add}").as_bytes());
    assert!(stdout(&output).contains("got *********** ok"), "{}", stdout(&output));
}

#[test]
fn a_redacted_copy_has_no_payload_and_is_explained_the_same() {
    let log = stored("secret");
    let copy = strace(&["--redact", &log], b"");
    assert_eq!(copy.status.code(), Some(0));
    assert!(!stdout(&copy).contains("s3cr"));
    let piped = std::fs::read(&log).unwrap();
    assert_eq!(strace(&["--redact", "-"], &piped).stdout, copy.stdout);
    let explained = |input: &[u8]| stdout(&strace(&["-"], input));
    assert_eq!(explained(&copy.stdout), explained(&piped));
    let names = strace(&["--redact", "--names", &log], b"");
    assert!(!stdout(&names).contains("\"shared\""), "{}", stdout(&names));
    assert_eq!(strace(&["--names", &log], b"").status.code(), Some(2));
}

#[test]
fn a_command_runs_under_strace_and_its_status_is_kept() {
    if Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    let output = strace(&["--", "sh", "-c", "cat; exit 7"], b"through");
    // Where tracing is forbidden, it says so.
    if output.status.code() == Some(2) {
        assert!(stderr(&output).contains("ptrace"), "{}", stderr(&output));
        return;
    }
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(stdout(&output), "through");
    assert!(stderr(&output).contains("the log: no key call"), "{}", stderr(&output));
}

#[test]
fn without_strace_it_says_how_to_get_it() {
    let output = Command::new(KEYBOOK)
        .args(["strace", "--", "true"])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("apt install strace"), "{}", stderr(&output));
}

/// Logs of real programs and their explanations. `KEYBOOK_SAVE_CASES=1 cargo test -p keybook cases` writes them anew.
#[test]
fn the_cases_are_explained_as_stored() {
    let folder = root().join("snapshots/cases");
    let mut logs: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "strace"))
        .collect();
    logs.sort();
    assert!(logs.len() >= 28, "{logs:?}");
    for log in logs {
        let output = Command::new(KEYBOOK)
            .current_dir(&folder)
            .arg("strace")
            .arg(log.file_name().unwrap())
            .output()
            .unwrap();
        let text = log.with_extension("txt");
        if std::env::var_os("KEYBOOK_SAVE_CASES").is_some() {
            std::fs::write(&text, &output.stdout).unwrap();
        }
        let known = std::fs::read_to_string(&text).unwrap_or_default();
        assert_eq!(stdout(&output), known, "{}", text.display());
    }
}
