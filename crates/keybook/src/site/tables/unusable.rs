//! Four ways to lose a keyring that stays in its place, side by side: what each operation returns in each of
//! the four states, as the rules state it.

use super::family::{self, Answer, Column, Line};
use super::input::Tables;
use rulebook::Rule;

/// The states: the word in the ids of their rules, and what readers call them.
const STATES: [(&str, &str); 4] = [
    ("revoked", "Revoked"),
    ("expired", "Expired"),
    ("invalidated", "Invalidated"),
    ("no-permission", "Mask 0"),
];

/// A row: what happens, the call, the ids of its rules with `*` for the state, and what the rules say if they
/// state no error: once, or for each state between bars.
struct Row {
    what: &'static str,
    call: &'static str,
    rules: &'static [&'static str],
    otherwise: &'static str,
}

const fn row(
    what: &'static str,
    call: &'static str,
    rules: &'static [&'static str],
    otherwise: &'static str,
) -> Row {
    Row { what, call, rules, otherwise }
}

/// The rows by group.
const GROUPS: [(&str, &[Row]); 4] = [
    (
        "Calls on it",
        &[
            row("Describe it, get its id", "keyctl_describe(@t)", &["keyring.*.reading"], ""),
            row("Change its attributes", "keyctl_setperm(@t, …)", &["keyring.*.changing"], ""),
            row("Add a key, unlink, clear", "add_key(…, @t)", &["keyring.*.linking"], ""),
            row("Move a key in or out", "keyctl_move(K1, @t, K2)", &["keyring.*.moving"], ""),
            row("Public key operations", "keyctl_pkey_query(@t)", &["keyring.*.pkey"], ""),
            row(
                "Add the persistent keyring",
                "keyctl_get_persistent(-1, @t)",
                &["keyring.*.get-persistent"],
                "",
            ),
            row("Add a key of unknown type", "add_key(…, @t)", &["keyring.*.before-type"], ""),
        ],
    ),
    (
        "Calls that do not notice it",
        &[
            row(
                "Unlink it from another keyring",
                "keyctl_unlink(@t, @s)",
                &["keyring.*.unlink-key-argument", "keyring.*.exceptions"],
                "ok",
            ),
            row(
                "Change neither owner nor group",
                "keyctl_chown(@t, -1, -1)",
                &["keyring.*.chown-nothing", "keyring.*.exceptions"],
                "ok",
            ),
            row(
                "Choose it as default destination",
                "keyctl_set_reqkey_keyring(1)",
                &["keyring.*.set-reqkey-keyring", "keyring.*.exceptions"],
                "ok",
            ),
            row(
                "Instantiate without authority",
                "keyctl_instantiate(…, @t)",
                &["keyring.*.instantiate", "keyring.*.exceptions"],
                "as usual",
            ),
        ],
    ),
    (
        "The keys in it",
        &[
            row(
                "What becomes of them",
                "",
                &["keyring.*.contents"],
                "links removed|still usable|stay in memory|unusable",
            ),
            row(
                "A request passes over it",
                "request_key(…)",
                &["keyring.*.search-passes", "keyring.*.contents"],
                "yes|no|yes|yes",
            ),
        ],
    ),
    (
        "How to escape",
        &[
            row("A request to create another", "", &["keyring.*.never-replaced"], "not replaced"),
            row(
                "A forked child",
                "fork()",
                &["keyring.*.fork", "keyring.*.never-replaced"],
                "starts without",
            ),
            row(
                "Another program",
                "execve()",
                &["keyring.*.execve", "keyring.*.never-replaced"],
                "starts without",
            ),
            row("A new thread, @t", "pthread_create()", &["thread.*.new-thread"], "a new one"),
            row("A new thread, @p", "pthread_create()", &["process.*.new-thread"], "shares it"),
        ],
    ),
];

/// The table.
pub(super) fn table(tables: &Tables<'_>) -> String {
    let columns = STATES.map(|(state, name)| {
        let reading = tables.book.rule(&format!("keyring.{state}.reading"));
        let usual = reading.map(|rule| format!("`{}`", stated(rule)));
        Column { name, usual: usual.unwrap_or_default() }
    });
    let line = |row: &'static Row| Line {
        what: row.what,
        call: row.call.to_owned(),
        answers: (0..STATES.len()).map(|nth| answer(row, nth, tables)).collect(),
        // An id for every row: its first rule, for all states.
        anchor: row.rules.first().map(|id| id.replace(".*.", ".").replacen('.', "-", 3)),
    };
    let groups = GROUPS.map(|(group, rows)| (group, rows.iter().map(line).collect()));
    family::table("Operation on @t or @p", &columns, &groups, tables)
}

/// What the rule of a state says.
fn answer<'a>(row: &Row, nth: usize, tables: &Tables<'a>) -> Option<Answer<'a>> {
    let (state, _) = STATES[nth];
    let ids = row.rules.iter().map(|id| id.replace('*', state));
    let rule = ids.filter_map(|id| tables.book.rule(&id)).next()?;
    let error = stated(rule);
    let text = match error.as_str() {
        "" => row.otherwise.split('|').nth(nth).unwrap_or(row.otherwise).to_owned(),
        error => format!("`{error}`"),
    };
    Some(Answer { rule, text })
}

/// The error that a rule states, without those of which it says that they are not returned.
pub(in crate::site) fn stated(rule: &Rule) -> String {
    let parts: Vec<&str> = rule.statement.split('`').collect();
    let names = parts.iter().enumerate().filter(|(nth, part)| {
        let errno = part.starts_with('E') && part.len() > 2;
        nth % 2 == 1 && errno && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    });
    let said = names.filter(|(nth, _)| !parts[nth - 1].ends_with("not "));
    said.map(|(_, name)| *name).next_back().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rulebook::Rulebook;
    use std::path::Path;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    #[test]
    fn every_row_has_a_rule_for_each_state_but_expired() {
        let book = Rulebook::read(Path::new(ROOT));
        let missing = GROUPS.iter().flat_map(|(_, rows)| rows.iter()).flat_map(|row| {
            let without = STATES.iter().filter(|(state, _)| {
                let mut ids = row.rules.iter().map(|id| id.replace('*', state));
                !ids.any(|id| book.rule(&id).is_some())
            });
            without.map(move |(state, _)| (row.what, *state))
        });
        let missing: Vec<(&str, &str)> = missing.collect();
        // A keyring that has expired was not observed in these.
        assert!(missing.iter().all(|(_, state)| *state == "expired"), "{missing:?}");
        assert_eq!(missing.len(), 4, "{missing:?}");
    }

    #[test]
    fn an_error_that_is_not_returned_does_not_count() {
        let book = Rulebook::read(Path::new(ROOT));
        let stated = |id: &str| stated(book.rule(id).unwrap());
        assert_eq!(stated("keyring.revoked.read-permission-first"), "EACCES");
        assert_eq!(stated("keyring.revoked.before-permission"), "EKEYREVOKED");
        assert_eq!(stated("keyring.no-permission.expired"), "EKEYEXPIRED");
        assert_eq!(stated("keyring.revoked.chown-nothing"), "");
    }
}
