//! One line, without regard to the others.

use crate::outcome::nanoseconds;
use crate::scan::{is_word, number};

/// A line: who, when, what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The task, if the line says it.
    pub pid: Option<u32>,
    /// The task's name (`-Y`, `--decode-pids=comm`).
    pub comm: Option<&'a [u8]>,
    /// When.
    pub time: Option<Time>,
    /// Nanoseconds since the previous line (`-r`).
    pub since: Option<u64>,
    /// What.
    pub body: Body<'a>,
}

/// A time of strace's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Time {
    /// Nanoseconds since 1970 (`-ttt`).
    Unix(u64),
    /// Nanoseconds since midnight (`-t`, `-tt`).
    Day(u64),
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// `name(…`: a call or its first half. `text` follows the parenthesis.
    Call {
        /// The call's name.
        name: &'a [u8],
        /// What follows the opening parenthesis.
        text: &'a [u8],
    },
    /// `<... name resumed>…`: the second half of a call.
    Resumed {
        /// The call's name.
        name: &'a [u8],
        /// What follows the marker.
        text: &'a [u8],
    },
    /// `+++ exited with 0 +++`.
    Exited(i32),
    /// `+++ killed by SIGKILL +++`.
    Killed {
        /// The signal's name.
        signal: &'a [u8],
        /// Whether the kernel wrote a core dump.
        core: bool,
    },
    /// `+++ superseded by execve in pid N +++`: task N is this task from now on.
    Superseded(u32),
    /// `--- SIGCHLD {…} ---`.
    Signal {
        /// The signal's name.
        name: &'a [u8],
        /// Its details, as written.
        info: &'a [u8],
    },
    /// `--- stopped by SIGSTOP ---`.
    Stopped(&'a [u8]),
    /// `strace: Process N attached`.
    Attached {
        /// The task.
        pid: u32,
        /// The number of threads, if more than one was attached.
        threads: Option<u32>,
    },
    /// `strace: Process N detached`.
    Detached(u32),
    /// `[ Process PID=N runs in 32 bit mode. ]`.
    Mode {
        /// The process.
        pid: u32,
        /// `32 bit`, `64 bit`, `x32`.
        mode: &'a [u8],
    },
    /// A line of a stack or hex dump, another message of strace, an empty line, a comment.
    Skipped,
    /// Not strace's.
    Unknown,
}

/// The largest pid that Linux uses. A larger number at the beginning of a line is a time.
const PID_MAX: u32 = 1 << 22;
/// Seconds from here on are counted from 1970, fewer from the previous line.
const UNIX: u64 = 100_000_000;

