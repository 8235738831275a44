//! The tables of the reference: made from the rules and their traces, never typed.

mod index;
mod lifecycle;
mod model;
pub(crate) mod observed;
mod operations;
mod sentences;

use crate::site::columns::Column;
use rulebook::{Rule, Rulebook, Snapshot};
use std::path::Path;
use trace::Trace;

/// A rule with its trace.
pub(crate) struct Seen<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) trace: Trace,
    /// See [`Rule::fingerprint`].
    pub(crate) fingerprint: String,
}

/// Everything the tables are made from.
pub(crate) struct Tables<'a> {
    book: &'a Rulebook,
    seen: Vec<Seen<'a>>,
    columns: &'a [Column],
}

impl<'a> Tables<'a> {
    pub(crate) fn new(book: &'a Rulebook, columns: &'a [Column], root: &Path) -> Tables<'a> {
        let seen = book.rules.iter().map(|rule| {
            let snapshot = Snapshot::read(root, &rule.id).map(|snapshot| snapshot.contents);
            // A snapshot that is no trace is refused by the tests; here it is just empty.
            let snapshot = snapshot.unwrap_or_default();
            let trace = snapshot.parse().unwrap_or_default();
            Seen { rule, trace, fingerprint: rule.fingerprint(&snapshot) }
        });
        Tables { book, seen: seen.collect(), columns }
    }

    /// Replaces the marks in a page by the tables they stand for.
    pub(crate) fn fill_in(&self, text: &mut String, page: &Path) {
        type Table = fn(&Tables<'_>) -> String;
        let tables: [(&str, Table); 12] = [
            ("{{#table lifecycle}}", lifecycle::table),
            ("{{#table operations}}", operations::table),
            ("{{#table sentences}}", sentences::table),
            ("{{#table rules}}", index::table),
            ("{{#table columns}}", observed::columns),
            ("{{#table matrix}}", observed::matrix),
            ("{{#table reasons}}", observed::reasons),
            ("{{#table transitions}}", model::transitions),
            ("{{#table places}}", model::places),
            ("{{#table wrong}}", model::wrong),
            ("{{#count wrong}}", model::wrong_count),
            ("{{#count}}", |tables| tables.book.rules.len().to_string()),
        ];
        for (mark, table) in tables {
            if text.contains(mark) {
                let up = "../".repeat(page.components().count() - 1);
                *text = text.replace(mark, &table(self).replace("{up}", &up));
            }
        }
    }
}
