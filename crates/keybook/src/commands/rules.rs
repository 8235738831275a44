//! `keybook rules`: lists all rules.

use crate::output;
use crate::project;
use crate::site::address::Site;
use crate::site::{columns, data};
use crate::status::HELD;
use anyhow::Result;
use clap::ValueEnum;
use rulebook::Rule;

/// Output formats of the list.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
    /// Id, page, verdict and statement, with tabs between them: what is stored of a release.
    Tsv,
}

pub(crate) fn run(format: Format) -> Result<u8> {
    let book = project::book();
    match format {
        Format::Json => {
            // Without the project, its saved results are missing too.
            let root = project::root().unwrap_or_default();
            let columns = columns::saved(&root)?;
            output::print_json(&data::entries(&root, &book, Site::here(), &columns))?;
        }
        Format::Human => {
            let rules = &book.rules;
            let widest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            let line = |rule: &Rule| {
                let statement = rule.plain_statement();
                format!("{:widest$}  {:12}  {statement}\n", rule.id, rule.verdict)
            };
            output::print(&rules.iter().map(line).collect::<String>())?;
        }
        Format::Tsv => {
            let mut lines: Vec<String> = book.rules.iter().map(Rule::published).collect();
            lines.sort();
            output::print(&lines.concat())?;
        }
    }
    Ok(HELD)
}
