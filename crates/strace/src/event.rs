//! What a log tells.

use crate::line::Time;
use crate::outcome::Outcome;
use crate::value::Arg;

/// A place in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, by its position in [`crate::Run::paths`]; 0 for a single input.
    pub file: usize,
    /// The line, from 1.
    pub line: u64,
}

/// Something that a task did or that happened to it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The task: its pid, or [`crate::UNNAMED`] for the first task of a log that does not name it.
    pub task: u32,
    /// The task's name, if the log has it.
    pub comm: Option<&'a [u8]>,
    /// When the event began.
    pub time: Option<Time>,
    /// Nanoseconds since the previous line (`-r`).
    pub since: Option<u64>,
    /// Where the event begins.
    pub first: Place,
    /// Where it ends: elsewhere only for a call in two halves.
    pub last: Place,
    /// What happened.
    pub what: What<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A call was entered that returns on a later line. It has no result and perhaps not all arguments. A
    /// [`What::Call`] follows, at the latest when the task or the log ends.
    Entered(Call<'a>),
    /// A call, whole.
    Call(Call<'a>),
    /// The task ended with this status.
    Exited(i32),
    /// A signal killed the task.
    Killed {
        /// The signal's name.
        signal: &'a [u8],
        /// Whether the kernel wrote a core dump.
        core: bool,
    },
    /// The thread `by` called execve(2): the task that was `by` is now [`Event::task`], and the former task of
    /// this id has ended. No end of `by` is reported.
    SupersededBy(u32),
    /// strace attached to a task: what the task did before is unknown, unless a call created it just now.
    Attached {
        /// The number of threads, if more than one was attached.
        threads: Option<u32>,
    },
    /// strace let the task go: what it does from here on is unknown.
    Detached,
    /// A signal arrived.
    Signal {
        /// The signal's name.
        name: &'a [u8],
        /// Its details, as written.
        info: &'a [u8],
    },
    /// A signal stopped the task.
    Stopped(&'a [u8]),
    /// The process runs in this mode (`32 bit`, `64 bit`, `x32`) from here on.
    Mode(&'a [u8]),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a result: [`Call::outcome`].
    Returned,
    /// It has not returned yet ([`What::Entered`]), or the log or the task ended before it did ([`What::Call`]).
    Unfinished,
    /// strace let the task go during the call.
    Detached,
    /// A thread's execve(2): it returns as this task.
    PidChanged(u32),
}

/// A call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its result.
    pub outcome: Option<Outcome<'a>>,
    /// How it ended.
    pub end: End,
    /// The beginning of the call is not in the log: the arguments lack those of the first half.
    pub headless: bool,
    /// The task that entered the call, where a thread's execve(2) returns as another one.
    pub entered_by: u32,
    pub(crate) text: &'a [u8],
    pub(crate) spans: &'a [(usize, usize)],
}

impl<'a> Call<'a> {
    /// The number of arguments.
    pub fn count(&self) -> usize {
        self.spans.len()
    }

    /// The argument at this position, from 0.
    pub fn arg(&self, nth: usize) -> Option<Arg<'a>> {
        let (start, end) = self.spans.get(nth)?;
        Some(Arg::parse(&self.text[*start..*end]))
    }

    /// All arguments.
    pub fn args(&self) -> impl Iterator<Item = Arg<'a>> + 'a {
        let text = self.text;
        self.spans.iter().map(move |(start, end)| Arg::parse(&text[*start..*end]))
    }

    /// The argument or, for clone3(2), the field of the first argument with this name.
    pub fn named(&self, name: &str) -> Option<Arg<'a>> {
        self.args()
            .find(|arg| arg.name == Some(name.as_bytes()))
            .or_else(|| self.arg(0)?.field(name))
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", crate::shown(self.name))?;
        for (nth, arg) in self.args().enumerate() {
            let name = arg.name.map(|name| crate::shown(name) + "=").unwrap_or_default();
            write!(f, "{}{name}{}", if nth > 0 { ", " } else { "" }, crate::shown(arg.text))?;
        }
        write!(f, ") {:?} {:?}", self.end, self.outcome.map(|outcome| outcome.returned))
    }
}
