//! `/proc/keys`.

use super::hold::Descriptor;
use super::key::KeySerial;
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::record::{Recorded, event, record};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use trace::{Outcome, Value};

/// A line of `/proc/keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcKey {
    /// The flags, such as `I--Q---`: instantiated, revoked, dead, in quota, under construction,
    /// negative, invalidated.
    pub flags: String,
    /// Time until it expires: `perm`, `expd`, or a time such as `3d`.
    pub timeout: String,
    /// The permission mask, as eight digits.
    pub perm: String,
    /// The owner.
    pub uid: u32,
    /// The group, or 65534.
    pub gid: u32,
    /// The type.
    pub kind: String,
    /// The description and a summary: `_pid: empty`, `_tid: 2`.
    pub summary: String,
}

/// A line of `/proc/keys` with the columns that differ from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcKeysLine {
    /// The serial number.
    pub serial: KeySerial,
    /// The reference count.
    pub usage: u32,
    /// The other columns.
    pub key: ProcKey,
}

/// The line of `/proc/keys` about a key, or `None` if the key is not visible to the caller. Serial number
/// and reference count, which differ from run to run, are left out.
///
/// # Errors
///
/// Fails if the file cannot be read.
///
/// # References
///
/// keyrings(7); `proc_keys_show`, which shows what the opener may view
pub fn proc_keys(key: KeySerial) -> Checked<Option<ProcKey>> {
    let file = File::open(PATH).map_err(unreadable)?;
    look_up(file, key, vec![])
}

/// [`proc_keys()`] in a `/proc/keys` that is open already. The file shows what its opener may view, to any
/// reader.
///
/// # Errors
///
/// Fails if the file cannot be read, or is not open in this process and program.
///
/// # References
///
/// `proc_keys_show`
pub fn proc_keys_in(file: &Descriptor, key: KeySerial) -> Checked<Option<ProcKey>> {
    let mut opened = file.file()?;
    opened.rewind().map_err(unreadable)?;
    look_up(opened, key, vec![file.value()])
}

const PATH: &str = "/proc/keys";

fn unreadable(error: io::Error) -> Failure {
    Failure::new(format!("{PATH} cannot be read: {error}"))
}

fn look_up(file: File, key: KeySerial, file_argument: Vec<Value>) -> Checked<Option<ProcKey>> {
    let serial = format!("{:08x}", key.0);
    let mut found = None;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(unreadable)?;
        if line.starts_with(serial.as_bytes()) {
            let parsed = ProcKeysLine::parse(&String::from_utf8_lossy(&line));
            let parsed =
                parsed.ok_or_else(|| Failure::new(format!("{PATH} has an unknown form")))?;
            found = Some(parsed.key);
            break;
        }
    }
    record(|| {
        let shown = found.as_ref().map_or_else(|| Value::word("nothing"), line_value);
        let args = [key.into()].into_iter().chain(file_argument).collect();
        event("proc_keys", args, Outcome::Returned(shown))
    });
    Ok(found)
}

impl ProcKeysLine {
    /// Parses a line without its line break, or returns `None` if it has another form.
    pub fn parse(line: &str) -> Option<ProcKeysLine> {
        let mut rest = line;
        let mut column = || {
            let (column, after) = rest.trim_start().split_once(' ')?;
            rest = after;
            Some(column.to_owned())
        };
        let serial = KeySerial(i32::from_str_radix(&column()?, 16).ok()?);
        let flags = column()?;
        let usage = column()?.parse().ok()?;
        let timeout = column()?;
        let perm = column()?;
        let uid = column()?.parse().ok()?;
        let gid = column()?.parse().ok()?;
        let kind = column()?;
        let summary = rest.trim().to_owned();
        let key = ProcKey { flags, timeout, perm, uid, gid, kind, summary };
        Some(ProcKeysLine { serial, usage, key })
    }
}

fn line_value(line: &ProcKey) -> Value {
    Value::List(vec![
        Value::text(&line.flags),
        Value::text(&line.timeout),
        Value::text(&line.perm),
        Value::Uid(line.uid),
        Value::Gid(line.gid),
        Value::text(&line.kind),
        Value::text(&line.summary),
    ])
}
