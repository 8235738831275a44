//! What happens to both keyrings at each event, derived from the traces.

use super::input::Tables;
use crate::site::html::{self, code, html, id_link};
use rulebook::Rule;
use trace::{Errno, Event, Outcome, Trace, Value};

/// The columns: prefix of the ids of their rules, and special id of the keyring.
const COLUMNS: [(&str, &str); 2] = [("thread.", "@t"), ("process.", "@p")];

/// Outcomes for a keyring, each with the rules that show it.
type Fates<'a> = Vec<(String, Vec<&'a Rule>)>;

struct Row<'a> {
    event: String,
    cells: [Fates<'a>; 2],
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let rows = rows(tables).into_iter().map(|Row { event, cells: [thread, process] }| {
        html::row([code(&event), cell(&thread), cell(&process)])
    });
    html::table("lifecycle", &["Event", "Thread keyring", "Process keyring"], rows)
}

fn rows<'a>(tables: &'a Tables<'_>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for seen in tables.seen.iter().filter(|seen| is_about_lifecycle(seen.rule)) {
        for (column, (subject, special)) in COLUMNS.iter().enumerate() {
            if !seen.rule.id.starts_with(subject) && !seen.rule.id.starts_with("keyring.") {
                continue;
            }
            let Some((event, fate)) = fate(&seen.trace, special) else { continue };
            let row = rows.iter().position(|row| row.event == event).unwrap_or_else(|| {
                rows.push(Row { event, cells: [Vec::new(), Vec::new()] });
                rows.len() - 1
            });
            let fates = &mut rows[row].cells[column];
            match fates.iter_mut().find(|(known, _)| *known == fate) {
                Some((_, rules)) => rules.push(seen.rule),
                None => fates.push((fate, vec![seen.rule])),
            }
        }
    }
    rows
}

/// Whether a rule is on a page about the life cycle of keyrings.
fn is_about_lifecycle(rule: &Rule) -> bool {
    let page = rule.page.to_string_lossy();
    let about = page.starts_with("thread-keyring/") || page.starts_with("process-keyring/");
    (about && !page.ends_with("/birth.md"))
        || ["both/session.md", "both/namespaces.md"].contains(&&*page)
}

/// Each outcome with the rule that has the shortest id, and the number of others.
fn cell(fates: &Fates<'_>) -> String {
    if fates.is_empty() {
        return "—".to_owned();
    }
    let fate = |(fate, rules): &(String, Vec<&Rule>)| {
        let first = rules.iter().min_by_key(|rule| rule.id.len())?;
        let more = match rules.len() - 1 {
            0 => String::new(),
            more => {
                let others: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
                format!(" <span class=\"more\" title=\"{}\">+{more}</span>", others.join(", "))
            }
        };
        Some(format!("<strong>{}</strong> {}{more}", html(fate), id_link(first)))
    };
    fates.iter().filter_map(fate).collect::<Vec<_>>().join("<br>")
}

/// Finds the event that a trace is about, and its outcome for the keyring.
///
/// The keyring is the one created through its special id. The event is the last call that is not an
/// operation on keys before the first observation of the keyring: through its serial number, or
/// through the special id in the task that the event is about.
fn fate(trace: &Trace, special: &str) -> Option<(String, String)> {
    let wanted = Value::word(special);
    let created = trace.events().iter().position(|event| {
        event.call == "keyctl_get_keyring_ID" && event.args == [wanted.clone(), Value::Int(1)]
    })?;
    let creator = &trace.events()[created].task;
    let Outcome::Returned(ring) = &trace.events()[created].outcome else { return None };
    let mut last: Option<&Event> = None;
    for event in &trace.events()[created + 1..] {
        if is_event(event) {
            // Another task that changes its session keyring does not affect this one.
            last = Some(event).filter(|event| !is_about_session(event) || event.task == *creator);
        } else if let Some(event_before) = last
            && let Some(fate) = observation(event, &wanted, ring, event_before)
        {
            return Some((generalized(event_before, creator), fate));
        }
    }
    None
}

