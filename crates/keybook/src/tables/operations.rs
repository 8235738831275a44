//! What each operation answers in each state of the keyring it is given, read from the traces.

use super::Tables;
use crate::html::{html, link};
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

/// What a request gave, and the rule that shows it.
struct Answer<'a> {
    rule: &'a Rule,
    text: String,
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = String::from("<table class=\"operations\">\n<thead><tr><th>Operation</th>");
    for (state, _) in STATES {
        let _ = write!(out, "<th>{state}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (request, absent) in absent(tables) {
        let (call, answer) = (html(&request), absent.cell());
        let _ = write!(out, "<tr><td><code>{call}</code></td><td>{answer}</td>");
        for (_, prefix) in &STATES[1..] {
            let answer = in_state(tables, prefix, &request);
            let cell = answer.map_or_else(|| "—".to_owned(), |answer| answer.cell());
            let _ = write!(out, "<td>{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table>\n"
}

impl Answer<'_> {
    fn cell(&self) -> String {
        link(self.rule, &html(&self.text))
    }
}

/// The calls that were made with an absent keyring, and whether it was there afterwards: each
/// stands between two questions for the keyring.
fn absent<'a>(tables: &'a Tables<'_>) -> Vec<(String, Answer<'a>)> {
    let mut rows: Vec<(String, Answer<'a>)> = Vec::new();
    for seen in tables.seen.iter().filter(|seen| seen.rule.id.starts_with(STATES[0].1)) {
        for three in seen.trace.events.windows(3) {
            let [before, call, after] = three else { continue };
            let (Some((special, false)), Some((same, there))) = (probe(before), probe(after))
            else {
                continue;
            };
            let request = general(call, &special);
            let on_keys = call.call.starts_with("key") || has_type(call).is_some();
            if !on_keys || special != same || rows.iter().any(|(row, _)| *row == request) {
                continue;
            }
            let answer = short(&call.outcome);
            let text = if there { format!("{answer}, created") } else { answer };
            rows.push((request, Answer { rule: seen.rule, text }));
        }
    }
    rows
}

/// A question whether the keyring is there: for which, and the answer.
fn probe(event: &Event) -> Option<(Value, bool)> {
    if event.call != "keyctl_get_keyring_ID" || event.args.get(1) != Some(&Value::Int(0)) {
        return None;
    }
    let absent = matches!(&event.outcome, Outcome::Failed { errno, .. } if errno == "ENOKEY");
    Some((event.args[0].clone(), !absent))
}

/// A request without what makes no difference to the answer: `X` for the keyring it is about, `K`
/// for any other key, `…` for a description or a payload.
fn general(event: &Event, special: &Value) -> String {
    let has_type_at = has_type(event);
    let pkey = event.call.starts_with("keyctl_pkey_");
    let arg = |(nth, value): (usize, &Value)| match value {
        value if value == special => "X".to_owned(),
        Value::Text(_) if pkey => "…".to_owned(),
        Value::Word(word) if word == "@s" || is_key(word) => "K".to_owned(),
        Value::Word(word) if word.starts_with("UID") || word.starts_with("GID") => "id".to_owned(),
        // The kernel tells the types apart, and names that begin with a dot, and nothing at all.
        Value::Text(text) if has_type_at == Some(nth) || text.is_empty() => format!("{text:?}"),
        Value::Text(text) if text.starts_with('.') => format!("{text:?}"),
        Value::Text(_) => "…".to_owned(),
        Value::Hex(mask) if *mask != 0 && mask & !ALL_BITS == 0 => "mask".to_owned(),
        Value::Int(number) if event.call == "keyctl_set_timeout" && *number > 0 => "n".to_owned(),
        value => value.to_string(),
    };
    let args: Vec<String> = event.args.iter().enumerate().map(arg).collect();
    format!("{}({})", event.call, args.join(", "))
}

/// Which argument of a call is the type of a key.
fn has_type(event: &Event) -> Option<usize> {
    match event.call.as_str() {
        "add_key" | "request_key" => Some(0),
        "keyctl_search" => Some(1),
        _ => None,
    }
}

/// The permissions that there are.
const ALL_BITS: u32 = 0x3f3f_3f3f;

fn is_key(word: &str) -> bool {
    let digits = word.strip_prefix('K').unwrap_or_default();
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { errno, .. } => errno.clone(),
        _ => "ok".to_owned(),
    }
}

/// What the same request gave in another state, after the keyring had come into it.
fn in_state<'a>(tables: &'a Tables<'_>, prefix: &str, request: &str) -> Option<Answer<'a>> {
    let rules = tables.seen.iter().filter(|seen| seen.rule.id.starts_with(prefix));
    rules.into_iter().find_map(|seen| {
        let spoilt = seen.trace.events.iter().position(|event| spoils(event, prefix))?;
        seen.trace.events[spoilt + 1..].iter().find_map(|event| {
            let special = event
                .args
                .iter()
                .find(|arg| **arg == Value::word("@t") || **arg == Value::word("@p"))?;
            (general(event, special) == request)
                .then(|| Answer { rule: seen.rule, text: short(&event.outcome) })
        })
    })
}

/// Whether this is the call that brings the keyring into the state.
fn spoils(event: &Event, prefix: &str) -> bool {
    let about = event.args.first();
    let ours = about == Some(&Value::word("@t")) || about == Some(&Value::word("@p"));
    let worked = matches!(event.outcome, Outcome::Returned(_));
    match prefix {
        "keyring.revoked." => event.call == "keyctl_revoke" && ours && worked,
        "keyring.expired." => event.call == "wait_until",
        "keyring.invalidated." => event.call == "keyctl_invalidate" && ours && worked,
        _ => event.call == "keyctl_setperm" && ours && event.args[1] == Value::Hex(0) && worked,
    }
}
