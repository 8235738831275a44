//! Reports for people: facts about the system, one line per rule, totals.

use super::results::{CheckResult, Checked, Count, Report};
use crate::output::{BAD, GOOD, NAME, UNKNOWN, count, indented, one_line};
use anstyle::Style;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The whole report, with colors.
pub(crate) fn human(report: &Report) -> String {
    let rules: String = report.rules.iter().map(|rule| line(rule) + &details(rule)).collect();
    format!("{}\n{rules}\n{}", facts(report), totals(report))
}

/// Facts about the system, the rules that did not hold, and totals.
pub(crate) fn brief(report: &Report) -> String {
    let mut text = facts(report);
    let mut absent: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for rule in &report.rules {
        match &rule.result {
            CheckResult::Held => {}
            CheckResult::NotObserved { needs, because } => {
                absent.entry((needs, because)).or_default().push(&rule.id);
            }
            CheckResult::Differs { .. } | CheckResult::Broken { .. } => {
                text.push_str(&(line(rule) + &details(rule)));
            }
        }
    }
    for ((needs, because), ids) in &absent {
        let ids = ids.join(", ");
        let _ = writeln!(
            text,
            "{UNKNOWN}not observed{UNKNOWN:#}, because {because} (needs {needs}): {ids}"
        );
    }
    text + &totals(report)
}

fn facts(report: &Report) -> String {
    let widest = report.facts().map(|(name, _)| name.len()).max().unwrap_or(0);
    report.facts().map(|(name, fact)| format!("{NAME}{name:widest$}{NAME:#}  {fact}\n")).collect()
}

fn line(rule: &Checked) -> String {
    let (id, statement) = (&rule.id, rule.statement());
    match &rule.result {
        CheckResult::Held => format!("{GOOD}held{GOOD:#}          {id}\n"),
        CheckResult::Differs { .. } => format!("{BAD}differs{BAD:#}       {id}: {statement}\n"),
        CheckResult::Broken { how, .. } => format!("{BAD}broken{BAD:#}        {id}: {how}\n"),
        CheckResult::NotObserved { needs, because } => {
            let because = one_line(because);
            format!("{UNKNOWN}not observed{UNKNOWN:#}  {id}: needs {needs}: {because}\n")
        }
    }
}

/// The message of the snippet, and how its trace differs.
fn details(rule: &Checked) -> String {
    match &rule.result {
        CheckResult::Held | CheckResult::NotObserved { .. } => String::new(),
        CheckResult::Broken { message, .. } => indented("  ", message) + "\n",
        CheckResult::Differs { pinned, trace, message } => {
            format!("{}\n{}\n", indented("  ", message), difference(pinned.as_deref(), trace))
        }
    }
}

fn totals(report: &Report) -> String {
    let Count { held, differ, broken, not_observed } = report.summary;
    let rules = count(report.rules.len(), "rule");
    let broken = if broken > 0 { format!("{broken} broken, ") } else { String::new() };
    format!("{rules}: {held} held, {differ} differ, {broken}{not_observed} could not be observed\n")
}

/// The pinned trace and the observed one as a diff, with the first difference marked.
pub(super) fn difference(pinned: Option<&str>, observed: &str) -> String {
    // The width of a trace's columns depends on the names in it.
    let (pinned, observed) = (squeezed(pinned.unwrap_or_default()), squeezed(observed));
    let mut text = String::new();
    let mut first = "   <-- the first difference";
    for change in TextDiff::from_lines(&pinned, &observed).iter_all_changes() {
        let (sign, style, mark) = match change.tag() {
            ChangeTag::Equal => (' ', Style::new(), ""),
            ChangeTag::Delete => ('-', UNKNOWN, std::mem::take(&mut first)),
            ChangeTag::Insert => ('+', BAD, std::mem::take(&mut first)),
        };
        let line = change.value().trim_end_matches('\n');
        let _ = writeln!(text, "  {style}{sign} {line}{style:#}{mark}");
    }
    text
}

fn squeezed(trace: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((task, call)) => format!("{task}  {}\n", call.trim_start()),
        None => format!("{line}\n"),
    };
    trace.lines().map(line).collect()
}
