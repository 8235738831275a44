//! Which keyrings a new process has, by the call that creates it and by what its parent has.

use super::family::{self, Answer, Column, Line};
use super::input::{Seen, Tables};
use std::collections::BTreeSet;
use trace::{Event, Outcome, Trace, Value};

/// What creates the process, its arguments, and the ids of its rules without `thread` and `process`.
const ROWS: [(&str, &str, &str); 12] = [
    ("fork(2)", "fork()", "fork"),
    ("fork(2) by a thread other than the main thread", "fork()", "fork.other-thread"),
    ("fork(2) by a forked child", "fork()", "fork.grandchild"),
    ("vfork(2)", "vfork()", "vfork"),
    ("posix_spawn(3)", "posix_spawn()", "posix-spawn"),
    ("clone(2)", "clone(0)", "clone"),
    ("… with the parent’s memory", "clone(CLONE_VM)", "clone.vm"),
    (
        "… with its memory, files and signal handlers",
        "clone(CLONE_VM | CLONE_FILES | CLONE_SIGHAND)",
        "clone.vm-files-sighand",
    ),
    ("… in a new user namespace", "clone(CLONE_NEWUSER)", "clone.newuser"),
    ("… in a new PID namespace", "clone(CLONE_NEWPID)", "clone.newpid"),
    ("clone3(2)", "clone3(0)", "clone3"),
    ("… in a new user namespace", "clone3(CLONE_NEWUSER)", "clone3.newuser"),
];

/// What a trace shows of the new process.
const NONE: &str = "not inherited";
const OWN: &str = "not shared";

pub(super) fn table(tables: &Tables<'_>) -> String {
    let columns = [
        ("Parent has @t", "thread", "", NONE),
        ("Parent has @p", "process", "", NONE),
        ("Child creates @t", "thread", ".without", OWN),
        ("Child creates @p", "process", ".without", OWN),
    ];
    let heads = columns.map(|(name, _, _, usual)| Column { name, usual: usual.to_owned() });
    let line = |(what, call, id): &(&'static str, &'static str, &str)| {
        let answers = columns.iter().map(|(_, kind, case, _)| {
            let id = format!("{kind}.{id}{case}");
            let seen = tables.seen.iter().find(|seen| seen.rule.id == id)?;
            Some(Answer { rule: seen.rule, text: shown(seen)?.to_owned() })
        });
        Line { what, call, answers: answers.collect(), anchor: None }
    };
    let lines = ROWS.iter().map(line).collect();
    family::table("Call that creates the process", &heads, &[("", lines)], tables)
}

/// Whether the new process starts without a keyring, or creates one that its parent does not get. `None` if the trace
/// shows neither.
fn shown(seen: &Seen<'_>) -> Option<&'static str> {
    let trace: &Trace = &seen.trace;
    let created: BTreeSet<&str> = trace.events().iter().filter_map(new_process).collect();
    let is_new = |event: &Event| created.contains(event.task.as_str());
    let asks = |event: &Event, create: i64| {
        event.call == "keyctl_get_keyring_ID" && event.args.get(1) == Some(&Value::Int(create))
    };
    let finds_none = |event: &Event| asks(event, 0) && event.outcome.errno_name() == Some("ENOKEY");
    let events = trace.events();
    let first = events.iter().position(|event| is_new(event) && finds_none(event))?;
    let creates = events[first..].iter().position(|event| is_new(event) && asks(event, 1));
    let parent_creates = events.iter().any(|event| !is_new(event) && asks(event, 1));
    match creates {
        Some(at) if !parent_creates => {
            let mut rest = events[first + at..].iter();
            rest.any(|event| !is_new(event) && finds_none(event)).then_some(OWN)
        }
        _ => Some(NONE),
    }
}

/// The process that a call creates.
fn new_process(event: &Event) -> Option<&str> {
    let creates = ["fork", "vfork", "posix_spawn", "clone", "clone3"].contains(&&*event.call);
    match &event.outcome {
        Outcome::Returned(Value::Word(task)) if creates => Some(task),
        _ => None,
    }
}
