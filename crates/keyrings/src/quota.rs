//! Quotas: what a user's keys count for, and ways to use one up.

use crate::record::{call, event, record};
use crate::{Checked, Errno, Failure, KeySerial, sys};
use std::ffi::CString;
use trace::{Outcome, Value};

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
    // The kernel counts lines from one part of the file to the next: where a user goes away between
    // two parts, a line is left out. So one that is missing is looked for again.
    for _ in 0..3 {
        if let Some(quota) = read_quota_of(uid)? {
            return Ok(quota);
        }
    }
    Ok(KeyUser::default())
}

fn read_quota_of(uid: u32) -> Result<Option<KeyUser>, String> {
    let path = "/proc/key-users";
    let all =
        std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let prefix = format!("{uid}:");
    let Some(line) = all.lines().find(|line| line.trim_start().starts_with(&prefix)) else {
        return Ok(None);
    };
    // `uid: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes`
    let numbers = line.split([' ', '/', ':']).filter(|part| !part.is_empty());
    let numbers: Vec<u32> = numbers.flat_map(str::parse).collect();
    match numbers[..] {
        [_, _, _, _, keys, max_keys, bytes, max_bytes] => {
            Ok(Some(KeyUser { keys, max_keys, bytes, max_bytes }))
        }
        _ => Err(format!("{path}: a line has another form: {line}")),
    }
}

/// Adds keys of type `user` with payloads of `size` bytes until the kernel refuses one; gives its
/// error. The trace shows one line for all of them, and not how many they were.
pub fn add_keys_until_refused(size: usize, keyring: KeySerial) -> Errno {
    let refusal = (0..).find_map(|nth| add_filler(nth, size, keyring).err());
    let refusal = refusal.unwrap_or(Errno::UnknownErrno);
    let args = || vec![Value::Int(size as i64), keyring.into()];
    call("add_keys_until_refused", args, &Err::<(), _>(refusal));
    refusal
}

/// Adds keys of type `user` until the caller's quota of bytes is used up to the last one. The trace
/// shows one line for all of them.
pub fn use_up_bytes(keyring: KeySerial) -> Result<(), Errno> {
    let result = fill_to_the_last_byte(keyring);
    call("use_up_bytes", || vec![keyring.into()], &result);
    result
}

fn fill_to_the_last_byte(keyring: KeySerial) -> Result<(), Errno> {
    const SIZE: usize = 1000;
    let left = || {
        let quota = quota_of(nix::unistd::geteuid().as_raw()).map_err(|_| Errno::EIO)?;
        Ok(quota.max_bytes.saturating_sub(quota.bytes) as usize)
    };
    // No key is refused here: what it counted for would come back in the kernel's own time.
    add_filler(0, SIZE, keyring)?;
    for nth in 1.. {
        if left()? < 2 * SIZE {
            break;
        }
        add_filler(nth, SIZE, keyring)?;
    }
    // The first takes the rest as well.
    add_filler(0, SIZE + left()?, keyring)
}

/// Adds a key that is there for its size alone, without a record.
fn add_filler(nth: usize, size: usize, keyring: KeySerial) -> Result<(), Errno> {
    let name = CString::new(format!("filler-{nth}")).unwrap_or_default();
    let payload = vec![0; size];
    sys::add_key(Some(c"user"), Some(&name), Some(&payload), size, keyring.0).map(drop)
}
