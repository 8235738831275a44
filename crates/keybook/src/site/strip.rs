//! The strip below a rule: on which kernels and in which environments it held, and why not in the
//! others.

use super::columns::{Cell, Column, ColumnKind};
use super::html::html;
use crate::report::ResultKind;
use rulebook::Rule;
use std::fmt::Write;

/// What the strip shows of a column, from the worst to the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Differs,
    NotObserved,
    Held,
}

impl Mark {
    fn of(cell: Option<&Cell>) -> Mark {
        match cell.map(|cell| cell.result) {
            Some(ResultKind::Held) => Mark::Held,
            Some(ResultKind::Differs | ResultKind::Broken) => Mark::Differs,
            // Without a cell the rule has changed since.
            Some(ResultKind::NotObserved) | None => Mark::NotObserved,
        }
    }

    /// A cell of the summary. The words are for those who do not see how it is underlined.
    fn cell(self, short: &str) -> String {
        let (class, words) = match self {
            Mark::Held => ("", ""),
            Mark::NotObserved => (" class=\"not\"", " not observed"),
            Mark::Differs => (" class=\"diff\"", " differs"),
        };
        let words = match words {
            "" => String::new(),
            words => format!("<span class=\"vh\">{words}</span>"),
        };
        format!("<span{class}>{}{words}</span>", html(short))
    }
}

type Seen<'a> = (&'a Column, Option<&'a Cell>);

/// The strip of a rule; empty if no column is saved.
pub(super) fn strip(rule: &Rule, fingerprint: &str, columns: &[Column], up: &str) -> String {
    let seen = columns.iter().map(|column| (column, column.cell(&rule.id, fingerprint)));
    let seen: Vec<Seen<'_>> = seen.collect();
    let row = |name, kind| {
        let of_kind: Vec<Seen<'_>> =
            seen.iter().filter(|(column, _)| column.kind == kind).copied().collect();
        summary_row(name, kind, &of_kind)
    };
    let rows = [
        ("Held on", ColumnKind::Kernel),
        ("Built for", ColumnKind::Architecture),
        ("Run in", ColumnKind::Environment),
    ];
    let rows: Vec<String> = rows.into_iter().filter_map(|(name, kind)| row(name, kind)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let more = "<span class=\"more\" aria-hidden=\"true\"></span>";
    let mut out = String::from("<details class=\"strip\">\n<summary>");
    for (nth, row) in (1..).zip(&rows) {
        let more = if nth == rows.len() { more } else { "" };
        let _ = write!(out, "{row}{more}</span>");
    }
    let details = details(rule, &seen, up);
    let _ = write!(out, "</summary>\n{details}</details>\n\n");
    out
}

/// A row of the summary, without its end; `None` if there are no columns of this kind.
fn summary_row(name: &str, kind: ColumnKind, seen: &[Seen<'_>]) -> Option<String> {
    // Kernels of one series or architecture share a cell, which shows the worst of them.
    let mut cells: Vec<(&str, Mark)> = Vec::new();
    for (column, cell) in seen {
        let mark = Mark::of(*cell);
        match cells.iter_mut().find(|(short, _)| *short == column.short) {
            Some((_, worst)) => *worst = mark.min(*worst),
            None => cells.push((&column.short, mark)),
        }
    }
    if kind == ColumnKind::Environment {
        cells.sort_by_key(|(_, mark)| *mark != Mark::Held);
    }
    let cells: Vec<String> = cells.iter().map(|(short, mark)| mark.cell(short)).collect();
    // The spaces separate the words for a reader that speaks them.
    let row =
        || format!("<span class=\"k\">{name}</span> <span class=\"cells\">{}", cells.join(" "));
    (!cells.is_empty()).then(row)
}

/// The exact names of those that held, and a row with the reason for each of the others.
fn details(rule: &Rule, seen: &[Seen<'_>], up: &str) -> String {
    let held = seen.iter().filter(|(_, cell)| Mark::of(*cell) == Mark::Held);
    let held: Vec<String> = held.map(|(column, _)| html(&column.title)).collect();
    let row = |name: &str, text: &str| format!("<tr><td>{name}</td><td>{text}</td></tr>\n");
    let mut rows = String::new();
    if !held.is_empty() {
        rows += &row("held", &held.join(", "));
    }
    for (column, cell) in seen {
        let because = match cell {
            None => "not run since the program below this rule was changed".to_owned(),
            Some(cell) if cell.result == ResultKind::Held => continue,
            Some(cell) if cell.result == ResultKind::NotObserved => {
                // A reason says itself that there are no keyrings.
                let because = cell.because.strip_prefix("keyrings: ").unwrap_or(&cell.because);
                format!("not observed: {because}")
            }
            Some(cell) => format!("{}: {}", cell.result.word(), cell.because),
        };
        rows += &row(&html(&column.title), &html(&because));
    }
    let all = format!("{up}reference/observed-on.html#matrix.{}", rule.id);
    format!(
        "<table><tbody>\n{rows}</tbody></table>\n<p><a href=\"{all}\">All rules and all \
         kernels</a></p>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(short: &str, kind: &str, cell: &str) -> Column {
        let mut column: Column = serde_json::from_value(serde_json::json!({
            "title": format!("{short}, the whole name"),
            "kind": kind,
            "how": "UML",
            "environment": {},
            "rules": {"process.fork": cell},
        }))
        .unwrap();
        column.short = short.to_owned();
        column
    }

    fn shown(columns: &[Column]) -> String {
        let page = "# P\n\n## process.fork\n\n**T**\n\nS.\n\n*P7 · stated · `copy_creds`*\n\n```rust\n\
                    # fn main() {}\n```\n";
        let page = rulebook::Page::parse(Path::new("p.md"), page);
        strip(&page.rules[0], "0123", columns, "../")
    }

    use std::path::Path;

    #[test]
    fn a_series_shows_the_worst_of_its_kernels() {
        let strip = shown(&[
            column("6.1", "kernel", "held 0123"),
            column("6.1", "kernel", "not-observed 0123 root: nobody is root"),
            column("7.0", "kernel", "differs 0123 another answer"),
        ]);
        let summary = &strip[..strip.find("</summary>").unwrap()];
        assert_eq!(summary.matches("6.1").count(), 1);
        assert!(summary.contains("<span class=\"not\">6.1<span class=\"vh\"> not observed</span>"));
        assert!(summary.contains("<span class=\"diff\">7.0<span class=\"vh\"> differs</span>"));
        assert!(strip.contains("<td>7.0, the whole name</td><td>differs: another answer</td>"));
        assert!(strip.contains("<td>held</td><td>6.1, the whole name</td>"));
    }

    #[test]
    fn environments_that_held_come_first() {
        let strip = shown(&[
            column("Docker", "environment", "not-observed 0123 no keyrings: refused"),
            column("root", "environment", "held 0123"),
            column("user", "environment", "held 4567"),
        ]);
        let place = |short: &str| strip.find(&format!(">{short}<")).unwrap();
        assert!(place("root") < place("Docker"));
        assert!(strip.contains("<td>user, the whole name</td><td>not run since"), "{strip}");
        assert!(!strip.contains("Held on"));
    }
}
