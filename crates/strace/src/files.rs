//! Which files belong to one run of strace.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::line::{Body, Line, Time};
use crate::lines::{read_line, without_colors};
use crate::reader::Reader;
use crate::source::{Order, Source, Sources};

/// The files of one run of strace: one file, or those of `strace -ff`, one for each task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The files. [`crate::Place::file`] is a position in this list.
    pub paths: Vec<PathBuf>,
    /// Each file's task (`-ff`), by the file's suffix.
    pub pids: Option<Vec<u32>>,
    /// In which order the lines happened.
    pub order: Order,
}

/// Sorts files into runs. Files named `NAME.PID` with the same `NAME`, whose lines have no pid, are one run; every other
/// file is a run.
///
/// # Errors
///
/// A file that cannot be read, with its path.
pub fn runs(paths: &[PathBuf]) -> std::result::Result<Vec<Run>, (PathBuf, std::io::Error)> {
    let mut runs: Vec<(Option<PathBuf>, Vec<Member>)> = Vec::new();
    for path in paths {
        let start = Start::of(path).map_err(|error| (path.clone(), error))?;
        let suffix = if start.pid_in_line { None } else { split_pid(path) };
        let (stem, pid) = suffix.unzip();
        let member = Member { path: path.clone(), pid, unix: start.unix, empty: start.empty };
        match runs.iter_mut().find(|(other, _)| stem.is_some() && *other == stem) {
            Some((_, members)) => members.push(member),
            None => runs.push((stem, vec![member])),
        }
    }
    Ok(runs.into_iter().map(|(_, members)| run(members)).collect())
}

struct Member {
    path: PathBuf,
    pid: Option<u32>,
    unix: bool,
    empty: bool,
}

fn run(mut members: Vec<Member>) -> Run {
    // A pid that is given twice is one file given twice.
    members.sort_by_key(|member| member.pid);
    members.dedup_by(|a, b| a.pid.is_some() && a.pid == b.pid);
    let order = match members.len() {
        1 => Order::Log,
        _ if members.iter().all(|member| member.unix || member.empty) => Order::Time,
        _ => Order::Unknown,
    };
    let pids = members.iter().map(|member| member.pid).collect();
    Run { paths: members.into_iter().map(|member| member.path).collect(), pids, order }
}

impl Run {
    /// Reads the events of the run.
    ///
    /// # Errors
    ///
    /// A file that cannot be opened or read.
    pub fn open(&self) -> Result<Reader> {
        let mut sources = Vec::new();
        for (nth, path) in self.paths.iter().enumerate() {
            let pid = self.pids.as_ref().map(|pids| pids[nth]);
            let input: Box<dyn BufRead> = match self.paths.len() {
                1 => Box::new(BufReader::with_capacity(1 << 16, File::open(path)?)),
                _ => Box::new(BufReader::new(Reopened { path: path.clone(), at: 0 })),
            };
            sources.push(Source::new(input, nth, pid));
        }
        Ok(Reader::of(Sources::new(sources, self.order)?))
    }
}

/// `NAME` and `PID` of a path `NAME.PID`.
fn split_pid(path: &Path) -> Option<(PathBuf, u32)> {
    let pid = path.extension()?.to_str()?;
    let digits = pid.bytes().all(|byte| byte.is_ascii_digit());
    Some((path.with_extension(""), pid.parse().ok().filter(|pid| digits && *pid > 0)?))
}

/// What the beginning of a file shows about all of it.
struct Start {
    pid_in_line: bool,
    unix: bool,
    empty: bool,
}

/// How many lines are searched for the first event.
const LOOK_AT: usize = 100;

impl Start {
    fn of(path: &Path) -> Result<Start> {
        let mut start = Start { pid_in_line: false, unix: false, empty: true };
        if split_pid(path).is_none() {
            // Perhaps a pipe, which can be read once only.
            File::open(path)?;
            return Ok(start);
        }
        let mut input = BufReader::new(File::open(path)?);
        let mut text = Vec::new();
        for _ in 0..LOOK_AT {
            if read_line(&mut input, &mut text)?.is_none() {
                break;
            }
            without_colors(&mut text);
            let line = Line::parse(&text);
            if !matches!(line.body, Body::Skipped | Body::Unknown) {
                start.empty = false;
                start.pid_in_line = line.pid.is_some();
                start.unix = matches!(line.time, Some(Time::Unix(_)));
                break;
            }
        }
        Ok(start)
    }
}

/// A file that is open only while it is read: a run can have more files than a process may open.
struct Reopened {
    path: PathBuf,
    at: u64,
}

impl Read for Reopened {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let length = file.read(buffer)?;
        self.at += length as u64;
        Ok(length)
    }
}
