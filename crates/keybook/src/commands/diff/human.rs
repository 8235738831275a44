//! The changes of rules, for people.

use super::change::{Change, Kind, State};
use crate::output::{BAD, GOOD, NAME, count};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// Every change, and how many there are of each kind.
pub(super) fn report(changes: &[Change], base: &str) -> String {
    let mut out = String::new();
    for Change { id, kinds, before, after } in changes {
        let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        let _ = writeln!(out, "{NAME}{id}{NAME:#}: {}", words.join(", "));
        match (before, after) {
            (Some(before), Some(after)) => {
                kinds.iter().for_each(|kind| difference(&mut out, *kind, before, after));
            }
            (None, Some(state)) => line(&mut out, '+', &state.statement),
            (Some(state), None) => line(&mut out, '-', &state.statement),
            (None, None) => {}
        }
    }
    let kinds = [
        Kind::New,
        Kind::Gone,
        Kind::Reworded,
        Kind::Moved,
        Kind::Verdict,
        Kind::Provenance,
        Kind::Trace,
        Kind::Program,
    ];
    let counts = kinds.into_iter().filter_map(|kind| {
        let many = changes.iter().filter(|change| change.kinds.contains(&kind)).count();
        (many > 0).then(|| format!("{many} {}", kind.word()))
    });
    let counts: Vec<String> = counts.collect();
    let differ = if changes.len() == 1 { "differs" } else { "differ" };
    let total = format!("{} {differ} from {base}", count(changes.len(), "rule"));
    out + &match counts.as_slice() {
        [] => format!("no rule differs from {base}\n"),
        counts => format!("{total}: {}\n", counts.join(", ")),
    }
}

fn difference(out: &mut String, kind: Kind, before: &State, after: &State) {
    let mut pair = |old: &str, new: &str| {
        if old != new {
            line(out, '-', old);
            line(out, '+', new);
        }
    };
    match kind {
        Kind::Reworded => {
            pair(&before.title, &after.title);
            pair(&before.statement, &after.statement);
            pair(&before.reason, &after.reason);
        }
        Kind::Moved => pair(&before.page, &after.page),
        Kind::Verdict => pair(&judged(before), &judged(after)),
        Kind::Trace => {
            let diff = TextDiff::from_lines(&before.trace, &after.trace);
            for change in diff.iter_all_changes() {
                match change.tag() {
                    ChangeTag::Delete => line(out, '-', change.value().trim_end()),
                    ChangeTag::Insert => line(out, '+', change.value().trim_end()),
                    ChangeTag::Equal => {}
                }
            }
        }
        Kind::New | Kind::Gone | Kind::Provenance | Kind::Program => {}
    }
}

fn judged(state: &State) -> String {
    format!("{} {}", state.verdict, state.sentences.join(", ")).trim_end().to_owned()
}

fn line(out: &mut String, sign: char, text: &str) {
    let color = if sign == '-' { BAD } else { GOOD };
    let _ = writeln!(out, "    {color}{sign} {text}{color:#}");
}
