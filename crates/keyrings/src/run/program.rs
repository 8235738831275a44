//! Running snippets that are part of this program, each in its own process.

use super::circumstance::Circumstance;
use super::outcome::{Observed, under_supervision};
use super::vary::{Varied, prepare, vary};

pub use super::outcome::Ended;

use crate::sys::process::{Way, exit, fork_like, has_one_thread};
use crate::tasks::arena::Arena;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// A snippet that runs in a copy of this process.
#[derive(Debug)]
pub struct RunningSnippet {
    pid: i32,
    io: SnippetIo,
    deadline: Instant,
}

/// Where a snippet writes: two files in memory for what it prints, and one that its tasks share. They are
/// created before the snippet begins, so they pin none of its credentials.
#[derive(Debug)]
struct SnippetIo {
    stdout: File,
    stderr: File,
    arena: OwnedFd,
}

impl SnippetIo {
    fn new() -> Result<SnippetIo, Errno> {
        let file = |name| memfd_create(name, MFdFlags::MFD_CLOEXEC).map(File::from);
        Ok(SnippetIo { stdout: file("stdout")?, stderr: file("stderr")?, arena: Arena::file()? })
    }
}

/// What [`Watch::wait`] waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// The process of this id ended.
    Ended(i32, Ended),
    /// A signal asks this program to stop.
    Stop(Signal),
    /// The time is over.
    Time,
}

/// Waits for snippets to end, with a deadline, and for signals that ask this program to stop.
#[derive(Debug)]
pub struct Watch {
    signals: SignalFd,
    before: SigSet,
}

impl Watch {
    /// Begins to watch. Until [`Watch::end`], SIGINT and SIGTERM end neither this program nor its snippets,
    /// which so finish, and this process reaps what snippets leave behind.
    ///
    /// # Errors
    ///
    /// Those of prctl(2), sigprocmask(2) and signalfd(2).
    pub fn begin() -> Result<Watch, Errno> {
        nix::sys::prctl::set_child_subreaper(true)?;
        let signals = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM]);
        let before = signals.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Watch { signals: SignalFd::with_flags(&signals, flags)?, before })
    }

    /// Waits until a process ends, a signal arrives or that time comes.
    ///
    /// # Errors
    ///
    /// Those of waitpid(2), poll(2) and read(2).
    pub fn wait(&self, until: Instant) -> Result<WatchEvent, Errno> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => {
                    return Ok(WatchEvent::Ended(pid.as_raw(), Ended::Exited(status)));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    return Ok(WatchEvent::Ended(pid.as_raw(), Ended::Killed(signal.as_str())));
                }
                Ok(_) | Err(Errno::EINTR | Errno::ECHILD) => {}
                Err(error) => return Err(error),
            }
            match self.signals.read_signal() {
                Ok(Some(signal)) => match Signal::try_from(signal.ssi_signo as i32) {
                    Ok(Signal::SIGCHLD) | Err(_) => continue,
                    Ok(signal) => return Ok(WatchEvent::Stop(signal)),
                },
                Ok(None) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(WatchEvent::Time);
            }
            // A millisecond more, as poll counts whole ones.
            let left = left + Duration::from_millis(1);
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut ready = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, left) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the watch once everything that snippets left behind is gone; waits at most this long. The
    /// caller has killed the tasks of snippets that did not end.
    pub fn end(self, at_most: Duration) {
        let end = Instant::now() + at_most;
        while Instant::now() < end
            && waitpid(None, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD)
        {
            let _ = self.wait(end.min(Instant::now() + Duration::from_millis(20)));
        }
        let _ = self.before.thread_set_mask();
    }
}

impl RunningSnippet {
    /// Starts a snippet that must end within that time; in a circumstance, with the rule's needs, if one
    /// is given.
    ///
    /// # Errors
    ///
    /// `EBUSY` if this process has several threads, which a copy would lack; those of memfd_create(2) and
    /// fork(2).
    pub fn start(
        snippet: impl FnOnce() -> Observed,
        deadline: Duration,
        variation: Option<(&'static Circumstance, &'static [&'static str])>,
    ) -> Result<RunningSnippet, Errno> {
        has_one_thread()?;
        if let Some((circumstance, _)) = variation {
            prepare(circumstance);
        }
        let io = SnippetIo::new()?;
        let pid = fork_like(Way::Fork, || {
            under_supervision(deadline.as_secs().try_into().unwrap_or(u32::MAX));
            if let Some((circumstance, needs)) = variation {
                vary(Varied { circumstance, needs });
            }
            // Its own process group, to be killed as a whole, and out of reach of Ctrl-C.
            let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
            let _ = SigSet::empty().thread_set_mask();
            // If this fails, the snippet creates its memory itself.
            let _ = Arena::take(&io.arena);
            let printed = nix::unistd::dup2_stdout(&io.stdout)
                .and_then(|()| nix::unistd::dup2_stderr(&io.stderr));
            let status = if printed.is_ok() { i32::from(snippet().status()) } else { 2 };
            exit(status)
        })?;
        Ok(RunningSnippet { pid, io, deadline: Instant::now() + deadline })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When it must have ended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Kills it, with the tasks that it created.
    pub fn kill(&self) {
        let group = Pid::from_raw(self.pid);
        // The group exists once its first process has run a little.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = nix::sys::signal::kill(group, Signal::SIGKILL);
    }

    /// What it printed on standard output and on standard error.
    pub fn printed(&self) -> (String, String) {
        let read = |file: &File| {
            let len = file.metadata().map_or(0, |about| about.len());
            let mut text = vec![0; len as usize];
            if file.read_exact_at(&mut text, 0).is_err() {
                text.clear();
            }
            String::from_utf8_lossy(&text).into_owned()
        };
        (read(&self.io.stdout), read(&self.io.stderr))
    }
}
