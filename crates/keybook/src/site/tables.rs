//! The tables of the reference, generated from the rules and their traces.

mod index;
mod input;
mod lifecycle;
mod model;
mod observed;
mod operations;
mod sentences;
mod timings;
mod unusable;

use super::circumstances;

pub(super) use input::{Seen, Tables};
pub(super) use unusable::stated;

use std::path::Path;

/// Replaces the marks in a page by the tables they stand for.
pub(super) fn fill_in(tables: &Tables<'_>, text: &mut String, page: &Path) {
    type Table = fn(&Tables<'_>) -> String;
    let all: [(&str, Table); 15] = [
        ("{{#table lifecycle}}", lifecycle::table),
        ("{{#table operations}}", operations::table),
        ("{{#table unusable}}", unusable::table),
        ("{{#table sentences}}", sentences::table),
        ("{{#table rules}}", index::table),
        ("{{#table columns}}", observed::columns),
        ("{{#table matrix}}", observed::matrix),
        ("{{#table reasons}}", observed::reasons),
        ("{{#table transitions}}", model::transitions),
        ("{{#table places}}", model::places),
        ("{{#table wrong}}", model::wrong),
        ("{{#table circumstances}}", |_| circumstances::list()),
        ("{{#table timings}}", timings::tables),
        ("{{#count wrong}}", model::wrong_count),
        ("{{#count}}", |tables| tables.book.rules.len().to_string()),
    ];
    for (mark, table) in all {
        if text.contains(mark) {
            let up = "../".repeat(page.components().count() - 1);
            *text = text.replace(mark, &table(tables).replace("{up}", &up));
        }
    }
}
