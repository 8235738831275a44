//! A rule as a row that opens to its card: on pages whose rules differ in one argument. The right column is
//! what the rule's trace shows; what most rules of the page show is said once, above the rows.

use super::tables::stated;
use rulebook::Rule;
use std::collections::BTreeMap;
use trace::{Event, Outcome, Trace, Value};

/// What a page says where its rules are rows.
const MARK: &str = "{{#rows";

/// The right column where it would be empty: what the row does.
const SHOW: &str =
    "<span class=\"same\"><span class=\"show\">show</span><span class=\"hide\">hide</span></span>";

/// What the right column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Nothing: there is no such column.
    None,
    /// The error that the rule states.
    Errors,
    /// What the call returns for an absent keyring, and whether it creates the keyring.
    Creates,
}

/// The rows of a page.
#[derive(Debug)]
pub(super) struct Rows {
    column: Column,
    usual: String,
}

impl Rows {
    /// The rows of a page with this text and these rules; `None` if its rules are cards.
    pub(super) fn of<'a>(
        text: &str,
        rules: impl Iterator<Item = (&'a Rule, &'a Trace)>,
    ) -> Option<Rows> {
        let column = mark(text)?.1;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        rules.for_each(|(rule, trace)| *counts.entry(shown(rule, trace, column)).or_default() += 1);
        counts.remove("");
        let usual = counts.into_iter().max_by_key(|(_, count)| *count).map(|(usual, _)| usual);
        Some(Rows { column, usual: usual.unwrap_or_default() })
    }

    /// The right column of a rule: what is usual is gray.
    pub(super) fn cell(&self, rule: &Rule, trace: &Trace) -> String {
        match shown(rule, trace, self.column) {
            shown if shown.is_empty() => SHOW.to_owned(),
            shown if shown == self.usual => format!("<span class=\"same\">{shown}</span>"),
            shown => format!("<b>{shown}</b>"),
        }
    }

    /// The heading above the rows.
    fn heading(&self) -> String {
        let usual = &self.usual;
        let what = match self.column {
            Column::None => "Open a rule to see its reason, trace and program.".to_owned(),
            Column::Errors => format!(
                "With the error that each rule states, usually <b>{usual}</b>. A row opens to its reason, \
                 trace and program."
            ),
            Column::Creates => format!(
                "What the call returns and creates, usually <b>{usual}</b>. A row opens to its reason, \
                 trace and program."
            ),
        };
        format!("<p class=\"usual\">{what}</p>")
    }
}

/// Replaces the mark by the heading of the rows.
pub(super) fn fill_in(rows: Option<&Rows>, text: &mut String) {
    if let (Some(rows), Some((mark, _))) = (rows, mark(text)) {
        let mark = mark.to_owned();
        *text = text.replacen(&mark, &rows.heading(), 1);
    }
}

/// The mark in a page, and the column that it asks for.
fn mark(text: &str) -> Option<(&str, Column)> {
    let from = text.find(MARK)?;
    let mark = &text[from..from + text[from..].find("}}")? + 2];
    let column = match mark[MARK.len()..mark.len() - 2].trim() {
        "errors" => Column::Errors,
        "creates" => Column::Creates,
        _ => Column::None,
    };
    Some((mark, column))
}

fn shown(rule: &Rule, trace: &Trace, column: Column) -> String {
    match column {
        Column::None => String::new(),
        Column::Errors => stated(rule),
        Column::Creates => creates(trace).unwrap_or_default(),
    }
}

/// What the call between two questions for the same keyring returned, and whether the keyring exists
/// afterward. `None` if the trace has no such call.
fn creates(trace: &Trace) -> Option<String> {
    let events = trace.events();
    let asks = |event: &Event| {
        event.call == "keyctl_get_keyring_ID" && event.args.get(1) == Some(&Value::Int(0))
    };
    let absent = |event: &Event| asks(event) && event.outcome.errno_name() == Some("ENOKEY");
    let before = events.iter().position(absent)?;
    let special = &events[before].args[0];
    let same = |event: &Event| asks(event) && event.args[0] == *special;
    let after = before + 1 + events[before + 1..].iter().position(same)?;
    let call = events[before + 1..after].iter().rfind(|event| !asks(event))?;
    let created = matches!(events[after].outcome, Outcome::Returned(_));
    let returned = call.outcome.errno_name().unwrap_or("ok");
    Some(match created {
        true => format!("{returned}, created"),
        false => returned.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn trace(text: &str) -> Trace {
        text.parse().unwrap()
    }

    #[test]
    fn a_row_says_whether_the_call_creates_the_keyring() {
        let absent =
            "main  keyctl_get_keyring_ID(@t, 0) = -1 ENOKEY (Required key not available)\n";
        for (rest, expected) in [
            (
                "main  keyctl_clear(@t) = 0\nmain  keyctl_get_keyring_ID(@t, 0) = K1\n",
                "ok, created",
            ),
            (
                "main  keyctl_link(@t, @t) = -1 EDEADLK (Resource deadlock avoided)\n\
                 main  keyctl_get_keyring_ID(@t, 0) = K1\n",
                "EDEADLK, created",
            ),
            (
                "main  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)\n\
                 main  keyctl_revoke(@t) = -1 ENOKEY (Required key not available)\n\
                 main  keyctl_get_keyring_ID(@t, 0) = -1 ENOKEY (Required key not available)\n",
                "ENOKEY",
            ),
        ] {
            let trace = trace(&format!("{absent}{rest}"));
            assert_eq!(creates(&trace).as_deref(), Some(expected), "{rest}");
        }
    }

    #[test]
    fn what_most_rows_state_is_gray_and_stands_above() {
        let rule = |statement: &str| {
            let page = format!(
                "## process.a\n\n**T**\n\n{statement}\n\n*P7 · stated · `copy_creds`*\n\n\
                 ```rust\n# fn main() {{}}\n```\n"
            );
            rulebook::Page::parse(Path::new("p.md"), &page).rules[0].clone()
        };
        let (fails, other, none) = (
            rule("Fails with `EKEYREVOKED`."),
            rule("With `EACCES`, not `EKEYREVOKED`."),
            rule("It works."),
        );
        let trace = Trace::default();
        let all = [&fails, &other, &none, &fails, &none, &none].map(|rule| (rule, &trace));
        let mut text = "A.\n\n{{#rows errors}}\n".to_owned();
        let rows = Rows::of(&text, all.into_iter()).unwrap();
        let gray = "<span class=\"same\">EKEYREVOKED</span>";
        assert_eq!(rows.cell(&fails, &trace), gray);
        assert_eq!(rows.cell(&other, &trace), "<b>EACCES</b>");
        assert_eq!(rows.cell(&none, &trace), SHOW);
        fill_in(Some(&rows), &mut text);
        assert!(text.contains("usually <b>EKEYREVOKED</b>"), "{text}");
        assert!(Rows::of("A.\n", all.into_iter()).is_none());
    }
}
