//! What is known of tasks, processes, keyrings and keys at one place of a log.
//!
//! What the log does not tell is unknown, not absent: [`Own::Unknown`], [`Key::complete`].

mod store;

use crate::text::Text;
use std::collections::{BTreeSet, HashMap};
use strace::Place;

/// Creates an index type.
macro_rules! index {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(pub u32);
    )*};
}

index! { KeyIx TaskIx ProcIx NameIx }

/// The thread or process keyring of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Own {
    #[default]
    Unknown,
    Absent,
    Is(KeyIx),
}

impl Own {
    pub fn key(self) -> Option<KeyIx> {
        match self {
            Own::Is(key) => Some(key),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Which {
    Thread,
    Process,
}

impl Which {
    pub const BOTH: [Which; 2] = [Which::Thread, Which::Process];

    pub fn class(self) -> Class {
        match self {
            Which::Thread => Class::Thread,
            Which::Process => Class::Process,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Which::Thread => "@t",
            Which::Process => "@p",
        }
    }
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Thread,
    Process,
    Session,
    User,
    UserSession,
    /// A key or keyring with a name.
    Key,
    Unknown,
}

impl Class {
    pub fn which(self) -> Option<Which> {
        match self {
            Class::Thread => Some(Which::Thread),
            Class::Process => Some(Which::Process),
            _ => None,
        }
    }

    /// Whether it is named by its role instead of its description.
    pub fn is_special(self) -> bool {
        !matches!(self, Class::Key | Class::Unknown)
    }
}

/// A place, and the task that did it.
pub(crate) type Done = (Place, TaskIx);

/// What a keyring's end left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The last thread that had it ended.
    Ended(TaskIx),
    /// The last thread that had it called execve(2).
    Execve(TaskIx),
    /// Its last link was removed.
    Unlinked(TaskIx),
    /// The last file or program that kept it ended.
    Unpinned,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub serial: Option<i32>,
    pub class: Class,
    /// Type and description.
    pub name: Option<(NameIx, NameIx)>,
    /// Who created it; `None` if it existed before, or the log does not tell.
    pub made: Option<Done>,
    /// Its user, if known.
    pub user: Option<u32>,
    /// Whether `links` is all that it contains.
    pub complete: bool,
    pub links: BTreeSet<KeyIx>,
    pub parents: Vec<KeyIx>,
    pub revoked: Option<Done>,
    pub invalidated: Option<Done>,
    pub restricted: bool,
    pub timeout: Option<(Done, i64)>,
    /// An update has removed this timeout.
    pub timeout_lost: Option<(Done, i64)>,
    pub mask: Option<(Done, u32)>,
    pub lost: Option<(Place, Loss)>,
    /// Whether a call has used it since it was created.
    pub used: bool,
    /// The living tasks that have it as their own.
    pub holders: Vec<TaskIx>,
    /// How many tasks ever had it.
    pub had_by: u64,
    /// What keeps it although no task has it: an executable file or an open file.
    pub pinned: u32,
    pub story: Vec<Step>,
}

/// One step of a story, and how often it happened.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub text: Text,
    pub place: Place,
    pub rules: &'static [&'static str],
    pub count: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub pid: u32,
    pub proc: ProcIx,
    /// Where it was created.
    pub born: Option<Place>,
    /// Whether the log shows what it began with.
    pub known: bool,
    pub thread: Own,
    pub process: Own,
    pub session: KeyIx,
    /// Real, effective, filesystem.
    pub users: [Option<u32>; 3],
    pub users_changed: Option<Place>,
    /// The setting of `KEYCTL_SET_REQKEY_KEYRING`.
    pub reqkey: Option<i64>,
    pub seccomp: Option<Place>,
    pub ended: Option<Place>,
    /// The keyrings that it lost by execve(2).
    pub dropped: Vec<(Which, KeyIx, Place)>,
    /// The thread has become the main thread by execve(2), whose return the log shows next.
    pub superseded: bool,
    /// A request of this name found nothing.
    pub missed: Option<(NameIx, NameIx)>,
}

impl Task {
    pub fn own(&self, which: Which) -> Own {
        match which {
            Which::Thread => self.thread,
            Which::Process => self.process,
        }
    }

    pub fn own_mut(&mut self, which: Which) -> &mut Own {
        match which {
            Which::Thread => &mut self.thread,
            Which::Process => &mut self.process,
        }
    }
}

/// An open file, by what its opener had.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub path: Option<NameIx>,
    pub opened: Done,
    pub rings: Vec<KeyIx>,
    pub close_on_exec: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Proc {
    pub pid: u32,
    pub program: Option<NameIx>,
    /// The last program before it that called the key service.
    pub former: Option<NameIx>,
    /// Whether the program called it.
    pub asked: bool,
    pub execve: Option<Place>,
    /// The task that created it, and which keyrings that task had.
    pub parent: Option<(TaskIx, Place, [Option<KeyIx>; 2])>,
    /// The living tasks.
    pub tasks: Vec<TaskIx>,
    /// The number of tasks ever.
    pub threads: u32,
    pub files: HashMap<i32, File>,
    /// The keyrings that the executable file pins.
    pub pinned: Vec<KeyIx>,
    /// A call by which the kernel may have used a key.
    pub may_use: Option<Place>,
}

/// The state.
#[derive(Debug, Default)]
pub(crate) struct State {
    keys: Vec<Key>,
    tasks: Vec<Task>,
    procs: Vec<Proc>,
    names: Vec<(Vec<u8>, bool)>,
    name_of: HashMap<(Vec<u8>, bool), NameIx>,
    pub by_pid: HashMap<u32, TaskIx>,
    pub by_serial: HashMap<i32, KeyIx>,
    /// Keys by type and description, oldest first.
    pub by_name: HashMap<(NameIx, NameIx), Vec<KeyIx>>,
    /// The key of this name in this keyring.
    pub by_place: HashMap<(KeyIx, (NameIx, NameIx)), KeyIx>,
    /// `@u` and `@us` of each user.
    pub user_rings: HashMap<(bool, Option<u32>), KeyIx>,
    /// The pid of the task that the log does not number.
    pub first_pid: Option<u32>,
}
