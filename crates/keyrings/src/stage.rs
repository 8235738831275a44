//! Many programs, one after another, each in a process of its own, for the traces they leave.
//!
//! [`crate::observe()`] is for one program that shows what it saw. A [`Stage`] keeps the shared memory and
//! prints nothing, so that hundreds of programs a second can be run on it.

use crate::arena::Arena;
use crate::program::Ended;
use crate::sys::{self, Way};
use crate::{Checked, Errno, Failure, keyctl, record, room, task};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Exit status of a program that panicked.
const PANICKED: i32 = 101;
/// Exit status of a program that could not begin: it is followed by no trace.
const NOT_BEGUN: i32 = 3;

/// Where programs run one after another. A process has one, and no other children than theirs.
pub struct Stage {
    arena: &'static Arena,
}

/// What was seen of a program on a [`Stage`].
#[derive(Debug)]
pub struct Seen {
    /// The raw trace, as text.
    pub trace: String,
    /// What the program had to say, or what went wrong with it.
    pub said: String,
    /// How it ended; well is by itself, with status 0.
    pub ended: Ended,
    /// It could not begin, or make a task, for want of memory, numbers or keys, which says nothing of
    /// keyrings.
    pub short: bool,
}

impl Seen {
    /// Whether the program came to its end.
    pub fn is_whole(&self) -> bool {
        self.ended == Ended::Exited(0)
    }
}

impl Stage {
    /// A stage for the calling process, which must have one thread only, and reaps what programs leave
    /// behind from now on.
    pub fn new() -> Result<Stage, Errno> {
        task::adopt_orphans();
        let arena = Arena::here().map_or_else(Arena::create, Ok)?;
        Ok(Stage { arena })
    }

    /// Runs a program that is to end within that time (whole seconds). It has a session keyring of its
    /// own, neither thread nor process keyring, and request_key(2)'s default destination; when it
    /// ends, so do all tasks that it made. What it returns can be read in [`Seen::said`].
    pub fn run(
        &self,
        deadline: Duration,
        program: impl FnOnce() -> Checked<String>,
    ) -> Result<Seen, Errno> {
        room::wait_for_room();
        self.arena.clear();
        let pid = sys::fork_like(Way::Fork, || {
            let body = AssertUnwindSafe(|| perform(self.arena, deadline, program));
            sys::exit(catch_unwind(body).unwrap_or(PANICKED))
        })?;
        let ended = wait(pid)?;
        if ended != Ended::Exited(0) {
            self.end_tasks();
        }
        Ok(Seen {
            trace: self.arena.text(),
            said: self.arena.failures(),
            ended,
            short: self.arena.is_short() || ended == Ended::Exited(NOT_BEGUN),
        })
    }

    /// Ends what a program left that did not do so itself.
    fn end_tasks(&self) {
        for desk in self.arena.desks() {
            let pid = desk.pid.load(std::sync::atomic::Ordering::Acquire);
            if pid > 0 {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
    }
}

/// The life of the process in which a program runs; gives its exit status.
fn perform(arena: &Arena, deadline: Duration, program: impl FnOnce() -> Checked<String>) -> i32 {
    // It goes with whoever wants to see it, and does not outlast its time.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    nix::unistd::alarm::set(deadline.as_secs().clamp(1, u32::MAX.into()) as u32);
    task::adopt_orphans();
    arena.seat_main();
    let stage = || -> Result<(), Errno> {
        keyctl::keyctl_join_session_keyring(None)?;
        keyctl::keyctl_set_reqkey_keyring(keyctl::KEY_REQKEY_DEFL_DEFAULT).map(drop)
    };
    if let Err(error) = stage() {
        Failure::new(format!("no session keyring: {error:?} ({})", error.desc())).report();
        return NOT_BEGUN;
    }
    record::start();
    let done = program();
    task::end_all();
    match done {
        Ok(said) => {
            arena.report(&said);
            0
        }
        Err(failure) => {
            failure.report();
            i32::from(crate::NOT_AS_EXPECTED)
        }
    }
}

fn wait(pid: i32) -> Result<Ended, Errno> {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Ended::Exited(status)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ended::Killed(signal.as_str())),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}
