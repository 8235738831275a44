//! Running a snippet: the frame around every rule's program.

use super::circumstance::{Program, Varied};
use crate::api::keyctl::{
    KEY_REQKEY_DEFL_DEFAULT, keyctl_join_session_keyring, keyctl_set_reqkey_keyring,
};
use crate::host::{probe, room};
use crate::tasks::arena::{Arena, RESUME_VARIABLE};
use crate::tasks::fail::{Checked, Failure, named};
use crate::tasks::record::{self, parsed, recorded};
use crate::tasks::serve::{SELF, serve_if_invited};
use crate::tasks::task::{adopt_orphans, end_all};
use crate::tasks::until::be_impatient;
use nix::errno::Errno;
use std::io::Write;
use std::process::{ExitCode, Termination};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use trace::{Outcome, Owner, Value};

/// Environment variable that names a directory. A snippet leaves its trace there, as
/// `RULE.PID`, with the process id of the program that started it.
pub const TRACES_VARIABLE: &str = "KEYRINGS_TRACES";

/// Exit status of a snippet that did not meet all its expectations.
pub const NOT_AS_EXPECTED: u8 = 1;
/// Exit status of a snippet that shows nothing here: the kernel provides no keyrings.
pub const NO_KEYRINGS: u8 = 3;
/// Exit status of a snippet that shows nothing now: memory or numbers for one of its tasks are missing.
pub const NO_ROOM: u8 = 4;

/// Exit status of a snippet in a circumstance that does not apply to it here.
pub const NOT_APPLICABLE: u8 = 5;

/// Stands between the whole trace of a varied snippet, with its set-up, and the program's part of it.
pub const SEPARATOR: &str = "---\n";

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

/// Runs the program of a rule and shows its trace.
///
/// The program receives its own session keyring, so it neither sees nor disturbs the keys of its
/// user, and request_key(2)'s default destination. Neither its thread keyring nor its process keyring
/// exists yet. When the program ends, so do all tasks it created. The trace is printed on standard
/// output, and left in the directory that [`TRACES_VARIABLE`] names; unmet expectations are reported on
/// standard error.
pub fn observe(rule: &str, program: impl FnOnce() -> Checked + Send) -> Observed {
    observed(rule, Box::new(program))
}

/// [`observe`] for a program of any type, compiled once.
fn observed(rule: &str, program: Program<'_>) -> Observed {
    // Under `keybook check` the supervisor has already handled the task variable.
    if SUPERVISED.load(Ordering::Relaxed) == 0 {
        serve_if_invited();
    }
    if RESUMED.load(Ordering::Relaxed) {
        return conclude(rule, program());
    }
    if let Err(status) = begin() {
        return Observed { status };
    }
    match VARIED.get() {
        Some(varied) => varied.run(rule, program, &|result| conclude(rule, result)),
        None => conclude(rule, program()),
    }
}

/// Ends the tasks of a program, shows its trace and says whether it met its expectations.
fn conclude(rule: &str, result: Checked) -> Observed {
    end_all();
    let arena = Arena::here();
    let held = result.map_err(Failure::report).is_ok() && !arena.is_some_and(Arena::is_spoiled);
    publish(rule);
    if held {
        return Observed { status: 0 };
    }
    let failures = arena.map(Arena::failures).unwrap_or_default();
    if is_varied() && arena.is_some_and(Arena::lacks_stage) {
        eprintln!("user namespace: the program cannot enter its own here");
        return Observed { status: NOT_APPLICABLE };
    }
    if arena.is_some_and(Arena::is_short) {
        eprintln!("no task can be created for lack of room.\n{failures}");
        return Observed { status: NO_ROOM };
    }
    eprintln!("{rule} is not as the rule says.\n{failures}");
    Observed { status: NOT_AS_EXPECTED }
}

/// The circumstance of the snippet that this process runs, if it is varied.
static VARIED: OnceLock<Varied> = OnceLock::new();

/// Has the snippet of this process run in a circumstance.
pub(super) fn vary(varied: Varied) {
    be_impatient(IMPATIENT);
    let _ = VARIED.set(varied);
}

/// Seconds that a varied snippet waits at most for anything.
const IMPATIENT: u64 = 5;

/// Whether the snippet of this process runs in a circumstance.
fn is_varied() -> bool {
    VARIED.get().is_some() || RESUMED.load(Ordering::Relaxed)
}

/// Whether the snippet of this process began in another program.
static RESUMED: AtomicBool = AtomicBool::new(false);

/// The value of [`RESUME_VARIABLE`] for a program in which this snippet goes on.
pub(super) fn resume_value(rule: &str) -> String {
    let invitation = Arena::here().map(|arena| arena.invitation(0)).unwrap_or_default();
    format!("{invitation}:{}:{rule}", SUPERVISED.load(Ordering::Relaxed))
}

/// If a snippet goes on in this program after execve(2): prepares for it, and returns its rule, whose
/// snippet the caller runs.
pub fn resume() -> Option<String> {
    let value = std::env::var(RESUME_VARIABLE).ok()?;
    let mut parts = value.splitn(4, ':');
    let descriptor = parts.next()?.parse().ok()?;
    let deadline = parts.nth(1)?.parse().ok()?;
    let rule = parts.next()?.to_owned();
    let arena = Arena::attach(descriptor).ok()?;
    arena.seat_main(0);
    under_supervision(deadline);
    RESUMED.store(true, Ordering::Relaxed);
    be_impatient(IMPATIENT);
    record::start();
    let itself = || vec![Value::word(SELF)];
    record::record(|| record::event("execve", itself(), Outcome::Returned(Value::Int(0))));
    arena.begin_program();
    Some(rule)
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
    set_alarm();
    record::start();
    Ok(())
}

/// Has the kernel end this process some time after its deadline.
pub(super) fn set_alarm() {
    let supervised = SUPERVISED.load(Ordering::Relaxed);
    let deadline = if supervised > 0 { supervised.saturating_add(GRACE) } else { DEADLINE };
    nix::unistd::alarm::set(deadline);
}

fn no_session_keyring(error: Errno) -> String {
    match error {
        Errno::EDQUOT => room::used_up(),
        error => format!("no session keyring can be created: {}", named(error)),
    }
}

/// Prints the trace of the program with the present user and group as `UID` and `GID`. Before it stands, for a
/// varied snippet, the whole trace with those that the snippet began with.
fn publish(rule: &str) {
    let (arena, owner) = (
        Arena::here(),
        Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() },
    );
    let program = arena.map(Arena::program_text).unwrap_or_default();
    let mut text = parsed(&program).normalize(owner).to_string();
    if let Some(arena) = arena.filter(|_| is_varied()) {
        let (uid, gid) = arena.first_owner();
        text = format!("{}{SEPARATOR}{text}", recorded().normalize(Owner { uid, gid }));
    }
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
