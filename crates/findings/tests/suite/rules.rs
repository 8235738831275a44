//! Every rule that this crate names is in the book.

use rulebook::Rulebook;
use std::path::Path;

/// Strings in the source that look like the id of a rule.
fn named(source: &str) -> impl Iterator<Item = &str> {
    let strings = source.split('"').skip(1).step_by(2);
    strings.filter(|text| {
        let family = ["keyring.", "process.", "thread."].iter().any(|it| text.starts_with(it));
        family && text.bytes().all(|byte| byte.is_ascii_lowercase() || b".-".contains(&byte))
    })
}

#[test]
fn every_rule_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let book = Rulebook::read(&root.join("../.."));
    assert!(book.rules.len() > 600);
    let mut number = 0;
    let folders = ["src", "src/why", "src/judged"]
        .map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    for file in folders.into_iter().flatten().map(|file| file.unwrap().path()) {
        let Ok(source) = std::fs::read_to_string(&file) else { continue };
        for id in named(&source) {
            number += 1;
            assert!(book.rule(id).is_some(), "{}: {id}", file.display());
        }
    }
    assert!(number > 80, "{number}");
}

#[test]
fn every_kind_but_a_filter_has_rules() {
    for kind in findings::Kind::ALL {
        // No rule can be observed about what a filter answers.
        assert_eq!(kind.rules().is_empty(), *kind == findings::Kind::Seccomp, "{kind:?}");
    }
}