impl<'a> Line<'a> {
    /// Reads a line without its newline and without colors ([`crate::without_colors`]).
    pub fn parse(text: &'a [u8]) -> Line<'a> {
        let mut line = Line { pid: None, comm: None, time: None, since: None, body: Body::Skipped };
        if is_skipped(text) {
            return line;
        }
        let mut rest = line.task(text);
        if let Some(message) = message(rest) {
            line.body = message;
            return line;
        }
        while let Some(after) = line.field(rest) {
            rest = after;
        }
        line.body = if is_skipped(rest) { Body::Skipped } else { body(rest) };
        if line.body == Body::Unknown && is_statistics(text) {
            line.body = Body::Skipped;
        }
        line
    }

    /// `693   `, `[pid 24758] `, `801<t> `.
    fn task(&mut self, text: &'a [u8]) -> &'a [u8] {
        let in_brackets = text.starts_with(b"[pid ");
        let start = if in_brackets { text[5..].trim_ascii_start() } else { text };
        let Some((pid, length)) = number::<u32>(start) else { return text };
        let mut rest = &start[length..];
        let mut comm = None;
        if let Some(inner) = rest.strip_prefix(b"<") {
            let Some(end) = memchr::memchr(b'>', inner) else { return text };
            comm = Some(&inner[..end]);
            rest = &inner[end + 1..];
        }
        let closed = if in_brackets { rest.strip_prefix(b"]") } else { Some(rest) };
        match closed {
            Some(rest) if pid > 0 && pid <= PID_MAX && rest.first() == Some(&b' ') => {
                (self.pid, self.comm) = (Some(pid), comm);
                // The spaces before a relative time belong to it, and are no more than padding.
                rest.trim_ascii_start()
            }
            _ => text,
        }
    }

    /// A time, a system call's number, an instruction pointer or a security context.
    fn field(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        match text.first()? {
            b' ' => {
                let rest = text.trim_ascii_start();
                rest.first()?.is_ascii_digit().then_some(rest)
            }
            b'[' if !text.starts_with(b"[ Process ") => {
                let end = memchr::memmem::find(text, b"] ")?;
                Some(&text[end + 2..])
            }
            b'(' if text.starts_with(b"(+") => {
                let end = memchr::memchr(b')', text)?;
                self.since = Some(nanoseconds(text[2..end].trim_ascii())?);
                Some(text[end + 1..].trim_ascii_start())
            }
            b'0'..=b'9' => {
                let end = memchr::memchr(b' ', text)?;
                let word = &text[..end];
                match nanoseconds(word) {
                    Some(nanos) if nanos >= UNIX * 1_000_000_000 => {
                        self.time = Some(Time::Unix(nanos));
                    }
                    Some(nanos) => self.since = Some(nanos),
                    None => self.time = Some(time_of_day(word)?),
                }
                Some(&text[end + 1..])
            }
            _ => None,
        }
    }
}

/// `09:51:48`, `09:51:48.898761`.
fn time_of_day(text: &[u8]) -> Option<Time> {
    let [a, b, b':', c, d, b':', seconds @ ..] = text else { return None };
    let two = |high: u8, low: u8| {
        (high.is_ascii_digit() && low.is_ascii_digit())
            .then(|| u64::from(high - b'0') * 10 + u64::from(low - b'0'))
    };
    let minutes = two(*a, *b)? * 60 + two(*c, *d)?;
    Some(Time::Day(nanoseconds(seconds)?.checked_add(minutes * 60 * 1_000_000_000)?))
}

/// Lines of a stack (` > `), of a hex dump (` | `, ` * `), empty ones and comments.
fn is_skipped(text: &[u8]) -> bool {
    matches!(text, [b' ', b'>' | b'|' | b'*', b' ', ..] | [b'#', ..])
        || text.trim_ascii().is_empty()
}

/// Whether a line may be the rest of the call that the line before it left unfinished: with `-e status='!detached'` strace
/// 6.1 does not say whose it is (`)  = 0`, ` => {parent_tid=[7]}, 88) = 7`, `"buffer", 64) = 9`).
pub(crate) fn is_nameless_rest(text: &[u8]) -> bool {
    matches!(Line::parse(text), Line { body: Body::Unknown, pid: None, .. })
}

/// A line of the table that `strace -C` adds.
fn is_statistics(text: &[u8]) -> bool {
    let numbers = |word: &[u8]| word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    text.starts_with(b"% time ")
        || text.starts_with(b"------ ")
        || (words.clone().take_while(|word| numbers(word)).count() + 1 == words.clone().count()
            && words.clone().next().is_some_and(|word| word.contains(&b'.'))
            && words.count() >= 4)
}

fn body(text: &[u8]) -> Body<'_> {
    match text {
        [b'+', b'+', b'+', b' ', rest @ ..] => end_of_task(rest),
        [b'-', b'-', b'-', b' ', rest @ ..] => signal(rest),
        [b'<', b'.', b'.', b'.', b' ', rest @ ..] => resumed(rest),
        _ => call(text),
    }
    .unwrap_or(Body::Unknown)
}

fn call(text: &[u8]) -> Option<Body<'_>> {
    let length = name_length(text);
    (length > 0 && !text[0].is_ascii_digit() && text.get(length) == Some(&b'('))
        .then(|| Body::Call { name: &text[..length], text: &text[length + 1..] })
}

