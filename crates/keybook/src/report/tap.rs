//! Reports as TAP, the Test Anything Protocol, version 13, and as KTAP, the kernel's dialect.
//!
//! References: testanything.org, Documentation/dev-tools/ktap.rst.

use super::human::difference;
use super::results::{CheckResult, Checked, Report};
use crate::output::{indented, one_line, plain};
use std::fmt::Write;

/// TAP 13. The facts about the system are comments, the details of a rule its YAML block.
pub(crate) fn tap(report: &Report) -> String {
    let mut text = format!("TAP version 13\n{}1..{}\n", facts("", report), report.rules.len());
    for (number, rule) in (1..).zip(&report.rules) {
        let (ok, skip) = outcome(&rule.result);
        let _ = writeln!(text, "{ok} {number} - {}{skip}", rule.id);
        if let Some(details) = details(rule) {
            let block = indented("      ", &details);
            let _ = writeln!(text, "  ---\n  message: |\n{block}\n  ...");
        }
    }
    text
}

/// KTAP 1. The rules are subtests of one test, `keybook`; the details of a rule are diagnostic
/// lines before its result.
pub(crate) fn ktap(report: &Report) -> String {
    let rules = report.rules.len();
    let mut text =
        format!("KTAP version 1\n1..1\n  KTAP version 1\n  # Subtest: keybook\n  1..{rules}\n");
    text.push_str(&facts("  ", report));
    for (number, rule) in (1..).zip(&report.rules) {
        let (ok, skip) = outcome(&rule.result);
        if let Some(details) = details(rule) {
            let _ = writeln!(text, "{}", indented("  # ", &details));
        }
        let _ = writeln!(text, "  {ok} {number} {}{skip}", rule.id);
    }
    let all = match report.summary {
        count if count.differ + count.broken > 0 => "not ok 1 keybook",
        count if count.held == 0 => "ok 1 keybook # SKIP nothing observed",
        _ => "ok 1 keybook",
    };
    text + all + "\n"
}

fn facts(space: &str, report: &Report) -> String {
    report.facts().map(|(name, fact)| format!("{space}# {name}: {fact}\n")).collect()
}

/// `ok` or `not ok`, and the directive at the end of the line. A `#` would begin another one.
fn outcome(result: &CheckResult) -> (&'static str, String) {
    match result {
        CheckResult::Held => ("ok", String::new()),
        CheckResult::NotObserved { because, .. } => {
            ("ok", format!(" # SKIP {}", one_line(because).replace('#', "")))
        }
        CheckResult::Differs { .. } | CheckResult::Broken { .. } => ("not ok", String::new()),
    }
}

/// What a rule says and how the kernel differs, without colors.
fn details(rule: &Checked) -> Option<String> {
    let details = match &rule.result {
        CheckResult::Held | CheckResult::NotObserved { .. } => return None,
        CheckResult::Broken { how, message } => format!("{how}\n{message}"),
        CheckResult::Differs { pinned, trace, message } => {
            format!("{message}\n{}", difference(pinned.as_deref(), trace))
        }
    };
    Some(plain(&format!("{}\n{details}", rule.statement())).trim_end().to_owned())
}
