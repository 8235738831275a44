//! Many programs, one after another, each in its own process, for their traces.
//!
//! [`crate::observe()`] is for one program that shows what it saw. A [`Stage`] keeps the shared memory and
//! prints nothing, so that hundreds of programs a second can run on it.

use super::circumstance::record_no_session;
use super::observe::{begin_destination, begin_with_session};
use super::outcome::{Ended, NOT_AS_EXPECTED, wait};
use crate::host::room;
use crate::sys::process::{Way, exit, fork_like, has_one_thread};
use crate::tasks::arena::Arena;
use crate::tasks::fail::{Checked, Failure, named};
use crate::tasks::record;
use crate::tasks::task::{adopt_orphans, end_all};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Exit status of a program that panicked.
const PANICKED: i32 = 101;
/// Exit status of a program that could not begin: it has no trace.
const NOT_BEGUN: i32 = 3;

/// What a program begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// Its own session keyring.
    WithSession,
    /// No session keyring, as the calling process. The kernel gives it the user session keyring instead, which it shares
    /// with others unless it enters a user namespace first.
    WithoutSession,
}

/// Where programs run one after another. A process has one stage, and no children except programs.
pub struct Stage {
    arena: &'static Arena,
}

/// The result of a program on a [`Stage`].
#[derive(Debug)]
pub struct Seen {
    /// The raw trace, as text.
    pub trace: String,
    /// What the program returned, or what went wrong with it.
    pub said: String,
    /// How it ended; status 0 means that it finished.
    pub ended: Ended,
    /// It could not begin, or create a task, for lack of memory, numbers or keys, which says nothing about
    /// keyrings.
    pub short: bool,
}

impl Seen {
    /// Whether the program finished.
    pub fn is_whole(&self) -> bool {
        self.ended == Ended::Exited(0)
    }
}

impl Stage {
    /// A stage for the calling process, which from now on reaps what programs leave behind.
    ///
    /// # Errors
    ///
    /// Those of memfd_create(2) and mmap(2).
    pub fn new() -> Result<Stage, Errno> {
        adopt_orphans();
        let arena = Arena::here().map_or_else(Arena::create, Ok)?;
        Ok(Stage { arena })
    }

    /// Runs a program that must end within that time (whole seconds). The program has its own session
    /// keyring unless it begins without one, neither thread nor process keyring, and request_key(2)'s default destination; when it
    /// ends, so do all tasks that it created. [`Seen::said`] is what it returned.
    ///
    /// # Errors
    ///
    /// `EBUSY` if this process has several threads, which a copy would lack; those of fork(2) and
    /// waitpid(2).
    pub fn run(
        &self,
        deadline: Duration,
        begins: Begins,
        program: impl FnOnce() -> Checked<String>,
    ) -> Result<Seen, Errno> {
        has_one_thread()?;
        room::wait_for_room();
        self.arena.clear();
        let pid = fork_like(Way::Fork, || {
            let body = AssertUnwindSafe(|| perform(self.arena, deadline, begins, program));
            exit(catch_unwind(body).unwrap_or(PANICKED))
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

    /// Kills and reaps what a program left behind.
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

/// The life of the process in which a program runs; returns its exit status.
fn perform(
    arena: &Arena,
    deadline: Duration,
    begins: Begins,
    program: impl FnOnce() -> Checked<String>,
) -> i32 {
    // It ends with the process that waits for it, or after its time.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    nix::unistd::alarm::set(deadline.as_secs().clamp(1, u32::MAX.into()) as u32);
    adopt_orphans();
    arena.seat_first();
    let begun = match begins {
        Begins::WithSession => begin_with_session(),
        Begins::WithoutSession => begin_destination(),
    };
    if let Err(error) = begun {
        Failure::new(format!("no session keyring: {}", named(error))).report();
        return NOT_BEGUN;
    }
    record::start();
    if begins == Begins::WithoutSession {
        record_no_session();
    }
    let done = program();
    end_all();
    match done {
        Ok(_) if arena.is_spoiled() => i32::from(NOT_AS_EXPECTED),
        Ok(said) => {
            arena.report(&said);
            0
        }
        Err(failure) => {
            failure.report();
            i32::from(NOT_AS_EXPECTED)
        }
    }
}