/// A system call that strace does not know is `syscall_0x1b3` or `???`.
fn name_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_word(**byte) || **byte == b'?').count()
}

fn resumed(text: &[u8]) -> Option<Body<'_>> {
    let length = name_length(text);
    let rest = text[length..].strip_prefix(b" resumed>")?;
    (length > 0).then(|| Body::Resumed { name: &text[..length], text: rest })
}

fn end_of_task(text: &[u8]) -> Option<Body<'_>> {
    let text = text.strip_suffix(b" +++")?;
    if let Some(status) = text.strip_prefix(b"exited with ") {
        return Some(Body::Exited(std::str::from_utf8(status).ok()?.parse().ok()?));
    }
    if let Some(pid) = text.strip_prefix(b"superseded by execve in pid ") {
        return Some(Body::Superseded(number(pid)?.0));
    }
    let text = text.strip_prefix(b"killed by ")?;
    let length = text.iter().take_while(|byte| **byte != b' ').count();
    Some(Body::Killed { signal: &text[..length], core: text[length..].starts_with(b" (core") })
}

fn signal(text: &[u8]) -> Option<Body<'_>> {
    let text = text.strip_suffix(b" ---")?;
    if let Some(name) = text.strip_prefix(b"stopped by ") {
        return Some(Body::Stopped(name));
    }
    let length = text.iter().take_while(|byte| **byte != b' ').count();
    Some(Body::Signal { name: &text[..length], info: text[length..].trim_ascii() })
}

/// A message that strace writes to standard error. It fills the text.
fn message(text: &[u8]) -> Option<Body<'_>> {
    let text = match split_message(text) {
        Some((0, message)) => message,
        _ => {
            let path = |byte: &u8| is_word(*byte) || b"/.-+".contains(byte);
            let length = text.iter().take_while(|byte| path(byte)).count();
            let path = text[..length].ends_with(b"strace") && text[length..].starts_with(b": ");
            return path.then_some(Body::Skipped);
        }
    };
    if let Some(rest) = text.strip_prefix(b"[ Process PID=") {
        let (pid, length) = number(rest)?;
        let mode = rest[length..].strip_prefix(b" runs in ")?.strip_suffix(b" mode. ]")?;
        return Some(Body::Mode { pid, mode });
    }
    let (pid, length) = number(text.strip_prefix(b"Process ")?)?;
    let what = &text[8 + length..];
    if let Some(rest) = what.strip_prefix(b" attached") {
        let threads = rest.strip_prefix(b" with ").and_then(number).map(|(count, _)| count);
        return Some(Body::Attached { pid, threads });
    }
    what.starts_with(b" detached").then_some(Body::Detached(pid))
}

/// Finds a message of strace's at the end of a line, perhaps after the beginning of a call that strace was writing.
/// Returns where the program's name begins, and the message after it.
pub(crate) fn split_message(text: &[u8]) -> Option<(usize, &[u8])> {
    let ends = [" attached", " detached", " threads", " mode. ]"];
    if !ends.iter().any(|end| text.ends_with(end.as_bytes())) {
        return None;
    }
    let process = memchr::memmem::rfind(text, b"Process ")?;
    let message = if text[..process].ends_with(b"[ ") { process - 2 } else { process };
    let Some(named) = text[..message].strip_suffix(b": ") else {
        return (message == 0).then_some((0, text));
    };
    // The message follows the call's text immediately: `flags=SIGCHLD/usr/bin/strace: Process 5 attached`.
    let known = named.strip_suffix(b"strace").unwrap_or(named);
    let path = |byte: &u8| is_word(*byte) || b"/.-+".contains(byte);
    let run = known.len() - known.iter().rev().take_while(|byte| path(byte)).count();
    let start = match memchr::memchr(b'/', &known[run..]) {
        Some(slash) => {
            let dots = known[run..run + slash].iter().rev().take_while(|b| **b == b'.').count();
            run + slash - dots
        }
        None if known.len() < named.len() => known.len(),
        None => run,
    };
    Some((start, &text[message..]))
}
