//! Reads the console of a guest, with deadlines.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, pipe};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::group::Group;
use crate::{BEGIN, END, Error, Limits, Run};

/// Number of console lines in an error.
const SHOWN: usize = 8;

/// A failed attempt: the guest never printed [`END`].
pub struct Silence {
    /// The mark that is missing, and why.
    what: String,
    /// The last lines of the console.
    last: VecDeque<String>,
}

/// The outcome of one attempt. The outer error is one that a retry cannot fix.
pub type Attempt = Result<Result<Run, Silence>, Error>;

/// Starts a kernel and reads its console until [`END`]. `dir` is removed afterwards.
pub fn attend(
    command: &mut Command,
    how: &str,
    dir: Option<&Path>,
    limits: &Limits,
    remedy: &str,
) -> Attempt {
    let mut console = Console::open(command, dir, remedy)?;
    let began = console.listen(BEGIN, limits.begin, |line| (line == BEGIN).then_some(()));
    Ok(began.and_then(|_| console.listen(END, limits.end, status)).map(|(output, status)| Run {
        output,
        status,
        how: how.to_owned(),
        wall: console.start.elapsed(),
    }))
}

/// The console of a guest. Dropping it ends the guest.
struct Console {
    start: Instant,
    /// `None` only while dropping: the group must end before `child` is waited for.
    group: Option<Group>,
    child: Child,
    lines: Receiver<String>,
    last: VecDeque<String>,
}

impl Console {
    /// Starts a guest. `dir` is removed when the guest ends.
    fn open(command: &mut Command, dir: Option<&Path>, remedy: &str) -> Result<Console, Error> {
        let start = Instant::now();
        let mut group = Group::new(dir)?;
        // Standard error too: the emulator's own message is often the reason for a failure.
        let (reader, writer) = pipe().map_err(Error::doing("no pipe for a console"))?;
        command.stdout(writer.try_clone().map_err(Error::doing("no pipe for a console"))?);
        let child = group.spawn(command.stderr(writer), remedy)?;
        group.hold(&child)?;
        // `command` still holds the write ends, so the reader would never see the end of the pipe.
        command.stdout(Stdio::null()).stderr(Stdio::null());

        let (sender, lines) = channel();
        // Never joined: an escaped process can hold the pipe open.
        thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                if sender.send(text).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Ok(Console { start, group: Some(group), child, lines, last: VecDeque::new() })
    }

    /// Reads lines until `found` returns a value. Returns the lines before it, and the value. `mark`
    /// is the name of the missing line in the error.
    fn listen<T>(
        &mut self,
        mark: &str,
        limit: Duration,
        found: impl Fn(&str) -> Option<T>,
    ) -> Result<(String, T), Silence> {
        let deadline = Instant::now() + limit;
        let mut before = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|error| {
                let what = match error {
                    RecvTimeoutError::Timeout => format!("no `{mark}` within {}", seconds(limit)),
                    RecvTimeoutError::Disconnected => format!("it ended without `{mark}`"),
                };
                Silence { what, last: std::mem::take(&mut self.last) }
            })?;
            if let Some(found) = found(&line) {
                return Ok((before, found));
            }
            before.push_str(&line);
            before.push('\n');
            if !line.trim().is_empty() {
                if self.last.len() == SHOWN {
                    self.last.pop_front();
                }
                self.last.push_back(line);
            }
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.group = None;
        let _ = self.child.wait();
    }
}

/// Returns the exit status if `line` is the end mark.
fn status(line: &str) -> Option<i32> {
    line.strip_prefix(END)?.strip_prefix(' ')?.parse().ok()
}

/// Repeats `attempt` until it succeeds or the retries in `limits` are used up.
pub fn persist(limits: &Limits, mut attempt: impl FnMut() -> Attempt) -> Result<Run, Error> {
    for _ in 0..limits.retries {
        if let Ok(run) = attempt()? {
            return Ok(run);
        }
    }
    attempt()?.map_err(|silence| silence.error(limits.retries + 1))
}

impl Silence {
    fn error(&self, attempts: u32) -> Error {
        let mut what = self.what.clone();
        if attempts > 1 {
            what += &format!(", tried {attempts} times");
        }
        if self.last.is_empty() {
            what += "; its console stayed empty";
        } else {
            what += "; last lines of its console:";
            for line in &self.last {
                what += &format!("\n    {line}");
            }
            what.push('\n');
        }
        Error::new(what, "try another kernel, or a longer deadline if this machine is busy")
    }
}

/// Formats a time limit for a message.
pub fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}
