//! A worker: a process that runs programs and reports to its parent, one line of JSON per message.

use super::report::{Found, Message};
use crate::status::HELD;
use ::explore::random::{Can, Random};
use ::explore::{Disagreement, Judgment, Laboratory, TaskProgram, exhaustive};
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeSet;
use std::io::Write;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A worker's share of the programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Its number, from 0.
    pub(crate) nth: usize,
    /// How many workers share the programs.
    pub(crate) of: usize,
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Part, &'static str> {
        let parts = text
            .split_once('/')
            .and_then(|(nth, of)| Some(Part { nth: nth.parse().ok()?, of: of.parse().ok()? }));
        parts.filter(|part| part.nth < part.of).ok_or("expected a part such as 0/4")
    }
}

/// When to stop.
#[derive(Debug)]
pub(crate) struct Limits {
    /// The end, if there is a time limit.
    pub(crate) end: Option<Instant>,
    /// The end of the exhaustive programs, if there is a time limit.
    pub(crate) half: Option<Instant>,
    /// How many random programs to run.
    pub(crate) programs: u64,
    /// Most steps of the exhaustive programs.
    pub(crate) length: usize,
    pub(crate) seed: u64,
}

/// How often the parent learns how many programs were run.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many kinds of disagreement are worth the time of shortening their programs.
const MOST_KINDS: usize = 20;

struct Worker {
    laboratory: Laboratory,
    kinds: BTreeSet<String>,
    exhaustive: u64,
    random: u64,
    reported: Instant,
}

pub(crate) fn laboratory() -> Result<Laboratory> {
    Laboratory::new().map_err(|error| anyhow!("no memory for the record: {}", error.desc()))
}

/// Runs a share of the programs; returns the exit status.
///
/// # Errors
///
/// If there is no memory for the record, or nobody reads the reports.
pub(crate) fn work(part: Part, limits: &Limits) -> Result<u8> {
    let mut worker = Worker {
        laboratory: laboratory()?,
        kinds: BTreeSet::new(),
        exhaustive: 0,
        random: 0,
        reported: Instant::now(),
    };
    worker.work(part, limits)?;
    worker.report_progress()?;
    Ok(HELD)
}

fn over(end: Option<Instant>) -> bool {
    end.is_some_and(|end| Instant::now() >= end)
}

fn report(message: &Message) -> Result<()> {
    let line = serde_json::to_string(message)? + "\n";
    // Without a reader there is nobody to work for.
    std::io::stdout().write_all(line.as_bytes()).context("the parent does not read")
}

impl Worker {
    fn work(&mut self, part: Part, limits: &Limits) -> Result<()> {
        let mine = exhaustive::programs(limits.length).skip(part.nth).step_by(part.of);
        let mut all = true;
        for program in mine {
            if over(limits.half) {
                all = false;
                break;
            }
            let judgment = self.laboratory.judge(&program);
            self.exhaustive += 1;
            self.take(judgment, &program, "the exhaustive ones", |laboratory, found| {
                laboratory.shorten(found)
            })?;
        }
        if all {
            report(&Message::Exhausted)?;
        }
        let random = Random::new(limits.seed, Can::here());
        for number in (part.nth as u64..limits.programs).step_by(part.of) {
            if over(limits.end) {
                break;
            }
            let Some(program) = random.program(number) else { continue };
            let judgment = self.laboratory.judge(&program);
            self.random += 1;
            let from = format!("random program {number}");
            self.take(judgment, &program, &from, |laboratory, found| {
                match random.judge(number, laboratory, true) {
                    Judgment::Disagrees(shrunk) => *shrunk,
                    _ => laboratory.shorten(found),
                }
            })?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        judgment: Judgment,
        program: &TaskProgram,
        from: &str,
        shorten: impl FnOnce(&Laboratory, Disagreement) -> Disagreement,
    ) -> Result<()> {
        match judgment {
            Judgment::Allowed => {}
            Judgment::Unjudged(why) => {
                report(&Message::Unjudged { program: program.to_string(), why })?;
            }
            Judgment::Disagrees(found) => {
                let kind = found.kind();
                if self.kinds.len() < MOST_KINDS && self.kinds.insert(kind.clone()) {
                    let shortest = shorten(&self.laboratory, *found);
                    self.kinds.insert(shortest.kind());
                    report(&Message::Found(Box::new(Found::of(&shortest, from.to_owned())?)))?;
                } else {
                    report(&Message::Another(kind))?;
                }
            }
        }
        if self.reported.elapsed() > INTERVAL { self.report_progress() } else { Ok(()) }
    }

    fn report_progress(&mut self) -> Result<()> {
        report(&Message::Ran { exhaustive: self.exhaustive, random: self.random })?;
        (self.exhaustive, self.random, self.reported) = (0, 0, Instant::now());
        Ok(())
    }
}
