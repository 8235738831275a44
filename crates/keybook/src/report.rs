//! What came of a check, and the ways to tell it.

mod human;
mod junit;
mod tap;

pub(crate) use human::{brief, human, indented};
pub(crate) use junit::junit;
pub(crate) use tap::{ktap, tap};

use crate::commands::check::{Checked, Verdict};
use crate::{DIFFERS, HELD, NOTHING_HERE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How the rules stand, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) held: usize,
    pub(crate) differ: usize,
    pub(crate) broken: usize,
    pub(crate) not_observed: usize,
}

/// All of it, as `--format json` tells it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Facts on the place, by name.
    pub(crate) environment: Map<String, Value>,
    pub(crate) summary: Count,
    pub(crate) rules: Vec<Checked>,
}

impl Report {
    /// The report on rules that were checked here.
    pub(crate) fn of(rules: Vec<Checked>) -> Report {
        let count = |wanted: fn(&Verdict) -> bool| {
            rules.iter().filter(|checked| wanted(&checked.verdict)).count()
        };
        let summary = Count {
            held: count(|verdict| matches!(verdict, Verdict::Held)),
            differ: count(|verdict| matches!(verdict, Verdict::Differs { .. })),
            broken: count(|verdict| matches!(verdict, Verdict::Broken { .. })),
            not_observed: count(|verdict| matches!(verdict, Verdict::NotObserved { .. })),
        };
        let facts = keyrings::environment::facts().into_iter();
        let environment = facts.map(|(name, fact)| (name.to_owned(), fact.into())).collect();
        Report { environment, summary, rules }
    }

    /// The facts on the place as text, each with its name.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, fact)| (name.as_str(), fact.as_str().unwrap_or("")))
    }

    /// The exit status that says the same.
    pub(crate) fn status(&self) -> u8 {
        match self.summary {
            Count { differ: 0, broken: 0, held: 0, not_observed: 1.. } => NOTHING_HERE,
            Count { differ: 0, broken: 0, .. } => HELD,
            _ => DIFFERS,
        }
    }
}

/// For programs; a line for each rule, and no more than has to go over a serial console.
pub(crate) fn json(report: &Report) -> serde_json::Result<String> {
    let rules = report.rules.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(format!(
        "{{\n\"environment\": {},\n\"summary\": {},\n\"rules\": [\n{}\n]\n}}\n",
        serde_json::to_string_pretty(&report.environment)?,
        serde_json::to_string(&report.summary)?,
        rules.join(",\n")
    ))
}
