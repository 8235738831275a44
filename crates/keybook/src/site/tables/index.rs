//! The list of all rules.

use super::input::Tables;
use crate::site::html::{self, badge, html, id_link};

pub(super) fn table(tables: &Tables<'_>) -> String {
    let rules = tables.book.rules.iter();
    let rows =
        rules.map(|rule| html::row([id_link(rule), badge(rule.verdict), html(&rule.statement)]));
    html::table("rules", &["Rule", "Verdict", "Statement"], rows)
}
