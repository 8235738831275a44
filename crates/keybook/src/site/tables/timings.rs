//! The tables of the page *Speed*, from the saved results of benchmarks.

use super::Tables;
use crate::site::html::{self, html, row};
use rulebook::Timings;

pub(super) fn tables(tables: &Tables<'_>) -> String {
    tables.timings.iter().map(table).collect()
}

fn table(Timings { command, machine, peer, rows }: &Timings) -> String {
    let beside = if peer.is_empty() { "" } else { peer };
    let cells = rows.iter().map(|cells| row(cells.iter().map(|cell| html(cell))));
    let table = html::table("timings", &["", "here", beside], cells);
    format!("`{command}`, on {machine}:\n\n{table}\n")
}
