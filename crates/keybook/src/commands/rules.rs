//! `keybook rules`: the list of all rules.

use crate::{HELD, ListFormat, output};
use anyhow::Result;
use rulebook::{Rule, Rulebook};
use serde::Serialize;

/// A rule as the list tells it.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    verdict: &'a str,
    from: &'a [&'static str],
    statement: &'a str,
    kernel: &'a [String],
    needs: &'a [String],
    page: String,
}

impl<'a> From<&'a Rule> for Entry<'a> {
    fn from(rule: &'a Rule) -> Entry<'a> {
        Entry {
            id: &rule.id,
            verdict: rule.verdict.word(),
            from: &rule.from,
            statement: &rule.statement,
            kernel: &rule.kernel,
            needs: &rule.needs,
            page: rule.link(),
        }
    }
}

pub(crate) fn list(book: &Rulebook, format: ListFormat) -> Result<u8> {
    match format {
        ListFormat::Json => {
            let entries: Vec<Entry<'_>> = book.rules.iter().map(Entry::from).collect();
            output::print(&(serde_json::to_string_pretty(&entries)? + "\n"))?;
        }
        ListFormat::Human => {
            let widest = book.rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            let line = |rule: &Rule| {
                let statement = rule.plain_statement();
                format!("{:widest$}  {:12}  {statement}\n", rule.id, rule.verdict)
            };
            output::print(&book.rules.iter().map(line).collect::<String>())?;
        }
    }
    Ok(HELD)
}
