//! What each operation answers in each state of the keyring it is given, read from the traces.

use super::{Tables, html, link};
use rulebook::Rule;
use std::fmt::Write;
use trace::{Event, Outcome, Value};

/// The states, with the beginning of the ids of the rules that show them.
const STATES: [(&str, &str); 5] = [
    ("absent", "keyring.absent."),
    ("revoked", "keyring.revoked."),
    ("expired", "keyring.expired."),
    ("invalidated", "keyring.invalidated."),
    ("no permission", "keyring.no-permission."),
];

struct Cell<'a> {
    rule: &'a Rule,
    text: String,
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let rows = absent(tables);
    let mut out = String::from("<table class=\"operations\">\n<thead><tr><th>Operation</th>");
    for (state, _) in STATES {
        let _ = write!(out, "<th>{state}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (request, cell) in rows {
        let _ = write!(out, "<tr><td><code>{}</code></td>", html(&request));
        let _ = write!(out, "<td>{}</td>", link(cell.rule, &html(&cell.text)));
        for (_, prefix) in &STATES[1..] {
            let cell = in_state(tables, prefix, &request);
            let text = cell.map_or_else(|| "—".to_owned(), |cell| link(cell.rule, &html(&cell.text)));
            let _ = write!(out, "<td>{text}</td>");
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table>\n"
}

/// The calls that were made with an absent keyring, and whether it was there afterwards.
fn absent<'a>(tables: &'a Tables<'_>) -> Vec<(String, Cell<'a>)> {
    let mut rows: Vec<(String, Cell<'a>)> = Vec::new();
    for seen in tables.seen.iter().filter(|seen| seen.rule.id.starts_with(STATES[0].1)) {
        for three in seen.trace.events.windows(3) {
            let [before, call, after] = three else { continue };
            let (Some((special, false)), Some((same, there))) = (probe(before), probe(after)) else {
                continue;
            };
            if special != same {
                continue;
            }
            let request = general(call, &special);
            if rows.iter().any(|(row, _)| *row == request) {
                continue;
            }
            let result = short(&call.outcome);
            let text = if there { format!("{result}, created") } else { result };
            rows.push((request, Cell { rule: seen.rule, text }));
        }
    }
    rows
}

/// A question whether the keyring is there: which, and the answer.
fn probe(event: &Event) -> Option<(Value, bool)> {
    if event.call != "keyctl_get_keyring_ID" || event.args.get(1) != Some(&Value::Int(0)) {
        return None;
    }
    let there = match &event.outcome {
        Outcome::Failed { errno, .. } => errno != "ENOKEY",
        _ => true,
    };
    Some((event.args[0].clone(), there))
}

/// A request with `X` for the keyring it is about, `K` for any key, and `K` for any session.
fn general(event: &Event, special: &Value) -> String {
    let arg = |value: &Value| match value {
        value if value == special => "X".to_owned(),
        Value::Word(word) if is_key(word) => "K".to_owned(),
        value => value.to_string(),
    };
    let args: Vec<String> = event.args.iter().map(arg).collect();
    format!("{}({})", event.call, args.join(", "))
}

fn is_key(word: &str) -> bool {
    word.strip_prefix('K').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}

fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { errno, .. } => errno.clone(),
        _ => "ok".to_owned(),
    }
}

/// What the same request gave in another state.
fn in_state<'a>(tables: &'a Tables<'_>, prefix: &str, request: &str) -> Option<Cell<'a>> {
    let rules = tables.seen.iter().filter(|seen| seen.rule.id.starts_with(prefix));
    for seen in rules {
        for event in &seen.trace.events {
            let special = event.args.iter().find(|arg| {
                **arg == Value::word("@t") || **arg == Value::word("@p")
            });
            let Some(special) = special else { continue };
            if general(event, special) == request {
                return Some(Cell { rule: seen.rule, text: short(&event.outcome) });
            }
        }
    }
    None
}
