//! What workers found, for people.

use crate::commands::judge::{self, Rule};
use crate::output::{BAD, GOOD, count, indented};
use crate::status::{DIFFERS, HELD, NOTHING_HERE};
use ::explore::Disagreement;
use ::explore::snippet::snippet;
use anyhow::Result;
use model::Why;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The id that a snippet has until somebody chooses one.
pub(crate) const NO_RULE_YET: &str = "explored";

/// What a worker reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// How many more programs it ran.
    Ran { exhaustive: u64, random: u64 },
    /// It ran its share of the programs up to the length.
    Exhausted,
    /// A program disagrees.
    Found(Box<Found>),
    /// Another program disagrees in the same way.
    Another(String),
    /// A program could not be judged.
    Unjudged { program: String, why: String },
}

/// A program that disagrees, with everything that is printed about it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    kind: String,
    /// The source of the program; empty if it is the command line.
    from: String,
    program: String,
    steps: usize,
    /// The lines of the trace.
    trace: Vec<String>,
    /// The place of the refused line.
    refused: Option<usize>,
    /// Why the model refuses it.
    why: String,
    snippet: String,
}

impl Found {
    pub(crate) fn of(found: &Disagreement, from: String) -> Result<Found> {
        let program = found.program();
        let explained = found.explained(crate::embedded::wrong_models()?);
        Ok(Found {
            kind: found.kind(),
            from,
            steps: program.steps.len(),
            program: program.to_string(),
            trace: found.trace.to_string().lines().map(str::to_owned).collect(),
            refused: found.refusal.as_ref().map(|refusal| refusal.nth),
            why: explained.map_or(String::new(), |refusal| why(&refusal.why)),
            snippet: snippet(NO_RULE_YET, &found.executed),
        })
    }

    pub(crate) fn human(&self) -> String {
        let Found { kind, from, program, trace, refused, why, snippet, .. } = self;
        let mut text = format!("{BAD}not allowed{BAD:#}: {kind}\n\n");
        for (nth, line) in trace.iter().enumerate() {
            let mark = if Some(nth) == *refused { ">" } else { " " };
            let _ = writeln!(text, "  {mark} {line}");
        }
        let _ = write!(text, "\n{why}\n{snippet}\n");
        if !from.is_empty() {
            let _ = writeln!(text, "Found among {from}; to run it again:");
        }
        let _ = writeln!(text, "  keybook explore --again {program:?}");
        text
    }
}

/// What would be allowed instead, and the rules that say so.
fn why(why: &Why) -> String {
    match why {
        Why::NotUnderstood(expected) | Why::Unknown(expected) => format!("  expected {expected}\n"),
        Why::Outcome { allowed, laws, rules } => {
            let allowed: Vec<String> = allowed.iter().map(play::judge::outcome).collect();
            let rules: Vec<String> = rules.iter().map(|id| Rule::of(id).to_string()).collect();
            let mistakes: Vec<String> = laws.iter().map(|law| law.wrong()).collect();
            let mut text = String::new();
            for (what, list) in
                [("allowed there", allowed), ("by the rules", rules), (judge::MISTAKES, mistakes)]
            {
                if !list.is_empty() {
                    let _ = writeln!(text, "  {what}:\n{}", indented("    ", &list.join("\n")));
                }
            }
            text
        }
    }
}

/// Everything that workers reported.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    seed: u64,
    length: usize,
    jobs: usize,
    /// How many workers ran their share of the programs up to the length.
    exhausted: usize,
    exhaustive: u64,
    random: u64,
    /// The shortest program of each kind.
    found: BTreeMap<String, Found>,
    disagreements: u64,
    unjudged: u64,
    /// The first program that could not be judged, and why.
    first_unjudged: Option<(String, String)>,
    pub(crate) took: Duration,
}

impl Findings {
    pub(crate) fn new(seed: u64, length: usize, jobs: usize) -> Findings {
        Findings { seed, length, jobs, ..Findings::default() }
    }

    pub(crate) fn take(&mut self, message: Message) {
        match message {
            Message::Ran { exhaustive, random } => {
                self.exhaustive += exhaustive;
                self.random += random;
            }
            Message::Exhausted => self.exhausted += 1,
            Message::Another(_) => self.disagreements += 1,
            Message::Found(found) => {
                self.disagreements += 1;
                match self.found.get(&found.kind) {
                    Some(known) if known.steps <= found.steps => {}
                    _ => {
                        self.found.insert(found.kind.clone(), *found);
                    }
                }
            }
            Message::Unjudged { program, why } => {
                self.unjudged += 1;
                self.first_unjudged.get_or_insert((program, why));
            }
        }
    }

    /// The number of random programs.
    pub(crate) fn random(&self) -> u64 {
        self.random
    }

    /// The text of the progress bar.
    pub(crate) fn brief(&self) -> String {
        let ran = self.exhaustive + self.random;
        format!("{}, {} disagree", count(ran, "program"), self.disagreements)
    }

    pub(crate) fn human(&self) -> String {
        let mut text = String::new();
        for found in self.found.values() {
            let _ = writeln!(text, "{}", found.human());
        }
        let ran = self.exhaustive + self.random;
        let seconds = self.took.as_secs_f64();
        let all = if self.exhausted == self.jobs { "all" } else { "not all" };
        let _ = writeln!(
            text,
            "{} in {seconds:.1} s, {:.0} a second: {} exhaustive ({all} of up to {}), {} random (--seed {})",
            count(ran, "program"),
            ran as f64 / seconds.max(0.001),
            self.exhaustive,
            count(self.length, "step"),
            self.random,
            self.seed,
        );
        if let Some((program, why)) = &self.first_unjudged {
            let _ = writeln!(
                text,
                "{} could not be judged; the first:\n  keybook explore --again {program:?}\n{}",
                self.unjudged,
                indented("  ", why)
            );
        }
        let style = if self.disagreements == 0 { GOOD } else { BAD };
        let _ = writeln!(
            text,
            "{style}{} disagree{style:#} with the rules, in {}",
            self.disagreements,
            count(self.found.len(), "way")
        );
        text
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match (self.disagreements, self.exhaustive + self.random - self.unjudged) {
            (0, 0) => NOTHING_HERE,
            (0, _) => HELD,
            _ => DIFFERS,
        }
    }
}
