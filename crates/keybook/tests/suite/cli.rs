//! The command line, as a person or another program uses it.

use crate::driver::{KEYBOOK, json, keybook, rule, stderr, stdout};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn rules_are_listed_for_programs() {
    let output = keybook(&["rules", "--format", "json"]);
    assert!(output.status.success());
    let rules = json(&output);
    let fork = rule(&rules, "process.fork");
    assert_eq!(fork["verdict"], "stated");
    assert_eq!(fork["sentences"], serde_json::json!(["P7"]));
    assert_eq!(fork["functions"], serde_json::json!(["copy_creds"]));
    assert_eq!(fork["needs"], serde_json::json!([]));
    assert_eq!(fork["page"], "process-keyring/processes.html#process.fork");
    assert_eq!(fork["address"], "rule/process.fork.html");
    assert!(fork["statement"].as_str().unwrap().starts_with("A child created by `fork(2)`"));
    assert_eq!(fork["title"], "A forked child has no process keyring");
    assert_eq!(fork["given"], serde_json::json!([]));
}

#[test]
fn rules_are_listed_for_people() {
    let rules = stdout(&keybook(&["rules"]));
    let fork = rules.lines().find(|line| line.starts_with("process.fork ")).unwrap();
    assert!(fork.contains("  stated        A child created by fork(2)"), "{fork}");
}

#[test]
fn a_rule_is_explained() {
    let output = keybook(&["explain", "process.fork"]);
    assert!(output.status.success());
    let told = stdout(&output);
    for part in [
        "process.fork: A forked child has no process keyring\n\n  A child created by fork(2) starts",
        "  P7, process-keyring(7): ",
        "  kernel: copy_creds\n  rule/process.fork.html\n",
        "    let child = fork(\"child\")?;\n",
        "    child  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}

#[test]
fn an_error_is_explained_by_name_number_and_words() {
    let by_name = keybook(&["explain", "ENOKEY"]);
    assert!(by_name.status.success());
    let told = stdout(&by_name);
    for part in [
        "ENOKEY: Required key not available\n\n  The keyring that the call names",
        "\n  1. The thread is older than the process keyring\n     A thread shares @p",
        "\n     Check: Run strace -f ",
        "\n     Then: Create the process keyring first thing in main",
        "\n       An existing thread gets no process keyring from its creator\n         \
         rule/process.threads.before.html\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    for asked in [&["126"][..], &["required", "key", "not"], &["Required key not available"]] {
        let output = keybook(&[&["explain"], asked].concat());
        assert_eq!(stdout(&output), told, "{asked:?}");
    }
}

#[test]
fn a_call_is_explained_by_its_errors() {
    let told = stdout(&keybook(&["explain", "KEYCTL_ASSUME_AUTHORITY"]));
    let errors: Vec<&str> =
        told.lines().filter(|line| line.contains("(keyctl_assume_authority)")).collect();
    assert_eq!(
        errors,
        [
            "ENOKEY: Required key not available (keyctl_assume_authority)",
            // A sandbox refuses every call.
            "EPERM: Operation not permitted (keyctl_assume_authority)",
            "ENOSYS: Function not implemented (keyctl_assume_authority)",
            "EINVAL: Invalid argument (keyctl_assume_authority)"
        ]
    );
    let told = stdout(&keybook(&["explain", "add_key: Key has been revoked"]));
    assert!(told.starts_with("EKEYREVOKED: Key has been revoked (add_key)\n"), "{told}");
    assert!(!told.contains("EINVAL"), "{told}");
}

#[test]
fn an_unknown_error_is_refused_with_similar_ones() {
    let output = keybook(&["explain", "EKEYREVOKD"]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("nothing is known about `EKEYREVOKD`: is it EKEYREVOKED"), "{told}");
    assert_eq!(keybook(&["explain"]).status.code(), Some(2));
    assert_eq!(keybook(&["explain", "\u{1b}[31m"]).status.code(), Some(2));
}

#[test]
fn the_words_people_type_are_in_the_help() {
    let helps = [stdout(&keybook(&["--help"])), stdout(&keybook(&["explain", "--help"]))];
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    for words in ["Required key not available", "Key has been revoked", "Disk quota exceeded"] {
        for text in helps.iter().chain([&readme]) {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }
}

#[test]
fn single_rules_are_checked_each_once() {
    let output = keybook(&["check", "process.fork", "thread.fork"]);
    let told = stdout(&output);
    assert!(told.ends_with("\n2 rules: 2 held, 0 differ, 0 could not be observed\n"), "{told}");
    assert_eq!(output.status.code(), Some(0));

    let told = stdout(&keybook(&["check", "process.fork", "process.fork"]));
    assert!(told.ends_with("\n1 rule: 1 held, 0 differ, 0 could not be observed\n"), "{told}");

    let report = json(&keybook(&["check", "--format", "json", "process.fork"]));
    assert_eq!(report["summary"]["held"], 1);
    assert_eq!(report["rules"][0]["id"], "process.fork");
    assert_eq!(report["rules"][0]["result"], "held");
}

#[test]
fn an_unknown_rule_is_refused_with_similar_ones() {
    for command in ["check", "explain"] {
        let output = keybook(&[command, "process.forks"]);
        assert_eq!(output.status.code(), Some(2));
        let told = stderr(&output);
        assert!(told.contains("there is no rule `process.forks`: is it process."), "{told}");
    }
    assert_eq!(keybook(&["chek"]).status.code(), Some(2));
    for option in [["--jobs", "many"], ["--jobs", "0"], ["--deadline", "0"]] {
        assert_eq!(keybook(&[&["check"], &option[..]].concat()).status.code(), Some(2));
    }
}

#[test]
fn a_book_that_is_not_well_formed_is_not_built() {
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken");
    let page = "# Page\n\n## process.fork\n\n*P7 · stated · `copy_creds`*\n";
    fs::create_dir_all(project.join("book")).unwrap();
    fs::write(project.join("book/SUMMARY.md"), "- [Page](page.md)\n").unwrap();
    fs::write(project.join("book/page.md"), page).unwrap();
    fs::write(project.join("book.toml"), "[book]\nsrc = \"book\"\n").unwrap();
    let output = Command::new(KEYBOOK).current_dir(&project).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "keybook: the book is not well formed\nbook/page.md:3: `process.fork` has no title in words; write \
         the fact in at most 65 characters between two `**`, on a line below the \
         heading\nbook/page.md:3: `process.fork` has no statement; write one sentence that is true exactly \
         as written, below the title\nbook/page.md:3: `process.fork` has no snippet; add a ```rust block \
         with a program that shows it\n"
    );
    assert!(!project.join("book/book").exists() && !project.join("target").exists());
}
