//! What each operation returns for a keyring in each state, derived from the traces.

mod condition;

use super::input::{Seen, Tables};
use crate::site::html::{self, NOTHING, html, link};
use condition::condition;
use rulebook::Rule;
use std::cmp::Reverse;
use trace::{Errno, Event, Outcome, Value};

/// A state of a keyring.
struct State {
    name: &'static str,
    /// The prefix of the ids of its rules.
    prefix: &'static str,
    /// The error of calls that require another state.
    error: Errno,
    enters: Enters,
}

const STATES: [State; 4] = [
    State {
        name: "revoked",
        prefix: "keyring.revoked.",
        error: Errno::EKEYREVOKED,
        enters: |call| call.call == "keyctl_revoke",
    },
    State {
        name: "expired",
        prefix: "keyring.expired.",
        error: Errno::EKEYEXPIRED,
        enters: |call| call.call == "wait_until",
    },
    State {
        name: "invalidated",
        prefix: "keyring.invalidated.",
        error: Errno::ENOKEY,
        enters: |call| call.call == "keyctl_invalidate",
    },
    State {
        name: "no permission",
        prefix: "keyring.no-permission.",
        error: Errno::EACCES,
        enters: |call| call.call == "keyctl_setperm" && call.args.get(1) == Some(&Value::Hex(0)),
    },
];

/// Whether a call puts the keyring that is its first argument into a state.
type Enters = fn(&Event) -> bool;

/// Prefix of the ids of rules about absent keyrings. Their requests are the rows, to which other rules
/// only add answers.
const ABSENT: &str = "keyring.absent.";

/// An answer to a request, and the rules that show it.
struct Answer<'a> {
    text: String,
    rules: Vec<&'a Rule>,
}

/// All answers to a request, in the order in which the rules show them.
type Answers<'a> = Vec<Answer<'a>>;

/// Adds an answer; one that is known gets the rule.
fn add<'a>(answers: &mut Answers<'a>, text: String, rule: &'a Rule) {
    match answers.iter_mut().find(|answer| answer.text == text) {
        Some(answer) if answer.rules.iter().any(|known| known.id == rule.id) => {}
        Some(answer) => answer.rules.push(rule),
        None => answers.push(Answer { text, rules: vec![rule] }),
    }
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let states = STATES.iter().map(|state| state.name);
    let headings: Vec<&str> =
        ["Operation", "absent", "present"].into_iter().chain(states).collect();
    let rows = absent(tables).into_iter().map(|(request, absent)| {
        let states = STATES.iter().map(|state| {
            let leaves = |event: &Event| {
                STATES.iter().any(|other| other.name != state.name && (other.enters)(event))
            };
            let answers = find(tables, state.prefix, &request, state.enters, leaves);
            cell(&request, answers, Some(state.error))
        });
        let operation = format!("<code>{}</code>", html(&request));
        let present = cell(&request, present(tables, &request), None);
        let cells = [operation, cell(&request, absent, None), present];
        html::labeled_row(&headings, cells.into_iter().chain(states))
    });
    html::table("operations", &headings, rows)
}

/// The answers with their conditions: success first, then what most rules show. The error of the keyring's
/// state has no other condition.
fn cell(request: &str, mut answers: Answers<'_>, state: Option<Errno>) -> String {
    if answers.is_empty() {
        return NOTHING.to_owned();
    }
    answers.sort_by_key(|answer| (!answer.text.starts_with("ok"), Reverse(answer.rules.len())));
    let several = answers.len() > 1;
    let answer = |answer: &Answer<'_>| {
        let first = link(answer.rules[0], &html(&answer.text));
        let plain = !several || state.is_some_and(|error| error.name() == answer.text);
        match condition(request, &answer.text).filter(|_| !plain) {
            Some(words) => format!("{first} <span class=\"when\">({words})</span>"),
            None => first,
        }
    };
    answers.iter().map(answer).collect::<Vec<_>>().join(" · ")
}

