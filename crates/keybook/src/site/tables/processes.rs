//! Which keyrings a new process has, by the call that creates it and by what its parent has.

use super::family::{self, Answer, Column, Line};
use super::input::{Seen, Tables};
use std::collections::BTreeSet;
use trace::{Event, Outcome, Trace, Value};

/// What creates the process, and the ids of its rules without `thread` and `process`.
const ROWS: [(&str, &str); 12] = [
    ("fork(2)", "fork"),
    ("fork(2) by a thread other than the main thread", "fork.other-thread"),
    ("fork(2) by a forked child", "fork.grandchild"),
    ("vfork(2)", "vfork"),
    ("posix_spawn(3)", "posix-spawn"),
    ("clone(2)", "clone"),
    ("… with the parent’s memory", "clone.vm"),
    ("… with all that processes can share", "clone.vm-files-sighand"),
    ("… in a new user namespace", "clone.newuser"),
    ("… in a new PID namespace", "clone.newpid"),
    ("clone3(2)", "clone3"),
    ("… in a new user namespace", "clone3.newuser"),
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
    let find = |id: String| tables.seen.iter().find(|seen| seen.rule.id == id);
    let line = |(what, id): &(&'static str, &str)| {
        let answers = columns.iter().map(|(_, kind, case, _)| {
            let seen = find(format!("{kind}.{id}{case}"))?;
            Some(Answer { rule: seen.rule, text: shown(seen)?.to_owned() })
        });
        let call = find(format!("thread.{id}")).and_then(|seen| {
            let mut events = seen.trace.events().iter();
            let event = events.find(|event| new_process(event).is_some())?;
            Some(event.request().replace("self", "program"))
        });
        Line { what, call: call.unwrap_or_default(), answers: answers.collect(), anchor: None }
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
    let creates = model::CREATE_PROCESS.contains(&&*event.call);
    match &event.outcome {
        Outcome::Returned(Value::Word(task)) if creates => Some(task),
        _ => None,
    }
}
