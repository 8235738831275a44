//! `keybook wrong`: rules against wrong models.

use crate::embedded::RULES;
use crate::status::{DIFFERS, HELD};
use crate::{output, project};
use anyhow::{Context, Result, anyhow};
use model::Law;
use model::wrong::{Laws, Refused, laws, refused, to_save};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use trace::Trace;

/// A rule is weak if each law that it notices is noticed by more other rules than this.
const WEAK: usize = 20;

/// Judges the trace of every rule by every wrong model, and prints the result or saves it. The status
/// is [`HELD`] if each wrong model is refused by a rule, and each rule refuses one.
pub(crate) fn run(save: bool) -> Result<u8> {
    let traces = traces()?;
    let laws = laws(&traces);
    let table = refused(&laws);
    if save {
        let path = project::root()?.join(rulebook::WRONG_MODELS);
        fs::write(&path, to_save(&laws)).with_context(|| path.display().to_string())?;
        eprintln!("saved: {}; the next build of this program knows it", path.display());
    }
    let mut text = weakest(&laws, &table);
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

/// The rules that prove least: whose rarest law many other rules notice as well.
fn weakest(laws: &Laws, table: &[Refused]) -> String {
    let noticed: BTreeMap<Law, usize> = table.iter().map(|it| (it.law, it.by.len())).collect();
    let rarest = laws.iter().filter_map(|(id, laws)| {
        let law = laws.iter().min_by_key(|law| noticed.get(*law))?;
        Some((noticed.get(law).copied().unwrap_or_default(), id, *law))
    });
    let mut weak: Vec<_> = rarest.filter(|(number, ..)| *number > WEAK + 1).collect();
    weak.sort_by_key(|(number, id, _)| (Reverse(*number), *id));
    let lines = weak.iter().map(|(number, id, law)| format!("{number:4}  {id}: {}\n", law.name()));
    format!(
        "{} with no law that at most {WEAK} other rules notice, the weakest first:\n{}\n",
        output::count(weak.len(), "rule"),
        lines.collect::<String>()
    )
}

fn traces() -> Result<Vec<(String, Trace)>> {
    let seen = RULES.iter().filter_map(|rule| Some((rule.id, rule.snapshot?)));
    seen.map(|(id, snapshot)| {
        let trace = snapshot.parse().map_err(|error| anyhow!("{id}: {error}"))?;
        Ok((id.to_owned(), trace))
    })
    .collect()
}
