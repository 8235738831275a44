//! Why calls fail: the index of errors, and the causes on the page of each group of errors.

use super::input::Tables;
use crate::failed::{Cause, Error, Failed};
use crate::site::columns::Column;
use crate::site::html::{self, attribute, code, html, link};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most rules that stand beside a cause; the others are folded.
const RULES_SHOWN: usize = 3;

/// Every error with its causes, each a link.
pub(super) fn index(tables: &Tables<'_>) -> String {
    let mut out = String::new();
    for error in &tables.failed.errors {
        let Error { name, words, about, causes, .. } = error;
        let _ = write!(out, "## {name}: {words} {{#{}}}\n\n{about}\n\n", name.to_lowercase());
        for (nth, cause) in causes.iter().enumerate() {
            let title = html(&cause.title);
            let _ =
                writeln!(out, "{}. <a href=\"{{up}}{}\">{title}</a>", nth + 1, error.place(cause));
        }
        out.push('\n');
    }
    out
}

/// The errors of a page, each with a table of its calls and with its causes.
pub(super) fn causes(tables: &Tables<'_>, page: &str) -> String {
    let errors = tables.failed.errors.iter().filter(|error| error.page == page);
    let errors: Vec<&Error> = errors.collect();
    let mut out = String::new();
    for error in &errors {
        // The title of a page with one error has its name.
        let level = if errors.len() == 1 { "h2" } else { "h3" };
        if errors.len() > 1 {
            let Error { name, words, .. } = error;
            let _ = write!(out, "## {name}: {words} {{#{}}}\n\n", name.to_lowercase());
        }
        let _ = write!(
            out,
            "{}\n\n{}\n<ol class=\"causes\">\n",
            error.about,
            which(error, tables.failed)
        );
        for cause in &error.causes {
            out += &card(error, cause, level, tables);
        }
        out += "</ol>\n\n";
    }
    out
}

/// Which call can have which causes; the calls with the same causes stand together.
fn which(error: &Error, failed: &Failed) -> String {
    let mut rows: BTreeMap<Vec<usize>, Vec<&str>> = BTreeMap::new();
    for (call, causes) in error.calls(failed) {
        rows.entry(causes).or_default().push(call);
    }
    let of_all = error.causes.iter().enumerate().filter(|(_, cause)| cause.is_of_all_calls());
    let of_all: Vec<usize> = of_all.map(|(nth, _)| nth).collect();
    let any = (!of_all.is_empty()).then(|| (of_all, vec!["any call".to_owned()]));
    let calls = |calls: Vec<&str>| calls.into_iter().map(code).collect();
    let rows = rows.into_iter().map(|(causes, names)| (causes, calls(names)));
    let rows = any.into_iter().chain(rows).map(|(causes, calls): (Vec<usize>, Vec<String>)| {
        let number = |nth: usize| {
            let cause = &error.causes[nth];
            let title = attribute(&cause.title.replace('`', ""));
            format!("<a href=\"#{}\" title=\"{title}\">{}</a>", error.anchor(cause), nth + 1)
        };
        let causes: Vec<String> = causes.into_iter().map(number).collect();
        html::row([calls.join(", "), causes.join(", ")])
    });
    html::table("which", &["Call", "Causes, in the order to check them"], rows)
}

fn card(error: &Error, cause: &Cause, level: &str, tables: &Tables<'_>) -> String {
    let Cause { title, text, check, then, .. } = cause;
    let anchor = error.anchor(cause);
    let mut out = format!(
        "<li class=\"cause\"><{level} id=\"{anchor}\"><a class=\"header\" href=\"#{anchor}\">{}</a>\
         </{level}>\n<p>{}</p>\n<dl><dt>Check</dt><dd>{}</dd>\n<dt>Then</dt><dd>{}</dd>\n",
        html(title),
        html(text),
        html(check),
        html(then)
    );
    let rules = cause.rules.iter().filter_map(|id| tables.book.rule(id));
    let rules: Vec<String> = rules.map(|rule| link(rule, &html(&rule.title))).collect();
    if !rules.is_empty() {
        let (shown, folded) = rules.split_at(rules.len().min(RULES_SHOWN));
        let _ = write!(out, "<dt>Rules</dt><dd>{}", shown.join(" · "));
        if !folded.is_empty() {
            let _ = write!(
                out,
                "<details><summary>{} more</summary>{}</details>",
                folded.len(),
                folded.join(" · ")
            );
        }
        out += "</dd>\n";
    }
    let seen = |name: &String| tables.columns.iter().find(|column| column.name == *name);
    let seen: Vec<&Column> = cause.environments.iter().filter_map(seen).collect();
    if !seen.is_empty() {
        let titles: Vec<String> = seen.iter().map(|column| html(&column.title)).collect();
        let _ = writeln!(
            out,
            "<dt>Seen in</dt><dd><a href=\"{{up}}reference/observed-on.html\">{}</a></dd>",
            titles.join(", ")
        );
    }
    out + "</dl></li>\n"
}
