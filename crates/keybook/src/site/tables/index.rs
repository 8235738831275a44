//! The list of all rules, folded page by page.

use super::input::Tables;
use crate::output;
use crate::site::html::{self, badge, escape, html, id_link};

pub(super) fn table(tables: &Tables<'_>) -> String {
    let pages = tables.book.pages.iter().filter(|page| !page.rules.is_empty());
    let groups = pages.map(|page| {
        let rows = page
            .rules
            .iter()
            .map(|rule| html::row([id_link(rule), badge(rule.verdict), html(&rule.title)]));
        let rows = html::table("rules", &["Rule", "Verdict", "Title"], rows);
        html::group(&escape(&page.title), &output::count(page.rules.len(), "rule"), &rows)
    });
    groups.collect()
}
