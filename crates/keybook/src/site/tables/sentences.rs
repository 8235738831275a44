//! Each sentence of the two manual pages, with the rules that come from it.

use super::input::Tables;
use crate::site::html::{badge, html, link};
use rulebook::{SENTENCES, Verdict};
use std::fmt::Write;

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = String::new();
    let mut page = "";
    for sentence in &SENTENCES {
        if sentence.page() != page {
            page = sentence.page();
            let _ = write!(out, "## {page}\n\n");
        }
        let rules: Vec<_> =
            tables.book.rules.iter().filter(|rule| rule.from.contains(&sentence.number)).collect();
        let number = sentence.number;
        let _ = write!(out, "### {number} {{#{number}}}\n\n{}\n\n", sentence.claim);
        for verdict in Verdict::ALL {
            let links: Vec<String> = rules
                .iter()
                .filter(|rule| rule.verdict == verdict)
                .map(|rule| {
                    let title = html(&rule.plain_statement()).replace('"', "&quot;");
                    let link = link(rule, &rule.id);
                    format!("<li title=\"{title}\">{link}</li>")
                })
                .collect();
            if !links.is_empty() {
                let (badge, many, links) = (badge(verdict), links.len(), links.join(""));
                let _ = write!(
                    out,
                    "<div class=\"told\"><p>{badge} by {many}</p><ul>{links}</ul></div>\n\n"
                );
            }
        }
    }
    out
}
