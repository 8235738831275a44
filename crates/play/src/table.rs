//! The table of wrong models as the browser gets it: a line for each law, with the number of rules that are named, and the
//! rules. Unlike the stored table it needs no sorting, which would take longer than to judge a trace.

use model::Law;
use model::wrong::{Refused, Table};

/// The table as text.
pub fn text(table: &Table) -> String {
    let line = |row: &Refused| format!("{}\t{}\t{}\n", row.law.name(), row.named, row.by.join(" "));
    table.rows.iter().map(line).collect()
}

/// The inverse.
///
/// # Errors
///
/// If the text is not a table of this version: in which line.
pub fn parse(text: &str) -> Result<Table, String> {
    let row = |(nth, (law, line)): (usize, (Law, &str))| {
        let read = || {
            let (name, rest) = line.split_once('\t')?;
            let (named, by) = rest.split_once('\t')?;
            let by: Vec<String> = by.split_whitespace().map(str::to_owned).collect();
            let named = named.parse().ok().filter(|named| *named <= by.len())?;
            (name == law.name()).then_some(Refused { law, by, named })
        };
        read().ok_or_else(|| format!("line {} of the table is of another version", nth + 1))
    };
    Ok(Table { rows: Law::all().zip(text.lines()).enumerate().map(row).collect::<Result<_, _>>()? })
}
