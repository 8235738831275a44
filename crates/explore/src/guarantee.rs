//! Guarantees: sentences that hold in every program, searched for counterexamples.
//!
//! A [`Guarantee`] is a beginning, the steps that may follow, and what no task may ever observe. [`Guarantee::search`]
//! follows every program of a few steps through the model, [`Guarantee::wander`] long random ones, and
//! [`Guarantee::observe`] runs short ones on the kernel.

mod kernel;
mod search;

pub use kernel::Observed;
pub use search::Tried;

use crate::Operation;
use crate::program::{TaskAction, TaskProgram, TaskStep};
use crate::task_states::TaskStates;
use trace::{Event, Outcome, Trace};

/// A sentence as a property of programs.
#[derive(Clone, Debug)]
pub struct Guarantee {
    begin: TaskProgram,
    owner: Owner,
    steps: Vec<(Who, TaskAction)>,
    never: Vec<Never>,
}

/// The task whose key or keyring the sentence is about.
#[derive(Clone, Copy, Debug)]
struct Owner {
    task: u8,
    /// Its whole process counts as the owner.
    process: bool,
}

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Any task.
    Anyone,
    /// The owner.
    Owner,
    /// Any other task.
    Others,
}

/// What no task may observe.
#[derive(Clone, Copy, Debug)]
struct Never {
    who: Who,
    operation: Operation,
    /// Whether it never succeeds, or else never fails.
    succeeds: bool,
}

/// The events of a program that breaks a guarantee; the last one shows it.
pub type Counterexample = Vec<Event>;

impl Guarantee {
    /// A guarantee from its parts, as `book/guarantees.toml` has them: the first steps, the owner's name, whether its whole
    /// process counts as the owner, the actions each task may take later, and what is never observed
    /// (`others keyctl_read_alloc K1 succeeds`).
    ///
    /// # Errors
    ///
    /// Which part is not valid, and why.
    pub fn new(
        begin: &str,
        owner: &str,
        process: bool,
        steps: &[(Who, &[String])],
        never: &[String],
    ) -> Result<Guarantee, String> {
        let begin: TaskProgram = begin.parse()?;
        let names = begin.names();
        let task = names.iter().position(|name| name == owner);
        let task = task.ok_or_else(|| format!("no task `{owner}` in the beginning"))? as u8;
        let mut actions = Vec::new();
        for (who, texts) in steps {
            for text in *texts {
                let action = text.parse().map_err(|why| format!("step `{text}`: {why}"))?;
                actions.push((*who, action));
            }
        }
        let never = never.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Guarantee { begin, owner: Owner { task, process }, steps: actions, never })
    }

    /// The number of different steps: each action counts once, even if several tasks take it.
    pub fn actions(&self) -> usize {
        self.steps.len()
    }

    /// Whether a task is one of these.
    fn is(&self, who: Who, task: u8, states: &TaskStates) -> bool {
        let is_owner = match self.owner.process {
            true => states.process(task) == states.process(self.owner.task),
            false => task == self.owner.task,
        };
        match who {
            Who::Anyone => true,
            Who::Owner => is_owner,
            Who::Others => !is_owner,
        }
    }

    /// The steps that can follow.
    fn choices<'a>(&'a self, states: &'a TaskStates) -> impl Iterator<Item = TaskStep> + 'a {
        let by = move |task: u8| {
            let actions = self.steps.iter().filter(move |(who, _)| self.is(*who, task, states));
            actions.map(move |(_, action)| TaskStep { task, action: *action })
        };
        states.alive().flat_map(by)
    }

    /// What the tasks that are alive are asked.
    fn questions<'a>(
        &'a self,
        states: &'a TaskStates,
    ) -> impl Iterator<Item = (u8, &'a Never)> + 'a {
        let by = move |task: u8| {
            let asked = self.never.iter().filter(move |never| self.is(never.who, task, states));
            asked.map(move |never| (task, never))
        };
        states.alive().flat_map(by)
    }

    /// Whether an event is one that never happens. `task` is its task's number.
    fn breaks(&self, event: &Event, task: u8, states: &TaskStates) -> bool {
        self.never.iter().any(|never| {
            let asked = never.operation.event(&event.task);
            asked.call == event.call
                && asked.args == event.args
                && never.is(&event.outcome)
                && self.is(never.who, task, states)
        })
    }

    /// The first event of a whole trace of a program that never happens, those of the beginning left out.
    fn broken_by(&self, program: &TaskProgram, trace: &Trace) -> Option<usize> {
        let (names, states) = (program.names(), TaskStates::after(&program.steps));
        let begun = self.begin.events_without_outcomes().len();
        let events = trace.events().iter().enumerate().skip(begun);
        let mut broken = events.filter(|(_, event)| {
            let task = names.iter().position(|name| *name == event.task);
            task.is_some_and(|task| self.breaks(event, task as u8, &states))
        });
        broken.next().map(|(nth, _)| nth)
    }
}

impl Never {
    /// Whether an outcome of the operation is the one that never happens.
    fn is(&self, outcome: &Outcome) -> bool {
        self.succeeds == matches!(outcome, Outcome::Returned(_) | Outcome::Nothing)
    }
}

impl std::str::FromStr for Never {
    type Err = String;

    fn from_str(text: &str) -> Result<Never, String> {
        let refused = |why: &str| format!("`{text}` is not who, call and outcome: {why}");
        let words: Vec<&str> = text.split_whitespace().collect();
        let [who, call, args @ .., outcome] = &words[..] else {
            return Err(refused("it has fewer than three words"));
        };
        let who = match *who {
            "anyone" => Who::Anyone,
            "owner" => Who::Owner,
            "others" => Who::Others,
            _ => return Err(refused("it begins with anyone, owner or others")),
        };
        let succeeds = match *outcome {
            "succeeds" => true,
            "fails" => false,
            _ => return Err(refused("it ends with succeeds or fails")),
        };
        let operation = Operation::parse(call, args).map_err(|why| refused(&why))?;
        Ok(Never { who, operation, succeeds })
    }
}
