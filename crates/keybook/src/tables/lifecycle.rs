//! What becomes of both keyrings at each event, read from the traces.

use super::{Seen, Tables, html, link};
use std::collections::BTreeMap;
use std::fmt::Write;
use trace::{Event, Outcome, Trace, Value};

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in &tables.seen {
        let id = seen.rule.id.as_str();
        let (column, suffix) = match id.split_once('.') {
            Some(("thread", suffix)) => (0, suffix),
            Some(("process", suffix)) => (1, suffix),
            _ => continue,
        };
        let special = ["@t", "@p"][column];
        let Some((event, fate)) = fate(&seen.trace, special) else { continue };
        let place = *places.entry(suffix).or_insert(rows.len());
        if place == rows.len() {
            rows.push(Row { event, cells: [None, None] });
        }
        rows[place].cells[column] = Some((seen, fate));
    }
    let mut out = String::from(
        "<table class=\"lifecycle\">\n<thead><tr><th>Event</th><th>Thread keyring</th>\
         <th>Process keyring</th></tr></thead>\n<tbody>\n",
    );
    for row in &rows {
        let _ = write!(out, "<tr><td><code>{}</code></td>", html(&row.event));
        for cell in &row.cells {
            let text = cell.as_ref().map_or_else(|| "—".to_owned(), |(seen, fate)| {
                format!("{} {}", html(fate), link(seen.rule, &seen.rule.id))
            });
            let _ = write!(out, "<td>{text}</td>");
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table>\n"
}

struct Row<'a> {
    event: String,
    cells: [Option<(&'a Seen<'a>, String)>; 2],
}

/// What happens to a keyring in a trace: the event, and what it led to.
///
/// The keyring is made by asking with the create flag; the event is the next act that is no
/// operation on keys; the fate is what the first question about the keyring after it answers.
fn fate(trace: &Trace, special: &str) -> Option<(String, String)> {
    let wanted = Value::word(special);
    let made = trace.events.iter().position(|event| {
        event.call == "keyctl_get_keyring_ID" && event.args == [wanted.clone(), Value::Int(1)]
    })?;
    let Outcome::Returned(ring) = &trace.events[made].outcome else { return None };
    let after = &trace.events[made + 1..];
    let happened = after.iter().position(is_event)?;
    let event = &after[happened];
    let fate = after[happened + 1..].iter().find_map(|event| answer(event, &wanted, ring))?;
    Some((event.request(), fate))
}

fn is_event(event: &Event) -> bool {
    const OTHERS: [&str; 5] = ["proc_keys", "key_users", "wait_until", "add_key", "request_key"];
    let session = ["keyctl_join_session_keyring", "keyctl_session_to_parent"];
    let on_keys = event.call.starts_with("keyctl_") && !session.contains(&event.call.as_str());
    !on_keys && !OTHERS.contains(&event.call.as_str()) && event.call != "wait_for_the_collector"
}

fn answer(event: &Event, special: &Value, ring: &Value) -> Option<String> {
    let about = event.args.first()?;
    match event.call.as_str() {
        "keyctl_get_keyring_ID" if event.args == [special.clone(), Value::Int(0)] => {
            Some(match &event.outcome {
                Outcome::Returned(now) if now == ring => "the same".to_owned(),
                Outcome::Returned(_) => "a new one".to_owned(),
                Outcome::Failed { errno, .. } if errno == "ENOKEY" => "none".to_owned(),
                other => format!("`{other}`"),
            })
        }
        "wait_until" if about == ring => Some("destroyed".to_owned()),
        "keyctl_describe" if about == ring || about == special => match &event.outcome {
            Outcome::Returned(Value::Text(text)) => {
                let mut parts = text.split(';').skip(1);
                let (uid, gid) = (parts.next()?, parts.next()?);
                Some(match (uid, gid) {
                    ("UID", "GID") => "lives on".to_owned(),
                    _ => format!("lives on, owned by {uid}, {gid}"),
                })
            }
            other => Some(format!("`{other}`")),
        },
        _ => None,
    }
}