/// The task that a call creates.
fn created_by(event: &Event) -> Option<&str> {
    match (&event.outcome, event.call.as_str()) {
        (
            Outcome::Returned(Value::Word(task)),
            "fork" | "vfork" | "clone" | "clone3" | "posix_spawn" | "pthread_create",
        ) => Some(task),
        _ => None,
    }
}

/// The event without the numbers of ids and the path of the program.
fn generalized(event: &Event, creator: &str) -> String {
    let arg = |value: &Value| match value {
        Value::Word(word) if word.starts_with("UID") => "uid".to_owned(),
        Value::Word(word) if word.starts_with("GID") => "gid".to_owned(),
        Value::Text(_) => "…".to_owned(),
        value => value.to_string(),
    };
    let args: Vec<String> = event.args.iter().map(arg).collect();
    let failed = event.outcome.errno_name().map_or(String::new(), |errno| format!(" = {errno}"));
    match event.call.as_str() {
        "kill" => "a deadly signal, not reaped yet".to_owned(),
        "waitpid" => "exit, or a deadly signal, and waitpid()".to_owned(),
        "exit" => "exit, not reaped yet".to_owned(),
        "execve" if !failed.is_empty() => format!("execve(program){failed}"),
        "execve" | "posix_spawn" => format!("{}(program)", event.call),
        "pthread_create" if event.task != creator => {
            "pthread_create(), by a thread that did not make it".to_owned()
        }
        call => format!("{call}({}){failed}", args.join(", ")),
    }
}

fn is_event(event: &Event) -> bool {
    const QUESTIONS: [&str; 7] = [
        "proc_keys",
        "key_users",
        "keys_left",
        "bytes_left",
        "wait_until",
        "add_key",
        "request_key",
    ];
    let call = event.call.as_str();
    let on_keys = call.starts_with("keyctl_") && !is_about_session(event);
    let harmless = ["wait_for_the_collector", "open", "memory_file", "close", "map_own_ids"];
    !on_keys && !QUESTIONS.contains(&call) && !harmless.contains(&call)
}

fn is_about_session(event: &Event) -> bool {
    ["keyctl_join_session_keyring", "keyctl_session_to_parent"].contains(&event.call.as_str())
}

/// What a call shows about the keyring after an event, if anything.
fn observation(event: &Event, special: &Value, ring: &Value, after: &Event) -> Option<String> {
    let about = event.args.first()?;
    let created = created_by(after);
    // A task that has ended cannot use its special id. A new task is observed through it alone.
    let ended = ["exit", "pthread_exit", "kill", "waitpid"].contains(&after.call.as_str());
    let asked = !ended && about == special && event.task == created.unwrap_or(&after.task);
    let by_serial = created.is_none() && (about == ring || asked);
    match event.call.as_str() {
        "keyctl_get_keyring_ID" if asked && event.args[1] == Value::Int(0) => {
            match &event.outcome {
                Outcome::Returned(now) if now == ring => Some("has the same".to_owned()),
                Outcome::Returned(_) => Some("has a new one".to_owned()),
                Outcome::Failed(Errno::ENOKEY) => Some("does not have one".to_owned()),
                _ => None,
            }
        }
        "wait_until" if by_serial => Some("the old one is destroyed".to_owned()),
        "keyctl_describe" if by_serial => match &event.outcome {
            Outcome::Returned(Value::Text(text)) => {
                let mut parts = text.split(';').skip(1);
                let (uid, gid) = (parts.next()?, parts.next()?);
                Some(match (uid == "UID", gid == "GID") {
                    (true, true) => "the old one lives on".to_owned(),
                    (false, true) => "it lives on, with another owner".to_owned(),
                    (true, false) => "it lives on, with another group".to_owned(),
                    (false, false) => "it lives on, with another owner and group".to_owned(),
                })
            }
            _ => None,
        },
        _ => None,
    }
}
