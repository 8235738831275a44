//! Each sentence of the manual pages, with the rules that come from it.

use super::input::Tables;
use crate::site::html::{badge, html, link};
use rulebook::{Rule, SENTENCES, Verdict};
use std::fmt::Write;

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = String::new();
    let mut page = "";
    for sentence in &SENTENCES {
        if sentence.page() != page {
            page = sentence.page();
            let _ = write!(out, "## {page}\n\n");
        }
        let number = sentence.number;
        let _ = write!(out, "### {number} {{#{number}}}\n\n{}\n\n", sentence.claim);
        for verdict in Verdict::ALL {
            let rules = tables.book.rules.iter();
            let rules = rules.filter(|rule| rule.verdict == verdict && rule.from.contains(&number));
            let links: Vec<String> = rules.map(item).collect();
            if !links.is_empty() {
                let (badge, many, links) = (badge(verdict), links.len(), links.concat());
                let _ = write!(
                    out,
                    "<div class=\"told\"><p>{badge} by {many}</p><ul>{links}</ul></div>\n\n"
                );
            }
        }
    }
    out
}

fn item(rule: &Rule) -> String {
    let title = html(&rule.plain_statement()).replace('"', "&quot;");
    format!("<li title=\"{title}\">{}</li>", link(rule, &rule.id))
}
