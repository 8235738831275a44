//! Running a snippet: the frame around every rule's program.

use super::circumstance::{WITHOUT_SESSION, begin_without_session};
use super::outcome::{
    NO_KEYRINGS, NO_ROOM, NOT_APPLICABLE, NOT_AS_EXPECTED, Observed, set_alarm, supervised,
};
use super::vary::{Program, has_no_session, is_resumed, is_varied, varied};
use crate::api::keyctl::{
    KEY_REQKEY_DEFL_DEFAULT, keyctl_join_session_keyring, keyctl_set_reqkey_keyring,
};
use crate::host::{probe, room};
use crate::tasks::arena::Arena;
use crate::tasks::fail::{Checked, Failure, named};
use crate::tasks::record::{self, parsed, recorded};
use crate::tasks::serve::serve_if_invited;
use crate::tasks::task::{adopt_orphans, end_all};
use nix::errno::Errno;
use std::io::Write;
use std::sync::atomic::Ordering;
use trace::Owner;

/// Environment variable that names a directory. A snippet leaves its trace there, as
/// `RULE.PID`, with the process id of the program that started it.
pub const TRACES_VARIABLE: &str = "KEYRINGS_TRACES";

/// Stands between the whole trace of a varied snippet, with its set-up, and the program's part of it.
pub const SEPARATOR: &str = "---\n";

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

/// [`observe`] for a program that begins without a session keyring, in a new user namespace. This program must
/// have been started without one.
pub fn observe_without_session(rule: &str, program: impl FnOnce() -> Checked + Send) -> Observed {
    WITHOUT_SESSION.store(true, Ordering::Relaxed);
    observed(rule, Box::new(|| begin_without_session().and_then(|()| program())))
}

/// [`observe`] for a program of any type, compiled once.
fn observed(rule: &str, program: Program<'_>) -> Observed {
    // Under `keybook check` the supervisor has already handled the task variable.
    if supervised() == 0 {
        serve_if_invited();
    }
    if is_resumed() {
        return conclude(rule, program());
    }
    if let Err(status) = begin() {
        return Observed::with(status);
    }
    match varied() {
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
        return Observed::with(0);
    }
    let failures = arena.map(Arena::failures).unwrap_or_default();
    if is_varied() && arena.is_some_and(Arena::lacks_stage) {
        eprintln!("user namespace: the program cannot enter its own here");
        return Observed::with(NOT_APPLICABLE);
    }
    if arena.is_some_and(Arena::is_short) {
        eprintln!("no task can be created for lack of room.\n{failures}");
        return Observed::with(NO_ROOM);
    }
    eprintln!("{rule} is not as the rule says.\n{failures}");
    Observed::with(NOT_AS_EXPECTED)
}

/// Gives the calling process what every program begins with: an anonymous session keyring, and the
/// default destination of request_key(2).
pub(super) fn begin_with_session() -> Result<(), Errno> {
    if !has_no_session() && !WITHOUT_SESSION.load(Ordering::Relaxed) {
        keyctl_join_session_keyring(None)?;
    }
    begin_destination()
}

/// Resets the default destination of request_key(2).
pub(super) fn begin_destination() -> Result<(), Errno> {
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
    if supervised() > 0 {
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
