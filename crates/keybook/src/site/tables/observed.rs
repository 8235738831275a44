//! The page with the matrix: where each rule was observed.

use super::input::Tables;
use crate::report::{Count, ResultKind};
use crate::site::columns::{Column, ColumnKind};
use crate::site::html::{self, html, id_link};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The columns, with facts about each system.
pub(super) fn columns(tables: &Tables<'_>) -> String {
    let table = |(kind, heading)| {
        let columns = (1..).zip(tables.columns).filter(move |(_, column)| column.kind == kind);
        let rows = columns.map(|(nth, column)| column_row(nth, column));
        let headings = ["Column", heading, "Held", "Differ", "Not observed", "The place"];
        html::table("columns", &headings, rows) + "\n"
    };
    [(ColumnKind::Kernel, "Kernel"), (ColumnKind::Environment, "Environment")].map(table).concat()
}

fn column_row(nth: usize, column: &Column) -> String {
    let Count { held, differ, broken, not_observed } = column.count();
    let fact = |name| column.fact(name);
    let system = match column.kind {
        ColumnKind::Kernel => format!("{}; {}", fact("kernel"), column.how),
        ColumnKind::Environment => format!(
            "uid {}; user namespace: {}; seccomp: {}; {}",
            fact("uid"),
            fact("user-namespace"),
            fact("seccomp"),
            fact("keyrings")
        ),
    };
    let counts = [held, differ + broken, not_observed].map(|count| count.to_string());
    let [held, differ, not_observed] = counts;
    html::row([nth.to_string(), html(&column.title), held, differ, not_observed, html(&system)])
}

/// All rules against all columns.
pub(super) fn matrix(tables: &Tables<'_>) -> String {
    let mut out = String::from("<table class=\"matrix\">\n<thead><tr><th>Rule</th>");
    for (nth, column) in (1..).zip(tables.columns) {
        let _ = write!(out, "<th title=\"{}\">{nth}</th>", column.title);
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for seen in &tables.seen {
        let (rule, fingerprint) = (seen.rule, &seen.fingerprint);
        let _ = write!(out, "<tr id=\"matrix.{}\"><td>{}</td>", rule.id, id_link(rule));
        for column in tables.columns {
            let cell = column.cell(&rule.id, fingerprint);
            let _ = match cell.map(|cell| cell.result) {
                Some(ResultKind::Held) => write!(out, "<td>●</td>"),
                Some(result @ (ResultKind::Differs | ResultKind::Broken)) => {
                    write!(out, "<td class=\"differs\">{}</td>", result.word())
                }
                Some(ResultKind::NotObserved) => write!(out, "<td>·</td>"),
                None => write!(out, "<td></td>"),
            };
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table>\n"
}

/// Why rules could not be observed: a line for each column and reason.
pub(super) fn reasons(tables: &Tables<'_>) -> String {
    let rows = tables.columns.iter().flat_map(|column| {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for cell in column.rules.values().filter(|cell| cell.result == ResultKind::NotObserved) {
            *reasons.entry(&cell.because).or_default() += 1;
        }
        let row = |(because, rules): (&str, usize)| {
            html::row([html(&column.title), rules.to_string(), html(because)])
        };
        reasons.into_iter().map(row).collect::<Vec<_>>()
    });
    html::table("reasons", &["Where", "Rules", "Needs"], rows)
}
