//! The error type.

use std::fmt;
use std::path::Path;

/// What is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, with the name of the kernel, file or command.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error { what: what.into(), remedy: remedy.into() }
    }

    /// For [`Result::map_err`]: a file operation failed. `done` is its participle, such as `read`.
    pub(crate) fn file(done: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        move |error| {
            Error::new(
                format!("{} cannot be {done}: {error}", path.display()),
                "check that it exists and that you have permission",
            )
        }
    }

    /// For [`Result::map_err`]: an operation without a file name failed.
    pub(crate) fn doing(what: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |error| {
            Error::new(format!("{what}: {error}"), "check free memory, and free space in $TMPDIR")
        }
    }

    /// For [`Result::map_err`]: a program could not be started.
    pub(crate) fn start(program: &str, remedy: &str) -> impl FnOnce(std::io::Error) -> Error {
        let remedy = remedy.to_owned();
        move |error| Error::new(format!("{program} cannot be started: {error}"), remedy)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for Error {}
