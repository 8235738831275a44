//! Programs: who does what, in which order.

use crate::Operation;
use crate::cast::Cast;

/// A generated program.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    /// Its steps, one after another: one task acts at a time.
    pub steps: Vec<Step>,
}

/// What one task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The task: 0 is `main`, the others are numbered as they are made.
    pub task: u8,
    /// What it does.
    pub act: Act,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A call about keys.
    Do(Operation),
    /// Makes a process by fork(2).
    Fork,
    /// Makes a process by clone(2) with `CLONE_FS`.
    Clone,
    /// Makes a process by clone3(2) without flags.
    Clone3,
    /// Makes a thread.
    Thread,
    /// Makes a process with this executable by posix_spawn(3).
    Spawn,
    /// Makes a process by vfork(2), which makes this call and ends.
    Vfork(Operation),
    /// Makes a process by clone(2) with `CLONE_VM`, which makes this call and ends.
    CloneVm(Operation),
    /// Replaces its program: execve(2).
    Exec,
    /// Its process ends by exit(2) and is reaped by its parent.
    Exit,
    /// This thread ends.
    Leave,
    /// Opens a file, of which a process has one at a time.
    Open,
    /// Closes that file.
    Close,
}

impl Act {
    /// The beginning of the name of the task that it makes, if it makes one.
    pub(crate) fn makes(&self) -> Option<&'static str> {
        match self {
            Act::Fork | Act::Clone | Act::Clone3 | Act::Spawn | Act::Vfork(_) | Act::CloneVm(_) => {
                Some("child")
            }
            Act::Thread => Some("thread"),
            _ => None,
        }
    }

    /// The call about keys in it.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match self {
            Act::Do(operation) | Act::Vfork(operation) | Act::CloneVm(operation) => Some(operation),
            _ => None,
        }
    }

    /// The same act with another call about keys.
    pub(crate) fn with_operation(self, operation: Operation) -> Act {
        match self {
            Act::Do(_) => Act::Do(operation),
            Act::Vfork(_) => Act::Vfork(operation),
            Act::CloneVm(_) => Act::CloneVm(operation),
            other => other,
        }
    }
}

impl Program {
    /// The names of its tasks, in the order of their numbers.
    pub(crate) fn names(&self) -> Vec<String> {
        let made = self.steps.iter().filter_map(|step| step.act.makes());
        let made = made.zip(1..).map(|(kind, nth)| format!("{kind}{nth}"));
        std::iter::once("main".to_owned()).chain(made).collect()
    }

    /// The program without one of its steps, and without all that no task does then.
    pub(crate) fn without(&self, nth: usize) -> Program {
        let made_before = |nth: usize| {
            self.steps[..nth].iter().filter(|step| step.act.makes().is_some()).count() as u8
        };
        let gone = self.steps[nth].act.makes().map(|_| made_before(nth) + 1);
        let others = self.steps.iter().enumerate().filter(|(other, _)| *other != nth);
        let mut steps: Vec<Step> = Vec::new();
        // Tasks that are left out, by their numbers in this program.
        let mut left_out: Vec<u8> = gone.into_iter().collect();
        for (other, step) in others {
            if left_out.contains(&step.task) {
                if step.act.makes().is_some() {
                    left_out.push(made_before(other) + 1);
                }
                continue;
            }
            let before = left_out.iter().filter(|task| **task < step.task).count() as u8;
            steps.push(Step { task: step.task - before, ..*step });
        }
        Program { steps }.sensible()
    }

    /// The program without the steps that make no sense: by tasks that have ended, say.
    pub(crate) fn sensible(mut self) -> Program {
        let mut cast = Cast::new();
        self.steps.retain(|step| cast.play(*step));
        self
    }
}
