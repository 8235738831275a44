//! `keybook rules`: lists all rules.

use crate::output::{self, ListFormat};
use crate::project;
use crate::site::address::Site;
use crate::site::{columns, data};
use crate::status::HELD;
use anyhow::Result;
use rulebook::{Rule, Rulebook};

pub(crate) fn run(format: ListFormat) -> Result<u8> {
    let root = project::root()?;
    let book = Rulebook::read(&root);
    match format {
        ListFormat::Json => {
            let (site, columns) = (Site::of(&root)?, columns::saved(&root)?);
            output::print_json(&data::entries(&root, &book, &site, &columns))?;
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
