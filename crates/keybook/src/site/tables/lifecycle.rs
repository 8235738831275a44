//! What becomes of both keyrings at each event, read from the traces.

use super::input::Tables;
use crate::site::html::{code, html, id_link};
use rulebook::Rule;
use std::fmt::Write;
use trace::{Event, Outcome, Trace, Value};

/// The subjects of the columns: the first word of the rules' ids, and the special id.
const COLUMNS: [(&str, &str); 2] = [("thread.", "@t"), ("process.", "@p")];

/// What can become of a keyring, with the rules that show it.
type Fates<'a> = Vec<(String, Vec<&'a Rule>)>;

struct Row<'a> {
    event: String,
    cells: [Fates<'a>; 2],
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = String::from(
        "<table class=\"lifecycle\">\n<thead><tr><th>Event</th><th>Thread keyring</th>\
         <th>Process keyring</th></tr></thead>\n<tbody>\n",
    );
    for row in rows(tables) {
        let _ = write!(out, "<tr><td>{}</td>", code(&row.event));
        for fates in &row.cells {
            let _ = write!(out, "<td>{}</td>", cell(fates));
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table>\n"
}

fn rows<'a>(tables: &'a Tables<'_>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    let told = tables.seen.iter().filter(|seen| tells_of_life(seen.rule));
    for seen in told {
        for (column, (subject, special)) in COLUMNS.iter().enumerate() {
            if !seen.rule.id.starts_with(subject) && !seen.rule.id.starts_with("keyring.") {
                continue;
            }
            let Some((event, fate)) = fate(&seen.trace, special) else { continue };
            let place = rows.iter().position(|row| row.event == event).unwrap_or_else(|| {
                rows.push(Row { event, cells: [Vec::new(), Vec::new()] });
                rows.len() - 1
            });
            let fates = &mut rows[place].cells[column];
            match fates.iter_mut().find(|(known, _)| *known == fate) {
                Some((_, rules)) => rules.push(seen.rule),
                None => fates.push((fate, vec![seen.rule])),
            }
        }
    }
    rows
}

/// Whether a rule stands on one of the pages that are about what becomes of a keyring.
fn tells_of_life(rule: &Rule) -> bool {
    let page = rule.page.to_string_lossy();
    let about = page.starts_with("thread-keyring/") || page.starts_with("process-keyring/");
    (about && !page.ends_with("/birth.md"))
        || ["both/session.md", "both/namespaces.md"].contains(&&*page)
}

/// Each fate with the rule of the shortest id, and how many more there are.
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

/// What happens to a keyring in a trace: the event, and what it led to.
///
/// The keyring is made by asking with the create flag. The event is the last act that is no
/// operation on keys before the first answer about the keyring: by its serial number, or from the
/// task that the event is about by the special id.
fn fate(trace: &Trace, special: &str) -> Option<(String, String)> {
    let wanted = Value::word(special);
    let made = trace.events.iter().position(|event| {
        event.call == "keyctl_get_keyring_ID" && event.args == [wanted.clone(), Value::Int(1)]
    })?;
    let maker = &trace.events[made].task;
    let Outcome::Returned(ring) = &trace.events[made].outcome else { return None };
    let mut last: Option<&Event> = None;
    for event in &trace.events[made + 1..] {
        if is_event(event) {
            // Somebody else's change of session has nothing to do with it.
            last = Some(event).filter(|event| !is_about_session(event) || event.task == *maker);
        } else if let Some(event_before) = last
            && let Some(fate) = answer(event, &wanted, ring, event_before)
        {
            return Some((general(event_before, maker), fate));
        }
    }
    None
}

/// The task that an event makes.
fn made_by(event: &Event) -> Option<&str> {
    match (&event.outcome, event.call.as_str()) {
        (
            Outcome::Returned(Value::Word(task)),
            "fork" | "vfork" | "clone" | "clone3" | "posix_spawn" | "pthread_create",
        ) => Some(task),
        _ => None,
    }
}

/// The event without the numbers of the ids in it and the path of the program.
fn general(event: &Event, maker: &str) -> String {
    let arg = |value: &Value| match value {
        Value::Word(word) if word.starts_with("UID") => "uid".to_owned(),
        Value::Word(word) if word.starts_with("GID") => "gid".to_owned(),
        Value::Text(_) => "…".to_owned(),
        value => value.to_string(),
    };
    let args: Vec<String> = event.args.iter().map(arg).collect();
    let failed = match &event.outcome {
        Outcome::Failed { errno, .. } => format!(" = {errno}"),
        _ => String::new(),
    };
    match event.call.as_str() {
        "kill" => "a deadly signal, not reaped yet".to_owned(),
        "waitpid" => "exit, or a deadly signal, and waitpid()".to_owned(),
        "exit" => "exit, not reaped yet".to_owned(),
        "execve" if !failed.is_empty() => format!("execve(program){failed}"),
        "execve" | "posix_spawn" => format!("{}(program)", event.call),
        "pthread_create" if event.task != maker => {
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

/// What is answered about a keyring after an event, if anything is.
fn answer(event: &Event, special: &Value, ring: &Value, after: &Event) -> Option<String> {
    let about = event.args.first()?;
    let made = made_by(after);
    // Who has ended cannot be asked by the special id; of a new task nothing else tells.
    let ended = ["exit", "pthread_exit", "kill", "waitpid"].contains(&after.call.as_str());
    let asked = !ended && about == special && event.task == made.unwrap_or(&after.task);
    let by_serial = made.is_none() && (about == ring || asked);
    match event.call.as_str() {
        "keyctl_get_keyring_ID" if asked && event.args[1] == Value::Int(0) => {
            match &event.outcome {
                Outcome::Returned(now) if now == ring => Some("has the same".to_owned()),
                Outcome::Returned(_) => Some("has a new one".to_owned()),
                Outcome::Failed { errno, .. } if errno == "ENOKEY" => Some("has none".to_owned()),
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
