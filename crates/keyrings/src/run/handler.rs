//! A program that request_key(2) starts: this one, installed as request-key(8).
//!
//! The file of the stock request-key(8) is replaced, so this is for a machine that exists for one check only. The
//! program becomes a task of a snippet that waits for it, or goes on with a snippet if the key to instantiate is described by
//! one, and otherwise runs the stock one.

use super::outcome::{Observed, set_alarm, under_supervision};
use super::vary::resume_here;
use crate::api::key::{KeySerial, NO_KEYRING};
use crate::api::keyctl::{
    KEY_REQKEY_DEFL_DEFAULT, keyctl_assume_authority, keyctl_set_reqkey_keyring,
};
use crate::host::request_key::{STOCK, is_installed};
use crate::sys::keys::{self, Filling};
use crate::sys::process::exit;
use crate::tasks::arena::Arena;
use crate::tasks::fail::{Checked, Failure, named};
use crate::tasks::make::self_again;
use crate::tasks::record::{self, event, record, record_creation};
use crate::tasks::task::adopt_orphans;
use crate::tasks::upcall::serve_if_expected;
use nix::errno::Errno;
use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use trace::Outcome;

/// What the descriptions of our keys begin with.
const PREFIX: &str = "keyrings-handler:";

/// Requests a key for which the handler runs the program of a rule; returns what became of it.
pub(super) fn run(
    rule: &str,
    desk: usize,
    assumes: bool,
    deadline: u32,
) -> Result<Observed, String> {
    let Some(arena) = Arena::here().filter(|_| is_installed()) else {
        return Err("request-key(8): it is not this program, as in a guest".to_owned());
    };
    let (pid, invitation) = (std::process::id(), arena.invitation(desk));
    let description = format!("{PREFIX}{pid}:{invitation}:{deadline}:{}:{rule}", u8::from(assumes));
    let description = CString::new(description).map_err(|error| error.to_string())?;
    record_creation(0, "upcall", vec![], &Ok(()), "main");
    arena.handler_status.store(NOT_RUN, Ordering::Release);
    let requested = keys::request_key(Some(c"user"), Some(&description), Some(c""), NO_KEYRING.0);
    match (arena.handler_status.load(Ordering::Acquire), requested) {
        (NOT_RUN, requested) => {
            let why = requested.err().unwrap_or(Errno::ENOKEY);
            Err(format!("request-key(8): it did not run: {}", named(why)))
        }
        (status, _) => Ok(Observed::with(status as u8)),
    }
}

/// No status of a snippet.
const NOT_RUN: u32 = u32::MAX;

pub use crate::host::request_key::install;

/// If the kernel started this program as request-key(8): becomes a task of a snippet or runs the stock one, and does not
/// return, or prepares for the snippet that requested the key, and returns its rule. The caller runs that and passes the result to [`end`].
pub fn begin() -> Option<String> {
    let mut args = std::env::args_os();
    if !args.next()?.as_bytes().ends_with(b"/request-key") {
        return None;
    }
    let key: i32 = args.nth(1)?.to_str()?.parse().ok()?;
    serve_if_expected(key);
    match requested(key) {
        Ok(rule) => Some(rule),
        Err(_) => {
            let (args, env) = self_again("").unwrap_or_default();
            let stock = CString::new(STOCK).unwrap_or_default();
            let _ = nix::unistd::execve(&stock, &args, &env);
            exit(1)
        }
    }
}

/// Takes the place of the main task of the snippet that requested this key.
fn requested(key: i32) -> Checked<String> {
    let mut text = [0; 512];
    let length = keys::fill(Filling::Describe, key, &mut text)? as usize;
    let text = String::from_utf8_lossy(text.get(..length.saturating_sub(1)).unwrap_or_default());
    let ours = text.split_once(PREFIX).map(|(_, rest)| rest.to_owned());
    let ours = ours.ok_or_else(|| Failure::new("another key"))?;
    let parts: Vec<&str> = ours.splitn(6, ':').collect();
    let [pid, descriptor, desk, deadline, assumes, rule] = parts[..] else {
        return Err(Failure::new("another key"));
    };
    let number = |text: &str| text.parse::<u32>().map_err(|error| Failure::new(error.to_string()));
    let open = |descriptor: &str| {
        let path = format!("/proc/{pid}/fd/{descriptor}");
        let file = File::options().read(true).write(true).open(&path);
        file.map_err(|error| Failure::new(format!("{path}: {error}")))
    };
    nix::unistd::dup2_stdout(open("1")?)?;
    nix::unistd::dup2_stderr(open("2")?)?;
    let arena = Arena::adopt(open(descriptor)?)?;
    arena.seat_main(number(desk)? as usize);
    under_supervision(number(deadline)?);
    resume_here();
    adopt_orphans();
    set_alarm();
    record::start();
    // It begins with the thread keyring, as a kernel thread does.
    keyctl_set_reqkey_keyring(KEY_REQKEY_DEFL_DEFAULT)?;
    if assumes == "1" {
        let key = KeySerial(key);
        let named = Outcome::Returned(key.into());
        record(|| event("key_to_instantiate", vec![], named));
        keyctl_assume_authority(key)?;
    }
    arena.begin_program();
    Ok(rule.to_owned())
}

/// Ends the process of a handler with what became of the snippet.
pub fn end(status: u8) -> ! {
    if let Some(arena) = Arena::here() {
        arena.handler_status.store(u32::from(status), Ordering::Release);
    }
    exit(0)
}
