//! Every program up to a length, over a small alphabet of acts; of those that differ only in the names of
//! things, one.

use crate::cast::Cast;
use crate::{Act, Key, Kind, Name, Operation, Program, Step};

/// Up to this length the alphabet has every call, from there on only those that change most.
const WIDE: usize = 2;

/// All programs of up to so many steps, the shorter first.
///
/// Each is followed by questions: in the end every task that lives tells what it sees of its keyrings.
/// Symmetric programs are left out: tasks are numbered as they are made, and of two that are made the
/// same way one after the other, the first acts first; keys are numbered as they appear, and nobody
/// names one that no call can have given; the first description is `a`.
pub fn programs(steps: usize) -> impl Iterator<Item = Program> {
    (1..=steps).flat_map(Search::new)
}

/// What is known of a program that has begun.
#[derive(Clone)]
struct Begun {
    cast: Cast,
    /// So many keys can have been seen.
    keys: u8,
    /// So many descriptions were used.
    names: usize,
    /// For each task, a twin that has to act before it.
    twins: Vec<Option<u8>>,
    /// The task that the last step made, with how and by whom.
    newest: Option<(u8, Step)>,
}

impl Begun {
    fn new() -> Begun {
        Begun { cast: Cast::new(), keys: 0, names: 0, twins: vec![None], newest: None }
    }

    /// The same after a step, if that makes sense.
    fn after(&self, step: Step) -> Option<Begun> {
        let mut next = self.clone();
        if self.twins[usize::from(step.task)].is_some() || !next.cast.play(step) {
            return None;
        }
        // Who has acted is nobody's elder twin any longer.
        for twin in next.twins.iter_mut().filter(|twin| **twin == Some(step.task)) {
            *twin = None;
        }
        next.newest = None;
        if step.act.makes().is_some() {
            let elder = self.newest.filter(|(_, made)| *made == step).map(|(task, _)| task);
            next.newest = Some((next.twins.len() as u8, step));
            next.twins.push(elder);
        }
        if let Some(operation) = step.act.operation() {
            next.keys += u8::from(operation.gives().is_some());
            let place = |name| Name::ALL.iter().position(|known| *known == name);
            let used = name_in(operation).and_then(place).map_or(0, |place| place + 1);
            next.names = next.names.max(used);
        }
        Some(next)
    }

    /// The steps that can follow.
    fn choices(&self, wide: bool) -> Vec<Step> {
        let acts = if wide { self.wide() } else { self.narrow() };
        let by = |task: u8| acts.iter().map(move |act| Step { task, act: *act });
        self.cast.living().flat_map(by).collect()
    }

    /// The keys that can be named.
    fn keys(&self) -> Vec<Key> {
        let seen = (0..self.keys.min(2)).map(Key::Nth);
        [Key::Thread, Key::Process].into_iter().chain(seen).collect()
    }

    /// The calls that change most.
    fn narrow(&self) -> Vec<Act> {
        use Operation as O;
        let (t, p, s) = (Key::Thread, Key::Process, Key::Session);
        let mut operations = vec![
            O::Id(t, true),
            O::Id(p, true),
            O::AddKey(Name::A, t),
            O::AddKey(Name::A, p),
            O::AddKeyring(Name::A, p),
            O::Revoke(t),
            O::Revoke(p),
            O::Invalidate(p),
            O::Clear(p),
            O::Setperm(p, 0),
            O::Link(p, s),
            O::JoinSession,
            O::SessionToParent,
            O::Reqkey(2),
            O::Request(Kind::User, Name::A, t),
        ];
        if self.keys > 0 {
            let first = Key::Nth(0);
            operations.extend([
                O::Link(first, s),
                O::Link(first, p),
                O::Unlink(first, p),
                O::Move(first, p, t, false),
                O::Invalidate(first),
            ]);
        }
        let acts = [Act::Fork, Act::Thread, Act::Exit, Act::Leave];
        operations.into_iter().map(Act::Do).chain(acts).collect()
    }

