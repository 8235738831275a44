//! `/proc/keys`.

use crate::record::{event, record};
use crate::{Checked, Failure, KeySerial};
use std::fs::File;
use std::io::{BufRead, BufReader};
use trace::{Outcome, Value};

/// A line of `/proc/keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcKey {
    /// The flags, such as `I--Q---`: instantiated, revoked, dead, in quota, under construction,
    /// negative, invalidated.
    pub flags: String,
    /// How long it has yet: `perm`, `expd`, or a time such as `3d`.
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

/// What `/proc/keys` shows the caller of a key: a line, or `None`.
///
/// Kernel: `proc_keys_show`, which shows what the opener may view. Serial number and the count of
/// references, which differ from run to run, are left out.
pub fn proc_keys(key: KeySerial) -> Checked<Option<ProcKey>> {
    let path = "/proc/keys";
    let unreadable = |error| Failure::new(format!("{path} cannot be read: {error}"));
    let serial = format!("{:08x}", key.0);
    let mut found = None;
    for line in BufReader::new(File::open(path).map_err(unreadable)?).split(b'\n') {
        let line = line.map_err(unreadable)?;
        if line.starts_with(serial.as_bytes()) {
            let parsed = parse(&String::from_utf8_lossy(&line));
            found = Some(
                parsed.ok_or_else(|| Failure::new(format!("a line of {path} has another form")))?,
            );
            // Each line costs the kernel thousands of instructions, and there is one for each key.
            break;
        }
    }
    record(|| {
        let shown = found.as_ref().map_or_else(|| Value::word("nothing"), line_value);
        event("proc_keys", vec![key.into()], Outcome::Returned(shown))
    });
    Ok(found)
}

fn parse(line: &str) -> Option<ProcKey> {
    let mut rest = line;
    let mut column = || {
        let (column, after) = rest.trim_start().split_once(' ')?;
        rest = after;
        Some(column.to_owned())
    };
    let _serial = column()?;
    let flags = column()?;
    let _usage = column()?;
    let timeout = column()?;
    let perm = column()?;
    let uid = column()?.parse().ok()?;
    let gid = column()?.parse().ok()?;
    let kind = column()?;
    Some(ProcKey { flags, timeout, perm, uid, gid, kind, summary: rest.trim().to_owned() })
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
