//! What was observed: processes, threads, and the keyrings they have.

use keyrings::{KeySerial, ProcKeysLine};
use nix::errno::Errno;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::io;

/// What is known about one keyring of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The thread has this keyring.
    Keyring(KeySerial),
    /// The thread has no such keyring.
    Absent,
    /// The kernel refused to tell, with the number of an errno such as `EKEYREVOKED`.
    Refused(i32),
    /// The thread was not asked, because the question itself would create a keyring.
    NotAsked,
}

impl Answer {
    /// The keyring, if the thread has one.
    pub fn keyring(self) -> Option<KeySerial> {
        match self {
            Answer::Keyring(serial) => Some(serial),
            Answer::Absent | Answer::Refused(_) | Answer::NotAsked => None,
        }
    }
}

impl From<u32> for Answer {
    fn from(serial: u32) -> Answer {
        if serial == 0 { Answer::Absent } else { Answer::Keyring(KeySerial(serial as i32)) }
    }
}

/// The keyrings to which credentials refer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The thread keyring, `@t`.
    pub thread: Answer,
    /// The process keyring, `@p`.
    pub process: Answer,
    /// The session keyring, `@s`.
    pub session: Answer,
}

impl Held {
    /// Whether there is a thread or process keyring.
    pub fn any(&self) -> bool {
        [self.thread, self.process].iter().any(|it| it.keyring().is_some())
    }
}

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The thread id.
    pub tid: i32,
    /// The name, as its bytes are.
    pub comm: String,
    /// Whether it has ended and was not reaped yet.
    pub ended: bool,
    /// The keyrings of the credentials with which it acts.
    pub held: Held,
    /// The keyrings of its objective credentials (`real_cred`), where they differ.
    pub real: Option<Held>,
}

/// Keyrings that no task has, and something still refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// A thread keyring.
    pub thread: Option<KeySerial>,
    /// A process keyring.
    pub process: Option<KeySerial>,
}

/// An open file whose opener had keyrings that no task has any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinningFile {
    /// The thread in whose table of descriptors the file is.
    pub tid: i32,
    /// The descriptor.
    pub fd: u32,
    /// What `/proc/PID/fd` calls the file, if that can be read.
    pub name: Option<String>,
    /// The keyrings.
    pub lost: Lost,
}

/// Why a thread was not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// A seccomp filter could kill it for the system call.
    Seccomp,
    /// This process traces it already.
    Tracer(i32),
    /// It runs in 32-bit mode, whose system calls have other numbers.
    Mode32,
    /// It dispatches system calls to itself.
    Dispatch,
    /// It has ended and was not reaped yet.
    Ended,
    /// It did not stop in time, such as a thread that waits for its child after vfork(2).
    Busy,
    /// The kernel refused.
    Refused(Errno),
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Seccomp => f.write_str("has a seccomp filter, which could kill it for the question"),
            Left::Tracer(tracer) => write!(f, "is traced by process {tracer}"),
            Left::Mode32 => f.write_str("runs in 32-bit mode"),
            Left::Dispatch => f.write_str("handles its own system calls (PR_SET_SYSCALL_USER_DISPATCH)"),
            Left::Ended => f.write_str("has ended and waits for being reaped"),
            Left::Busy => f.write_str("did not stop within a second"),
            Left::Refused(Errno::EPERM) => f.write_str(
                "may not be traced by this user (EPERM: CAP_SYS_PTRACE, the process's own user, and \
                 /proc/sys/kernel/yama/ptrace_scope decide)",
            ),
            Left::Refused(errno) => write!(f, "cannot be asked: {errno} ({})", errno.desc()),
        }
    }
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: i32,
    /// The name of the main thread, or of another one if the main thread is unknown.
    pub comm: String,
    /// The threads, by id.
    pub threads: Vec<Thread>,
    /// The files that it has open and that keep keyrings of threads that are gone.
    pub files: Vec<PinningFile>,
    /// Keyrings of the program that ran before execve(2), kept by the file of the running one.
    pub program: Option<Lost>,
    /// Threads that were not asked, and why.
    pub left: Vec<(i32, Left)>,
}

impl Process {
    /// Whether there is anything to say about thread and process keyrings.
    pub fn is_involved(&self) -> bool {
        let threads = self.threads.iter();
        threads.flat_map(|it| [Some(it.held), it.real]).flatten().any(|held| held.any())
            || !self.files.is_empty()
            || self.program.is_some()
    }

    /// Every keyring that is mentioned, in the order in which threads have them.
    pub fn keyrings(&self) -> Vec<KeySerial> {
        let threads = self.threads.iter().flat_map(|it| [Some(it.held), it.real]).flatten();
        let answers = threads.flat_map(|it| [it.process, it.thread, it.session]);
        let lost = self.files.iter().map(|it| it.lost).chain(self.program);
        let all = answers.map(Answer::keyring).chain(lost.flat_map(|it| [it.process, it.thread]));
        let mut seen = HashSet::new();
        all.flatten().filter(|serial| seen.insert(*serial)).collect()
    }
}

/// The lines of `/proc/keys`: keys on which the caller has View permission. Lines of another form, as
/// of a key with a line break in its description, are left out.
///
/// # Errors
///
/// Fails if the file cannot be read.
///
/// # References
///
/// keyrings(7); `proc_keys_show`
pub fn visible_keys() -> io::Result<BTreeMap<KeySerial, ProcKeysLine>> {
    let text = fs::read("/proc/keys")?;
    let lines = text.split(|byte| *byte == b'\n');
    let parsed = lines.filter_map(|line| ProcKeysLine::parse(&String::from_utf8_lossy(line)));
    Ok(parsed.map(|line| (line.serial, line)).collect())
}
