//! The form of the book, and the index that is published.

use crate::{book, root, settings};

#[test]
fn the_book_is_well_formed() {
    let problems: Vec<String> =
        book().all_problems(&root()).iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_need_is_known() {
    for rule in &book().rules {
        for need in &rule.needs {
            let known = keyrings::needs::is_known(need);
            assert!(known, "{}: unknown need `{need}`", rule.id);
        }
    }
}

#[test]
fn every_sentence_has_a_rule() {
    for sentence in &rulebook::SENTENCES {
        let number = sentence.number;
        let told = book().rules.iter().any(|rule| rule.from.contains(&number));
        assert!(told, "no rule comes from {number}: {}", sentence.claim);
    }
}

#[test]
fn the_index_of_rules_is_as_published() {
    let settings = settings(rulebook::SOURCE);
    settings.bind(|| insta::assert_snapshot!(rulebook::INDEX, book().index()));
}
