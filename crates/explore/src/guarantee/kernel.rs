//! A guarantee on the running kernel.

use super::{Counterexample, Guarantee, Never};
use crate::Laboratory;
use crate::program::{TaskAction, TaskProgram, TaskStep};
use crate::task_states::TaskStates;
use std::time::Instant;

/// What the kernel has shown.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The programs that were run and finished.
    pub programs: u64,
    /// The first program that breaks the guarantee, if one does.
    pub broken: Option<Counterexample>,
}

impl Guarantee {
    /// Runs every program of up to `steps` steps after the beginning, the shorter ones first, until it is time to end.
    pub fn observe(&self, laboratory: &Laboratory, steps: usize, end: Instant) -> Observed {
        let mut observed = Observed::default();
        let states = TaskStates::after(&self.begin.steps);
        for length in 0..=steps {
            let mut run = Run { guarantee: self, laboratory, end, observed: &mut observed };
            if !run.follow(&mut self.begin.steps.clone(), &states, length) {
                break;
            }
        }
        observed
    }

    /// Runs a program and asks every task at its end.
    fn run(
        &self,
        laboratory: &Laboratory,
        steps: &[TaskStep],
    ) -> Result<Option<Counterexample>, String> {
        let states = TaskStates::after(steps);
        let asks = |(task, never): (u8, &Never)| TaskStep {
            task,
            action: TaskAction::Do(never.operation),
        };
        let steps = steps.iter().copied().chain(self.questions(&states).map(asks)).collect();
        let program = TaskProgram { steps };
        let (_, trace) = laboratory.run(&program)?;
        Ok(self.broken_by(&program, &trace).map(|last| trace.events()[..=last].to_vec()))
    }
}

struct Run<'a> {
    guarantee: &'a Guarantee,
    laboratory: &'a Laboratory,
    end: Instant,
    observed: &'a mut Observed,
}

impl Run<'_> {
    /// Runs all programs that go on from here by `length` steps; false if there is no time left, or one breaks the guarantee.
    fn follow(&mut self, steps: &mut Vec<TaskStep>, states: &TaskStates, length: usize) -> bool {
        if length > 0 {
            for step in self.guarantee.choices(states) {
                let mut after = states.clone();
                if !after.take(step) {
                    continue;
                }
                steps.push(step);
                let goes_on = self.follow(steps, &after, length - 1);
                steps.pop();
                if !goes_on {
                    return false;
                }
            }
            return true;
        }
        if Instant::now() >= self.end {
            return false;
        }
        // A program that does not finish says nothing.
        if let Ok(broken) = self.guarantee.run(self.laboratory, steps) {
            self.observed.programs += 1;
            self.observed.broken = broken;
        }
        self.observed.broken.is_none()
    }
}
