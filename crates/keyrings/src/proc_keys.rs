//! `/proc/keys`.

use crate::record::{event, record};
use crate::{Checked, Failure, KeySerial};
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
    let all = std::fs::read(path)
        .map_err(|error| Failure::new(format!("{path} cannot be read: {error}")))?;
    let all = String::from_utf8_lossy(&all);
    let serial = format!("{:08x}", key.0);
    let found = all.lines().find(|line| line.starts_with(&serial)).map(parse);
    let found = match found {
        None => None,
        Some(Some(line)) => Some(line),
        Some(None) => return Err(Failure::new("a line of /proc/keys has another form")),
    };
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
