//! Judging the text of a trace.

use model::{Refusal, Verdict, Why};
use serde::Serialize;
use trace::{AnyTrace, Outcome, ParseError, Trace};

/// What the rules say about a text. `R` is a rule: at first its id.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Judged<R = String> {
    /// A correct kernel may show this trace.
    Allowed {
        /// The number of its events.
        events: usize,
    },
    /// No correct kernel shows it.
    Refused {
        /// The first line that is not allowed, from 1.
        line: usize,
        /// The text of this line.
        text: String,
        /// The same with names, if the trace is raw.
        #[serde(skip_serializing_if = "Option::is_none")]
        named: Option<String>,
        /// The allowed outcomes.
        allowed: Vec<String>,
        /// The rules that say so.
        rules: Vec<R>,
        /// Mistakes of a kernel, any one of which explains the trace.
        mistakes: Vec<String>,
        /// What was expected, where the rules don't know the call or the error.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
    },
    /// The rules do not know some of its calls.
    Unknown {
        /// The lines with these calls.
        calls: Vec<Line>,
        /// The first line that no correct kernel shows unless one of these calls changed something. The
        /// lines after it are not judged.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Line>,
    },
    /// It is not a trace.
    Malformed {
        /// The line of the mistake, from 1.
        line: usize,
        /// The column, in characters, from 1.
        column: usize,
        /// What was expected there.
        expected: String,
    },
}

/// A line of a text.
#[derive(Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its number, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// A trace, and whether its text had numbers in place of names.
///
/// # Errors
///
/// If the text is no trace.
pub fn read(text: &str) -> Result<(Trace, bool), ParseError> {
    Ok(match text.parse()? {
        AnyTrace::Normalized(trace) => (trace, false),
        AnyTrace::Raw(raw) => {
            let owner = raw.first_owner();
            (raw.normalize(owner), true)
        }
    })
}

/// Judges a text. Its first line has the number `first`.
pub fn judge(text: &str, first: usize, judge: impl Fn(&Trace) -> Verdict) -> Judged {
    let (trace, is_raw) = match read(text) {
        Ok(read) => read,
        Err(ParseError { line, column, expected }) => {
            let line = first - 1 + line;
            return Judged::Malformed { line, column, expected: expected.to_owned() };
        }
    };
    let line = |event: usize| {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (nth, text) = lines.nth(event).unwrap_or_default();
        Line { line: first + nth, text: text.to_owned() }
    };
    let Refusal { nth, event, why } = match judge(&trace) {
        Verdict::Allowed => return Judged::Allowed { events: trace.events().len() },
        Verdict::Unknown { calls, until } => {
            let calls = calls.into_iter().map(line).collect();
            return Judged::Unknown { calls, until: until.map(line) };
        }
        Verdict::Refused(refusal) => *refusal,
    };
    let Line { line, text } = line(nth);
    let (allowed, laws, rules, expected) = match why {
        Why::Outcome { allowed, laws, rules } => {
            let expected = match &event.outcome {
                Outcome::FailedOtherwise(_) => Some("an error that the rules know".to_owned()),
                _ => None,
            };
            (allowed, laws, rules, expected)
        }
        Why::NotUnderstood(expected) | Why::Unknown(expected) => {
            (Vec::new(), Vec::new(), Vec::new(), Some(expected))
        }
    };
    Judged::Refused {
        line,
        text,
        named: is_raw.then(|| event.to_string()),
        allowed: allowed.iter().map(outcome).collect(),
        rules,
        mistakes: laws.into_iter().map(model::Law::wrong).collect(),
        expected,
    }
}

/// The outcome as a trace shows it, or words for an event without one.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Nothing => "no outcome".to_owned(),
        outcome => format!("= {outcome}"),
    }
}

impl<R> Judged<R> {
    /// The same with other rules.
    pub fn with_rules<S>(self, of: impl FnMut(R) -> S) -> Judged<S> {
        match self {
            Judged::Allowed { events } => Judged::Allowed { events },
            Judged::Refused { line, text, named, allowed, rules, mistakes, expected } => {
                let rules = rules.into_iter().map(of).collect();
                Judged::Refused { line, text, named, allowed, rules, mistakes, expected }
            }
            Judged::Unknown { calls, until } => Judged::Unknown { calls, until },
            Judged::Malformed { line, column, expected } => {
                Judged::Malformed { line, column, expected }
            }
        }
    }
}
