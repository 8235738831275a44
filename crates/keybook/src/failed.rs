//! Why calls fail: the table book/failed.toml, and which calls each of its causes applies to.

use crate::embedded::{self, Embedded};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use trace::{Event, Trace};

/// The errors, each with its causes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Failed {
    left_out: Vec<LeftOut>,
    /// In the order of the pages.
    #[serde(rename = "error")]
    pub(crate) errors: Vec<Error>,
}

/// Calls whose failures have no causes here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOut {
    calls: Vec<String>,
    #[expect(dead_code, reason = "for the reader of the table; without it, the table is refused")]
    why: String,
}

/// An error, with its causes in the order to check them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Error {
    /// Such as `ENOKEY`.
    pub(crate) name: String,
    /// What strerror(3) says.
    pub(crate) words: String,
    /// The name of its page, without folder and extension.
    pub(crate) page: String,
    /// What the error means, as Markdown.
    pub(crate) about: String,
    #[serde(rename = "cause")]
    pub(crate) causes: Vec<Cause>,
}

/// One reason for an error. All texts are Markdown with no marks but backticks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    /// The cause as a sentence.
    pub(crate) title: String,
    /// Why it is one.
    pub(crate) text: String,
    /// The calls it applies to; if empty, all that the rules show with this error.
    #[serde(default)]
    calls: Vec<String>,
    /// How to recognize it.
    pub(crate) check: String,
    /// What to do.
    pub(crate) then: String,
    /// Ids of the rules that show it.
    #[serde(default)]
    pub(crate) rules: Vec<String>,
    /// Names of the saved results in which it was seen instead; then it applies to every call.
    #[serde(default)]
    pub(crate) environments: Vec<String>,
}

/// The folder of the pages, relative to the root of the book.
const FOLDER: &str = "failed";

/// The table as it was when this program was built.
///
/// # Errors
///
/// If it is not valid.
pub(crate) fn table() -> Result<&'static Failed> {
    static TABLE: OnceLock<std::result::Result<Failed, toml::de::Error>> = OnceLock::new();
    let text = include_str!("../../../book/failed.toml");
    TABLE.get_or_init(|| toml::from_str(text)).as_ref().context("book/failed.toml: not valid")
}

impl Failed {
    /// Whether failures of a call have no causes here.
    pub(crate) fn leaves_out(&self, call: &str) -> bool {
        self.left_out.iter().any(|left_out| left_out.calls.iter().any(|it| it == call))
    }
}

impl Error {
    /// The calls that fail with this error, each with the indices of its causes.
    pub(crate) fn calls(&self, failed: &Failed) -> BTreeMap<&str, Vec<usize>> {
        let mut calls: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (nth, cause) in self.causes.iter().enumerate() {
            for call in cause.calls(self, failed) {
                calls.entry(call).or_default().push(nth);
            }
        }
        calls
    }

    /// The address of a cause, relative to the root of the book.
    pub(crate) fn place(&self, cause: &Cause) -> String {
        format!("{FOLDER}/{}.html#{}", self.page, self.anchor(cause))
    }

    /// The anchor of a cause on its page.
    pub(crate) fn anchor(&self, cause: &Cause) -> String {
        let words =
            cause.title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_lowercase).collect();
        format!("{}-{}", self.name.to_lowercase(), words.join("-"))
    }
}

impl Cause {
    /// Whether it applies to every call.
    pub(crate) fn is_of_all_calls(&self) -> bool {
        !self.environments.is_empty()
    }

    /// The calls that it applies to, as its rules show; none if it applies to every call.
    pub(crate) fn calls<'a>(&'a self, error: &Error, failed: &Failed) -> BTreeSet<&'a str> {
        if !self.calls.is_empty() {
            return self.calls.iter().map(String::as_str).collect();
        }
        let rules = self.rules.iter().filter_map(|id| embedded::rule(id));
        let all = rules.flat_map(failures).filter(|(_, name)| *name == error.name);
        all.map(|(call, _)| *call).filter(|call| !failed.leaves_out(call)).collect()
    }
}

/// A call that fails, and the name of its error.
pub(crate) type Failure = (&'static str, &'static str);

