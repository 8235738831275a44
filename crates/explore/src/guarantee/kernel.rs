//! A guarantee on the running kernel.

use super::{Counterexample, Guarantee};
use crate::Laboratory;
use crate::program::{TaskProgram, TaskStep};
use crate::task_states::TaskStates;
use std::time::Instant;

/// What the kernel has shown.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The programs that were run.
    pub programs: u64,
    /// Those that did not finish.
    pub unfinished: u64,
    /// The first program that breaks the guarantee, if one does.
    pub broken: Option<Counterexample>,
}

impl Guarantee {
    /// Runs every program of up to `steps` steps after the beginning, the shorter ones first, until it is time to end.
    pub fn observe(&self, laboratory: &Laboratory, steps: usize, end: Instant) -> Observed {
        let mut observed = Observed::default();
        let mut states = TaskStates::new();
        self.begin.steps.iter().for_each(|step| {
            states.take(*step);
        });
        for length in 0..=steps {
            let mut run = Run { guarantee: self, laboratory, end, observed: &mut observed };
            if !run.follow(&mut self.begin.steps.clone(), &states, length) {
                break;
            }
        }
        observed
    }

    /// Runs a program and asks every task at its end.
    ///
    /// # Errors
    ///
    /// Why the program did not finish.
    pub fn run(
        &self,
        laboratory: &Laboratory,
        steps: &[TaskStep],
    ) -> Result<Option<Counterexample>, String> {
        let mut states = TaskStates::new();
        steps.iter().for_each(|step| {
            states.take(*step);
        });
        let steps = [steps, &self.questions(&states)].concat();
        let program = TaskProgram { steps };
        let (_, trace) = laboratory.run(&program)?;
        Ok(self
            .broken_by(&program, &trace)
            .map(|last| Counterexample { events: trace.events()[..=last].to_vec(), program }))
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
        match self.guarantee.run(self.laboratory, steps) {
            Ok(broken) => {
                self.observed.programs += 1;
                self.observed.broken = broken;
            }
            Err(_) => self.observed.unfinished += 1,
        }
        self.observed.broken.is_none()
    }
}
