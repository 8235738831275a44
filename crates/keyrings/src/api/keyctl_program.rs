//! The real keyctl(1).

use super::key::KeySerial;
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::record::{event, record};
use std::process::Command;
use trace::{Outcome, Value};

/// What a program printed, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Printed {
    /// The serial number, if the program printed that and nothing else, as `keyctl add` does.
    ///
    /// # Errors
    ///
    /// Fails if it printed anything else, or failed.
    #[track_caller]
    pub fn serial(&self) -> Checked<KeySerial> {
        let number = self.stdout.trim().parse().ok().filter(|_| self.status == Some(0));
        number.map(KeySerial).ok_or_else(|| {
            Failure::new(format!("keyctl(1) should print a serial number: {self:?}"))
        })
    }
}

/// Runs keyctl(1) with these arguments, as a shell does: fork(2), then execve(2).
///
/// The trace shows the exit status and what was printed, with serial numbers by their names.
///
/// # Errors
///
/// Fails if the program cannot be run.
///
/// # References
///
/// keyctl(1)
#[track_caller]
pub fn keyctl_program(args: &[&str]) -> Checked<Printed> {
    let output = Command::new("keyctl").args(args).env("LC_ALL", "C").output();
    let output =
        output.map_err(|error| Failure::new(format!("keyctl(1) cannot be run: {error}")))?;
    let printed = Printed {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    record(|| {
        let shown = Value::List(vec![
            Value::word("status"),
            Value::Int(printed.status.unwrap_or(-1).into()),
            Value::word("stdout"),
            Value::Printed(printed.stdout.clone()),
            Value::word("stderr"),
            Value::Printed(printed.stderr.clone()),
        ]);
        let args = args.iter().map(|arg| Value::Printed((*arg).to_owned())).collect();
        event("keyctl_program", args, Outcome::Returned(shown))
    });
    Ok(printed)
}

/// Expects an exit status of keyctl(1).
///
/// # Errors
///
/// Fails if the program ended in any other way.
#[track_caller]
pub fn exits(printed: &Printed, status: i32) -> Checked {
    if printed.status == Some(status) {
        return Ok(());
    }
    Err(Failure::new(format!("keyctl(1) should exit with {status}: {printed:?}")))
}
