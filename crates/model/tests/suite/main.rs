//! The model allows the traces of the book and refuses those that no kernel shows. Most modules are cases
//! that no rule of the book covers: a trace that is allowed, and one like it that is not.

mod adding;
mod arguments;
mod following;
mod ids;
mod judging;
mod key_arguments;
mod lifetime;
mod links;
mod proc;
mod programs;
mod quota;
mod references;
mod refusals;
mod requests;
mod sessions;
mod snapshots;
mod tasks;
mod unknown;

use model::wrong::Table;
use model::{Refusal, Verdict, judge};
use trace::Trace;

fn table() -> Table {
    Table::parse(include_str!("../../../../snapshots/model/wrong-models.txt")).unwrap()
}

fn trace(text: &str) -> Trace {
    let lines = text.lines().map(|line| line.trim_start().to_owned() + "\n");
    lines.collect::<String>().parse().unwrap()
}

fn allowed(text: &str) {
    let verdict = judge(&trace(text), &Table::default());
    assert_eq!(verdict, Verdict::Allowed, "{text}");
}

fn refused(text: &str) -> Refusal {
    judge(&trace(text), &table()).refusal().expect("the trace is not refused")
}

/// The last event is refused, and all events before it are allowed.
fn refused_at_its_end(text: &str) {
    let trace = trace(text);
    let refusal = judge(&trace, &Table::default()).refusal().expect("the trace is not refused");
    assert_eq!(refusal.nth + 1, trace.events().len(), "{text}\n{refusal:?}");
}

/// One trace is allowed, and the other is refused at its end.
fn only(text: &str, other: &str) {
    allowed(text);
    refused_at_its_end(other);
}

const EDQUOT: &str = "-1 EDQUOT (Quota exceeded)";
const EINVAL: &str = "-1 EINVAL (Invalid argument)";
const ENOKEY: &str = "-1 ENOKEY (Required key not available)";
const EACCES: &str = "-1 EACCES (Permission denied)";
const EPERM: &str = "-1 EPERM (Operation not permitted)";
