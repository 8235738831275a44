//! Each sentence of the manual pages with what the rules say of it: from the sentence to the rules, and with
//! them to program, trace and kernels; and the rules that no sentence leads to.

use super::input::{Seen, Tables};
use crate::output;
use crate::report::ResultKind;
use crate::site::columns::ColumnKind;
use crate::site::html::{self, badge, escape, html, link};
use rulebook::{SENTENCES, Sentence, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = summary(tables);
    let mut page = "";
    for sentence in &SENTENCES {
        if sentence.page() != page {
            page = sentence.page();
            let _ = write!(out, "## {page}\n\n");
        }
        let Sentence { number, claim } = sentence;
        let _ = write!(out, "### {number} {{#{number}}}\n\n{claim}\n\n");
        let rules: Vec<&Seen<'_>> =
            tables.seen.iter().filter(|seen| seen.rule.from.contains(number)).collect();
        out += &verdict(&rules);
        out += &by_verdict(&rules, tables);
    }
    out
}

/// The rules that no sentence leads to.
pub(super) fn beyond(tables: &Tables<'_>) -> String {
    let beyond: Vec<&Seen<'_>> =
        tables.seen.iter().filter(|seen| seen.rule.from.is_empty()).collect();
    by_verdict(&beyond, tables)
}

/// How many rules there are, and that none is left out.
fn summary(tables: &Tables<'_>) -> String {
    let all = tables.seen.len();
    let beyond = tables.seen.iter().filter(|seen| seen.rule.from.is_empty()).count();
    format!(
        "{} of the {all} rules come from a sentence; {beyond} are [beyond the pages](beyond.md). Each has a program and a trace, \
         and says on how many of {} other kernels it held.\n\n",
        all - beyond,
        tables.columns.iter().filter(|column| column.kind == ColumnKind::Kernel).count()
    )
}

/// What the rules say of a sentence as a whole: wrong if one of them contradicts it. Empty if all rules
/// have one verdict, which stands below.
fn verdict(rules: &[&Seen<'_>]) -> String {
    let first = rules.first().map(|seen| seen.rule.verdict);
    if rules.iter().all(|seen| Some(seen.rule.verdict) == first) {
        return String::new();
    }
    let count = |verdict| rules.iter().filter(|seen| seen.rule.verdict == verdict).count();
    let of = output::count(rules.len(), "rule");
    let worst = Verdict::ALL.into_iter().rfind(|it| count(*it) > 0).unwrap_or(Verdict::Unstated);
    format!("<p>{} by {} of {of}</p>\n\n", badge(worst), count(worst))
}

/// The rules with each verdict, the worst first, by the page they are on.
fn by_verdict(rules: &[&Seen<'_>], tables: &Tables<'_>) -> String {
    let of_verdict = |verdict: &Verdict| {
        let rules = rules.iter().filter(|seen| seen.rule.verdict == *verdict);
        let mut pages: BTreeMap<usize, Vec<&Seen<'_>>> = BTreeMap::new();
        for seen in rules {
            let nth = tables.book.pages.iter().position(|page| page.path == seen.rule.page);
            pages.entry(nth.unwrap_or_default()).or_default().push(seen);
        }
        let count = pages.values().map(Vec::len).sum::<usize>();
        let list = |(nth, rules): (&usize, &Vec<&Seen<'_>>)| {
            let items = rules.iter().map(|seen| item(seen, tables));
            format!(
                "<p class=\"page\">{}</p>\n<ul>\n{}</ul>\n",
                escape(&tables.book.pages[*nth].title),
                items.collect::<String>()
            )
        };
        let lists: String = pages.iter().map(list).collect();
        let count = output::count(count, "rule");
        (!lists.is_empty()).then(|| html::group(&badge(*verdict), &count, &lists))
    };
    let groups: String = Verdict::ALL.iter().rev().filter_map(of_verdict).collect();
    format!("<div class=\"told\">\n{groups}</div>\n\n")
}

/// A rule by its title, which leads to its program and trace, and the number of kernels on which it held.
fn item(seen: &Seen<'_>, tables: &Tables<'_>) -> String {
    let kernels = tables.columns.iter().filter(|column| column.kind == ColumnKind::Kernel);
    let held = kernels.filter(|column| {
        let cell = column.cell(&seen.rule.id, &seen.fingerprint);
        cell.is_some_and(|cell| cell.result == ResultKind::Held)
    });
    format!(
        "<li>{} <a class=\"held\" href=\"{{up}}reference/observed-on.html#matrix.{}\">{}</a></li>\n",
        link(seen.rule, &html(&seen.rule.title)),
        seen.rule.id,
        output::count(held.count(), "kernel")
    )
}
