//! Guarantees: the table book/guarantees.toml, and what was tried for each.

use crate::output::count;
use anyhow::{Context, Result, anyhow};
use explore::guarantee::{Guarantee, Who};
use model::Law;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use trace::{Event, Trace};

/// Where the results are saved, relative to the root of the project.
pub(crate) const SAVED: &str = "snapshots/model/guarantees.json";

/// The sentences.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    guarantee: Vec<Sentence>,
}

/// A sentence as the table has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sentence {
    pub(crate) id: String,
    /// Markdown with no marks but backticks.
    pub(crate) sentence: String,
    begin: String,
    owner: String,
    /// Whether the owner's whole process counts as the owner.
    #[serde(default)]
    process: bool,
    #[serde(default)]
    anyone: Vec<String>,
    #[serde(default)]
    owner_steps: Vec<String>,
    #[serde(default)]
    other_steps: Vec<String>,
    never: Vec<String>,
    /// The law without which it breaks.
    #[serde(default)]
    wrong: Option<String>,
    /// Whether people believe it and it is false.
    #[serde(default)]
    pub(crate) belief: bool,
    /// Ids of rules.
    pub(crate) rules: Vec<String>,
}

impl Sentence {
    /// The sentence as a property of programs.
    ///
    /// # Errors
    ///
    /// Which part of it is not valid.
    pub(crate) fn guarantee(&self) -> Result<Guarantee> {
        let steps = [
            (Who::Anyone, &self.anyone[..]),
            (Who::Owner, &self.owner_steps),
            (Who::Others, &self.other_steps),
        ];
        Guarantee::new(&self.begin, &self.owner, self.process, &steps, &self.never)
            .map_err(|why| anyhow!("book/guarantees.toml: {}: {why}", self.id))
    }

    /// The law without which it breaks.
    ///
    /// # Errors
    ///
    /// If there is no law of this name.
    pub(crate) fn wrong(&self) -> Result<Option<Law>> {
        let Some(name) = &self.wrong else { return Ok(None) };
        let law = Law::all().find(|law| law.name() == *name);
        let law = law.with_context(|| format!("book/guarantees.toml: no law `{name}`"))?;
        Ok(Some(law))
    }
}

/// What was tried for a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Programs of up to [`Saved::steps`] steps after the beginning, each with every answer that the model allows.
    pub(crate) programs: u64,
    pub(crate) steps: usize,
    /// Different states in which every task was asked.
    pub(crate) states: u64,
    /// Random programs.
    pub(crate) random: u64,
    /// Most steps of these.
    pub(crate) random_steps: usize,
    /// Programs that were run on a kernel, and its release.
    pub(crate) observed: u64,
    pub(crate) kernel: String,
    /// The trace of the shortest program that breaks it, if one does.
    pub(crate) counterexample: Option<String>,
}

impl Saved {
    /// What was tried, in words.
    pub(crate) fn tried(&self) -> String {
        let mut parts = Vec::new();
        if self.counterexample.is_none() {
            let (programs, steps) = (grouped(self.programs), count(self.steps, "step"));
            let (programs, states) =
                (count(programs, "program"), count(grouped(self.states), "different state"));
            parts.push(format!("{programs} of up to {steps} ({states})"));
            let (random, steps) = (grouped(self.random), count(self.random_steps, "step"));
            parts.push(format!("{} of up to {steps}", count(random, "random program")));
        }
        if self.observed > 0 {
            let programs = count(grouped(self.observed), "program");
            parts.push(format!("{programs} on Linux {}", self.kernel));
        }
        parts.join(", ")
    }
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// The sentences, as they were when this program was built.
///
/// # Errors
///
/// If the table is not valid.
pub(crate) fn table() -> Result<&'static [Sentence]> {
    static TABLE: OnceLock<std::result::Result<Table, toml::de::Error>> = OnceLock::new();
    let text = include_str!("../../../book/guarantees.toml");
    let table = TABLE.get_or_init(|| toml::from_str(text)).as_ref();
    Ok(&table.context("book/guarantees.toml: not valid")?.guarantee)
}

/// What was tried for each sentence, by its id, as it was when this program was built.
///
/// # Errors
///
/// If the file is not valid.
pub(crate) fn saved() -> Result<BTreeMap<String, Saved>> {
    parse(include_str!("../../../snapshots/model/guarantees.json"))
}

/// The results in a text.
///
/// # Errors
///
/// If it is not valid.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Saved>> {
    serde_json::from_str(text).with_context(|| {
        format!("{SAVED}: not valid; `cargo run -- guarantees --save` writes it anew")
    })
}

/// Events as a trace, which ends without a newline.
pub(crate) fn trace(events: &[Event]) -> String {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    // Aligned, if it is a trace.
    lines.parse().map_or(lines, |trace: Trace| trace.to_string()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs of up to this number of steps are tried in each run of the tests.
    const STEPS: usize = 2;

    #[test]
    fn a_guarantee_holds_and_breaks_in_its_wrong_model_and_a_belief_breaks() {
        let saved = saved().unwrap();
        for sentence in table().unwrap() {
            let id = &sentence.id;
            let tried = sentence.guarantee().unwrap().search(STEPS, None).unwrap();
            let broken = tried.broken.map(|found| trace(&found));
            assert_eq!(broken, saved[id].counterexample, "{id}");
            assert_eq!(broken.is_some(), sentence.belief, "{id}");
            assert_eq!(sentence.wrong.is_some(), !sentence.belief, "{id}");
            if let Some(law) = sentence.wrong().unwrap() {
                let wrong = sentence.guarantee().unwrap().search(STEPS, Some(law)).unwrap();
                assert!(wrong.broken.is_some(), "{id} does not depend on {}", law.name());
            }
        }
        assert_eq!(saved.len(), table().unwrap().len(), "{SAVED} has a sentence that is gone");
    }

    #[test]
    fn a_sentence_has_at_most_25_words_a_dozen_steps_and_rules() {
        for sentence in table().unwrap() {
            let words = sentence.sentence.split_whitespace().count();
            assert!(words <= 25, "{}: {words} words", sentence.id);
            let steps = sentence.guarantee().unwrap().actions();
            assert!(sentence.belief || steps >= 12, "{}: {steps} steps", sentence.id);
            assert!(!sentence.rules.is_empty());
            for rule in &sentence.rules {
                assert!(crate::embedded::rule(rule).is_some(), "{}: no rule `{rule}`", sentence.id);
            }
        }
    }
}
