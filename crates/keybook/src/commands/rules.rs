//! `keybook rules`: lists all rules.

use crate::output::{self, ListFormat};
use crate::project;
use crate::site::address::Site;
use crate::status::HELD;
use anyhow::Result;
use rulebook::Rule;
use serde_json::json;

pub(crate) fn run(format: ListFormat) -> Result<u8> {
    let rules = project::book().rules;
    let site = Site::here();
    match format {
        ListFormat::Json => {
            let entry = |rule: &Rule| {
                json!({
                    "id": rule.id,
                    "verdict": rule.verdict.word(),
                    "from": rule.from,
                    "title": rule.title,
                    "statement": rule.statement,
                    "kernel": rule.kernel,
                    "given": rule.given,
                    "needs": rule.needs,
                    "page": rule.link(),
                    "address": site.rule(&rule.id),
                })
            };
            output::print_json(&rules.iter().map(entry).collect::<Vec<_>>())?;
        }
        ListFormat::Human => {
            let widest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            let line = |rule: &Rule| {
                let statement = rule.plain_statement();
                format!("{:widest$}  {:12}  {statement}\n", rule.id, rule.verdict)
            };
            output::print(&rules.iter().map(line).collect::<String>())?;
        }
    }
    Ok(HELD)
}
