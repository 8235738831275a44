//! The rules as data, `rules.json`: what `keybook rules --format json` prints. Its schema is
//! `book/rules.schema.json`, which mdBook copies beside it.

use super::address::Site;
use super::columns::{Column, ColumnKind};
use super::tables::Seen;
use crate::report::ResultKind;
use anyhow::{Context, Result};
use rulebook::{Cells, Rule, Rulebook, fingerprint};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The file in the built book.
const FILE: &str = "rules.json";

/// A rule, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    id: &'a str,
    /// As Markdown.
    title: &'a str,
    /// As Markdown.
    statement: &'a str,
    /// The page that has it now, with the anchor.
    page: String,
    verdict: &'static str,
    /// The sentences of the manual pages it comes from.
    sentences: &'a [&'static str],
    /// The kernel functions that decide it.
    functions: &'a [String],
    needs: &'a [String],
    given: &'a [String],
    /// The address that leads to it for as long as the book exists.
    address: String,
    /// Stands for its trace: see [`rulebook::fingerprint`].
    trace: String,
    circumstances: Circumstances,
    /// The results on other kernels, and in other environments of one.
    kernels: BTreeMap<&'a str, &'static str>,
    environments: BTreeMap<&'a str, &'static str>,
}

/// The circumstances in which the rule does not show what is pinned; in all others it does.
#[derive(Debug, Default, Serialize)]
struct Circumstances {
    differs: Vec<String>,
    /// With the reason.
    not_applicable: BTreeMap<String, String>,
}

/// All rules, in the order of the book.
pub(crate) fn entries<'a>(
    root: &Path,
    book: &'a Rulebook,
    site: &Site,
    columns: &'a [Column],
) -> Vec<Entry<'a>> {
    let cells = Cells::saved(root);
    book.rules.iter().map(|rule| entry(rule, root, site, columns, &cells)).collect()
}

fn entry<'a>(
    rule: &'a Rule,
    root: &Path,
    site: &Site,
    columns: &'a [Column],
    cells: &BTreeMap<String, Cells>,
) -> Entry<'a> {
    let trace = fingerprint(&Seen::trace(rule, root));
    let results = |kinds: &[ColumnKind]| {
        let of_kind = columns.iter().filter(|column| kinds.contains(&column.kind));
        let result = |column: &'a Column| {
            let result = column.cell(&rule.id, &trace).map(|cell| cell.result);
            result.map(|result: ResultKind| (column.name.as_str(), result.word()))
        };
        of_kind.filter_map(result).collect()
    };
    let kernels = results(&[ColumnKind::Kernel, ColumnKind::Architecture]);
    let environments = results(&[ColumnKind::Environment]);
    let circumstances = cells.get(&rule.id).cloned().map(|cells| Circumstances {
        differs: cells.differs,
        not_applicable: cells.not_applicable.into_iter().collect(),
    });
    Entry {
        id: &rule.id,
        title: &rule.title,
        statement: &rule.statement,
        page: rule.link(),
        verdict: rule.verdict.word(),
        sentences: &rule.from,
        functions: &rule.kernel,
        needs: &rule.needs,
        given: &rule.given,
        address: site.rule(&rule.id),
        trace,
        circumstances: circumstances.unwrap_or_default(),
        kernels,
        environments,
    }
}

/// Writes the file into the built book.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write(
    built: &Path,
    root: &Path,
    book: &Rulebook,
    site: &Site,
    columns: &[Column],
) -> Result<()> {
    let text = serde_json::to_string_pretty(&entries(root, book, site, columns))? + "\n";
    let file = built.join(FILE);
    fs::write(&file, text).with_context(|| file.display().to_string())
}
