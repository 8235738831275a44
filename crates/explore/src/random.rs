//! Long programs at random, by proptest's strategies: what disagrees shrinks.

use crate::cast::Cast;
use crate::exhaustive::{MASKS, SECONDS};
use crate::{
    Act, Disagreement, Key, Kind, Laboratory, Name, Operation, Program, Step, Verdict, Whom,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::{BoxedStrategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::cell::RefCell;

/// So many programs are run to find a shorter one: some wait for the collector.
const SHRINKING: u32 = 500;

/// So many steps a random program has at most.
const LONGEST: usize = 40;

/// A source of random programs: the same for the same seed.
pub struct Random {
    seed: u64,
    strategy: BoxedStrategy<Program>,
}

impl Random {
    /// The programs of this seed. Only root can become another user: `root` says whether programs try.
    pub fn new(seed: u64, root: bool) -> Random {
        let steps = vec((any::<Index>(), act(root)), 2..LONGEST);
        Random { seed, strategy: steps.prop_map(cast).boxed() }
    }

    /// Runs the program of this number and judges it. One that disagrees is shrunk: for the shortest
    /// that still does.
    pub fn judge(&self, number: u64, laboratory: &Laboratory, shrink: bool) -> Verdict {
        let mut runner = self.runner(number);
        let tree = match self.strategy.new_tree(&mut runner) {
            Ok(tree) => tree,
            Err(why) => return Verdict::NotJudged(format!("no program: {why}")),
        };
        let verdict = laboratory.judge(&tree.current());
        match verdict {
            Verdict::Disagrees(found) if shrink => {
                let found = simplify(&mut runner, tree, laboratory, *found);
                Verdict::Disagrees(Box::new(laboratory.shorten(found)))
            }
            verdict => verdict,
        }
    }

    /// The program of this number.
    pub fn program(&self, number: u64) -> Option<Program> {
        let tree = self.strategy.new_tree(&mut self.runner(number)).ok()?;
        Some(tree.current())
    }

    fn runner(&self, number: u64) -> TestRunner {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&number.to_le_bytes());
        let config =
            Config { failure_persistence: None, max_shrink_iters: SHRINKING, ..Config::default() };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }
}

/// Has proptest shrink a program; gives the last that disagreed.
fn simplify(
    runner: &mut TestRunner,
    tree: impl ValueTree<Value = Program>,
    laboratory: &Laboratory,
    found: Disagreement,
) -> Disagreement {
    let last = RefCell::new(found);
    // The answer is in `last`: proptest gives the program alone, and a run of it may differ.
    let _ = runner.run_one(tree, |program| match laboratory.judge(&program) {
        Verdict::Disagrees(found) => {
            last.replace(*found);
            Err(TestCaseError::fail("it disagrees"))
        }
        _ => Ok(()),
    });
    last.into_inner()
}

/// Makes a program of acts: each by one of the tasks that live then. Acts that make no sense fall out.
fn cast(acts: Vec<(Index, Act)>) -> Program {
    let mut cast = Cast::new();
    let mut steps = Vec::new();
    for (who, act) in acts {
        let living: Vec<u8> = cast.living().collect();
        let step = Step { task: living[who.index(living.len())], act };
        if cast.play(step) {
            steps.push(step);
        }
    }
    Program { steps }
}

fn act(root: bool) -> impl Strategy<Value = Act> {
    let operation = operation(root);
    prop_oneof![
        100 => operation.clone().prop_map(Act::Do),
        9 => Just(Act::Fork),
        1 => Just(Act::Clone),
        1 => Just(Act::Clone3),
        9 => Just(Act::Thread),
        1 => Just(Act::Spawn),
        2 => operation.clone().prop_map(Act::Vfork),
        2 => operation.prop_map(Act::CloneVm),
        2 => Just(Act::Exec),
        4 => Just(Act::Exit),
        4 => Just(Act::Leave),
        2 => Just(Act::Open),
        2 => Just(Act::Close),
    ]
}

fn key() -> impl Strategy<Value = Key> + Clone {
    prop_oneof![
        4 => Just(Key::Thread),
        4 => Just(Key::Process),
        2 => Just(Key::Session),
        5 => (0u8..6).prop_map(Key::Nth),
    ]
}

fn destination() -> impl Strategy<Value = Key> + Clone {
    prop_oneof![2 => Just(Key::None), 3 => key()]
}

fn name() -> impl Strategy<Value = Name> + Clone {
    select(&[Name::A, Name::A, Name::A, Name::B, Name::Tid, Name::Pid][..])
}

fn kind() -> impl Strategy<Value = Kind> + Clone {
    select(&[Kind::User, Kind::User, Kind::Keyring][..])
}

fn operation(root: bool) -> BoxedStrategy<Operation> {
    use Operation as O;
    let whom = if root {
        &[Whom::Own, Whom::NoChange, Whom::Other][..]
    } else {
        &[Whom::Own, Whom::NoChange][..]
    };
    let calls = prop_oneof![
        12 => (key(), any::<bool>()).prop_map(|(a, create)| O::Id(a, create)),
        8 => (name(), key()).prop_map(|(name, a)| O::AddKey(name, a)),
        5 => (name(), key()).prop_map(|(name, a)| O::AddKeyring(name, a)),
        5 => (kind(), name(), destination()).prop_map(|(kind, name, a)| O::Request(kind, name, a)),
        5 => (key(), kind(), name(), destination())
            .prop_map(|(a, kind, name, b)| O::Search(a, kind, name, b)),
        9 => (key(), key()).prop_map(|(a, b)| O::Link(a, b)),
        5 => (key(), key()).prop_map(|(a, b)| O::Unlink(a, b)),
        5 => (key(), key(), key(), any::<bool>()).prop_map(|(a, b, c, excl)| O::Move(a, b, c, excl)),
        2 => key().prop_map(O::Clear),
        8 => key().prop_map(O::Read),
        5 => key().prop_map(O::Describe),
        1 => key().prop_map(O::Security),
        5 => (key(), select(&MASKS[..])).prop_map(|(a, mask)| O::Setperm(a, mask)),
        2 => key().prop_map(O::Revoke),
        2 => key().prop_map(O::Invalidate),
        2 => (key(), select(&SECONDS[..])).prop_map(|(a, seconds)| O::Timeout(a, seconds)),
        2 => (key(), select(whom)).prop_map(|(a, whom)| O::Chown(a, whom)),
        2 => key().prop_map(O::Update),
        1 => key().prop_map(O::Restrict),
        3 => Just(O::JoinSession),
        2 => Just(O::SessionToParent),
        3 => (-1i8..=7).prop_map(O::Reqkey),
        2 => (0u8..6).prop_map(|nth| O::ProcKeys(Key::Nth(nth))),
    ];
    let collect = prop_oneof![400 => calls, 1 => Just(O::Collect)];
    if !root {
        return collect.boxed();
    }
    prop_oneof![
        60 => collect,
        1 => Just(O::BecomeOther),
        1 => select(&[Whom::Own, Whom::Other][..]).prop_map(O::Effective),
    ]
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_programs_each_time() {
        let programs = |seed| -> Vec<Program> {
            let random = Random::new(seed, true);
            (0..50).flat_map(|number| random.program(number)).collect()
        };
        assert_eq!(programs(1), programs(1));
        assert_ne!(programs(1), programs(2));
        for program in programs(3) {
            assert_eq!(program.clone().sensible(), program);
            assert_eq!(program.to_string().parse().as_ref(), Ok(&program), "{program}");
        }
    }
}
