//! `/proc/keys` and `/proc/key-users`.

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

/// What a user's keys count for: [`key_users`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUser {
    /// Keys that count.
    pub keys: u32,
    /// How many may count.
    pub max_keys: u32,
    /// Bytes that count.
    pub bytes: u32,
    /// How many may count.
    pub max_bytes: u32,
}

/// What `/proc/key-users` says of a user's quota; all zero if it does not mention the user.
///
/// Kernel: `proc_key_users_show`.
pub fn key_users(uid: u32) -> Checked<KeyUser> {
    let quota = quota_of(uid).map_err(Failure::new)?;
    let value = Value::List(vec![
        Value::Int(quota.keys.into()),
        Value::word("keys"),
        Value::Int(quota.bytes.into()),
        Value::word("bytes"),
    ]);
    record(|| event("key_users", vec![Value::Uid(uid)], Outcome::Returned(value)));
    Ok(quota)
}

/// How many more keys may count for a user; below zero, how many too many do.
///
/// Kernel: `proc_key_users_show`. Unlike [`key_users`] its record is the same whatever the limits
/// of the machine are.
pub fn keys_left(uid: u32) -> Checked<i64> {
    left("keys_left", uid, |quota| i64::from(quota.max_keys) - i64::from(quota.keys))
}

/// How many more bytes may count for a user; below zero, how many too many do.
///
/// Kernel: `proc_key_users_show`.
pub fn bytes_left(uid: u32) -> Checked<i64> {
    left("bytes_left", uid, |quota| i64::from(quota.max_bytes) - i64::from(quota.bytes))
}

fn left(name: &str, uid: u32, of: impl FnOnce(KeyUser) -> i64) -> Checked<i64> {
    let left = of(quota_of(uid).map_err(Failure::new)?);
    record(|| event(name, vec![Value::Uid(uid)], Outcome::Returned(Value::Int(left))));
    Ok(left)
}

/// The same without a record.
pub(crate) fn quota_of(uid: u32) -> Result<KeyUser, String> {
    let path = "/proc/key-users";
    let all =
        std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let prefix = format!("{uid}:");
    let Some(line) = all.lines().find(|line| line.trim_start().starts_with(&prefix)) else {
        return Ok(KeyUser::default());
    };
    // `uid: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes`
    let numbers = line.split([' ', '/', ':']).filter(|part| !part.is_empty());
    let numbers: Vec<u32> = numbers.flat_map(str::parse).collect();
    match numbers[..] {
        [_, _, _, _, keys, max_keys, bytes, max_bytes] => {
            Ok(KeyUser { keys, max_keys, bytes, max_bytes })
        }
        _ => Err(format!("{path}: a line has another form: {line}")),
    }
}
