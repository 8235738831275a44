//! What each operation answers in each state of the keyring it is given, read from the traces.

use super::input::Tables;
use crate::site::html::{html, link};
use rulebook::Rule;
use std::fmt::Write;
use trace::{Event, Outcome, Value};

/// The states, with the beginning of the ids of the rules that show them, and the call that brings
/// a keyring into it.
const STATES: [(&str, &str, Spoils); 4] = [
    ("revoked", "keyring.revoked.", |call| call.call == "keyctl_revoke"),
    ("expired", "keyring.expired.", |call| call.call == "wait_until"),
    ("invalidated", "keyring.invalidated.", |call| call.call == "keyctl_invalidate"),
    ("no permission", "keyring.no-permission.", |call| {
        call.call == "keyctl_setperm" && call.args.get(1) == Some(&Value::Hex(0))
    }),
];

/// Whether a call brings the keyring that is its first argument into a state.
type Spoils = fn(&Event) -> bool;

/// The beginning of the ids of the rules about absent keyrings. They make it afterwards, to show
/// what the same call gives then.
const ABSENT: &str = "keyring.absent.";

/// What a request gave, and the rule that shows it.
struct Answer<'a> {
    rule: &'a Rule,
    text: String,
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let mut out = String::from(
        "<table class=\"operations\">\n<thead><tr><th>Operation</th><th>absent</th><th>present</th>",
    );
    for (state, ..) in STATES {
        let _ = write!(out, "<th>{state}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (request, absent) in absent(tables) {
        let _ =
            write!(out, "<tr><td><code>{}</code></td><td>{}</td>", html(&request), absent.cell());
        let others =
            STATES.iter().map(|(_, prefix, spoils)| in_state(tables, prefix, *spoils, &request));
        for answer in [present(tables, &request)].into_iter().chain(others) {
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
    for seen in tables.seen.iter().filter(|seen| seen.rule.id.starts_with(ABSENT)) {
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

/// The thread or process keyring that a call is about, by its special id.
fn about(event: &Event) -> Option<&Value> {
    event.args.iter().find(|arg| **arg == Value::word("@t") || **arg == Value::word("@p"))
}

/// What the same request gave with a keyring that was there and in no bad state.
fn present<'a>(tables: &'a Tables<'_>, request: &str) -> Option<Answer<'a>> {
    let pages =
        [ABSENT, "keyring.special-id.", "keyring.read.", "keyring.link.", "keyring.attributes."];
    let rules = tables
        .seen
        .iter()
        .filter(|seen| pages.iter().any(|prefix| seen.rule.id.starts_with(prefix)));
    rules.into_iter().find_map(|seen| {
        // Which keyrings of which tasks are there.
        let mut there: Vec<(&str, &Value)> = Vec::new();
        seen.trace.events.iter().find_map(|event| {
            let special = about(event)?;
            let whose = (event.task.as_str(), special);
            let worked = matches!(event.outcome, Outcome::Returned(_));
            if there.contains(&whose) && general(event, special) == request {
                return Some(Answer { rule: seen.rule, text: short(&event.outcome) });
            }
            if worked && STATES.iter().any(|(_, _, spoils)| spoils(event)) {
                there.retain(|known| *known != whose);
            } else if worked && event.call == "keyctl_get_keyring_ID" && !there.contains(&whose) {
                there.push(whose);
            }
            None
        })
    })
}

/// What the same request gave in another state, after that keyring had come into it.
fn in_state<'a>(
    tables: &'a Tables<'_>,
    prefix: &str,
    spoils: Spoils,
    request: &str,
) -> Option<Answer<'a>> {
    let rules = tables.seen.iter().filter(|seen| seen.rule.id.starts_with(prefix));
    rules.into_iter().find_map(|seen| {
        let mut spoilt: Vec<(&str, &Value)> = Vec::new();
        seen.trace.events.iter().find_map(|event| {
            let special = about(event)?;
            let whose = (event.task.as_str(), special);
            if spoilt.contains(&whose) {
                let same = general(event, special) == request;
                return same.then(|| Answer { rule: seen.rule, text: short(&event.outcome) });
            }
            let worked =
                event.call == "wait_until" || matches!(event.outcome, Outcome::Returned(_));
            if worked && spoils(event) && event.args.first() == Some(special) {
                spoilt.push(whose);
            }
            None
        })
    })
}
