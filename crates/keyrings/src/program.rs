//! Running snippets that are part of this program, each as a process of its own.

use crate::arena::Arena;
use crate::sys::{self, Way};
use crate::{Errno, Observed, observe};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fmt;
use std::fs::File;
use std::io::Seek;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// From now on this process and those that it starts keep the processor until they wait for something,
/// or for a tenth of a second: so one that never waits can be ended by another.
/// Where nothing else is to be done on a machine, that saves every change of processes that the kernel
/// makes out of fairness: in an emulator the dearest thing there is. Only the superuser can.
pub fn keep_the_processor() -> Result<(), Errno> {
    sys::take_turns()
}

/// A snippet that runs in a copy of this process.
#[derive(Debug)]
pub struct Program {
    pid: i32,
    paper: Paper,
    deadline: Instant,
}

/// What a snippet writes on: two files in memory for what it prints, and one that its tasks share.
/// Made before the snippet, so they hold none of its credentials, and good for one after another.
#[derive(Debug)]
pub struct Paper {
    stdout: File,
    stderr: File,
    arena: OwnedFd,
}

impl Paper {
    /// New paper.
    pub fn new() -> Result<Paper, Errno> {
        let file = |name| memfd_create(name, MFdFlags::MFD_CLOEXEC).map(File::from);
        Ok(Paper { stdout: file("stdout")?, stderr: file("stderr")?, arena: Arena::file()? })
    }

    /// The same, as if new. Nothing prints on it any more.
    fn blank(mut self) -> Result<Paper, Errno> {
        for file in [&mut self.stdout, &mut self.stderr] {
            // Most have nothing to say on standard error.
            let printed = file.stream_position().map_err(errno)?;
            if printed > 0 {
                file.set_len(0).and_then(|()| file.rewind()).map_err(errno)?;
            }
        }
        Ok(self)
    }
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

/// How a snippet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By a signal of this name.
    Killed(&'static str),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(status) => write!(f, "ended with status {status}"),
            Ended::Killed(signal) => write!(f, "was killed by {signal}"),
        }
    }
}

/// What [`Watch::wait`] came to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process of this number ended.
    Ended(i32, Ended),
    /// This program is asked to stop.
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
    /// Begins to watch. Until [`Watch::end`] SIGINT and SIGTERM do not end this program, nor its
    /// snippets, which so come to their ends; and what snippets leave behind falls to it. What this
    /// program asks the allocator for from now on lies together, as far as there is room.
    pub fn begin() -> Result<Watch, Errno> {
        sys::fill_own_place();
        nix::sys::prctl::set_child_subreaper(true)?;
        let signals = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM]);
        let before = signals.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Watch { signals: SignalFd::with_flags(&signals, flags)?, before })
    }

    /// Waits until a process ends, a signal comes or it is that time.
    pub fn wait(&self, until: Instant) -> Result<Event, Errno> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => {
                    return Ok(Event::Ended(pid.as_raw(), Ended::Exited(status)));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    return Ok(Event::Ended(pid.as_raw(), Ended::Killed(signal.as_str())));
                }
                Ok(_) | Err(Errno::EINTR | Errno::ECHILD) => {}
                Err(error) => return Err(error),
            }
            match self.signals.read_signal() {
                Ok(Some(signal)) => match Signal::try_from(signal.ssi_signo as i32) {
                    Ok(Signal::SIGCHLD) | Err(_) => continue,
                    Ok(signal) => return Ok(Event::Stop(signal)),
                },
                Ok(None) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Event::Time);
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

    /// Ends the watch once all that snippets left behind are gone: those were told to be by whoever
    /// ended their snippet. Waits at most so long for them.
    pub fn end(self, at_most: Duration) {
        let end = Instant::now() + at_most;
        while Instant::now() < end
            && waitpid(None, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD)
        {
            // What ended was taken, what has not ended is waited for.
            let _ = self.wait(end.min(Instant::now() + Duration::from_millis(20)));
        }
        let _ = self.before.thread_set_mask();
    }
}

impl Program {
    /// Starts a snippet, which is to end within that time. This process must have one thread only:
    /// a copy would not have the others.
    pub fn start(
        snippet: impl FnOnce() -> Observed,
        deadline: Duration,
        paper: Paper,
    ) -> Result<Program, Errno> {
        let paper = paper.blank()?;
        let pid = sys::fork_like(Way::Fork, || {
            sys::fill_own_place();
            observe::only_print(deadline.as_secs().try_into().unwrap_or(u32::MAX));
            // A group of its own: so it is ended as a whole, and by nobody's Ctrl-C.
            let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
            let _ = SigSet::empty().thread_set_mask();
            // Without, it makes one itself.
            let _ = Arena::take(&paper.arena);
            let printed = nix::unistd::dup2_stdout(&paper.stdout)
                .and_then(|()| nix::unistd::dup2_stderr(&paper.stderr));
            let status = if printed.is_ok() { i32::from(snippet().status()) } else { 2 };
            sys::exit(status)
        })?;
        Ok(Program { pid, paper, deadline: Instant::now() + deadline })
    }

    /// The number of its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When it is to have ended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Kills it, with the tasks that it made.
    pub fn kill(&self) {
        let group = Pid::from_raw(self.pid);
        // The group is there from when its first process has run a little.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = nix::sys::signal::kill(group, Signal::SIGKILL);
    }

    /// Whether it printed this on standard output, and no more. It asks the allocator for nothing:
    /// the more scattered the memory of this process is, the more a copy has to copy in turn.
    pub fn printed_just(&self, text: &str) -> bool {
        let len = self.paper.stdout.metadata().map_or(0, |about| about.len());
        let mut buffer = [0; 1024];
        len == text.len() as u64
            && text.as_bytes().chunks(buffer.len()).zip(0..).all(|(chunk, nth)| {
                let seen = &mut buffer[..chunk.len()];
                self.paper.stdout.read_exact_at(seen, nth * 1024).is_ok() && seen == chunk
            })
    }

    /// The paper, for the next snippet. Only of one that has ended by itself: what another left
    /// running may still print.
    pub fn into_paper(self) -> Paper {
        self.paper
    }

    /// What it printed on standard output and on standard error.
    pub fn printed(&self) -> (String, String) {
        let read = |file: &File| {
            // Memory can be read; if not, there is nothing to show.
            let len = file.metadata().map_or(0, |about| about.len());
            let mut text = vec![0; len as usize];
            if len > 0 && file.read_exact_at(&mut text, 0).is_err() {
                text.clear();
            }
            String::from_utf8_lossy(&text).into_owned()
        };
        (read(&self.paper.stdout), read(&self.paper.stderr))
    }
}
