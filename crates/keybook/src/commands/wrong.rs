//! `keybook wrong`: rules against wrong models.

use crate::embedded::RULES;
use crate::status::{DIFFERS, HELD};
use crate::{output, project};
use anyhow::{Context, Result, anyhow};
use model::wrong::{Refused, Table, TableError, laws, refused, to_save};
use std::fmt::Write;
use std::fs;
use std::sync::OnceLock;
use trace::Trace;

/// The file of the table, relative to the project's folder.
const SAVED: &str = rulebook::WRONG_MODELS;

/// The table as saved when this program was built.
///
/// # Errors
///
/// If a line has the wrong form or names a law that doesn't exist.
pub(crate) fn table() -> Result<&'static Table> {
    static TABLE: OnceLock<Result<Table, TableError>> = OnceLock::new();
    let text = include_str!("../../../../snapshots/model/wrong-models.txt");
    let table = TABLE.get_or_init(|| Table::parse(text)).as_ref();
    table.map_err(|error| anyhow!("{SAVED}:{error}; `cargo run -- wrong --save` writes it anew"))
}

/// Judges the trace of every rule by every wrong model, and prints the result or saves it. The status
/// is [`HELD`] if each wrong model is refused by a rule, and each rule refuses one.
pub(crate) fn run(save: bool) -> Result<u8> {
    let traces = traces()?;
    let laws = laws(&traces);
    let table = refused(&laws);
    if save {
        let path = project::root()?.join(SAVED);
        fs::write(&path, to_save(&laws)).with_context(|| path.display().to_string())?;
        eprintln!("saved: {}; the next build of this program knows it", path.display());
    }
    let mut text = String::new();
    for Refused { law, by, named } in &table {
        let rules = by[..*named].join(" ");
        let _ = writeln!(text, "{} ({}): refused by {}", law.wrong(), law.name(), by.len());
        if !rules.is_empty() {
            let _ = writeln!(text, "    {rules}");
        }
    }
    let unnoticed = table.iter().filter(|line| line.by.is_empty()).count();
    let idle = laws.iter().filter(|(_, laws)| laws.is_empty());
    let idle: Vec<&str> = idle.map(|(id, _)| id.as_str()).collect();
    let _ = writeln!(
        text,
        "\n{} wrong models, {unnoticed} refused by no rule; {} rules, {} refuse none{}{}",
        table.len(),
        traces.len(),
        idle.len(),
        if idle.is_empty() { "" } else { ": " },
        idle.join(" ")
    );
    output::print(&text)?;
    Ok(if unnoticed == 0 && idle.is_empty() { HELD } else { DIFFERS })
}

fn traces() -> Result<Vec<(String, Trace)>> {
    let seen = RULES.iter().filter_map(|rule| Some((rule.id, rule.snapshot?)));
    seen.map(|(id, snapshot)| {
        let trace = snapshot.parse().map_err(|error| anyhow!("{id}: {error}"))?;
        Ok((id.to_owned(), trace))
    })
    .collect()
}
