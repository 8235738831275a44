//! The index of errors: every error of every call in the traces, with the rules that show it.

use super::input::Tables;
use crate::output::count;
use crate::site::html::{code, id_link};
use rulebook::Rule;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut shown: BTreeMap<&str, BTreeMap<&str, Vec<&Rule>>> = BTreeMap::new();
    for seen in &tables.seen {
        for event in seen.trace.events() {
            let Some(errno) = event.outcome.errno_name() else { continue };
            let rules = shown.entry(errno).or_default().entry(&event.call).or_default();
            if rules.last().is_none_or(|last| last.id != seen.rule.id) {
                rules.push(seen.rule);
            }
        }
    }
    let mut out = String::new();
    for (errno, calls) in shown {
        let error = tables.failed.errors.iter().find(|error| error.name == errno);
        let words = error.map_or("", |error| &error.words);
        let anchor = errno.to_lowercase();
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        let _ = write!(out, "## {errno}{words} {{#{anchor}}}\n\n");
        if error.is_some() {
            let _ = write!(
                out,
                "<p><a href=\"{{up}}failed.html#{anchor}\">Why, and what to do</a></p>\n\n"
            );
        }
        for (call, rules) in calls {
            let number = count(rules.len(), "rule");
            let links: Vec<String> = rules.iter().map(|rule| id_link(rule)).collect();
            let _ = writeln!(
                out,
                "<details class=\"shown\"><summary>{} <span>{number}</span></summary>{}</details>",
                code(call),
                links.join(" · ")
            );
        }
        out.push('\n');
    }
    out
}
