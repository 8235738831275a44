//! The manual pages, as man(1) and mandoc(1) read them.

use crate::driver::{keybook, stderr, stdout, with_input};
use std::process::Command;

const PAGES: [&str; 2] = ["keybook-thread-keyring", "keybook-process-keyring"];

/// Runs a program that reads a page; `None`, with a remark, where it is missing.
fn read_by(program: &str, args: &[&str], page: &str) -> Option<std::process::Output> {
    if Command::new(program).arg("--help").output().is_err() {
        eprintln!("not observed: there is no {program}");
        return None;
    }
    let mut command = Command::new(program);
    command.args(args).env("MANWIDTH", "78").env("LC_ALL", "C.UTF-8");
    Some(with_input(&mut command, page.as_bytes()))
}

#[test]
fn the_pages_are_listed() {
    let listed = stdout(&keybook(&["man"]));
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(names[..PAGES.len()], PAGES);
    for name in ["keybook", "keybook-check", "keybook-completions"] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    assert!(!names.contains(&"keybook-preprocess"));
}

#[test]
fn the_program_and_its_commands_have_pages() {
    let page = stdout(&keybook(&["man", "keybook"]));
    assert!(page.contains(".TH keybook 1") && page.contains("keybook\\-check(1)"), "{page}");
    let page = stdout(&keybook(&["man", "check(1)"]));
    assert!(page.contains(".TH keybook-check 1") && page.contains("\\-\\-format"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let completions = stdout(&keybook(&["completions", shell]));
        assert!(completions.contains("keybook") && completions.contains("explain"), "{shell}");
    }
}

#[test]
fn a_page_is_found_by_its_short_name_and_an_unknown_one_is_refused() {
    let long = keybook(&["man", "keybook-thread-keyring(7)"]);
    assert!(long.status.success());
    assert_eq!(stdout(&long), stdout(&keybook(&["man", "thread-keyring"])));
    let unknown = keybook(&["man", "session-keyring"]);
    assert_eq!(unknown.status.code(), Some(2));
    let told = stderr(&unknown);
    assert!(told.contains("no manual page `session-keyring`: `keybook man` lists them"), "{told}");
}

#[test]
fn mandoc_has_nothing_to_remark() {
    for name in PAGES {
        let page = stdout(&keybook(&["man", name]));
        if let Some(output) = read_by("mandoc", &["-Tlint", "-Wwarning"], &page) {
            assert!(output.status.success(), "{name}: {}", stdout(&output));
        }
    }
}

#[test]
fn man_shows_a_page_with_all_its_sections() {
    const SECTIONS: [&str; 12] = [
        "NAME",
        "DESCRIPTION",
        "CREATION",
        "INHERITANCE",
        "EXECVE",
        "END",
        "USER AND GROUP IDS",
        "PERMISSIONS",
        "QUOTA",
        "REQUEST_KEY",
        "NOTES",
        "SEE ALSO",
    ];
    for name in PAGES {
        let page = stdout(&keybook(&["man", name]));
        let Some(output) = read_by("man", &["--warnings", "-l", "-"], &page) else { continue };
        let (shown, warnings) = (stdout(&output), stderr(&output));
        assert!(output.status.success() && warnings.is_empty(), "{name}: {warnings}");
        let headings = shown.lines().filter(|line| SECTIONS.contains(line));
        assert_eq!(headings.collect::<Vec<_>>(), SECTIONS, "{shown}");
        assert!(!shown.contains('`') && !shown.contains("<!--"), "{shown}");
    }
}
