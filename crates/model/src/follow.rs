//! The state after each event of a trace, for those who draw or explain it.
//!
//! ```
//! use model::follow::Place;
//!
//! let trace = "main  fork() = child\n\
//!              child  keyctl_get_keyring_ID(@t, 1) = K1\n\
//!              child  execve(self) = 0\n";
//! let states = model::follow(&trace.parse().unwrap());
//! let at = |nth: usize| states[nth].named("K1").map(|key| states[nth].keys[key].place);
//! assert_eq!(at(1), None);
//! assert_eq!(at(2), Some(Place::Reachable));
//! assert_eq!(at(3), Some(Place::Held));
//! ```

mod one;

use crate::Why;
use crate::judge::Judge;
use one::state;
use std::fmt;
use trace::{Event, Trace};

/// What the model knows between two events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The tasks, in the order of their creation, ended ones included.
    pub tasks: Vec<Task>,
    /// The keys and keyrings, in the order of their creation, destroyed ones included.
    pub keys: Vec<Key>,
    /// What refers to credentials besides the running tasks, each once.
    pub holders: Vec<Holding>,
}

/// Something that refers to credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is.
    pub by: Holder,
    /// The keyrings to which the credentials refer.
    pub own: Own,
    /// The number of the set of credentials.
    pub cred: usize,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name in the trace, which a later task may have too.
    pub name: String,
    /// Whether it runs.
    pub life: Life,
    /// Its keyrings, as long as it refers to them.
    pub own: Own,
    /// The number of its set of credentials, which other tasks may share.
    pub cred: usize,
    /// The position of the main thread of its process in [`State::tasks`].
    pub main_thread: usize,
}

/// Whether a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Runs,
    /// It has ended and refers to its keyrings until it is reaped.
    Zombie,
    /// It has ended.
    Ended,
    /// The model allows several of these.
    Unknown,
}

/// A thread and a process keyring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `@t`.
    pub thread: Slot,
    /// `@p`.
    pub process: Slot,
}

impl Own {
    /// The keyrings that are known.
    pub fn keyrings(self) -> impl Iterator<Item = usize> {
        [self.thread, self.process].into_iter().filter_map(Slot::keyring)
    }
}

/// The place for a thread or process keyring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slot {
    /// There is no such keyring.
    #[default]
    Empty,
    /// The keyring at this position of [`State::keys`].
    Has(usize),
    /// The model allows several answers.
    Unknown,
}

impl Slot {
    /// The position of the keyring, if there is one.
    pub fn keyring(self) -> Option<usize> {
        match self {
            Slot::Has(keyring) => Some(keyring),
            Slot::Empty | Slot::Unknown => None,
        }
    }
}

/// A key or keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the trace, even before it appears there.
    pub name: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub place: Place,
    /// The running tasks whose keyrings lead to it, by position in [`State::tasks`].
    pub reached_by: Vec<usize>,
    /// What else refers to it.
    pub held_by: Vec<Holder>,
    /// Why it cannot be used.
    pub unusable: Option<Unusable>,
    /// The keys that it links, by position in [`State::keys`].
    pub links: Vec<usize>,
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The thread keyring of some task, now or before.
    Thread,
    /// The process keyring of some task, now or before.
    Process,
    /// The session keyring of some task, now or before.
    Session,
    /// Another keyring.
    Keyring,
    /// A key that is not a keyring.
    Key,
}

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The keyrings of a running task lead to it.
    Reachable,
    /// Something else refers to it.
    Held,
    /// Nothing refers to it: it exists until the garbage collector runs.
    Loose,
    /// It is destroyed.
    Destroyed,
    /// The model allows several of these.
    Unknown,
}

/// Why a key that exists cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is revoked.
    Revoked,
    /// It has expired, and the trace has shown it.
    Expired,
    /// It is invalidated.
    Invalidated,
    /// The model allows several of these, or that it can be used.
    Unknown,
}

/// What refers to keyrings besides a running task. Its text is a name for a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A zombie, by its name.
    Zombie(String),
    /// A traced task, by its name: it refers to the keyrings of its tracer.
    Traced(String),
    /// The program that this task executes: its file was opened before execve(2).
    Program(String),
    /// A mapped file, a library, a segment or a context of asynchronous I/O, by its name in the trace.
    Mapped(String),
    /// An open file.
    File,
    /// A socket with a file or a connection that nobody has received yet.
    Socket,
    /// A mounted overlay.
    Mount,
    /// A user: `@u`, `@us` and the persistent keyring.
    User,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Zombie(task) => write!(f, "the zombie {task}"),
            Holder::Traced(task) => write!(f, "the traced task {task}"),
            Holder::Program(task) => write!(f, "the program that {task} runs"),
            Holder::Mapped(name) => f.write_str(name),
            Holder::File => f.write_str("file"),
            Holder::Socket => f.write_str("a socket"),
            Holder::Mount => f.write_str("a mounted overlay"),
            Holder::User => f.write_str("the user"),
        }
    }
}