/// The calls that fail in the trace of a rule.
pub(crate) fn failures(rule: &Embedded) -> &'static BTreeSet<Failure> {
    static TRACES: OnceLock<Vec<(&str, Trace)>> = OnceLock::new();
    static ALL: OnceLock<BTreeMap<&str, BTreeSet<Failure>>> = OnceLock::new();
    let traces = TRACES.get_or_init(|| {
        // A snapshot that is not a trace fails a test.
        let trace = |rule: &Embedded| rule.snapshot.unwrap_or_default().parse().unwrap_or_default();
        embedded::RULES.iter().map(|rule| (rule.id, trace(rule))).collect()
    });
    let all = ALL.get_or_init(|| {
        let failure = |event: &'static Event| Some((&*event.call, event.outcome.errno_name()?));
        let of = |trace: &'static Trace| trace.events().iter().filter_map(failure).collect();
        traces.iter().map(|(id, trace)| (*id, of(trace))).collect()
    });
    &all[rule.id]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::columns;
    use nix::errno::Errno;
    use std::io;

    const WAITS: &str = "wait_until";

    fn rule(id: &str) -> &'static Embedded {
        embedded::rule(id).unwrap_or_else(|| panic!("book/failed.toml: there is no rule `{id}`"))
    }

    fn causes() -> impl Iterator<Item = (&'static Error, &'static Cause)> {
        let errors = table().unwrap().errors.iter();
        errors.flat_map(|error| error.causes.iter().map(move |cause| (error, cause)))
    }

    #[test]
    fn every_call_and_error_in_the_traces_has_a_cause() {
        let failed = table().unwrap();
        let covered: BTreeSet<(&str, &str)> = causes()
            .flat_map(|(error, cause)| {
                cause.calls(error, failed).into_iter().map(|call| (call, error.name.as_str()))
            })
            .collect();
        let seen: BTreeSet<_> = embedded::RULES.iter().flat_map(failures).copied().collect();
        assert!(seen.len() > 150, "{}", seen.len());
        let missing: Vec<_> =
            seen.iter().filter(|it| !covered.contains(it) && !failed.leaves_out(it.0)).collect();
        assert!(missing.is_empty(), "without a cause in book/failed.toml: {missing:?}");
    }

    #[test]
    fn every_rule_of_a_cause_shows_the_error_for_a_call_of_the_cause() {
        for (error, cause) in causes() {
            let calls = cause.calls(error, table().unwrap());
            let shows = |id: &String, call: &str| failures(rule(id)).contains(&(call, &error.name));
            for id in &cause.rules {
                let shown = calls.iter().any(|call| shows(id, call)) || shows(id, WAITS);
                assert!(shown, "{}: {}: {id} does not show it", error.name, cause.title);
            }
            for call in calls.iter().filter(|_| !cause.rules.is_empty()) {
                let shown = cause.rules.iter().any(|id| shows(id, call));
                assert!(shown, "{}: {}: no rule shows {call}", error.name, cause.title);
            }
        }
    }

    #[test]
    fn a_cause_without_rules_was_seen_in_saved_results() {
        let root = crate::project::root().unwrap();
        let columns = columns::saved(&root).unwrap();
        let mut checked = 0;
        for (error, cause) in causes() {
            assert_ne!(cause.rules.is_empty(), cause.environments.is_empty(), "{}", cause.title);
            for name in &cause.environments {
                let column = columns.iter().find(|column| column.name == *name);
                let said = column.unwrap_or_else(|| panic!("{name}: not saved")).fact("keyrings");
                assert!(said.contains(&format!("({}, ", error.name)), "{name}: {said}");
                checked += 1;
            }
        }
        assert_eq!(checked, 5);
    }

    #[test]
    fn each_error_stands_once_with_the_words_of_the_c_library() {
        let mut names = BTreeSet::new();
        for error in &table().unwrap().errors {
            assert!(names.insert(&error.name), "{} stands twice", error.name);
            let number = (1..200).find(|it| format!("{:?}", Errno::from_raw(*it)) == error.name);
            let words = io::Error::from_raw_os_error(number.unwrap()).to_string();
            let words = words.split(" (os error").next();
            assert_eq!(words, Some(error.words.as_str()));
        }
    }

    #[test]
    fn every_call_left_out_occurs() {
        let failed = table().unwrap();
        let seen: BTreeSet<&str> =
            embedded::RULES.iter().flat_map(failures).map(|(call, _)| *call).collect();
        for call in failed.left_out.iter().flat_map(|it| &it.calls) {
            assert!(seen.contains(call.as_str()), "{call} never fails in a trace");
        }
    }
}
