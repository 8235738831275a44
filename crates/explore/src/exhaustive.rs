//! Exhaustive search: every program up to a length over a small alphabet of actions, without those that
//! differ from another one only in names.

use crate::argument::{Slot, id, key};
use crate::operation::{Call, ROWS, Row, Runs};
use crate::program::SIMPLE;
use crate::task_states::TaskStates;
use crate::{Operation, TaskAction, TaskProgram, TaskStep};

/// Up to this length the alphabet has every operation; longer programs have only those that change most.
const WIDE: usize = 2;

/// Returns all programs of up to `steps` steps, the shorter ones first.
///
/// Each ends with questions: every task that is alive reads its keyrings. Of symmetric programs one is
/// kept: tasks are numbered in the order of their creation, and of two that are created in the same
/// way one after the other, the first acts first; keys are numbered in the order of their appearance,
/// and no step has a key that no call can have returned; the first description is `a`.
pub fn programs(steps: usize) -> impl Iterator<Item = TaskProgram> {
    (1..=steps).flat_map(Search::new)
}

/// What matters of the first steps of a program.
#[derive(Clone)]
struct Prefix {
    states: TaskStates,
    /// Most keys that calls can have returned.
    keys: i32,
    /// The number of descriptions used.
    names: i32,
    /// For each task, the symmetric one that has to act first.
    elders: Vec<Option<u8>>,
    /// The task that the last step created, and that step.
    newest: Option<(u8, TaskStep)>,
}

impl Prefix {
    fn new() -> Prefix {
        let states = TaskStates::new();
        Prefix { states, keys: 0, names: 0, elders: vec![None], newest: None }
    }

    /// The prefix with one more step, if that is possible.
    fn after(&self, step: TaskStep) -> Option<Prefix> {
        let mut next = self.clone();
        if self.elders[usize::from(step.task)].is_some() || !next.states.take(step) {
            return None;
        }
        for elder in next.elders.iter_mut().filter(|elder| **elder == Some(step.task)) {
            *elder = None;
        }
        next.newest = None;
        if step.action.creates().is_some() {
            let elder = self.newest.filter(|(_, created)| *created == step).map(|(task, _)| task);
            next.newest = Some((next.elders.len() as u8, step));
            next.elders.push(elder);
        }
        if let Some(operation) = step.action.operation() {
            next.keys += i32::from(operation.returns().is_some());
            let names = operation.args().filter(|(slot, _)| *slot == Slot::Name);
            next.names = names.fold(next.names, |most, (_, number)| most.max(number + 1));
        }
        Some(next)
    }

    /// The steps that can follow.
    fn choices(&self, wide: bool) -> Vec<TaskStep> {
        let actions = if wide { self.wide() } else { self.narrow() };
        let by = |task: u8| actions.iter().map(move |action| TaskStep { task, action: *action });
        self.states.alive().flat_map(by).collect()
    }

    /// The actions that change most.
    fn narrow(&self) -> Vec<TaskAction> {
        let known = if self.keys > 0 { NARROW_WITH_KEY } else { "" };
        [parse(NARROW), parse(known)].concat()
    }

    /// Every operation of the table, and every other action.
    fn wide(&self) -> Vec<TaskAction> {
        // The others need root, are slow, or are a variant that another one turns into.
        let rows = ROWS
            .iter()
            .filter(|row| row.weight > 0 && matches!(row.runs, Runs::Anywhere | Runs::NotInMain));
        let operations = rows.flat_map(|row| self.operations(row));
        let others =
            SIMPLE.iter().map(|(_, _, action)| *action).filter(is_everywhere).chain(parse(SHARED));
        operations.map(TaskAction::Do).chain(others).collect()
    }

    /// The operations of a row with every combination of arguments.
    fn operations(&self, row: &Row) -> Vec<Operation> {
        let all = row.slots.iter().fold(vec![Vec::new()], |all: Vec<Vec<i32>>, slot| {
            let arguments = self.arguments(*slot);
            let longer = |args: &Vec<i32>| -> Vec<Vec<i32>> {
                arguments.iter().map(|arg| [&args[..], &[*arg]].concat()).collect()
            };
            all.iter().flat_map(longer).collect()
        });
        let operations = all.iter().filter_map(|args| row.operation(args));
        operations.filter(|operation| !is_redundant(operation)).collect()
    }

    /// The arguments to try.
    fn arguments(&self, slot: Slot) -> Vec<i32> {
        let returned = 1..=self.keys.min(2);
        match slot {
            Slot::Key => [key::THREAD, key::PROCESS].into_iter().chain(returned).collect(),
            Slot::Ring => {
                [key::THREAD, key::PROCESS, key::SESSION].into_iter().chain(returned).collect()
            }
            Slot::Destination => vec![key::NONE, key::THREAD, key::PROCESS],
            Slot::Returned => returned.collect(),
            Slot::Mask => MASKS.map(u32::cast_signed).to_vec(),
            Slot::Seconds => SECONDS.to_vec(),
            Slot::Reqkey => vec![0, 1, 2, 3, 6, -1],
            Slot::Type | Slot::Flags => vec![0, 1],
            // Those used so far, and one more.
            Slot::Name => (0..=self.names).take(slot.words().len()).collect(),
            // Another user requires root.
            Slot::Owner => vec![id::OWN, id::NO_CHANGE],
            _ => (0..slot.words().len() as i32).collect(),
        }
    }

