//! `keybook diff` compares the rules of a folder with those of a revision.

use crate::driver::{KEYBOOK, json, stderr, stdout};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn rule(id: &str, title: &str, statement: &str, verdict: &str) -> String {
    format!(
        "## {id}\n\n**{title}**\n\n{statement}\n\n*P7 · {verdict} · `copy_creds`*\n\nBecause.\n\n\
         ```rust\n# use keyrings::*;\n# fn main() -> Observed {{ observe(\"{id}\", || {{\nOk(())\n\
         # }}) }}\n```\n\n"
    )
}

fn write(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn git(root: &Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(root).args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(args);
    let output = git.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn trace(root: &Path, id: &str, text: &str) {
    write(root, &format!("snapshots/traces/{}.snap", id.replace('.', "/")), text);
}

/// A repository with a book of five rules, committed.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "book.toml", "[book]\ntitle = \"B\"\n");
    write(root, "book/SUMMARY.md", "# Summary\n\n- [A](a.md)\n- [B](b.md)\n");
    let rules: String = ["same", "gone", "words", "place", "judged", "seen"]
        .map(|id| rule(&format!("process.{id}"), "A title", "A statement.", "stated"))
        .concat();
    write(root, "book/a.md", &format!("# A\n\n{rules}"));
    write(root, "book/b.md", "# B\n");
    trace(root, "process.seen", "main  fork() = child\n");
    git(root, &["init", "--quiet"]);
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "--message", "First"]);
    folder
}

fn diff(root: &Path, args: &[&str]) -> Output {
    Command::new(KEYBOOK).current_dir(root).arg("diff").args(args).output().unwrap()
}

#[test]
fn a_book_that_did_not_change_has_no_differences() {
    let folder = repository();
    let output = diff(folder.path(), &["HEAD"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "no rule differs from HEAD\n");
}

#[test]
fn each_change_of_a_rule_has_its_word() {
    let folder = repository();
    let root = folder.path();
    let stays = rule("process.same", "A title", "A statement.", "stated");
    let words = rule("process.words", "A title", "Another statement.", "stated");
    let judged = rule("process.judged", "A title", "A statement.", "sharpened");
    let seen = rule("process.seen", "A title", "A statement.", "stated");
    write(root, "book/a.md", &format!("# A\n\n{stays}{words}{judged}{seen}"));
    let place = rule("process.place", "A title", "A statement.", "stated");
    let new = rule("process.new", "A title", "A new statement.", "stated");
    write(root, "book/b.md", &format!("# B\n\n{place}{new}"));
    // The layout of a trace does not count, its events do.
    trace(root, "process.seen", "main  fork() = child\nmain  getpid() = 0\n");

    let output = diff(root, &["HEAD", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let changes = json(&output);
    let kinds = |id: &str| -> Value {
        let all = changes.as_array().unwrap().iter();
        let of = all.filter(|change| change["id"] == format!("process.{id}"));
        of.map(|change| change["kinds"].clone()).next().unwrap_or_default()
    };
    for (id, expected) in [
        ("same", Value::Null),
        ("words", json!(["reworded"])),
        ("judged", json!(["verdict"])),
        ("seen", json!(["trace"])),
        ("place", json!(["moved"])),
        ("new", json!(["new"])),
        ("gone", json!(["gone"])),
    ] {
        assert_eq!(kinds(id), expected, "{id}");
    }

    let text = stdout(&diff(root, &["HEAD"]));
    for line in [
        "process.words: reworded\n    - A statement.\n    + Another statement.\n",
        "process.judged: verdict\n    - stated P7\n    + sharpened P7\n",
        "process.seen: trace\n    + main  getpid() = 0\n",
        "process.place: moved\n    - a.md\n    + b.md\n",
        "6 rules differ from HEAD: 1 new, 1 gone, 1 reworded, 1 moved, 1 verdict, 1 trace\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_revision_that_cannot_be_read_is_refused() {
    let folder = repository();
    for revision in ["nosuch", "--all", "HEAD:book.toml"] {
        let output = diff(folder.path(), &["--", revision]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("is no revision of the git repository"), "{output:?}");
    }
}
