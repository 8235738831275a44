//! Running a snippet: the frame around every rule's program.

use crate::arena::Arena;
use crate::{Checked, Errno, Failure, keyctl, place, quota, record, serve_if_invited, task, wait};
use std::process::{ExitCode, Termination};
use std::sync::atomic::{AtomicBool, Ordering};
use trace::{Owner, Trace};

/// Environment variable that names a directory. A snippet leaves its trace there, as
/// `RULE.PID`, with the number of the process that started it.
pub const TRACES_VARIABLE: &str = "KEYRINGS_TRACES";

/// Exit status of a snippet whose expectations were not all met.
pub const NOT_AS_EXPECTED: u8 = 1;
/// Exit status of a snippet that cannot say anything here: there are no keyrings.
pub const NO_KEYRINGS: u8 = 3;

/// After so many seconds the kernel ends a snippet that has not ended (SIGALRM).
const DEADLINE: u32 = 180;

/// What became of a snippet: the result of its `main`.
#[derive(Debug)]
pub struct Observed {
    status: u8,
}

impl Observed {
    /// The exit status of the snippet: 0, [`NOT_AS_EXPECTED`] or [`NO_KEYRINGS`].
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
    serve_if_invited();
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
    eprintln!("{rule} is not as the rule says.\n{failures}");
    Observed { status: NOT_AS_EXPECTED }
}

/// So many keys, and bytes, must be left of the user's quota before a snippet begins. An ordinary
/// user has 200 keys, and those of snippets that have just ended count until they are collected.
const ROOM: (u32, u32) = (100, 8000);

/// Waits until the user's quota has room, as long as anything is waited for.
fn wait_for_room() {
    let uid = nix::unistd::getuid().as_raw();
    let _ = wait::until("room in the quota", || match quota::quota_of(uid) {
        Ok(quota) if quota.max_keys > 0 => {
            quota.max_keys.saturating_sub(quota.keys) >= ROOM.0.min(quota.max_keys / 2)
                && quota.max_bytes.saturating_sub(quota.bytes) >= ROOM.1.min(quota.max_bytes / 2)
        }
        // A user without keys, or nobody who tells.
        _ => true,
    });
}

/// Whether the trace goes to standard output alone, because somebody reads it there.
static PRINT_ONLY: AtomicBool = AtomicBool::new(false);

/// Has the trace of the snippet that this process will run go to standard output alone.
pub(crate) fn only_print() {
    PRINT_ONLY.store(true, Ordering::Relaxed);
}

/// Sets the stage; on failure gives the exit status.
fn begin() -> Result<(), u8> {
    wait_for_room();
    let stage = || -> Result<(), Errno> {
        keyctl::keyctl_join_session_keyring(None)?;
        keyctl::keyctl_set_reqkey_keyring(keyctl::KEY_REQKEY_DEFL_DEFAULT)?;
        Ok(())
    };
    if let Err(error) = stage() {
        eprintln!("{}", place::Keyrings::find().explain_or(error));
        return Err(NO_KEYRINGS);
    }
    if let Err(error) = Arena::create() {
        eprintln!("there is no memory for the record: {error:?} ({})", error.desc());
        return Err(NO_KEYRINGS);
    }
    task::adopt_orphans();
    nix::unistd::alarm::set(DEADLINE);
    record::start();
    Ok(())
}

fn publish(rule: &str, trace: &Trace) {
    print!("{trace}");
    if PRINT_ONLY.load(Ordering::Relaxed) {
        return;
    }
    let Some(traces) = std::env::var_os(TRACES_VARIABLE) else { return };
    let traces = std::path::PathBuf::from(traces);
    let file = traces.join(format!("{rule}.{}", nix::unistd::getppid()));
    let written =
        std::fs::create_dir_all(&traces).and_then(|()| std::fs::write(&file, trace.to_string()));
    if let Err(error) = written {
        eprintln!("{}: the trace cannot be written: {error}", file.display());
    }
}
