//! Four ways to lose a keyring that stays in its place, side by side: what each operation returns in each of
//! the four states, as the rules state it.

use super::input::Tables;
use crate::site::html::{code, html};
use rulebook::Rule;
use std::fmt::Write;

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

/// The table, below the usual errors for narrow screens.
pub(super) fn table(tables: &Tables<'_>) -> String {
    let usual = STATES.map(|(state, _)| {
        let reading = tables.book.rule(&format!("keyring.{state}.reading"));
        reading.map(stated).unwrap_or_default()
    });
    let mut out = String::from("<dl class=\"usual-errors\">");
    for ((_, name), usual) in STATES.iter().zip(&usual) {
        let _ = write!(out, "<dt>{name}</dt><dd><code>{usual}</code></dd>");
    }
    out += "</dl>\n<table class=\"fam\">\n<thead><tr><th scope=\"col\">Operation on @t or @p</th>";
    for ((_, name), usual) in STATES.iter().zip(&usual) {
        let _ = write!(out, "<th scope=\"col\">{name}<small>{usual}</small></th>");
    }
    out += "</tr></thead>\n";
    for (group, rows) in &GROUPS {
        let _ = writeln!(out, "<tbody>\n<tr class=\"grp\"><th colspan=\"5\">{group}</th></tr>");
        for row in *rows {
            let cells = usual.iter().enumerate();
            let cells: Vec<String> =
                cells.map(|(nth, usual)| cell(row, nth, usual, tables)).collect();
            let all =
                if cells.iter().all(|it| !it.contains("odd")) { " class=\"all\"" } else { "" };
            let call = if row.call.is_empty() { String::new() } else { code(row.call) };
            let _ = writeln!(
                out,
                "<tr{all}><th scope=\"row\">{} {call}</th>{}</tr>",
                html(row.what),
                cells.concat()
            );
        }
        out += "</tbody>\n";
    }
    out + "</table>\n"
}

/// What the rule of a state says, as a link to it. `odd` is what differs from the state's usual error.
fn cell(row: &Row, nth: usize, usual: &str, tables: &Tables<'_>) -> String {
    let (state, name) = STATES[nth];
    let ids = row.rules.iter().map(|id| id.replace('*', state));
    let Some(rule) = ids.filter_map(|id| tables.book.rule(&id)).next() else {
        return "<td class=\"same\"><span class=\"none\">not observed</span></td>".to_owned();
    };
    let error = stated(rule);
    let (class, text) = match error.as_str() {
        "" => ("odd", row.otherwise.split('|').nth(nth).unwrap_or(row.otherwise).to_owned()),
        error if error == usual => ("same", format!("<code>{error}</code>")),
        error => ("odd", format!("<code>{error}</code>")),
    };
    let what = rule.title.replace('`', "").replace('"', "&quot;");
    format!(
        "<td class=\"{class}\"><span class=\"lbl\">{name}</span> <a href=\"{{up}}{}\" \
         title=\"{what}\">{text}</a></td>",
        rule.link()
    )
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
