//! What was observed in each environment, in short.

use super::input::Tables;
use crate::report::Count;
use crate::site::columns::{Column, ColumnKind};
use crate::site::html::{self, html};

pub(super) fn table(tables: &Tables<'_>) -> String {
    let columns = tables.columns.iter();
    let environments = columns.filter(|column| column.kind == ColumnKind::Environment);
    html::table("containers", &["Where", "Rules", "What the calls answer"], environments.map(row))
}

fn row(column: &Column) -> String {
    let Count { held, differ, broken, not_observed } = column.count();
    let counts = [(held, "held"), (differ + broken, "differ"), (not_observed, "not observed")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    let fact = |name| column.fact(name);
    let answers = format!(
        "{}. Seccomp: {}; user namespace: {}.",
        fact("keyrings"),
        fact("seccomp"),
        fact("user-namespace")
    );
    html::row([html(&column.title), counts.join("<br>"), html(&answers)])
}
