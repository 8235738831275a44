//! `keybook rules`: the list of all rules.

use crate::Format;
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

pub(crate) fn list(book: &Rulebook, format: Format) -> Result<()> {
    match format {
        Format::Json => {
            let entries: Vec<Entry<'_>> = book.rules.iter().map(Entry::from).collect();
            println!("{}", serde_json::to_string_pretty(&entries)?);
        }
        Format::Human => {
            let widest = book.rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            for rule in &book.rules {
                let statement = rule.plain_statement();
                println!("{:widest$}  {:12}  {statement}", rule.id, rule.verdict);
            }
        }
    }
    Ok(())
}
