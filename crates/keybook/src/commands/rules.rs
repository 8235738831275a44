//! `keybook rules`: lists all rules.

use crate::output::{self, ListFormat};
use crate::project;
use crate::site::address::Site;
use crate::site::{columns, data};
use crate::status::HELD;
use anyhow::Result;
use rulebook::Rule;

pub(crate) fn run(format: ListFormat) -> Result<u8> {
    let book = project::book();
    match format {
        ListFormat::Json => {
            // Without the project, its saved results are missing too.
            let root = project::root().unwrap_or_default();
            let columns = columns::saved(&root)?;
            output::print_json(&data::entries(&root, &book, Site::here(), &columns))?;
        }
        ListFormat::Human => {
            let rules = &book.rules;
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
