//! How a snippet ends: its exit status, its deadline, and the end of its process.

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fmt;
use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicU32, Ordering};

/// Exit status of a snippet that did not meet all its expectations.
pub const NOT_AS_EXPECTED: u8 = 1;
/// Exit status of a snippet that shows nothing here: the kernel provides no keyrings.
pub const NO_KEYRINGS: u8 = 3;
/// Exit status of a snippet that shows nothing now: memory or numbers for one of its tasks are missing.
pub const NO_ROOM: u8 = 4;

/// Exit status of a snippet in a circumstance that does not apply to it here.
pub const NOT_APPLICABLE: u8 = 5;

/// Seconds after which the kernel ends a snippet (SIGALRM).
const DEADLINE: u32 = 180;
/// Seconds that a supervisor has after its deadline to end a snippet, before the kernel does.
const GRACE: u32 = 60;

/// What became of a snippet: the result of its `main`.
#[derive(Debug)]
pub struct Observed {
    status: u8,
}

impl Observed {
    pub(super) fn with(status: u8) -> Observed {
        Observed { status }
    }

    /// The exit status of the snippet: 0, [`NOT_AS_EXPECTED`], [`NO_KEYRINGS`] or [`NO_ROOM`].
    pub fn status(&self) -> u8 {
        self.status
    }
}

impl Termination for Observed {
    fn report(self) -> ExitCode {
        ExitCode::from(self.status)
    }
}

/// The deadline of the supervisor that started the snippet, in seconds, if there is one.
static SUPERVISED: AtomicU32 = AtomicU32::new(0);

/// Says that a supervisor, which ends the snippet of this process after this many seconds, reads the trace
/// on standard output. The kernel ends the snippet only if the supervisor is gone.
pub(super) fn under_supervision(deadline: u32) {
    SUPERVISED.store(deadline.max(1), Ordering::Relaxed);
}

/// The supervisor's deadline in seconds, 0 without a supervisor.
pub(super) fn supervised() -> u32 {
    SUPERVISED.load(Ordering::Relaxed)
}

/// Has the kernel end this process some time after its deadline.
pub(super) fn set_alarm() {
    let supervised = supervised();
    let deadline = if supervised > 0 { supervised.saturating_add(GRACE) } else { DEADLINE };
    nix::unistd::alarm::set(deadline);
}

/// How a snippet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By a signal of this name.
    Killed(&'static str),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(status) => write!(f, "ended with status {status}"),
            Ended::Killed(signal) => write!(f, "was killed by {signal}"),
        }
    }
}

/// Waits for a child to end.
pub(super) fn wait(pid: i32) -> Result<Ended, Errno> {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Ended::Exited(status)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ended::Killed(signal.as_str())),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}
