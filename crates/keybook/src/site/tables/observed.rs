//! The page with the matrix: where each rule was observed.

use super::input::{Seen, Tables};
use crate::output;
use crate::report::{Count, ResultKind};
use crate::site::columns::{Column, ColumnKind};
use crate::site::html::{self, escape, html, id_link};
use std::collections::BTreeMap;

/// The columns, with facts about each system, folded kind by kind.
pub(super) fn columns(tables: &Tables<'_>) -> String {
    let table = |(kind, heading)| {
        let columns = (1..).zip(tables.columns).filter(move |(_, column)| column.kind == kind);
        let rows: Vec<String> = columns.map(|(nth, column)| column_row(nth, column)).collect();
        let count = output::count(rows.len(), "place");
        let headings = ["Column", "Name", "Held", "Differ", "Not observed", "The place"];
        html::group(heading, &count, &html::table("columns", &headings, rows.into_iter()))
    };
    let kinds = [
        (ColumnKind::Kernel, "Kernels"),
        (ColumnKind::Architecture, "Other architectures"),
        (ColumnKind::Environment, "Environments on one kernel"),
    ];
    kinds.map(table).concat()
}

fn column_row(nth: usize, column: &Column) -> String {
    let Count { held, differ, broken, not_observed } = column.count();
    let fact = |name| column.fact(name);
    let system = match column.kind {
        ColumnKind::Kernel => format!("{}; {}", fact("kernel"), column.how),
        ColumnKind::Architecture => {
            format!("{}; {}; {}", fact("architecture"), fact("kernel"), column.how)
        }
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

/// All rules against all columns, folded page by page.
pub(super) fn matrix(tables: &Tables<'_>) -> String {
    let mut seen = tables.seen.iter();
    let pages = tables.book.pages.iter().filter(|page| !page.rules.is_empty());
    let groups = pages.map(|page| {
        let rows = seen.by_ref().take(page.rules.len());
        let rows: String = rows.map(|seen| matrix_row(seen, tables.columns)).collect();
        let columns = (1..).zip(tables.columns);
        let columns: String = columns
            .map(|(nth, column)| format!("<th title=\"{}\">{nth}</th>", column.title))
            .collect();
        let table = format!(
            "<table class=\"matrix\">\n<thead><tr><th>Rule</th>{columns}</tr></thead>\n<tbody>\n\
             {rows}</tbody>\n</table>\n"
        );
        html::group(&escape(&page.title), &output::count(page.rules.len(), "rule"), &table)
    });
    groups.collect()
}

fn matrix_row(seen: &Seen<'_>, columns: &[Column]) -> String {
    let (rule, fingerprint) = (seen.rule, &seen.fingerprint);
    let cells = columns.iter().map(|column| {
        match column.cell(&rule.id, fingerprint).map(|cell| cell.result) {
            Some(ResultKind::Held) => "<td>●</td>".to_owned(),
            Some(result @ (ResultKind::Differs | ResultKind::Broken)) => {
                format!("<td class=\"differs\">{}</td>", result.word())
            }
            Some(ResultKind::NotObserved) => "<td>·</td>".to_owned(),
            None => "<td></td>".to_owned(),
        }
    });
    let cells: String = cells.collect();
    format!("<tr id=\"matrix.{}\"><td>{}</td>{cells}</tr>\n", rule.id, id_link(rule))
}

/// Why rules could not be observed: for each place, the reasons.
pub(super) fn reasons(tables: &Tables<'_>) -> String {
    let groups = tables.columns.iter().map(|column| {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for cell in column.rules.values().filter(|cell| cell.result == ResultKind::NotObserved) {
            *reasons.entry(&cell.because).or_default() += 1;
        }
        if reasons.is_empty() {
            return String::new();
        }
        let count = output::count(reasons.values().sum::<usize>(), "rule");
        let rows = reasons
            .into_iter()
            .map(|(because, rules)| html::row([rules.to_string(), html(because)]));
        let rows = html::table("reasons", &["Rules", "Needs"], rows);
        html::group(&html(&column.title), &count, &rows)
    });
    groups.collect()
}
