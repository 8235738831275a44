//! Why calls fail: causes, checks, remedies and rules.

use super::question::Question;
use crate::embedded::{self, Embedded};
use crate::failed::{Cause, Error, failures};
use crate::output::NAME;
use crate::site::address::Site;
use std::fmt::Write;

/// What is known about the errors and calls in question.
pub(super) fn explain(question: &Question<'_>) -> String {
    let errors = question.errors.iter().filter_map(|error| explain_error(error, question));
    errors.collect::<Vec<_>>().join("\n")
}

/// An error with its causes; `None` if it has no cause for the calls in question.
fn explain_error(error: &Error, question: &Question<'_>) -> Option<String> {
    let causes: Vec<&Cause> = question.causes(error).collect();
    if causes.is_empty() {
        return None;
    }
    let of = match question.calls.len() {
        0 => String::new(),
        _ => format!(" ({})", question.calls.join(", ")),
    };
    let mut text = format!(
        "{NAME}{}: {}{NAME:#}{of}\n\n  {}\n",
        error.name,
        error.words,
        error.about.replace('`', "")
    );
    for (nth, cause) in causes.into_iter().enumerate() {
        let plain = |markdown: &str| markdown.replace('`', "");
        let _ = write!(
            text,
            "\n{:>3}. {NAME}{}{NAME:#}\n     {}\n     Check: {}\n     Then: {}\n",
            nth + 1,
            plain(&cause.title),
            plain(&cause.text),
            plain(&cause.check),
            plain(&cause.then)
        );
        for rule in rules(cause, error, question) {
            let _ =
                writeln!(text, "       {}\n         {}", rule.title, Site::here().rule(rule.id));
        }
        if !cause.environments.is_empty() {
            let _ = writeln!(text, "     Seen in: {}", cause.environments.join(", "));
        }
    }
    Some(text)
}

/// The rules of a cause: those that show a call in question, if any do.
fn rules(cause: &Cause, error: &Error, question: &Question<'_>) -> Vec<&'static Embedded> {
    let all: Vec<_> = cause.rules.iter().filter_map(|id| embedded::rule(id)).collect();
    let shows = |rule: &&&Embedded| {
        let failures = failures(rule);
        question.calls.iter().any(|call| failures.iter().any(|it| *it == (call, &error.name)))
    };
    let about: Vec<_> = all.iter().filter(shows).copied().collect();
    if about.is_empty() { all } else { about }
}