    /// What every task is asked in the end.
    fn questions(&self) -> Vec<TaskStep> {
        let questions = parse(QUESTIONS);
        let by = |task: u8| questions.iter().map(move |action| TaskStep { task, action: *action });
        self.states.alive().flat_map(by).collect()
    }
}

/// Whether an action is possible on every machine.
fn is_everywhere(action: &TaskAction) -> bool {
    !matches!(
        action,
        TaskAction::BeginWithoutSession
            | TaskAction::EnterNamespace
            | TaskAction::CloneNewuser
            | TaskAction::NotificationPipe
    )
}

/// The actions of longer programs.
const NARROW: &str = "keyctl_get_keyring_ID @t 1; keyctl_get_keyring_ID @p 1; add_key a @t; \
     add_key a @p; add_keyring a @p; keyctl_revoke @t; keyctl_revoke @p; keyctl_invalidate @p; \
     keyctl_clear @p; keyctl_setperm @p 0x0; keyctl_link @p @s; keyctl_join_session_keyring; \
     keyctl_session_to_parent; keyctl_set_reqkey_keyring 2; request_key user a @t; \
     fork; pthread_create; exit; pthread_exit";

/// More of them, once a call can have returned a key.
const NARROW_WITH_KEY: &str = "keyctl_link K1 @s; keyctl_link K1 @p; keyctl_unlink K1 @p; \
     keyctl_move K1 @p @t 0; keyctl_invalidate K1";

/// The actions in shared memory, of shorter programs.
const SHARED: &str = "vfork keyctl_get_keyring_ID @t 1; vfork keyctl_get_keyring_ID @p 1; \
     clone_vm keyctl_get_keyring_ID @t 1; clone_vm keyctl_get_keyring_ID @p 1";

/// What every task is asked in the end.
const QUESTIONS: &str = "keyctl_get_keyring_ID @t 0; keyctl_get_keyring_ID @p 0; \
     keyctl_read_keyring @t; keyctl_read_keyring @p; keyctl_read_keyring @s";

/// Parses actions; a test checks that all of them are valid.
fn parse(actions: &str) -> Vec<TaskAction> {
    actions.split("; ").filter_map(|action| action.parse().ok()).collect()
}

/// Whether others are enough: of the moves, those from or to the session keyring.
fn is_redundant(operation: &Operation) -> bool {
    match (operation.call, operation.args) {
        (Call::Move, [_, from, _, 1]) => from != key::SESSION,
        (Call::Move, [_, _, to, _]) => to != key::SESSION,
        _ => false,
    }
}

/// The permission masks to try.
pub(crate) const MASKS: [u32; 5] = [0x3f3f_0000, 0x3f01_0000, 0x3b00_0000, 0x3700_0000, 0];
/// The timeouts to try, in seconds. None of them ends while a program runs.
pub(crate) const SECONDS: [i32; 3] = [0, 1000, 100_000_000];

/// A depth-first search through all programs of one length.
struct Search {
    length: usize,
    steps: Vec<TaskStep>,
    /// Every prefix of the steps, from the empty one on, with the choices left to try after it.
    open: Vec<(Prefix, std::vec::IntoIter<TaskStep>)>,
}

impl Search {
    fn new(length: usize) -> Search {
        let prefix = Prefix::new();
        let choices = prefix.choices(length <= WIDE).into_iter();
        Search { length, steps: Vec::new(), open: vec![(prefix, choices)] }
    }
}

impl Iterator for Search {
    type Item = TaskProgram;

    fn next(&mut self) -> Option<TaskProgram> {
        loop {
            let (prefix, choices) = self.open.last_mut()?;
            let Some(step) = choices.next() else {
                self.open.pop();
                self.steps.pop();
                continue;
            };
            let Some(after) = prefix.after(step) else { continue };
            if self.steps.len() + 1 == self.length {
                let steps = self.steps.iter().copied().chain([step]).chain(after.questions());
                return Some(TaskProgram { steps: steps.collect() });
            }
            let choices = after.choices(self.length <= WIDE).into_iter();
            self.steps.push(step);
            self.open.push((after, choices));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_alphabet_is_valid() {
        for actions in [NARROW, NARROW_WITH_KEY, SHARED, QUESTIONS] {
            let printed: Vec<String> = parse(actions).iter().map(ToString::to_string).collect();
            assert_eq!(printed.join("; "), actions);
        }
    }

    #[test]
    fn no_program_is_generated_twice_and_each_is_possible() {
        let all: Vec<TaskProgram> = programs(2).collect();
        assert!(all.len() > 1000, "{}", all.len());
        let distinct: BTreeSet<&TaskProgram> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        for program in &all {
            assert_eq!(program.clone().possible(), *program);
            assert_eq!(program.to_string().parse().as_ref(), Ok(program), "{program}");
        }
    }

    #[test]
    fn of_two_symmetric_programs_one_is_generated() {
        let begins = |text: &str| {
            let program: TaskProgram = text.parse().unwrap();
            programs(3).any(|other| other.steps.starts_with(&program.steps))
        };
        assert!(begins("main fork; main fork; child1 keyctl_revoke @p"));
        assert!(!begins("main fork; main fork; child2 keyctl_revoke @p"));
        assert!(begins("main fork; main pthread_create; thread2 keyctl_revoke @p"));
        assert!(begins("main add_key a @t; main add_key b @t"));
        assert!(!begins("main add_key b @t"));
        assert!(begins("main add_key a @t; main keyctl_link K1 @p"));
        assert!(!begins("main keyctl_link K1 @p"));
        assert!(!begins("main keyctl_clear @t; main keyctl_link K1 @p"));
    }
}
