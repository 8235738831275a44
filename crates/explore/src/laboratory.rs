//! Running programs, judging their traces, and finding the shortest that disagrees.

use crate::play::{self, Played};
use crate::program::Program;
use keyrings::Errno;
use keyrings::stage::{Seen, Stage};
use model::{Judge, Refusal, Why};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use trace::{Outcome, Owner, Trace};

/// A program that has not come to its end by then is ended.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program is tried so often if it comes to no end, as on a machine that has no room for its tasks.
const TRIES: usize = 3;

/// Where programs are run and judged. The calling process must have one thread and no children.
pub struct Laboratory {
    stage: Stage,
    owner: Owner,
    refuses: Refuses,
}

/// What says why a trace is refused, if it is.
pub type Refuses = fn(&Trace) -> Option<Refusal>;

/// What came of a program.
#[derive(Debug)]
pub enum Verdict {
    /// The model allows what the kernel did.
    Allowed,
    /// It does not.
    Disagrees(Box<Disagreement>),
    /// Nobody can tell: the program came to no end, or there was no room for it; why.
    NotJudged(String),
}

/// A program of which the kernel's trace is not allowed.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Its steps as they were played.
    pub played: Vec<Played>,
    /// What the kernel did, normalised.
    pub trace: Trace,
    /// What the model says of it, without the rules; `None` if the model panicked.
    pub refusal: Option<Refusal>,
}

impl Disagreement {
    /// The program, with the steps that were played only.
    pub fn program(&self) -> Program {
        Program { steps: self.played.iter().map(|played| played.step).collect() }
    }

    /// What the model says of it, with the rules that say so.
    pub fn explained(&self) -> Option<Refusal> {
        self.refusal.as_ref()?;
        model::judge(&self.trace).err().map(|refusal| *refusal)
    }

    /// What it is about, without names and numbers: disagreements of one kind have mostly one cause.
    pub fn kind(&self) -> String {
        let Some(Refusal { event, why, .. }) = &self.refusal else {
            return "the model panics".to_owned();
        };
        let outcome = |outcome: &Outcome| match outcome {
            Outcome::Nothing => "nothing".to_owned(),
            Outcome::Returned(_) => "a result".to_owned(),
            Outcome::Failed { errno, .. } => errno.clone(),
        };
        let allowed = match why {
            Why::NotUnderstood(_) => "is not understood".to_owned(),
            Why::Outcome { allowed, .. } => {
                let mut allowed: Vec<String> = allowed.iter().map(outcome).collect();
                allowed.sort();
                allowed.dedup();
                if allowed.is_empty() {
                    return format!("{} does not end so", event.call);
                }
                format!("where {} is allowed", allowed.join(" or "))
            }
        };
        format!("{} gives {} {allowed}", event.call, outcome(&event.outcome))
    }
}

/// What the model says of a trace, without the rules, as those take longer to find than all the rest.
fn refusal(trace: &Trace) -> Option<Refusal> {
    Judge::new().events(trace).err().map(|refusal| *refusal)
}

impl Laboratory {
    /// A laboratory in this process.
    ///
    /// # Errors
    ///
    /// If there is no memory for the record.
    pub fn new() -> Result<Laboratory, Errno> {
        Laboratory::with(refusal)
    }

    /// A laboratory with another judge than the model.
    ///
    /// # Errors
    ///
    /// If there is no memory for the record.
    pub fn with(refuses: Refuses) -> Result<Laboratory, Errno> {
        let owner = Owner { uid: keyrings::getuid(), gid: keyrings::getgid() };
        Ok(Laboratory { stage: Stage::new()?, owner, refuses })
    }

    /// Runs a program; gives the steps that were played, and the normalised trace.
    ///
    /// # Errors
    ///
    /// If it came to no end, why.
    pub fn run(&self, program: &Program) -> Result<(Vec<Played>, Trace), String> {
        let mut why = String::new();
        for _ in 0..TRIES {
            match self.stage.run(DEADLINE, || play::play(program)) {
                Ok(seen) => match self.read(&seen) {
                    Ok(read) => return Ok(read),
                    Err(error) => why = error,
                },
                Err(error) => why = format!("no process: {error:?} ({})", error.desc()),
            }
        }
        Err(why)
    }

    fn read(&self, seen: &Seen) -> Result<(Vec<Played>, Trace), String> {
        if !seen.is_whole() {
            return Err(format!("it {}: {}\n{}", seen.ended, seen.said.trim_end(), seen.trace));
        }
        let trace: Trace =
            seen.trace.parse().map_err(|error| format!("{error}\n{}", seen.trace))?;
        // All programs of a user share its quota, of which no trace tells.
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Failed { errno, .. } if errno == "EDQUOT");
        if trace.events.iter().any(|event| refused(&event.outcome)) {
            return Err("the user's quota of keys is used up".to_owned());
        }
        let played = play::read(&seen.said).ok_or("its account cannot be read")?;
        Ok((played, trace.normalise(self.owner)))
    }

    /// Runs a program and judges its trace.
    pub fn judge(&self, program: &Program) -> Verdict {
        let (played, trace) = match self.run(program) {
            Ok(seen) => seen,
            Err(why) => return Verdict::NotJudged(why),
        };
        // A panic is a mistake of the model like any other.
        let refusal = match catch_unwind(AssertUnwindSafe(|| (self.refuses)(&trace))) {
            Ok(None) => return Verdict::Allowed,
            Ok(refusal) => refusal,
            Err(_) => None,
        };
        Verdict::Disagrees(Box::new(Disagreement { played, trace, refusal }))
    }

    /// Takes steps away from a program that disagrees, as long as what is left disagrees too.
    pub fn shorten(&self, disagreement: Disagreement) -> Disagreement {
        let mut shortest = disagreement;
        loop {
            let program = shortest.program();
            let shorter = (0..program.steps.len()).rev().find_map(|nth| {
                match self.judge(&program.without(nth)) {
                    Verdict::Disagrees(found) => Some(*found),
                    _ => None,
                }
            });
            match shorter {
                // Fewer steps each time, so this ends.
                Some(shorter) if shorter.played.len() < shortest.played.len() => shortest = shorter,
                _ => return shortest,
            }
        }
    }
}
