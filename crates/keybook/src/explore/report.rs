//! What was found, for people.

use super::worker::Told;
use super::{Disagreement, NO_RULE_YET, snippet};
use crate::judge::{self, Rule};
use crate::report::indented;
use crate::{DIFFERS, HELD, NOTHING_HERE};
use anstyle::{AnsiColor, Style};
use model::Why;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// A program that disagrees, with all there is to be said of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    kind: String,
    /// Where the program comes from; empty if from the command line.
    from: String,
    program: String,
    steps: usize,
    /// The lines of the trace.
    trace: Vec<String>,
    /// The place of the one that is refused.
    refused: Option<usize>,
    /// What the model says of it.
    why: String,
    snippet: String,
}

impl Found {
    pub(crate) fn of(found: &Disagreement, from: String) -> Found {
        let program = found.program();
        Found {
            kind: found.kind(),
            from,
            steps: program.steps.len(),
            program: program.to_string(),
            trace: found.trace.to_string().lines().map(str::to_owned).collect(),
            refused: found.refusal.as_ref().map(|refusal| refusal.nth),
            why: found.explained().map_or(String::new(), |refusal| why(&refusal.why)),
            snippet: snippet(NO_RULE_YET, &found.played),
        }
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
            let _ = writeln!(text, "Found among {from}; once more:");
        }
        let _ = writeln!(text, "  keybook explore --again {program:?}");
        text
    }
}

/// What is allowed in the place of what was refused, and the rules that say so.
fn why(why: &Why) -> String {
    match why {
        Why::NotUnderstood(expected) => format!("  expected {expected}\n"),
        Why::Outcome { allowed, laws, rules } => {
            let allowed: Vec<String> = allowed.iter().map(judge::outcome).collect();
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

/// All that workers told.
#[derive(Debug)]
pub(crate) struct Findings {
    seed: u64,
    length: usize,
    jobs: usize,
    exhausted: usize,
    exhaustive: u64,
    random: u64,
    /// The shortest program of each kind.
    found: BTreeMap<String, Found>,
    disagreements: u64,
    not_judged: u64,
    /// The first of those, and why.
    unfinished: Option<(String, String)>,
    pub(crate) took: Duration,
}

impl Findings {
    pub(crate) fn new(seed: u64, length: usize, jobs: usize) -> Findings {
        Findings {
            seed,
            length,
            jobs,
            exhausted: 0,
            exhaustive: 0,
            random: 0,
            found: BTreeMap::new(),
            disagreements: 0,
            not_judged: 0,
            unfinished: None,
            took: Duration::ZERO,
        }
    }

    pub(crate) fn take(&mut self, told: Told) {
        match told {
            Told::Ran { exhaustive, random } => {
                self.exhaustive += exhaustive;
                self.random += random;
            }
            Told::Exhausted => self.exhausted += 1,
            Told::Another(_) => self.disagreements += 1,
            Told::Found(found) => {
                self.disagreements += 1;
                match self.found.get(&found.kind) {
                    Some(known) if known.steps <= found.steps => {}
                    _ => {
                        self.found.insert(found.kind.clone(), *found);
                    }
                }
            }
            Told::NotJudged { program, why } => {
                self.not_judged += 1;
                self.unfinished.get_or_insert((program, why));
            }
        }
    }

    /// How many random programs were run.
    pub(crate) fn random(&self) -> u64 {
        self.random
    }

    /// For the progress bar.
    pub(crate) fn brief(&self) -> String {
        let ran = self.exhaustive + self.random;
        format!("{ran} programs, {} disagree", self.disagreements)
    }

    pub(crate) fn human(&self) -> String {
        let mut text = String::new();
        for found in self.found.values() {
            let _ = writeln!(text, "{}", found.human());
        }
        let ran = self.exhaustive + self.random;
        let seconds = self.took.as_secs_f64();
        let whole = if self.exhausted == self.jobs {
            format!("all of up to {} steps", self.length)
        } else {
            format!("not all of up to {} steps", self.length)
        };
        let _ = writeln!(
            text,
            "{ran} programs in {seconds:.1} s, {:.0} a second: {} exhaustive ({whole}), {} random (--seed {})",
            ran as f64 / seconds.max(0.001),
            self.exhaustive,
            self.random,
            self.seed,
        );
        if let Some((program, why)) = &self.unfinished {
            let _ = writeln!(
                text,
                "{} could not be judged; the first:\n  keybook explore --again {program:?}\n{}",
                self.not_judged,
                indented("  ", why)
            );
        }
        let style = if self.disagreements == 0 { GOOD } else { BAD };
        let _ = writeln!(
            text,
            "{style}{} disagree{style:#} with the rules, in {} ways",
            self.disagreements,
            self.found.len()
        );
        text
    }

    /// The exit status that says the same.
    pub(crate) fn status(&self) -> u8 {
        match (self.disagreements, self.exhaustive + self.random - self.not_judged) {
            (0, 0) => NOTHING_HERE,
            (0, _) => HELD,
            _ => DIFFERS,
        }
    }
}
