//! Telling what came of a check.

use crate::check::{Checked, Verdict};
use keyrings::place::Keyrings;
use serde::{Deserialize, Serialize};
use similar::TextDiff;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How the rules stand, in numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) held: usize,
    pub(crate) differ: usize,
    pub(crate) not_observed: usize,
}

impl Count {
    pub(crate) fn of(checked: &[Checked]) -> Count {
        let count = |wanted: fn(&Verdict) -> bool| {
            checked.iter().filter(|checked| wanted(&checked.verdict)).count()
        };
        Count {
            held: count(|verdict| matches!(verdict, Verdict::Held { .. })),
            differ: count(|verdict| matches!(verdict, Verdict::Differs { .. })),
            not_observed: count(|verdict| matches!(verdict, Verdict::NotObserved { .. })),
        }
    }
}

/// For people: each rule that did not hold, then the numbers.
pub(crate) fn human(checked: &[Checked]) -> String {
    let mut text = String::new();
    let mut absent: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Checked { id, statement, verdict } in checked {
        match verdict {
            Verdict::Held { .. } => {}
            Verdict::NotObserved { needs, because } => {
                absent.entry((needs.as_str(), because.as_str())).or_default().push(id);
            }
            Verdict::Differs { pinned, trace, message } => {
                let _ = writeln!(text, "{id} differs: {statement}\n{}", indented("  ", message));
                let _ =
                    writeln!(text, "{}", difference(pinned.as_deref().unwrap_or_default(), trace));
            }
        }
    }
    for ((needs, because), ids) in &absent {
        let _ =
            writeln!(text, "not observed, because {because} (needs {needs}): {}", ids.join(", "));
    }
    let Count { held, differ, not_observed } = Count::of(checked);
    let rules = checked.len();
    let _ = writeln!(
        text,
        "{rules} rules: {held} held, {differ} differ, {not_observed} could not be observed"
    );
    text
}

/// Both traces in one: `-` before lines that are only pinned, `+` before those only seen.
fn difference(pinned: &str, seen: &str) -> String {
    let mut text = String::new();
    for change in TextDiff::from_lines(pinned, seen).iter_all_changes() {
        let _ = write!(text, "  {} {change}", change.tag());
    }
    text
}

/// The lines of a text, each behind some space.
pub(crate) fn indented(space: &str, text: &str) -> String {
    text.lines().map(|line| format!("{space}{line}")).collect::<Vec<_>>().join("\n")
}

/// What came of a check, for programs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) summary: Count,
    pub(crate) rules: Vec<Checked>,
}

/// For programs.
pub(crate) fn json(checked: Vec<Checked>) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Report { summary: Count::of(&checked), rules: checked })
}

/// Says, if it is so, that nothing can be observed here.
pub(crate) fn nothing_here() -> Option<String> {
    Keyrings::find().explain()
}
