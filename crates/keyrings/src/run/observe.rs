//! Running a snippet: the frame around every rule's program.

use crate::api::keyctl::{
    KEY_REQKEY_DEFL_DEFAULT, keyctl_join_session_keyring, keyctl_set_reqkey_keyring,
};
use crate::host::{probe, room};
use crate::tasks::arena::Arena;
use crate::tasks::fail::{Checked, Failure, named};
use crate::tasks::record::{self, recorded};
use crate::tasks::serve::serve_if_invited;
use crate::tasks::task::{adopt_orphans, end_all};
use nix::errno::Errno;
use std::io::Write;
use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicU32, Ordering};
use trace::{Owner, Trace};

/// Environment variable that names a directory. A snippet leaves its trace there, as
/// `RULE.PID`, with the process id of the program that started it.
pub const TRACES_VARIABLE: &str = "KEYRINGS_TRACES";

/// Exit status of a snippet that did not meet all its expectations.
pub const NOT_AS_EXPECTED: u8 = 1;
/// Exit status of a snippet that shows nothing here: the kernel provides no keyrings.
pub const NO_KEYRINGS: u8 = 3;
/// Exit status of a snippet that shows nothing now: memory or numbers for one of its tasks are missing.
pub const NO_ROOM: u8 = 4;

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

/// Runs the program of a rule and shows its trace.
///
/// The program receives its own session keyring, so it neither sees nor disturbs the keys of its
/// user, and request_key(2)'s default destination. Neither its thread keyring nor its process keyring
/// exists yet. When the program ends, so do all tasks it created. The trace is printed on standard
/// output, and left in the directory that [`TRACES_VARIABLE`] names; unmet expectations are reported on
/// standard error.
pub fn observe(rule: &str, program: impl FnOnce() -> Checked) -> Observed {
    observed(rule, Box::new(program))
}

/// [`observe`] for a program of any type, compiled once.
fn observed(rule: &str, program: Box<dyn FnOnce() -> Checked + '_>) -> Observed {
    // Under `keybook check` the supervisor has already handled the task variable.
    if SUPERVISED.load(Ordering::Relaxed) == 0 {
        serve_if_invited();
    }
    if let Err(status) = begin() {
        return Observed { status };
    }
    let result = program();
    end_all();
    let arena = Arena::here();
    let held = result.map_err(Failure::report).is_ok() && !arena.is_some_and(Arena::is_spoiled);
    let owner = Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
    publish(rule, &recorded().normalize(owner));
    if held {
        return Observed { status: 0 };
    }
    let failures = arena.map(Arena::failures).unwrap_or_default();
    if arena.is_some_and(Arena::is_short) {
        eprintln!("no task can be created for lack of room.\n{failures}");
        return Observed { status: NO_ROOM };
    }
    eprintln!("{rule} is not as the rule says.\n{failures}");
    Observed { status: NOT_AS_EXPECTED }
}

/// The deadline of the supervisor that started the snippet, in seconds, if there is one.
static SUPERVISED: AtomicU32 = AtomicU32::new(0);

/// Says that a supervisor, which ends the snippet of this process after this many seconds, reads the trace
/// on standard output. The kernel ends the snippet only if the supervisor is gone.
pub(super) fn under_supervision(deadline: u32) {
    SUPERVISED.store(deadline.max(1), Ordering::Relaxed);
}

/// Gives the calling process what every program begins with: an anonymous session keyring, and the
/// default destination of request_key(2).
pub(super) fn begin_with_session() -> Result<(), Errno> {
    keyctl_join_session_keyring(None)?;
    keyctl_set_reqkey_keyring(KEY_REQKEY_DEFL_DEFAULT).map(drop)
}

/// Prepares the process for a program; on failure returns the exit status.
fn begin() -> Result<(), u8> {
    if !room::is_ample() {
        room::wait_for_room();
    }
    if let Err(error) = begin_with_session() {
        let nothing = probe::Keyrings::here().explain();
        eprintln!("{}", nothing.unwrap_or_else(|| no_session_keyring(error)));
        return Err(NO_KEYRINGS);
    }
    if let Err(error) = Arena::here().map_or_else(Arena::create, Ok) {
        eprintln!("no memory for the record: {}", named(error));
        return Err(NO_ROOM);
    }
    adopt_orphans();
    let supervised = SUPERVISED.load(Ordering::Relaxed);
    let deadline = if supervised > 0 { supervised.saturating_add(GRACE) } else { DEADLINE };
    nix::unistd::alarm::set(deadline);
    record::start();
    Ok(())
}

fn no_session_keyring(error: Errno) -> String {
    match error {
        Errno::EDQUOT => room::used_up(),
        error => format!("no session keyring can be created: {}", named(error)),
    }
}

fn publish(rule: &str, trace: &Trace) {
    let text = trace.to_string();
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        eprintln!("{rule}: the trace cannot be printed: {error}");
    }
    if SUPERVISED.load(Ordering::Relaxed) > 0 {
        return;
    }
    let Some(traces) = std::env::var_os(TRACES_VARIABLE) else { return };
    let traces = std::path::PathBuf::from(traces);
    let file = traces.join(format!("{rule}.{}", nix::unistd::getppid()));
    let written = std::fs::create_dir_all(&traces).and_then(|()| std::fs::write(&file, text));
    if let Err(error) = written {
        eprintln!("{}: the trace cannot be written: {error}", file.display());
    }
}
