//! The Test Anything Protocol, version 13, and the kernel's dialect of it, KTAP.
//!
//! Sources: testanything.org's specification; Documentation/dev-tools/ktap.rst.

use super::Report;
use super::human::{difference, indented};
use crate::commands::check::{Checked, Verdict};
use std::fmt::Write;

/// TAP 13: the facts on the place as comments, what a rule was seen to do as its YAML block.
pub(crate) fn tap(report: &Report) -> String {
    let mut text = format!("TAP version 13\n{}1..{}\n", facts("", report), report.rules.len());
    for (number, checked) in (1..).zip(&report.rules) {
        let result = result(&checked.verdict);
        let _ = writeln!(text, "{} {number} - {}{}", result.word, checked.id, result.skip());
        if let Some(details) = details(checked) {
            let block = indented("      ", &details);
            let _ = writeln!(text, "  ---\n  message: |\n{block}\n  ...");
        }
    }
    text
}

/// KTAP 1: the rules are subtests of one test, `keybook`; what a rule was seen to do stands in
/// diagnostic lines before its result.
pub(crate) fn ktap(report: &Report) -> String {
    let rules = report.rules.len();
    let mut text =
        format!("KTAP version 1\n1..1\n  KTAP version 1\n  # Subtest: keybook\n  1..{rules}\n");
    text.push_str(&facts("  ", report));
    for (number, checked) in (1..).zip(&report.rules) {
        let result = result(&checked.verdict);
        if let Some(details) = details(checked) {
            let _ = writeln!(text, "{}", indented("  # ", &details));
        }
        let _ = writeln!(text, "  {} {number} {}{}", result.word, checked.id, result.skip());
    }
    let all = if report.summary.differ + report.summary.broken == 0 { "ok" } else { "not ok" };
    let skip =
        if report.summary.held == 0 && all == "ok" { " # SKIP nothing observed" } else { "" };
    let _ = writeln!(text, "{all} 1 keybook{skip}");
    text
}

fn facts(space: &str, report: &Report) -> String {
    report.facts().map(|(name, fact)| format!("{space}# {name}: {fact}\n")).collect()
}

/// How a verdict is said: `ok` or `not ok`, and why it was skipped.
struct Result<'a> {
    word: &'static str,
    skipped: Option<&'a str>,
}

impl Result<'_> {
    /// The directive at the end of the line, where nothing but one line may stand.
    fn skip(&self) -> String {
        self.skipped.map_or_else(String::new, |why| {
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ").replace('#', "");
            format!(" # SKIP {why}")
        })
    }
}

fn result(verdict: &Verdict) -> Result<'_> {
    let (word, skipped) = match verdict {
        Verdict::Held => ("ok", None),
        Verdict::NotObserved { because, .. } => ("ok", Some(because.as_str())),
        Verdict::Differs { .. } | Verdict::Broken { .. } => ("not ok", None),
    };
    Result { word, skipped }
}

/// What is to be said of a rule that did not hold; no colours.
fn details(checked: &Checked) -> Option<String> {
    let said = match &checked.verdict {
        Verdict::Held | Verdict::NotObserved { .. } => return None,
        Verdict::Broken { how, message } => format!("{how}\n{message}"),
        Verdict::Differs { pinned, trace, message } => {
            format!("{message}\n{}", difference(pinned.as_deref().unwrap_or_default(), trace))
        }
    };
    let said = format!("{}\n{said}", checked.statement());
    Some(anstream::adapter::strip_str(&said).to_string().trim_end().to_owned())
}
