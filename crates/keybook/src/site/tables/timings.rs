//! The tables of the page *Speed*, from the saved results of benchmarks.

use super::Tables;
use crate::site::html::{self, html, row};
use rulebook::Timings;

pub(super) fn tables(tables: &Tables<'_>) -> String {
    tables.timings.iter().map(table).collect()
}

fn table(Timings { command, machine, peer, rows }: &Timings) -> String {
    // The last column is for the peer.
    let headings = ["what", "here", peer];
    let shown = if peer.is_empty() { &headings[..2] } else { &headings };
    let cells = rows.iter().map(|cells| row(cells[..shown.len()].iter().map(|cell| html(cell))));
    let table = html::table("timings", shown, cells);
    format!("`{command}`, on {machine}:\n\n{table}\n")
}