/// The requests for an absent keyring, and whether each created it: the rules ask for the keyring
/// before and after.
fn absent<'a>(tables: &'a Tables<'_>) -> Vec<(String, Answers<'a>)> {
    let mut rows: Vec<(String, Answers<'a>)> = Vec::new();
    let is_about = |seen: &&Seen<'_>| seen.rule.id.starts_with(ABSENT);
    let others = tables.seen.iter().filter(|seen| !is_about(seen));
    for seen in tables.seen.iter().filter(is_about).chain(others) {
        for three in seen.trace.events().windows(3) {
            let [before, call, after] = three else { continue };
            let (Some((special, false)), Some((same, exists))) = (probe(before), probe(after))
            else {
                continue;
            };
            let request = generalized(call, &special);
            let on_keys = call.call.starts_with("key") || has_type(call).is_some();
            let known = rows.iter().position(|(row, _)| *row == request);
            // Other rules also ask about the other keyring.
            let counts = is_about(&seen) || known.is_some() && about(call) == Some(&special);
            let one_task = before.task == call.task && call.task == after.task;
            if !on_keys || special != same || !counts || !one_task {
                continue;
            }
            let result = short(&call.outcome);
            let text = if exists { format!("{result}, created") } else { result };
            let row = known.unwrap_or_else(|| {
                rows.push((request, Vec::new()));
                rows.len() - 1
            });
            add(&mut rows[row].1, text, seen.rule);
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
const ALL_BITS: u64 = 0x3f3f_3f3f;

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
fn present<'a>(tables: &'a Tables<'_>, request: &str) -> Answers<'a> {
    let created = |event: &Event| ["keyctl_get_keyring_ID", "add_key"].contains(&&*event.call);
    let changed = |event: &Event| {
        event.call == "keyctl_setperm" || STATES.iter().any(|state| (state.enters)(event))
    };
    find(tables, "", request, created, changed)
}

/// The answers to a request for a keyring between two calls, in rules whose ids have a prefix.
fn find<'a>(
    tables: &'a Tables<'_>,
    prefix: &str,
    request: &str,
    begins: impl Fn(&Event) -> bool,
    ends: impl Fn(&Event) -> bool,
) -> Answers<'a> {
    let mut answers = Vec::new();
    for seen in tables.seen.iter().filter(|seen| seen.rule.id.starts_with(prefix)) {
        // The keyrings to look at, each with its task; and the numbers of keyrings with their special ids.
        let mut keyrings: Vec<(&str, &Value)> = Vec::new();
        let mut numbers: Vec<(&Value, &Value)> = Vec::new();
        for event in seen.trace.events() {
            let begins_anew = match &event.outcome {
                _ if event.call == "execve" => event.task.as_str(),
                // A task that gets the name of one that has ended.
                Outcome::Returned(Value::Word(created)) => created,
                _ => "",
            };
            keyrings.retain(|(task, _)| *task != begins_anew);
            let by_number = event.args.first().and_then(|first| {
                numbers.iter().find(|(number, _)| *number == first).map(|(_, special)| *special)
            });
            let special = about(event);
            let asked = special.map(|special| (event.task.as_str(), special));
            if let Some(keyring) = asked
                && keyrings.contains(&keyring)
                && generalized(event, keyring.1) == request
            {
                add(&mut answers, short(&event.outcome), seen.rule);
            }
            // The error that wait_until waits for, EKEYEXPIRED, is its success.
            let failed =
                event.call != "wait_until" && !matches!(event.outcome, Outcome::Returned(_));
            if failed {
                continue;
            }
            if let (Some(special), Outcome::Returned(number)) = (special, &event.outcome)
                && event.call == "keyctl_get_keyring_ID"
            {
                numbers.push((number, special));
            }
            if ends(event) {
                // Other threads may share it.
                keyrings.retain(|(_, known)| Some(*known) != special.or(by_number));
            } else if begins(event) {
                keyrings.extend(asked);
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;
    use rulebook::Rulebook;

    /// The cells of the table as text.
    fn cells() -> Vec<Vec<String>> {
        let root = project::root().unwrap();
        let book = Rulebook::read(&root);
        let tables = Tables::new(&book, &[], &root).unwrap();
        let table = table(&tables);
        let plain = |cell: &str| {
            let text =
                cell.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
            text.collect::<String>()
        };
        let rows = table.split("<tr>").skip(2);
        rows.map(|row| row.split("<td").skip(1).map(|cell| plain(&format!("<td{cell}"))).collect())
            .collect()
    }

    #[test]
    fn every_answer_is_kept_with_its_condition() {
        let cells = cells();
        let cell = |request: &str, column: usize| {
            let row = cells.iter().find(|row| row[0] == request);
            row.unwrap_or_else(|| panic!("{request} is not among {cells:#?}"))[column]
                .trim()
                .to_owned()
        };
        assert_eq!(
            cell("keyctl_search(X, \"user\", …, 0)", 2),
            "ok · ENOKEY (no such key) · EKEYREVOKED (the key is revoked) · EKEYEXPIRED (the key \
             has expired) · EACCES (the key grants no Search)"
        );
        assert_eq!(
            cell("keyctl_move(K, X, K, 0)", 2),
            "ok · ENOENT (no such link) · EACCES (the other keyring grants no Write, or the key no Link) · \
             ENOTDIR (the new K is no keyring)"
        );
        let request = "request_key(\"user\", …, NULL, X)";
        assert_eq!(cell(request, 1), "ok, created · ENOKEY, created (no such key)");
        assert_eq!(cell("keyctl_read(X)", 1), "ENOKEY");
    }

    #[test]
    fn of_several_answers_at_most_one_has_no_condition() {
        let cells = cells();
        for cell in cells.iter().flat_map(|row| &row[1..]) {
            let open = cell.split(" · ").filter(|answer| !answer.contains('(')).count();
            assert!(open <= 1, "{cell}");
        }
        for (request, answer, words) in condition::CONDITIONS {
            let shown = format!("{answer} ({words})");
            let mut rows = cells.iter().filter(|row| row[0].starts_with(request));
            let used = rows.any(|row| row.iter().any(|cell| cell.contains(&shown)));
            assert!(used, "nothing needs the condition {words:?} for {request}, {answer}");
        }
    }
}
