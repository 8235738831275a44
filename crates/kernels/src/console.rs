//! Listens to a guest on its console, with deadlines.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader, Read, pipe};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::group::Group;
use crate::{BEGIN, END, Error, Limits, Run};

/// How many of the last lines an error shows.
const SEEN: usize = 8;

/// A guest that did not get to its end.
pub struct Silence {
    /// What was waited for in vain.
    what: String,
    /// The last lines on the console.
    seen: VecDeque<String>,
}

/// What became of one try.
pub enum Tried {
    /// The guest got to its end.
    Done(Run),
    /// It did not.
    Silent(Silence),
}

/// Starts a kernel and listens until [`END`]; `dir` is removed afterwards.
pub fn attend(
    command: &mut Command,
    how: &str,
    dir: Option<&Path>,
    limits: &Limits,
    mend: &str,
) -> Result<Tried, Error> {
    let mut console = Console::open(command, dir, mend)?;
    let began = console.listen(BEGIN, limits.begin, |line| (line == BEGIN).then_some(()));
    Ok(match began.and_then(|_| console.listen(END, limits.end, end)) {
        Ok((output, status)) => {
            let wall = console.start.elapsed();
            Tried::Done(Run { output, status, how: how.to_owned(), wall })
        }
        Err(silence) => Tried::Silent(silence),
    })
}

/// Reads what has come together in a while. An emulator writes byte by byte, and would wake the reader for
/// each.
struct Patient(PipeReader);

/// Far less than a pipe takes to be full.
const WHILE: Duration = Duration::from_millis(5);

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        thread::sleep(WHILE);
        self.0.read(buffer)
    }
}

/// The console of a guest, which ends with this.
pub struct Console {
    start: Instant,
    /// Before the child: it ends that.
    group: Option<Group>,
    child: Child,
    heard: Receiver<String>,
    seen: VecDeque<String>,
}

impl Console {
    /// Starts a guest; `dir` is removed at its end.
    pub fn open(command: &mut Command, dir: Option<&Path>, mend: &str) -> Result<Console, Error> {
        let start = Instant::now();
        let mut group = Group::new(dir)?;
        // Both streams: what the emulator itself complains of is often the reason.
        let (reader, writer) = pipe().map_err(Error::doing("no pipe for a console"))?;
        command.stdout(writer.try_clone().map_err(Error::doing("no pipe for a console"))?);
        let child = group.spawn(command.stderr(writer), mend)?;
        group.hold(&child)?;
        // The command keeps this end open otherwise, and the console would have no end.
        command.stdout(Stdio::null()).stderr(Stdio::null());

        let (lines, heard) = channel();
        // Not waited for: it ends with the last process that has the console, and one could get away.
        thread::spawn(move || {
            let mut reader = BufReader::with_capacity(1 << 16, Patient(reader));
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                if lines.send(text).is_err() {
                    break;
                }
                line.clear();
            }
        });
        Ok(Console { start, group: Some(group), child, heard, seen: VecDeque::new() })
    }

    /// Listens until there is a line that `tell` has something to tell of, which is called `mark` if it
    /// does not come in time. Gives the lines before it, too.
    pub fn listen<T>(
        &mut self,
        mark: &str,
        limit: Duration,
        tell: impl Fn(&str) -> Option<T>,
    ) -> Result<(String, T), Silence> {
        let deadline = Instant::now() + limit;
        let mut before = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.heard.recv_timeout(left).map_err(|error| {
                let what = match error {
                    RecvTimeoutError::Timeout => format!("no `{mark}` within {}", seconds(limit)),
                    RecvTimeoutError::Disconnected => format!("it ended without `{mark}`"),
                };
                Silence { what, seen: std::mem::take(&mut self.seen) }
            })?;
            if let Some(told) = tell(&line) {
                return Ok((before, told));
            }
            before.push_str(&line);
            before.push('\n');
            if !line.trim().is_empty() {
                if self.seen.len() == SEEN {
                    self.seen.pop_front();
                }
                self.seen.push_back(line);
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

/// The status, if the line is the last one.
fn end(line: &str) -> Option<i32> {
    line.strip_prefix(END)?.strip_prefix(' ')?.parse().ok()
}

/// Tries until the guest gets to its end, or has been started once more than `limits` says.
pub fn persist(
    limits: &Limits,
    mut attempt: impl FnMut() -> Result<Tried, Error>,
) -> Result<Run, Error> {
    let mut left = limits.retries;
    loop {
        match attempt()? {
            Tried::Done(run) => return Ok(run),
            Tried::Silent(_) if left > 0 => left -= 1,
            Tried::Silent(silence) => return Err(silence.error(limits.retries + 1)),
        }
    }
}

impl Silence {
    /// The error to report after so many tries.
    pub fn error(&self, tries: u32) -> Error {
        let mut what = self.what.clone();
        if tries > 1 {
            what += &format!(", tried {tries} times");
        }
        if self.seen.is_empty() {
            what += "; nothing was on its console";
        } else {
            what += "; last on its console:";
            for line in &self.seen {
                what += &format!("\n    {line}");
            }
            what.push('\n');
        }
        Error::new(what, "try another kernel, or a longer deadline if this machine is busy")
    }
}

/// A time limit for people.
pub fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}
