//! The real keyctl(1).

use crate::record::{event, record};
use crate::{Checked, Failure, KeySerial};
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
    /// The serial number that the program printed and nothing else, as `keyctl add` does.
    #[track_caller]
    pub fn serial(&self) -> Checked<KeySerial> {
        let number = self.stdout.trim().parse().ok().filter(|_| self.status == Some(0));
        number.map(KeySerial).ok_or_else(|| {
            Failure::new(format!("keyctl(1) was to print a serial number: {self:?}"))
        })
    }
}

/// Runs keyctl(1) with these arguments, as a shell does: fork(2), then execve(2).
///
/// The trace shows the exit status and what was printed, serial numbers by their names.
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

/// Holds a program to its exit status.
#[track_caller]
pub fn exits(printed: &Printed, status: i32) -> Checked {
    if printed.status == Some(status) {
        return Ok(());
    }
    Err(Failure::new(format!("keyctl(1) was to exit with {status}: {printed:?}")))
}