    /// Every call.
    fn wide(&self) -> Vec<Act> {
        use Operation as O;
        let mut operations = vec![O::JoinSession, O::SessionToParent];
        operations.extend([0, 1, 2, 3, 6, -1].map(O::Reqkey));
        let names: Vec<Name> = Name::ALL.into_iter().take(self.names + 1).collect();
        let destinations = [Key::None, Key::Thread, Key::Process];
        for key in self.keys() {
            operations.extend([O::Id(key, false), O::Id(key, true)]);
            operations.extend(
                names.iter().flat_map(|name| [O::AddKey(*name, key), O::AddKeyring(*name, key)]),
            );
            operations.extend(destinations.map(|to| O::Search(key, Kind::User, Name::A, to)));
            for other in self.keys().into_iter().chain([Key::Session]) {
                operations.extend([O::Link(key, other), O::Unlink(key, other)]);
                operations.push(O::Move(key, Key::Session, other, true));
                operations.push(O::Move(key, other, Key::Session, false));
            }
            operations.extend(MASKS.map(|mask| O::Setperm(key, mask)));
            operations.extend(SECONDS.map(|seconds| O::Timeout(key, seconds)));
            operations.extend([
                O::Clear(key),
                O::Read(key),
                O::Describe(key),
                O::Security(key),
                O::Revoke(key),
                O::Invalidate(key),
                O::Chown(key, crate::Whom::Own),
                O::Chown(key, crate::Whom::NoChange),
                O::Update(key),
                O::Restrict(key),
            ]);
        }
        operations.extend(destinations.map(|to| O::Request(Kind::User, Name::A, to)));
        operations.extend(destinations.map(|to| O::Request(Kind::Keyring, Name::A, to)));
        let shared = [Key::Thread, Key::Process].map(|key| O::Id(key, true));
        let acts = [
            Act::Fork,
            Act::Clone,
            Act::Clone3,
            Act::Thread,
            Act::Spawn,
            Act::Exec,
            Act::Exit,
            Act::Leave,
            Act::Open,
            Act::Close,
        ];
        let acts = acts.into_iter().chain(shared.map(Act::Vfork)).chain(shared.map(Act::CloneVm));
        operations.into_iter().map(Act::Do).chain(acts).collect()
    }

    /// What every task sees in the end.
    fn questions(&self) -> Vec<Step> {
        let asked = [
            Operation::Id(Key::Thread, false),
            Operation::Id(Key::Process, false),
            Operation::Read(Key::Thread),
            Operation::Read(Key::Process),
            Operation::Read(Key::Session),
        ];
        let by = |task: u8| asked.map(|operation| Step { task, act: Act::Do(operation) });
        self.cast.living().flat_map(by).collect()
    }
}

/// The masks that are tried.
pub(crate) const MASKS: [u32; 5] = [0x3f3f_0000, 0x3f01_0000, 0x3b00_0000, 0x3700_0000, 0];
/// The timeouts that are tried, in seconds: none of those that end comes while a program runs.
pub(crate) const SECONDS: [u32; 3] = [0, 1000, 100_000_000];

fn name_in(operation: &Operation) -> Option<Name> {
    match operation {
        Operation::AddKey(name, _)
        | Operation::AddKeyring(name, _)
        | Operation::Request(_, name, _)
        | Operation::Search(_, _, name, _) => Some(*name),
        _ => None,
    }
}

/// Walks through all programs of one length, depth first.
struct Search {
    length: usize,
    steps: Vec<Step>,
    /// The choices that are left after each of the steps, and before the first.
    open: Vec<(Begun, std::vec::IntoIter<Step>)>,
}

impl Search {
    fn new(length: usize) -> Search {
        let begun = Begun::new();
        let choices = begun.choices(length <= WIDE).into_iter();
        Search { length, steps: Vec::new(), open: vec![(begun, choices)] }
    }
}

impl Iterator for Search {
    type Item = Program;

    fn next(&mut self) -> Option<Program> {
        loop {
            let (begun, choices) = self.open.last_mut()?;
            let Some(step) = choices.next() else {
                self.open.pop();
                self.steps.pop();
                continue;
            };
            let Some(after) = begun.after(step) else { continue };
            if self.steps.len() + 1 == self.length {
                let steps = self.steps.iter().copied().chain([step]).chain(after.questions());
                return Some(Program { steps: steps.collect() });
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
    fn no_program_comes_twice_and_each_makes_sense() {
        let all: Vec<Program> = programs(2).collect();
        assert!(all.len() > 1000, "{}", all.len());
        let different: BTreeSet<&Program> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        for program in &all {
            assert_eq!(program.clone().sensible(), *program);
            assert_eq!(program.to_string().parse().as_ref(), Ok(program), "{program}");
        }
    }

    #[test]
    fn of_two_symmetric_programs_one_comes() {
        let begins = |text: &str| {
            let program: Program = text.parse().unwrap();
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
