//! The tables of the reference, generated from the rules and their traces.

mod containers;
mod errors;
mod failed;
mod family;
mod fate;
mod guarantees;
mod index;
mod input;
mod lifecycle;
mod model;
mod observed;
mod operations;
mod processes;
mod sentences;
mod timings;
mod unusable;

use super::circumstances;

pub(super) use input::{Seen, Tables};
pub(super) use unusable::stated;

use anyhow::Result;
use std::path::Path;

const FATE: &str = "{{#table fate}}";

/// Replaces the marks in a page by the tables they stand for.
///
/// # Errors
///
/// If the table of the first page says otherwise than a trace.
pub(super) fn fill_in(tables: &Tables<'_>, text: &mut String, page: &Path) -> Result<()> {
    type Table = fn(&Tables<'_>) -> String;
    let all: [(&str, Table); 20] = [
        ("{{#table lifecycle}}", lifecycle::table),
        ("{{#table operations}}", operations::table),
        ("{{#table failed}}", failed::index),
        ("{{#table errors}}", errors::table),
        ("{{#table unusable}}", unusable::table),
        ("{{#table processes}}", processes::table),
        ("{{#table sentences}}", sentences::table),
        ("{{#table beyond}}", sentences::beyond),
        ("{{#table rules}}", index::table),
        ("{{#table columns}}", observed::columns),
        ("{{#table containers}}", containers::table),
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
    let up = "../".repeat(page.components().count() - 1);
    for (mark, table) in all {
        if text.contains(mark) {
            *text = text.replace(mark, &table(tables).replace("{up}", &up));
        }
    }
    if text.contains("{{#causes}}") {
        let name = page.file_stem().unwrap_or_default().to_string_lossy();
        *text = text.replace("{{#causes}}", &failed::causes(tables, &name).replace("{up}", &up));
    }
    for (mark, beliefs) in [("{{#table guarantees}}", false), ("{{#table beliefs}}", true)] {
        if text.contains(mark) {
            *text = text.replace(mark, &guarantees::list(tables, beliefs)?.replace("{up}", &up));
        }
    }
    if text.contains(FATE) {
        *text = text.replace(FATE, &fate::table(tables)?.replace("{up}", &up));
    }
    Ok(())
}
