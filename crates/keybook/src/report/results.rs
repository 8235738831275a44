//! Results of rules, and their totals.

use crate::embedded::{self, Embedded};
use crate::status::{DIFFERS, HELD, NOTHING_HERE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A rule that was checked, and its result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) id: String,
    /// Fingerprint of the rule in the program that checked it.
    pub(crate) fingerprint: String,
    #[serde(flatten)]
    pub(crate) result: CheckResult,
}

impl Checked {
    pub(crate) fn new(rule: &Embedded, result: CheckResult) -> Checked {
        Checked { id: rule.id.into(), fingerprint: rule.fingerprint.into(), result }
    }

    pub(crate) fn statement(&self) -> &'static str {
        embedded::rule(&self.id).map_or("", |rule| rule.statement)
    }
}

/// Whether the kernel does what the rule says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum CheckResult {
    /// The trace is the pinned one.
    Held,
    /// The trace is another, or an expectation of the snippet failed.
    Differs { pinned: Option<String>, trace: String, message: String },
    /// The snippet hung, crashed or was killed. `message` is its standard error.
    Broken { how: String, message: String },
    /// The rule needs something that this system does not have.
    NotObserved { needs: String, because: String },
}

impl CheckResult {
    pub(crate) fn kind(&self) -> ResultKind {
        match self {
            CheckResult::Held => ResultKind::Held,
            CheckResult::Differs { .. } => ResultKind::Differs,
            CheckResult::Broken { .. } => ResultKind::Broken,
            CheckResult::NotObserved { .. } => ResultKind::NotObserved,
        }
    }
}

/// A result without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResultKind {
    Held,
    Differs,
    Broken,
    NotObserved,
}

impl ResultKind {
    pub(crate) const ALL: [ResultKind; 4] =
        [ResultKind::Held, ResultKind::Differs, ResultKind::Broken, ResultKind::NotObserved];

    /// The word that JSON has for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ResultKind::Held => "held",
            ResultKind::Differs => "differs",
            ResultKind::Broken => "broken",
            ResultKind::NotObserved => "not-observed",
        }
    }

    /// The character that stands for it in a matrix.
    pub(crate) fn sign(self) -> char {
        match self {
            ResultKind::Held => '+',
            ResultKind::Differs => '-',
            ResultKind::Broken => '!',
            ResultKind::NotObserved => '.',
        }
    }
}

/// Number of rules by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) held: usize,
    pub(crate) differ: usize,
    pub(crate) broken: usize,
    pub(crate) not_observed: usize,
}

impl Count {
    pub(crate) fn of(results: impl Iterator<Item = ResultKind>) -> Count {
        let mut count = Count::default();
        for result in results {
            *match result {
                ResultKind::Held => &mut count.held,
                ResultKind::Differs => &mut count.differ,
                ResultKind::Broken => &mut count.broken,
                ResultKind::NotObserved => &mut count.not_observed,
            } += 1;
        }
        count
    }
}

/// Everything that `--format json` contains.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Facts about the system, by name.
    pub(crate) environment: Map<String, Value>,
    pub(crate) summary: Count,
    pub(crate) rules: Vec<Checked>,
}

impl Report {
    /// Creates the report on rules that were checked on this system.
    pub(crate) fn of(rules: Vec<Checked>) -> Report {
        let summary = Count::of(rules.iter().map(|checked| checked.result.kind()));
        let facts = keyrings::environment::facts().into_iter();
        let environment = facts.map(|(name, fact)| (name.to_owned(), fact.into())).collect();
        Report { environment, summary, rules }
    }

    /// The facts about the system, each with its name.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, fact)| (name.as_str(), fact.as_str().unwrap_or("")))
    }

    pub(crate) fn status(&self) -> u8 {
        match self.summary {
            Count { differ: 0, broken: 0, held: 0, not_observed: 1.. } => NOTHING_HERE,
            Count { differ: 0, broken: 0, .. } => HELD,
            _ => DIFFERS,
        }
    }
}
