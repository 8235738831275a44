//! Cases that no rule of the book is about: what is allowed, and beside it what is not.

mod adding;
mod going;
mod holding;
mod ids;
mod judging;
mod links;
mod naming;
mod programs;
mod requests;
mod room;
mod sessions;
mod shown;
mod tasks;

use model::judge;
use trace::Trace;

fn trace(text: &str) -> Trace {
    let lines = text.lines().map(|line| line.trim_start().to_owned() + "\n");
    lines.collect::<String>().parse().unwrap()
}

fn allowed(text: &str) {
    let trace = trace(text);
    if let Err(refusal) = judge(&trace) {
        panic!("{text}\nrefused: {refusal:?}");
    }
}

/// The last event is refused, and all before are allowed.
fn refused_at_its_end(text: &str) {
    let trace = trace(text);
    let refusal = judge(&trace).expect_err("the trace is allowed");
    assert_eq!(refusal.nth + 1, trace.events.len(), "{text}\n{refusal:?}");
}

const EDQUOT: &str = "-1 EDQUOT (Quota exceeded)";
const EINVAL: &str = "-1 EINVAL (Invalid argument)";
const ENOKEY: &str = "-1 ENOKEY (Required key not available)";
const EACCES: &str = "-1 EACCES (Permission denied)";
const EPERM: &str = "-1 EPERM (Operation not permitted)";
