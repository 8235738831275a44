//! For people: the place, a line for each rule, the numbers.

use super::{Count, Report};
use crate::commands::check::{Checked, Verdict};
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use std::fmt::Write;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNKNOWN: Style = AnsiColor::Yellow.on_default();
const NAME: Style = Style::new().bold();

/// All of it, with colours.
pub(crate) fn human(report: &Report) -> String {
    let mut text = place(report);
    text.push('\n');
    for checked in &report.rules {
        text.push_str(&line(checked));
        if let Some(details) = details(&checked.verdict) {
            let _ = writeln!(text, "{details}");
        }
    }
    text.push('\n');
    text + &numbers(report)
}

/// The place, what did not hold, and the numbers.
pub(crate) fn brief(report: &Report) -> String {
    let mut text = place(report);
    let mut absent: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for checked in &report.rules {
        match &checked.verdict {
            Verdict::Held => {}
            Verdict::NotObserved { needs, because } => {
                absent.entry((needs, because)).or_default().push(&checked.id);
            }
            verdict => {
                text.push_str(&line(checked));
                let _ = writeln!(text, "{}", details(verdict).unwrap_or_default());
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
    text + &numbers(report)
}

fn place(report: &Report) -> String {
    let widest = report.facts().map(|(name, _)| name.len()).max().unwrap_or(0);
    report.facts().map(|(name, fact)| format!("{NAME}{name:widest$}{NAME:#}  {fact}\n")).collect()
}

fn line(checked: &Checked) -> String {
    let (id, statement) = (&checked.id, checked.statement());
    match &checked.verdict {
        Verdict::Held => format!("{GOOD}held{GOOD:#}          {id}\n"),
        Verdict::Differs { .. } => format!("{BAD}differs{BAD:#}       {id}: {statement}\n"),
        Verdict::Broken { how, .. } => format!("{BAD}broken{BAD:#}        {id}: {how}\n"),
        Verdict::NotObserved { needs, because } => {
            let because = because.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{UNKNOWN}not observed{UNKNOWN:#}  {id}: needs {needs}: {because}\n")
        }
    }
}

/// What more is to be said of a rule that did not hold.
fn details(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Held | Verdict::NotObserved { .. } => None,
        Verdict::Broken { message, .. } => Some(indented("  ", message)),
        Verdict::Differs { pinned, trace, message } => {
            let pinned = pinned.as_deref().unwrap_or_default();
            Some(format!("{}\n{}", indented("  ", message), difference(pinned, trace)))
        }
    }
}

fn numbers(report: &Report) -> String {
    let Count { held, differ, broken, not_observed } = report.summary;
    let rules = report.rules.len();
    let broken = if broken > 0 { format!("{broken} broken, ") } else { String::new() };
    format!(
        "{rules} rules: {held} held, {differ} differ, {broken}{not_observed} could not be observed\n"
    )
}

/// Both traces in one: `-` before lines that are only pinned, `+` before those only seen. The first
/// of these is marked.
pub(crate) fn difference(pinned: &str, seen: &str) -> String {
    // Each trace has its columns as wide as its own names are.
    let (pinned, seen) = (squeezed(pinned), squeezed(seen));
    let mut text = String::new();
    let mut first = "   <-- the first difference";
    for change in TextDiff::from_lines(&pinned, &seen).iter_all_changes() {
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

/// The lines of a text, each behind some space.
pub(crate) fn indented(space: &str, text: &str) -> String {
    text.lines().map(|line| format!("{space}{line}")).collect::<Vec<_>>().join("\n")
}
