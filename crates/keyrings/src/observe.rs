//! Running a snippet: the frame around every rule's program.

use crate::arena::Arena;
use crate::{Checked, Errno, Failure, keyctl, place, record, room, serve_if_invited, task};
use std::io::Write;
use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicU32, Ordering};
use trace::{Owner, Trace};

/// Environment variable that names a directory. A snippet leaves its trace there, as
/// `RULE.PID`, with the number of the process that started it.
pub const TRACES_VARIABLE: &str = "KEYRINGS_TRACES";

/// Exit status of a snippet whose expectations were not all met.
pub const NOT_AS_EXPECTED: u8 = 1;
/// Exit status of a snippet that cannot say anything here: there are no keyrings.
pub const NO_KEYRINGS: u8 = 3;
/// Exit status of a snippet that cannot say anything now: there is no memory, or no number, for one of
/// its tasks.
pub const NO_ROOM: u8 = 4;

/// After so many seconds the kernel ends a snippet that has not ended (SIGALRM).
const DEADLINE: u32 = 180;
/// So many seconds later than whoever watches it would.
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
/// The program gets a session keyring of its own, so it neither sees nor disturbs the keys of
/// whoever runs it, and asks for request_key(2)'s default destination. Neither of its own keyrings
/// exists yet. When it ends, so do all tasks it started. The trace is printed on standard output
/// (and left in the directory that [`TRACES_VARIABLE`] names); what was otherwise than expected
/// is said on standard error.
pub fn observe(rule: &str, program: impl FnOnce() -> Checked) -> Observed {
    observed(rule, Box::new(program))
}

/// One for all snippets: what depends on the snippet's type is compiled for each.
#[inline(never)]
fn observed(rule: &str, program: Box<dyn FnOnce() -> Checked + '_>) -> Observed {
    // Whoever watches it was not invited either.
    if WATCHED.load(Ordering::Relaxed) == 0 {
        serve_if_invited();
    }
    if let Err(status) = begin() {
        return Observed { status };
    }
    let result = program();
    task::end_all();
    let held = result.map_err(Failure::report).is_ok();
    let owner = Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
    publish(rule, &record::recorded().normalise(owner));
    if held {
        return Observed { status: 0 };
    }
    let failures = Arena::here().map(Arena::failures).unwrap_or_default();
    if Arena::here().is_some_and(Arena::is_short) {
        eprintln!("there is no room for a task.\n{failures}");
        return Observed { status: NO_ROOM };
    }
    eprintln!("{rule} is not as the rule says.\n{failures}");
    Observed { status: NOT_AS_EXPECTED }
}

/// The seconds after which whoever started the snippet ends it, if somebody does: then the trace
/// goes to standard output alone, where that one reads it.
static WATCHED: AtomicU32 = AtomicU32::new(0);

/// Has the trace of the snippet that this process will run go to standard output alone. The
/// kernel ends the snippet only if the caller, who does so after these seconds, is gone.
pub(crate) fn only_print(deadline: u32) {
    WATCHED.store(deadline.max(1), Ordering::Relaxed);
}

/// Sets the stage; on failure gives the exit status.
fn begin() -> Result<(), u8> {
    if !room::is_ample() {
        room::wait_for_room();
    }
    let stage = || -> Result<(), Errno> {
        keyctl::keyctl_join_session_keyring(None)?;
        keyctl::keyctl_set_reqkey_keyring(keyctl::KEY_REQKEY_DEFL_DEFAULT)?;
        Ok(())
    };
    if let Err(error) = stage() {
        let nothing = place::Keyrings::here().explain();
        eprintln!("{}", nothing.unwrap_or_else(|| no_session_keyring(error)));
        return Err(NO_KEYRINGS);
    }
    if let Err(error) = Arena::here().map_or_else(Arena::create, Ok) {
        eprintln!("there is no memory for the record: {error:?} ({})", error.desc());
        return Err(NO_ROOM);
    }
    task::adopt_orphans();
    let watched = WATCHED.load(Ordering::Relaxed);
    nix::unistd::alarm::set(if watched > 0 { watched.saturating_add(GRACE) } else { DEADLINE });
    record::start();
    Ok(())
}

fn no_session_keyring(error: Errno) -> String {
    match error {
        Errno::EDQUOT => room::used_up(),
        error => format!("no session keyring can be had: {error:?} ({})", error.desc()),
    }
}

fn publish(rule: &str, trace: &Trace) {
    let text = trace.to_string();
    // One write, not one for each line.
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        eprintln!("{rule}: the trace cannot be printed: {error}");
    }
    if WATCHED.load(Ordering::Relaxed) > 0 {
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
