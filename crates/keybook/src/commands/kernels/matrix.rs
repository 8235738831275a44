//! Formats the matrix of rules and kernels.

use crate::embedded::RULES;
use crate::output::count;
use crate::report::{Count, ResultKind};
use crate::site::columns::Column;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Formats the matrix for people: a line per column, then a line per rule not held in all of them.
pub(super) fn human(columns: &[Column], seconds: &[f64], wall: Duration) -> String {
    let mut text = String::new();
    for (nth, (column, seconds)) in (1..).zip(columns.iter().zip(seconds)) {
        let Count { held, differ, broken, not_observed } = column.count();
        let _ = writeln!(
            text,
            "{nth:>3}  {:32} {:10} {held:>4} held {differ:>3} differ {broken:>3} broken \
             {not_observed:>4} not observed  {seconds:5.1} s",
            column.name, column.how
        );
    }
    let mut rows: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let all_held: String = columns.iter().map(|_| ResultKind::Held.sign()).collect();
    for id in RULES.iter().map(|rule| rule.id) {
        let sign = |column: &Column| column.rules.get(id).map_or(' ', |cell| cell.result.sign());
        rows.entry(columns.iter().map(sign).collect()).or_default().push(id);
    }
    let held = rows.remove(&all_held).map_or(0, |ids| ids.len());
    let _ = writeln!(
        text,
        "\n+ held   - differs   ! broken   . not observed\n{all_held}  {} in all columns",
        count(held, "rule")
    );
    for (row, ids) in rows {
        for id in ids {
            let _ = writeln!(text, "{row}  {id}");
        }
    }
    for column in columns {
        for (id, cell) in &column.rules {
            if matches!(cell.result, ResultKind::Differs | ResultKind::Broken) {
                let (word, because) = (cell.result.word(), &cell.because);
                let _ = writeln!(text, "{} {word} on {}: {because}", id, column.name);
            }
        }
    }
    let columns = count(columns.len(), "column");
    let _ = writeln!(text, "{columns} in {:.1} s", wall.as_secs_f64());
    text
}

/// Formats the matrix as JSON: columns by name, with their facts and the result of each rule.
pub(super) fn json(columns: &[Column]) -> Result<String> {
    let columns: BTreeMap<&str, &Column> =
        columns.iter().map(|column| (column.name.as_str(), column)).collect();
    Ok(serde_json::to_string_pretty(&columns)? + "\n")
}
