//! Executes programs, judges their traces, and finds the shortest program that disagrees.

use crate::execute::{self, ExecutedStep};
use crate::program::{TaskAction, TaskProgram};
use keyrings::Errno;
use keyrings::stage::{Begins, Seen, Stage};
use model::wrong::Table;
use model::{Judge, Refusal, Why};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use trace::{Outcome, Owner, RawTrace, Trace};

/// A program that takes longer is killed.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often a program is tried that does not finish: the machine may lack room for its tasks.
const TRIES: usize = 3;

/// Executes and judges programs. The calling process must have one thread and no children.
pub struct Laboratory {
    stage: Stage,
    owner: Owner,
    refuses: Refuses,
}

/// A judge: returns why it refuses a trace, if it does.
pub type Refuses = fn(&Trace) -> Option<Refusal>;

/// The result of executing and judging a program.
#[derive(Debug)]
pub enum Judgment {
    /// The model allows what the kernel did.
    Allowed,
    /// The model refuses what the kernel did.
    Disagrees(Box<Disagreement>),
    /// Unknown, because the program did not finish: why.
    Unjudged(String),
}

/// A program whose trace the model refuses.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Its steps as they were executed.
    pub executed: Vec<ExecutedStep>,
    /// What the kernel did, normalized.
    pub trace: Trace,
    /// Why the model refuses it, without the rules; `None` if the model panicked.
    pub refusal: Option<Refusal>,
}

impl Disagreement {
    /// The program, without the steps that were skipped.
    pub fn program(&self) -> TaskProgram {
        TaskProgram { steps: self.executed.iter().map(|executed| executed.step).collect() }
    }

    /// Why the model refuses the trace, with the rules that say so.
    pub fn explained(&self, table: &Table) -> Option<Refusal> {
        self.refusal.as_ref()?;
        model::judge(&self.trace, table).refusal()
    }

    /// The disagreement without names and numbers: two that are equal mostly have one cause.
    pub fn kind(&self) -> String {
        let Some(Refusal { event, why, .. }) = &self.refusal else {
            return "the model panics".to_owned();
        };
        let outcome = |outcome: &Outcome| match outcome {
            Outcome::Nothing => "nothing".to_owned(),
            Outcome::Returned(_) => "a result".to_owned(),
            failed => failed.errno_name().unwrap_or_default().to_owned(),
        };
        let allowed = match why {
            Why::NotUnderstood(_) | Why::Unknown(_) => {
                "which the model does not understand".to_owned()
            }
            Why::Outcome { allowed, .. } => {
                let mut allowed: Vec<String> = allowed.iter().map(outcome).collect();
                allowed.sort();
                allowed.dedup();
                if allowed.is_empty() {
                    return format!("{} cannot end this way", event.call);
                }
                format!("where {} is allowed", allowed.join(" or "))
            }
        };
        format!("{} returns {}, {allowed}", event.call, outcome(&event.outcome))
    }
}

/// The model's judgment without the rules, because finding them takes longer than everything else.
fn refusal(trace: &Trace) -> Option<Refusal> {
    Judge::new().events(trace.events()).err().map(|refusal| *refusal)
}

impl Laboratory {
    /// A laboratory whose judge is the model.
    ///
    /// # Errors
    ///
    /// If there is no memory for the record.
    pub fn new() -> Result<Laboratory, Errno> {
        Laboratory::with(refusal)
    }

    /// A laboratory with another judge.
    ///
    /// # Errors
    ///
    /// If there is no memory for the record.
    pub fn with(refuses: Refuses) -> Result<Laboratory, Errno> {
        let owner = Owner { uid: keyrings::getuid(), gid: keyrings::getgid() };
        Ok(Laboratory { stage: Stage::new()?, owner, refuses })
    }

    /// Executes a program; returns the steps that were not skipped, and the normalized trace.
    ///
    /// # Errors
    ///
    /// Why the program did not finish, or why its trace says nothing about the kernel.
    pub fn run(&self, program: &TaskProgram) -> Result<(Vec<ExecutedStep>, Trace), String> {
        let mut why = String::new();
        let first = program.steps.first().map(|step| step.action);
        let begins = match first {
            Some(TaskAction::BeginWithoutSession) => Begins::WithoutSession,
            _ => Begins::WithSession,
        };
        for _ in 0..TRIES {
            match self.stage.run(DEADLINE, begins, || execute::execute(program)) {
                Ok(seen) => match self.read(&seen) {
                    Ok(read) => return Ok(read),
                    Err(error) => why = error,
                },
                Err(error) => why = format!("no process: {error:?} ({})", error.desc()),
            }
        }
        Err(why)
    }

    fn read(&self, seen: &Seen) -> Result<(Vec<ExecutedStep>, Trace), String> {
        if !seen.is_whole() {
            return Err(format!("it {}: {}\n{}", seen.ended, seen.said.trim_end(), seen.trace));
        }
        let trace: RawTrace =
            seen.trace.parse().map_err(|error| format!("{error}\n{}", seen.trace))?;
        // All programs of a user share its quota, which no trace shows.
        let over_quota = Outcome::Failed(trace::Errno::EDQUOT);
        if trace.events.iter().any(|event| event.outcome == over_quota) {
            return Err("the user's key quota is exhausted".to_owned());
        }
        let executed = execute::read(&seen.said).ok_or("the log of its steps cannot be read")?;
        Ok((executed, trace.normalize(self.owner)))
    }

    /// Executes a program and judges its trace.
    pub fn judge(&self, program: &TaskProgram) -> Judgment {
        let (executed, trace) = match self.run(program) {
            Ok(seen) => seen,
            Err(why) => return Judgment::Unjudged(why),
        };
        // A panic of the model is a bug like any other.
        let refusal = match catch_unwind(AssertUnwindSafe(|| (self.refuses)(&trace))) {
            Ok(None) => return Judgment::Allowed,
            Ok(refusal) => refusal,
            Err(_) => None,
        };
        Judgment::Disagrees(Box::new(Disagreement { executed, trace, refusal }))
    }

    /// Removes steps from a program that disagrees, as long as it still disagrees.
    pub fn shorten(&self, disagreement: Disagreement) -> Disagreement {
        let mut shortest = disagreement;
        loop {
            let program = shortest.program();
            let shorter = (0..program.steps.len()).rev().find_map(|nth| {
                match self.judge(&program.without(nth)) {
                    Judgment::Disagrees(found) => Some(*found),
                    _ => None,
                }
            });
            match shorter {
                // Each round removes a step, so this terminates.
                Some(shorter) if shorter.executed.len() < shortest.executed.len() => {
                    shortest = shorter
                }
                _ => return shortest,
            }
        }
    }
}
