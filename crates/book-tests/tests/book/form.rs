//! The form of the book, and the index of rules.

use crate::run::pin;
use crate::{book, generate, root};
use rulebook::{Page, Rulebook, SENTENCES};
use std::path::Path;

#[test]
fn the_book_is_well_formed() {
    let problems: Vec<String> =
        book().all_problems(&root()).iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_sentence_has_a_rule() {
    for sentence in &SENTENCES {
        let number = sentence.number;
        let has_rule = book().rules.iter().any(|rule| rule.from.contains(&number));
        assert!(has_rule, "no rule comes from {number}: {}", sentence.claim);
    }
}

#[test]
fn the_index_of_rules_is_as_stored() {
    pin(&root().join(rulebook::INDEX), rulebook::SOURCE, &book().index());
}

/// Whatever is wrong with a rule, a test of its name reports it, also if two pages of one name have
/// it on the same line.
#[test]
fn every_rule_has_a_test() {
    let text = "## process.fork\n\n## process.vfork\n\n```rust\nfn main() {}\n```\n";
    let page = |path| Page::parse(Path::new(path), text);
    let book =
        Rulebook { pages: vec![page("a/fork.md"), page("b/fork.md")], ..Rulebook::default() };
    let by_skeptic = "#[test] fn fork_line_5() { skeptic::rt::run_test(s); }\n".repeat(2);
    let expected = r#"#[test] fn fork_line_5() { crate::run::rule("a/fork.md", 5, s); }
#[test] fn fork_sect_process_fork_line_1() { crate::run::refuse("a/fork.md", 1); }
#[test] fn fork_line_5_again() { crate::run::rule("b/fork.md", 5, s); }
#[test] fn fork_sect_process_fork_line_1_again() { crate::run::refuse("b/fork.md", 1); }
"#;
    let tests = generate::tests(&book, &by_skeptic).unwrap();
    assert!(tests.starts_with(expected), "{tests}");
    let error = generate::tests(&book, "").unwrap_err();
    assert!(error.starts_with("book/a/fork.md:5: skeptic finds no snippet here"), "{error}");
}
