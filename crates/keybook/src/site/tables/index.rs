//! All rules, page by page.

use super::input::Tables;
use crate::site::html::{badge, html, id_link};
use std::fmt::Write;

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = String::from("<table class=\"rules\">\n<thead><tr><th>Rule</th><th>Verdict</th>");
    out.push_str("<th>Statement</th></tr></thead>\n<tbody>\n");
    for rule in &tables.book.rules {
        let (id, verdict, statement) = (id_link(rule), badge(rule.verdict), html(&rule.statement));
        let _ = writeln!(out, "<tr><td>{id}</td><td>{verdict}</td><td>{statement}</td></tr>");
    }
    out + "</tbody>\n</table>\n"
}
