//! Playing a program: its steps carried out by real tasks on the kernel.

use crate::cast::{Cast, MOST_TASKS};
use crate::operation::{Given, perform};
use crate::program::{Act, Program, Step};
use crate::{Key, Kind, Operation};
use keyrings::{
    CLONE_FS, Checked, Descriptor, Failure, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_SESSION_KEYRING,
    KEY_SPEC_THREAD_KEYRING, KeySerial, NO_FLAGS, NO_KEYRING, Plain, SELF, Task,
};
use std::fmt::Write;

/// A step as it was played: its keys are those that it was really about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// The step.
    pub step: Step,
    /// The number of the error that its call gave, or 0.
    pub errno: i32,
    /// The number of the key, from 0, that was seen for the first time.
    pub gave: Option<u8>,
}

/// A program on the stage.
struct Player {
    cast: Cast,
    /// By their numbers; those that were never there (children of vfork) are `None`.
    tasks: Vec<Option<Task>>,
    /// The keys that calls gave, in the order of their first appearance.
    keys: Vec<(KeySerial, Kind)>,
    /// The open file of each process.
    files: Vec<Option<Descriptor>>,
    other: u32,
}

/// Plays a program in the process of its `main`. Gives an account of it for [`read`]. A step that
/// cannot be played, as there is no key yet, is left out.
pub(crate) fn play(program: &Program) -> Checked<String> {
    let mut player = Player {
        cast: Cast::new(),
        tasks: vec![None],
        keys: Vec::new(),
        files: vec![None],
        other: keyrings::unused_id(),
    };
    let mut account = String::new();
    for step in &program.steps {
        if let Some(Played { step, errno, gave }) = player.step(*step)? {
            let gave = gave.map_or(-1, i32::from);
            let _ = writeln!(account, "{} {errno} {gave} {}", step.task, step.act);
        }
    }
    Ok(account)
}

/// Reads the account of a program that was played.
pub(crate) fn read(account: &str) -> Option<Vec<Played>> {
    let line = |line: &str| {
        let mut parts = line.splitn(4, ' ');
        let task: u8 = parts.next()?.parse().ok()?;
        let errno = parts.next()?.parse().ok()?;
        let gave: i32 = parts.next()?.parse().ok()?;
        let act = parts.next()?.parse().ok()?;
        Some(Played { step: Step { task, act }, errno, gave: u8::try_from(gave).ok() })
    };
    account.lines().filter(|line| !line.is_empty()).map(line).collect()
}

/// The name of the task of this number, which an order has to make for itself, as it cannot carry one.
fn name(kind: &str, number: usize) -> String {
    format!("{kind}{number}")
}

impl Player {
    /// Has a task do something that comes to its end.
    fn run<R: Plain>(
        &self,
        task: u8,
        order: impl FnOnce() -> Checked<R> + Copy + 'static,
    ) -> Checked<R> {
        match self.tasks[usize::from(task)] {
            Some(task) => task.run(order),
            None => order(),
        }
    }

    /// The key itself, and its place among those seen; `None` if none was seen yet.
    fn find(&self, key: Key) -> Option<(KeySerial, Key)> {
        Some(match key {
            Key::Thread => (KEY_SPEC_THREAD_KEYRING, key),
            Key::Process => (KEY_SPEC_PROCESS_KEYRING, key),
            Key::Session => (KEY_SPEC_SESSION_KEYRING, key),
            Key::None => (NO_KEYRING, key),
            Key::Nth(nth) => {
                let nth = usize::from(nth).checked_rem(self.keys.len())?;
                (self.keys[nth].0, Key::Nth(nth as u8))
            }
        })
    }

    /// An operation about keys that are there.
    fn resolve(&self, operation: Operation) -> Option<Operation> {
        let known = operation.with(|key| self.find(key).map(|(_, key)| key))?;
        let kind = |key: Key| match key {
            Key::Nth(nth) => self.keys[usize::from(nth)].1,
            _ => Kind::Keyring,
        };
        Some(match known {
            // The payload of another key is no list of keys.
            Operation::Read(key) if kind(key) == Kind::User => Operation::Payload(key),
            Operation::Payload(key) if kind(key) == Kind::Keyring => Operation::Read(key),
            // It shows keys by their numbers.
            Operation::ProcKeys(key) if !matches!(key, Key::Nth(_)) => return None,
            known => known,
        })
    }

