//! `keybook wrong`: rules against wrong models.

use crate::embedded::RULES;
use crate::status::{DIFFERS, HELD};
use crate::{output, project};
use anyhow::{Context, Result, anyhow};
use model::wrong::{Laws, Refused, WEAK, Weak, laws, refused, to_save, weak};
use std::fmt::Write;
use std::fs;
use trace::Trace;

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

/// The rules that prove least.
fn weakest(laws: &Laws, table: &[Refused]) -> String {
    let weak = weak(laws, table);
    let line = |rule: &Weak<'_>| format!("{:4}  {}: {}\n", rule.by, rule.rule, rule.law.name());
    let lines: String = weak.iter().map(line).collect();
    let rules = output::count(weak.len(), "rule");
    format!(
        "{rules} with no law that at most {WEAK} other rules notice, the weakest first:\n{lines}\n"
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
