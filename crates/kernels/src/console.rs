//! Listens to a guest on its console, with deadlines.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, pipe};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
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
    let start = Instant::now();
    let mut group = Group::new(dir)?;
    // Both streams: what the emulator itself complains of is often the reason.
    let (reader, writer) = pipe().map_err(Error::doing("no pipe for a console"))?;
    command.stdout(writer.try_clone().map_err(Error::doing("no pipe for a console"))?);
    let mut child = group.spawn(command.stderr(writer), mend)?;
    group.hold(&child)?;
    // The command keeps this end open otherwise, and the console would have no end.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());

    let (lines, heard) = channel();
    // Not waited for: it ends with the last process that has the console, and one could get away.
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if lines.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });

    let mut seen = VecDeque::new();
    let mut output = None::<String>;
    let mut limit = limits.begin;
    let mut deadline = start + limit;
    let tried = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = match heard.recv_timeout(left) {
            Ok(line) => line,
            Err(error) => {
                let mark = if output.is_none() { BEGIN } else { END };
                let what = match error {
                    RecvTimeoutError::Timeout => format!("no `{mark}` within {}", seconds(limit)),
                    RecvTimeoutError::Disconnected => format!("it ended without `{mark}`"),
                };
                break Tried::Silent(Silence { what, seen });
            }
        };
        match &mut output {
            None if line == BEGIN => {
                output = Some(String::new());
                limit = limits.end;
                deadline = Instant::now() + limit;
            }
            Some(output) => {
                if let Some(status) = end(&line) {
                    let (output, how) = (std::mem::take(output), how.to_owned());
                    break Tried::Done(Run { output, status, how, wall: start.elapsed() });
                }
                output.push_str(&line);
                output.push('\n');
            }
            None => {}
        }
        if !line.trim().is_empty() {
            if seen.len() == SEEN {
                seen.pop_front();
            }
            seen.push_back(line);
        }
    };
    drop(group);
    let _ = child.wait();
    Ok(tried)
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
