//! Running a snippet that is part of this program, as a process of its own.

use crate::sys::{self, Way};
use crate::{Errno, Observed, observe};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{WaitStatus, waitpid};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};

/// A snippet that runs in a copy of this process.
#[derive(Debug)]
pub struct Program {
    pid: i32,
    stdout: File,
    stderr: File,
}

/// How a snippet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By a signal of this name; SIGALRM is what ends one that takes three minutes.
    Killed(&'static str),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(status) => write!(f, "ended with status {status}"),
            Ended::Killed("SIGALRM") => write!(f, "did not end within three minutes"),
            Ended::Killed(signal) => write!(f, "was ended by {signal}"),
        }
    }
}

impl Program {
    /// Starts a snippet. This process must have one thread only: a copy would not have the others.
    pub fn start(snippet: impl FnOnce() -> Observed) -> Result<Program, Errno> {
        // Made by this process, so they hold none of the snippet's credentials.
        let file = |name| memfd_create(name, MFdFlags::MFD_CLOEXEC).map(File::from);
        let (stdout, stderr) = (file("stdout")?, file("stderr")?);
        let pid = sys::fork_like(Way::Fork, || {
            observe::only_print();
            let printed =
                nix::unistd::dup2_stdout(&stdout).and_then(|()| nix::unistd::dup2_stderr(&stderr));
            let status = if printed.is_ok() { i32::from(snippet().status()) } else { 2 };
            sys::exit(status)
        })?;
        Ok(Program { pid, stdout, stderr })
    }

    /// The number of its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for any that was started here to end.
    pub fn wait_for_any() -> Result<(i32, Ended), Errno> {
        loop {
            match waitpid(None, None) {
                Ok(WaitStatus::Exited(pid, status)) => {
                    return Ok((pid.as_raw(), Ended::Exited(status)));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    return Ok((pid.as_raw(), Ended::Killed(signal.as_str())));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What it printed on standard output and on standard error.
    pub fn printed(mut self) -> (String, String) {
        let read = |file: &mut File| {
            let mut text = Vec::new();
            // Memory can be read; if not, there is nothing to show.
            let _ = file.rewind().and_then(|()| file.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        };
        (read(&mut self.stdout), read(&mut self.stderr))
    }
}