impl State {
    /// The position of the key with this name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name.as_deref() == Some(name))
    }

    /// The position of the running task with this name; of several the youngest.
    pub fn running(&self, name: &str) -> Option<usize> {
        let is = |task: &Task| task.life == Life::Runs && task.name == name;
        self.tasks.iter().rposition(is)
    }
}

/// Follows a trace: the state before the first event, then the state after each. It ends early, before
/// the first event that no correct kernel shows.
///
/// Where the model follows several worlds, the state has what all of them agree on; a world that a later
/// event rules out does not count. A call that the model does not know is taken to change nothing.
pub fn follow(trace: &Trace) -> Vec<State> {
    let mut judge = Judge::new();
    let mut judges = vec![judge.clone()];
    for event in trace.events() {
        if !goes_on(&mut judge, event) {
            break;
        }
        judges.push(judge.clone());
    }
    let explained = &trace.events()[..judges.len() - 1];
    let after = judges.iter().enumerate();
    let mut states: Vec<State> =
        after.map(|(nth, judge)| agreed(judge, &explained[nth..])).collect();
    name_from_the_end(&mut states);
    states
}

/// The last two of what [`follow`] returns, and the number of events up to there; one state if there is no event.
pub fn last(trace: &Trace) -> (usize, Vec<State>) {
    let mut judge = Judge::new();
    let number = trace.events().iter().take_while(|event| goes_on(&mut judge, event)).count();
    let mut states = vec![agreed(&judge, &[])];
    if let Some(before) = number.checked_sub(1) {
        let mut judge = Judge::new();
        trace.events()[..before].iter().for_each(|event| _ = goes_on(&mut judge, event));
        states.insert(0, agreed(&judge, &trace.events()[before..number]));
    }
    name_from_the_end(&mut states);
    (number, states)
}

/// Judges an event; false if no correct kernel shows it.
fn goes_on(judge: &mut Judge, event: &Event) -> bool {
    match judge.event(event) {
        Ok(()) => true,
        Err(refusal) if matches!(refusal.why, Why::Unknown(_)) => {
            judge.pass_over();
            true
        }
        Err(_) => false,
    }
}

/// A key has its name, and a task its kind of keyrings, from the beginning.
fn name_from_the_end(states: &mut [State]) {
    let Some((last, earlier)) = states.split_last_mut() else { return };
    for state in earlier {
        for (key, then) in state.keys.iter_mut().zip(&last.keys) {
            key.name.clone_from(&then.name);
            key.kind = then.kind;
        }
        for (task, then) in state.tasks.iter_mut().zip(&last.tasks) {
            task.name.clone_from(&then.name);
        }
    }
}

/// What all worlds agree on from which the rest of the trace follows.
fn agreed(judge: &Judge, rest: &[Event]) -> State {
    if let [world] = judge.worlds() {
        return state(world);
    }
    let explains = |judge: &Judge| {
        let mut judge = judge.clone();
        rest.iter().all(|event| goes_on(&mut judge, event))
    };
    let judges = judge.apart().filter(explains);
    let states = judges.flat_map(|judge| judge.worlds().iter().map(state).collect::<Vec<_>>());
    states.reduce(agree).unwrap_or_default()
}

fn agree(mut one: State, mut other: State) -> State {
    let (tasks, keys) =
        (one.tasks.len().min(other.tasks.len()), one.keys.len().min(other.keys.len()));
    for (task, other) in one.tasks.iter_mut().zip(&other.tasks) {
        if task.life != other.life {
            task.life = Life::Unknown;
        }
        task.own = agree_own(task.own, other.own);
    }
    for (key, other) in one.keys.iter_mut().zip(&other.keys) {
        if key.name != other.name {
            key.name = None;
        }
        key.kind = key.kind.min(other.kind);
        if key.place != other.place {
            key.place = Place::Unknown;
        }
        if key.unusable != other.unusable {
            key.unusable = Some(Unusable::Unknown);
        }
        key.reached_by.retain(|task| other.reached_by.contains(task));
        key.held_by.retain(|holder| other.held_by.contains(holder));
        key.links.retain(|link| other.links.contains(link));
    }
    one.holders.retain(|holder| other.holders.contains(holder));
    // What only one of the worlds has.
    one.tasks.extend(other.tasks.drain(tasks..));
    one.tasks[tasks..].iter_mut().for_each(|task| task.life = Life::Unknown);
    one.keys.extend(other.keys.drain(keys..));
    for key in &mut one.keys[keys..] {
        key.place = Place::Unknown;
        key.reached_by.clear();
    }
    one
}

fn agree_own(one: Own, other: Own) -> Own {
    let agree = |one: Slot, other: Slot| if one == other { one } else { Slot::Unknown };
    Own { thread: agree(one.thread, other.thread), process: agree(one.process, other.process) }
}
