//! What each operation returns for a keyring in each state, derived from the traces.

use super::input::Tables;
use crate::site::html::{self, html, link};
use rulebook::Rule;
use trace::{Errno, Event, Outcome, Value};

/// The states, each with the prefix of the ids of its rules and the call that enters it.
const STATES: [(&str, &str, Enters); 4] = [
    ("revoked", "keyring.revoked.", |call| call.call == "keyctl_revoke"),
    ("expired", "keyring.expired.", |call| call.call == "wait_until"),
    ("invalidated", "keyring.invalidated.", |call| call.call == "keyctl_invalidate"),
    ("no permission", "keyring.no-permission.", |call| {
        call.call == "keyctl_setperm" && call.args.get(1) == Some(&Value::Hex(0))
    }),
];

/// Whether a call puts the keyring that is its first argument into a state.
type Enters = fn(&Event) -> bool;

/// Prefix of the ids of rules about absent keyrings. They create the keyring afterwards, to show
/// what the same call returns then.
const ABSENT: &str = "keyring.absent.";

/// What a request returned, and the rule that shows it.
struct Shown<'a> {
    rule: &'a Rule,
    text: String,
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let states = STATES.iter().map(|(state, ..)| *state);
    let headings: Vec<&str> =
        ["Operation", "absent", "present"].into_iter().chain(states).collect();
    let rows = absent(tables).into_iter().map(|(request, absent)| {
        let states = STATES
            .iter()
            .map(|(_, prefix, enters)| find(tables, &[prefix], &request, enters, |_| false));
        let shown = [Some(absent), present(tables, &request)].into_iter().chain(states);
        let operation = format!("<code>{}</code>", html(&request));
        html::row([operation].into_iter().chain(shown.map(cell)))
    });
    html::table("operations", &headings, rows)
}

fn cell(shown: Option<Shown<'_>>) -> String {
    shown.map_or_else(|| "—".to_owned(), |shown| link(shown.rule, &html(&shown.text)))
}

/// The requests for an absent keyring, and whether each created it: the rules ask for the keyring
/// before and after.
fn absent<'a>(tables: &'a Tables<'_>) -> Vec<(String, Shown<'a>)> {
    let mut rows: Vec<(String, Shown<'a>)> = Vec::new();
    for seen in tables.seen.iter().filter(|seen| seen.rule.id.starts_with(ABSENT)) {
        for three in seen.trace.events().windows(3) {
            let [before, call, after] = three else { continue };
            let (Some((special, false)), Some((same, exists))) = (probe(before), probe(after))
            else {
                continue;
            };
            let request = generalized(call, &special);
            let on_keys = call.call.starts_with("key") || has_type(call).is_some();
            if !on_keys || special != same || rows.iter().any(|(row, _)| *row == request) {
                continue;
            }
            let result = short(&call.outcome);
            let text = if exists { format!("{result}, created") } else { result };
            rows.push((request, Shown { rule: seen.rule, text }));
        }
    }
    rows
}

/// The keyring that a call asks for without creating it, and whether it exists.
fn probe(event: &Event) -> Option<(Value, bool)> {
    if event.call != "keyctl_get_keyring_ID" || event.args.get(1) != Some(&Value::Int(0)) {
        return None;
    }
    let absent = event.outcome == Outcome::Failed(Errno::ENOKEY);
    Some((event.args[0].clone(), !absent))
}

/// A request without arguments that do not affect the result: `X` for the keyring it is about, `K`
/// for any other key, `…` for a description or a payload.
fn generalized(event: &Event, special: &Value) -> String {
    let has_type_at = has_type(event);
    let pkey = event.call.starts_with("keyctl_pkey_");
    let arg = |(nth, value): (usize, &Value)| match value {
        value if value == special => "X".to_owned(),
        Value::Text(_) if pkey => "…".to_owned(),
        Value::Word(word) if word == "@s" || is_key(word) => "K".to_owned(),
        Value::Word(word) if word.starts_with("UID") || word.starts_with("GID") => "id".to_owned(),
        // The kernel treats types, names that begin with a dot, and the empty name specially.
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

/// Index of the argument that is a key type.
fn has_type(event: &Event) -> Option<usize> {
    match event.call.as_str() {
        "add_key" | "request_key" => Some(0),
        "keyctl_search" => Some(1),
        _ => None,
    }
}

/// All permission bits.
const ALL_BITS: u32 = 0x3f3f_3f3f;

fn is_key(word: &str) -> bool {
    let digits = word.strip_prefix('K').unwrap_or_default();
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

fn short(outcome: &Outcome) -> String {
    outcome.errno_name().unwrap_or("ok").to_owned()
}

/// The special id of the thread or process keyring that a call is about.
fn about(event: &Event) -> Option<&Value> {
    event.args.iter().find(|arg| **arg == Value::word("@t") || **arg == Value::word("@p"))
}

/// What the same request returned for a keyring that existed and was in none of the [`STATES`].
fn present<'a>(tables: &'a Tables<'_>, request: &str) -> Option<Shown<'a>> {
    let prefixes =
        [ABSENT, "keyring.special-id.", "keyring.read.", "keyring.link.", "keyring.attributes."];
    let created = |event: &Event| event.call == "keyctl_get_keyring_ID";
    let changed = |event: &Event| STATES.iter().any(|(_, _, enters)| enters(event));
    find(tables, &prefixes, request, created, changed)
}

/// Finds a request for a keyring between two calls, in a rule whose id has one of the prefixes.
fn find<'a>(
    tables: &'a Tables<'_>,
    prefixes: &[&str],
    request: &str,
    begins: impl Fn(&Event) -> bool,
    ends: impl Fn(&Event) -> bool,
) -> Option<Shown<'a>> {
    let of_prefix = |id: &str| prefixes.iter().any(|prefix| id.starts_with(prefix));
    tables.seen.iter().filter(|seen| of_prefix(&seen.rule.id)).find_map(|seen| {
        // The keyrings to look at, each with its task.
        let mut keyrings: Vec<(&str, &Value)> = Vec::new();
        seen.trace.events().iter().find_map(|event| {
            let special = about(event)?;
            let keyring = (event.task.as_str(), special);
            if keyrings.contains(&keyring) && generalized(event, special) == request {
                return Some(Shown { rule: seen.rule, text: short(&event.outcome) });
            }
            // The error that wait_until waits for, EKEYEXPIRED, is its success.
            let failed =
                event.call != "wait_until" && !matches!(event.outcome, Outcome::Returned(_));
            if !failed && ends(event) {
                keyrings.retain(|known| *known != keyring);
            } else if !failed && begins(event) && event.args.first() == Some(special) {
                keyrings.push(keyring);
            }
            None
        })
    })
}