    /// Takes note of a key that an operation gave; tells its number if it is new.
    fn note(&mut self, operation: &Operation, (_, key): Given) -> Option<u8> {
        if key == NO_KEYRING || self.keys.iter().any(|(known, _)| *known == key) {
            return None;
        }
        // What is asked for by its own number is known; another key has the type that was asked for.
        self.keys.push((key, operation.gives()?));
        Some((self.keys.len() - 1) as u8)
    }

    fn step(&mut self, step: Step) -> Checked<Option<Played>> {
        let act = match step.act.operation() {
            None => step.act,
            Some(operation) => match self.resolve(*operation) {
                Some(operation) => step.act.with_operation(operation),
                None => return Ok(None),
            },
        };
        let step = Step { act, ..step };
        let before = self.cast.clone();
        if !self.cast.play(step) {
            return Ok(None);
        }
        let given = self.act(step, &before)?;
        let gave = act.operation().and_then(|operation| self.note(operation, given));
        Ok(Some(Played { step, errno: given.0, gave }))
    }

    fn act(&mut self, Step { task, act }: Step, before: &Cast) -> Checked<Given> {
        let new = self.tasks.len();
        debug_assert!(new <= MOST_TASKS);
        let process = before.process(task);
        let nothing = (0, NO_KEYRING);
        let with_keys = |operation: &Operation| {
            let found = operation.with(|key| self.find(key).map(|(key, _)| key));
            found.ok_or_else(|| Failure::new("a key that is not there"))
        };
        let other = self.other;
        match act {
            Act::Do(operation) => {
                let operation = with_keys(&operation)?;
                return self.run(task, move || Ok(perform(operation, other)));
            }
            Act::Fork | Act::Clone | Act::Clone3 => {
                let made = self.run(task, move || {
                    let name = name("child", new);
                    match act {
                        Act::Clone => keyrings::clone(CLONE_FS, &name),
                        Act::Clone3 => keyrings::clone3(NO_FLAGS, &name),
                        _ => keyrings::fork(&name),
                    }
                })?;
                self.files.push(self.files[process]);
                self.tasks.push(Some(made));
            }
            Act::Spawn => {
                let made = self.run(task, move || keyrings::posix_spawn(&name("child", new)))?;
                self.files.push(None);
                self.tasks.push(Some(made));
            }
            Act::Thread => {
                let made =
                    self.run(task, move || keyrings::pthread_create(&name("thread", new)))?;
                self.tasks.push(Some(made));
            }
            Act::Vfork(operation) | Act::CloneVm(operation) => {
                let operation = with_keys(&operation)?;
                let given = self.run(task, move || {
                    let mut given = nothing;
                    let name = name("child", new);
                    let program = || {
                        given = perform(operation, other);
                        Ok(())
                    };
                    match act {
                        Act::Vfork(_) => keyrings::vfork(&name, program)?,
                        _ => keyrings::clone_vm(NO_FLAGS, &name, program)?,
                    }
                    Ok(given)
                });
                self.tasks.push(None);
                return given;
            }
            Act::Exec => {
                self.run(task, || Ok(keyrings::execve(SELF)?))?;
                self.files[process] = None;
            }
            Act::Exit => {
                if let Some(ending) = self.tasks[usize::from(task)] {
                    self.run(before.reaper(task), move || ending.exit())?;
                }
            }
            Act::Leave => {
                if let Some(ending) = self.tasks[usize::from(task)] {
                    ending.pthread_exit()?;
                }
            }
            Act::Open => {
                self.files[process] = Some(self.run(task, || Ok(keyrings::open("/dev/null")?))?);
            }
            Act::Close => {
                if let Some(file) = self.files[process].take() {
                    self.run(task, move || Ok(keyrings::close(file)?))?;
                }
            }
        }
        Ok(nothing)
    }
}
