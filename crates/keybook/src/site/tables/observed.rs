//! Where each rule was observed: a line for a rule, and the page with all of it.

use super::input::Tables;
use crate::report::{Count, ResultKind};
use crate::site::columns::{Cell, Column, ColumnKind};
use crate::site::html::{html, id_link};
use rulebook::Rule;
use std::fmt::Write;

/// The line below a rule; nothing if there are no results.
pub(crate) fn line(rule: &Rule, fingerprint: &str, columns: &[Column], up: &str) -> String {
    let cells = |kind: ColumnKind| {
        let of_kind = columns.iter().filter(move |column| column.kind == kind);
        of_kind.filter_map(move |column| Some((column, column.cell(&rule.id, fingerprint)?)))
    };
    let mut parts = Vec::new();
    let kernels: Vec<(&Column, &Cell)> = cells(ColumnKind::Kernel).collect();
    let held: Vec<&Column> = held(&kernels);
    if let [first, .., last] | [first @ last] = &held[..] {
        let all = if held.len() == kernels.len() { "" } else { &format!(" of {}", kernels.len()) };
        let range = match (version(first), version(last)) {
            (first, last) if first == last => first,
            (first, last) => format!("{first} to {last}"),
        };
        let plural = if held.len() == 1 && all.is_empty() { "kernel" } else { "kernels" };
        parts.push(format!("{}{all} {plural}, Linux {range}", held.len()));
    }
    let environments: Vec<(&Column, &Cell)> = cells(ColumnKind::Environment).collect();
    let places: Vec<&str> = self::held(&environments).iter().map(|column| &*column.title).collect();
    if !places.is_empty() {
        parts.push(format!(
            "Linux {} as {}",
            version(self::held(&environments)[0]),
            places.join(", ")
        ));
    }
    if parts.is_empty() {
        return String::new();
    }
    let page = format!("{up}reference/observed-on.html#matrix.{}", rule.id);
    format!("<p class=\"observed\"><a href=\"{page}\">Held</a> on {}.</p>\n\n", parts.join("; on "))
}

fn held<'a>(cells: &[(&'a Column, &Cell)]) -> Vec<&'a Column> {
    let held = cells.iter().filter(|(_, cell)| cell.result == ResultKind::Held);
    held.map(|(column, _)| *column).collect()
}

/// `6.1.192` of a kernel's name, or of what it says of itself.
fn version(column: &Column) -> String {
    let from = match column.kind {
        ColumnKind::Kernel => column.name.as_str(),
        ColumnKind::Environment => column.fact("kernel").trim_start_matches("Linux "),
    };
    from.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect()
}

/// The columns, with what is known of each place.
pub(super) fn columns(tables: &Tables<'_>) -> String {
    let mut out = String::new();
    for (kind, heading) in
        [(ColumnKind::Kernel, "Kernel"), (ColumnKind::Environment, "Environment")]
    {
        let _ = write!(
            out,
            "<table class=\"columns\">\n<thead><tr><th></th><th>{heading}</th><th>Held</th><th>Differ\
             </th><th>Not observed</th><th>The place</th></tr></thead>\n<tbody>\n"
        );
        for (nth, column) in (1..).zip(tables.columns).filter(|(_, column)| column.kind == kind) {
            let Count { held, differ, broken, not_observed } = column.count();
            let place = match kind {
                ColumnKind::Kernel => format!("{}; {}", column.fact("kernel"), column.how),
                ColumnKind::Environment => format!(
                    "uid {}; user namespace: {}; seccomp: {}; {}",
                    column.fact("uid"),
                    column.fact("user-namespace"),
                    column.fact("seccomp"),
                    column.fact("keyrings")
                ),
            };
            let _ = writeln!(
                out,
                "<tr><td>{nth}</td><td>{}</td><td>{held}</td><td>{}</td><td>{not_observed}</td>\
                 <td>{}</td></tr>",
                html(&column.title),
                differ + broken,
                html(&place)
            );
        }
        out.push_str("</tbody>\n</table>\n\n");
    }
    out
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
                Some(outcome @ (ResultKind::Differs | ResultKind::Broken)) => {
                    write!(out, "<td class=\"differs\">{}</td>", outcome.word())
                }
                Some(ResultKind::NotObserved) => write!(out, "<td>·</td>"),
                None => write!(out, "<td></td>"),
            };
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table>\n"
}

/// What could not be observed, and why: a line for each reason and column.
pub(super) fn reasons(tables: &Tables<'_>) -> String {
    let mut out = String::from(
        "<table class=\"reasons\">\n<thead><tr><th>Where</th><th>Rules</th><th>Needs</th></tr></thead>\n<tbody>\n",
    );
    for column in tables.columns {
        let mut reasons: std::collections::BTreeMap<&str, usize> = Default::default();
        for cell in column.rules.values().filter(|cell| cell.result == ResultKind::NotObserved) {
            *reasons.entry(&cell.because).or_default() += 1;
        }
        for (because, rules) in reasons {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{rules}</td><td>{}</td></tr>",
                html(&column.title),
                html(because)
            );
        }
    }
    out + "</tbody>\n</table>\n"
}
