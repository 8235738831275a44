//! Which wrong models a program notices, without a kernel: a wrong model answers its calls, and the model judges them.

use crate::Operation;
use crate::argument::{KeyType, Slot};
use crate::events::{StepEvent, events};
use crate::operation::Call;
use crate::program::{TaskAction, TaskProgram, TaskStep};
use crate::random::{ALL, Random};
use crate::task_states::TaskStates;
use model::{Judge, Law};
use trace::{Event, Outcome, Value};

/// A program that a model answers.
struct Answered {
    /// What answers.
    kernel: Judge,
    /// What judges, if something else answers.
    judge: Option<Judge>,
    states: TaskStates,
    names: Vec<String>,
    /// The keys that calls returned, by their numbers in the trace.
    keys: Vec<(i32, KeyType)>,
    random: fastrand::Rng,
}

/// Why a program goes no further.
enum End {
    /// The model refuses an answer of the wrong one.
    Refused,
    /// Neither of them knows an answer.
    Stuck,
}

impl Random {
    /// The laws that a program depends on, by its number.
    fn asks(&self, number: u64) -> Vec<Law> {
        let answered = self.answered(number, Judge::new(), None);
        answered.map_or(vec![], |(answered, _)| {
            Law::all().filter(|law| answered.kernel.has_asked(*law)).collect()
        })
    }

    /// Whether the model refuses a program, by its number, that the wrong model without a law answers.
    fn notices(&self, number: u64, law: Law) -> bool {
        let answered = self.answered(number, Judge::wrong(law), Some(Judge::new()));
        matches!(answered, Some((_, Err(End::Refused))))
    }

    fn answered(
        &self,
        number: u64,
        kernel: Judge,
        judge: Option<Judge>,
    ) -> Option<(Answered, Result<(), End>)> {
        let program: TaskProgram = self.program(number)?;
        let (states, names) = (TaskStates::new(), vec!["main".to_owned()]);
        let random = fastrand::Rng::with_seed(number);
        let mut answered = Answered { kernel, judge, states, names, keys: vec![], random };
        let end = program.steps.iter().try_for_each(|step| answered.step(*step));
        Some((answered, end))
    }
}

impl Answered {
    fn step(&mut self, TaskStep { task, action }: TaskStep) -> Result<(), End> {
        let action = match action.operation() {
            None => action,
            Some(operation) => match self.resolve(*operation) {
                Some(operation) => action.with_operation(operation),
                None => return Ok(()),
            },
        };
        let step = TaskStep { task, action };
        let before = self.states.clone();
        if !self.states.take(step) {
            return Ok(());
        }
        if let Some(prefix) = action.creates() {
            self.names.push(format!("{prefix}{}", self.names.len()));
        }
        let mut has_failed = false;
        for one in events(step, &before, &self.names) {
            let event = match one {
                StepEvent::Certain(event) => event,
                StepEvent::Then(_) if has_failed => continue,
                StepEvent::Asked(event) | StepEvent::Then(event) => self.answer(event)?,
            };
            has_failed = event.outcome.errno_name().is_some();
            self.kernel.event(&event).map_err(|_| End::Stuck)?;
            if let Some(judge) = &mut self.judge {
                judge.event(&event).map_err(|_| End::Refused)?;
            }
            self.remember(&action, &event);
        }
        Ok(())
    }

    /// One of the answers.
    fn answer(&mut self, event: Event) -> Result<Event, End> {
        let allowed = self.kernel.allowed(&event);
        let outcome = self.random.choice(allowed).ok_or(End::Stuck)?;
        Ok(Event { outcome, ..event })
    }

    /// The operation with the numbers that its keys have in the trace; `None` if it cannot be executed now.
    fn resolve(&self, operation: Operation) -> Option<Operation> {
        let key = |number: i32| {
            let place = usize::try_from(number - 1).ok()?.checked_rem(self.keys.len())?;
            Some(self.keys[place])
        };
        let first = operation.args().next().and_then(|(_, number)| key(number));
        let named = |(slot, number)| slot == Slot::Returned && number <= 0;
        if operation.args().any(named) {
            return None;
        }
        let known = operation.with(
            |number| {
                if number > 0 { Some(key(number)?.0) } else { Some(number) }
            },
        )?;
        match known.call {
            Call::Read | Call::Payload => {
                let is_user = matches!(first, Some((_, KeyType::User)));
                let call = if is_user { Call::Payload } else { Call::Read };
                Some(Operation { call, ..known })
            }
            _ => Some(known),
        }
    }

    fn remember(&mut self, action: &TaskAction, event: &Event) {
        let Outcome::Returned(Value::Word(word)) = &event.outcome else { return };
        let number = word.strip_prefix('K').and_then(|number| number.parse().ok());
        if let (Some(number), Some(kind)) = (number, action.returns())
            && !self.keys.iter().any(|(known, _)| *known == number)
        {
            self.keys.push((number, kind));
        }
    }
}

/// The first of this many programs that notices a law, if one does.
fn first(random: &Random, programs: u64, law: Law) -> Option<u64> {
    (0..programs).find(|number| random.notices(*number, law))
}

/// Some laws of each kind.
const SOON: &[&str] = &[
    "Needs.AddKey",
    "AbsentErrno.GetKeyringId",
    "NotInherited.Fork.Process",
    "CreatesOneByFlag.Thread",
    "MaskOfNew",
    "RevokedIsRefused",
];

#[test]
fn planted_mistakes_are_noticed_soon() {
    let random = Random::new(1, ALL);
    for name in SOON {
        let law = Law::all().find(|law| law.name() == *name).expect("a law of this name");
        assert!(first(&random, 1000, law).is_some(), "{name}");
    }
}

/// Shows which laws random programs notice: `cargo test -p explore --lib -- --ignored --nocapture every_law`.
#[test]
#[ignore = "takes minutes"]
fn every_law() {
    const PROGRAMS: u64 = 20_000;
    const MOST_TRIED: usize = 1500;
    let random = Random::new(1, ALL);
    let mut asking: Vec<Vec<u64>> = vec![vec![]; Law::all().count()];
    let all: Vec<Law> = Law::all().collect();
    for number in 0..PROGRAMS {
        for law in random.asks(number) {
            let place = all.iter().position(|other| *other == law).expect("one of all laws");
            asking[place].push(number);
        }
    }
    for (law, asking) in all.iter().zip(asking) {
        let noticed = asking.iter().take(MOST_TRIED).find(|number| random.notices(**number, *law));
        let name = law.name();
        match noticed {
            Some(number) => println!("{name}: program {number}"),
            None => println!("{name}: not noticed, {} depend on it", asking.len()),
        }
    }
}
