//! One of those that run programs: a process that tells its parent what it finds, a line at a time.

use super::laboratory;
use super::report::Found;
use crate::HELD;
use ::explore::random::Random;
use ::explore::{Disagreement, Laboratory, Program, Verdict, exhaustive};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Which share of the programs is whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The place of this one, from 0.
    pub(crate) nth: usize,
    /// So many share.
    pub(crate) of: usize,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.nth, self.of)
    }
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Part, &'static str> {
        let parts = text
            .split_once('/')
            .and_then(|(nth, of)| Some(Part { nth: nth.parse().ok()?, of: of.parse().ok()? }));
        parts.filter(|part| part.nth < part.of).ok_or("a part is written as 0/4")
    }
}

/// How far to go.
#[derive(Debug)]
pub(crate) struct Limits {
    /// When to end, if by time.
    pub(crate) end: Option<Instant>,
    /// When to go on to random programs, if by time.
    pub(crate) half: Option<Instant>,
    /// So many random programs.
    pub(crate) programs: u64,
    /// Every program of up to so many steps.
    pub(crate) length: usize,
    pub(crate) seed: u64,
}

/// What a worker tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// So many more programs were run and judged.
    Ran { exhaustive: u64, random: u64 },
    /// All programs up to the length were run, as far as they are this worker's.
    Exhausted,
    /// A program disagrees.
    Found(Box<Found>),
    /// Another that disagrees in the same way.
    Another(String),
    /// A program could not be judged.
    NotJudged { program: String, why: String },
}

/// So often the parent is told how far it is.
const OFTEN: Duration = Duration::from_millis(100);

/// So many kinds of disagreement are worth the time that it takes to shorten their programs.
const KINDS: usize = 20;

struct Worker {
    laboratory: Laboratory,
    kinds: BTreeSet<String>,
    exhaustive: u64,
    random: u64,
    told: Instant,
}

pub(crate) fn work(part: Part, limits: &Limits) -> Result<u8> {
    let mut worker = Worker {
        laboratory: laboratory()?,
        kinds: BTreeSet::new(),
        exhaustive: 0,
        random: 0,
        told: Instant::now(),
    };
    worker.work(part, limits)?;
    worker.tell_how_far()?;
    Ok(HELD)
}

fn over(end: Option<Instant>) -> bool {
    end.is_some_and(|end| Instant::now() >= end)
}

fn tell(told: &Told) -> Result<()> {
    let line = serde_json::to_string(told)? + "\n";
    // Nobody to tell is nobody to work for.
    std::io::stdout().write_all(line.as_bytes()).context("the parent does not listen")
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
            let verdict = self.laboratory.judge(&program);
            self.exhaustive += 1;
            self.take(verdict, &program, "the exhaustive ones", |laboratory, found| {
                laboratory.shorten(found)
            })?;
        }
        if all {
            tell(&Told::Exhausted)?;
        }
        let random = Random::new(limits.seed, keyrings::getuid() == 0);
        for number in (part.nth as u64..limits.programs).step_by(part.of) {
            if over(limits.end) {
                break;
            }
            let Some(program) = random.program(number) else { continue };
            let verdict = self.laboratory.judge(&program);
            self.random += 1;
            let from = format!("random program {number}");
            self.take(verdict, &program, &from, |laboratory, found| {
                match random.judge(number, laboratory, true) {
                    Verdict::Disagrees(shrunk) => *shrunk,
                    _ => laboratory.shorten(found),
                }
            })?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        verdict: Verdict,
        program: &Program,
        from: &str,
        shorten: impl FnOnce(&Laboratory, Disagreement) -> Disagreement,
    ) -> Result<()> {
        match verdict {
            Verdict::Allowed => {}
            Verdict::NotJudged(why) => {
                tell(&Told::NotJudged { program: program.to_string(), why })?;
            }
            Verdict::Disagrees(found) => {
                let kind = found.kind();
                if self.kinds.len() < KINDS && self.kinds.insert(kind.clone()) {
                    let shortest = shorten(&self.laboratory, *found);
                    self.kinds.insert(shortest.kind());
                    tell(&Told::Found(Box::new(Found::of(&shortest, from.to_owned()))))?;
                } else {
                    tell(&Told::Another(kind))?;
                }
            }
        }
        if self.told.elapsed() > OFTEN { self.tell_how_far() } else { Ok(()) }
    }

    fn tell_how_far(&mut self) -> Result<()> {
        tell(&Told::Ran { exhaustive: self.exhaustive, random: self.random })?;
        (self.exhaustive, self.random, self.told) = (0, 0, Instant::now());
        Ok(())
    }
}
