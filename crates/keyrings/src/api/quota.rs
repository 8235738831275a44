//! Quotas: how many keys and bytes a user is charged for, and ways to use a quota up.

use super::key::KeySerial;
use crate::sys::keys;
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::record::{call, event, record};
use nix::errno::Errno;
use std::ffi::CString;
use trace::{Outcome, Value};

/// A user's quota, and what is charged to it: [`key_users`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUser {
    /// Keys that the user owns, whether charged or not.
    pub owned: u32,
    /// Those of them that are instantiated.
    pub instantiated: u32,
    /// Keys that are charged.
    pub keys: u32,
    /// The limit on them.
    pub max_keys: u32,
    /// Bytes that are charged.
    pub bytes: u32,
    /// The limit on them.
    pub max_bytes: u32,
}

impl KeyUser {
    /// The keys and bytes that are left; 0 for what exceeds its limit.
    pub(crate) fn left(&self) -> (u32, u32) {
        (self.max_keys.saturating_sub(self.keys), self.max_bytes.saturating_sub(self.bytes))
    }
}

/// What `/proc/key-users` says about a user's quota; all zero if it does not mention the user.
///
/// # Errors
///
/// Fails if the file cannot be read.
///
/// # References
///
/// keyrings(7); `proc_key_users_show`
pub fn key_users(uid: u32) -> Checked<KeyUser> {
    shown("key_users", uid, |quota| [(quota.keys, "keys"), (quota.bytes, "bytes")])
}

/// Records two of the numbers that `/proc/key-users` shows, and returns all.
fn shown(name: &str, uid: u32, two: fn(&KeyUser) -> [(u32, &'static str); 2]) -> Checked<KeyUser> {
    let quota = quota_of(uid).map_err(Failure::new)?;
    let words = two(&quota).into_iter();
    let words = words.flat_map(|(number, word)| [Value::Int(number.into()), Value::word(word)]);
    let value = Value::List(words.collect());
    record(|| event(name, vec![Value::Uid(uid)], Outcome::Returned(value)));
    Ok(quota)
}

/// How many keys a user owns by `/proc/key-users`, and how many of them are instantiated.
///
/// # Errors
///
/// As [`key_users`].
///
/// # References
///
/// keyrings(7); `proc_key_users_show`
pub fn owned_keys(uid: u32) -> Checked<(u32, u32)> {
    let two = |of: &KeyUser| [(of.owned, "owned"), (of.instantiated, "instantiated")];
    shown("owned_keys", uid, two).map(|quota| (quota.owned, quota.instantiated))
}

/// How many more keys can be charged to a user; negative if the quota is exceeded. Unlike
/// [`key_users`], the record does not depend on the limits of the machine.
///
/// # Errors
///
/// As [`key_users`].
///
/// # References
///
/// keyrings(7); `proc_key_users_show`
pub fn keys_left(uid: u32) -> Checked<i64> {
    left("keys_left", uid, |quota| i64::from(quota.max_keys) - i64::from(quota.keys))
}

/// How many more bytes can be charged to a user; negative if the quota is exceeded.
///
/// # Errors
///
/// As [`key_users`].
///
/// # References
///
/// keyrings(7); `proc_key_users_show`
pub fn bytes_left(uid: u32) -> Checked<i64> {
    left("bytes_left", uid, |quota| i64::from(quota.max_bytes) - i64::from(quota.bytes))
}

fn left(name: &str, uid: u32, of: impl FnOnce(KeyUser) -> i64) -> Checked<i64> {
    let left = of(quota_of(uid).map_err(Failure::new)?);
    record(|| event(name, vec![Value::Uid(uid)], Outcome::Returned(Value::Int(left))));
    Ok(left)
}

/// [`key_users`] without a record.
pub(crate) fn quota_of(uid: u32) -> Result<KeyUser, String> {
    // The kernel resumes the file by counting lines: if a user vanishes between two reads, it skips a
    // line. So a missing line is looked for again.
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
        [_, _, owned, instantiated, keys, max_keys, bytes, max_bytes] => {
            Ok(Some(KeyUser { owned, instantiated, keys, max_keys, bytes, max_bytes }))
        }
        _ => Err(format!("{path} has an unknown form: {line}")),
    }
}

/// Adds keys of type `user` with payloads of `size` bytes until the kernel refuses one; returns its
/// errno. The trace shows one line for all of them, and not their number.
pub fn add_keys_until_refused(size: usize, keyring: KeySerial) -> Errno {
    let refusal = (0..).find_map(|nth| add_filler(nth, size, keyring).err());
    let refusal = refusal.unwrap_or(Errno::UnknownErrno);
    let args = || vec![Value::Int(size as i64), keyring.into()];
    call("add_keys_until_refused", args, &Err::<(), _>(refusal));
    refusal
}

/// Adds keys of type `user` until the last byte of the caller's quota is charged. The trace shows one
/// line for all of them.
///
/// # Errors
///
/// Those of add_key(2); `EIO`: `/proc/key-users` cannot be read.
pub fn use_up_bytes(keyring: KeySerial) -> Result<(), Errno> {
    let result = fill_to_the_last_byte(keyring);
    call("use_up_bytes", || vec![keyring.into()], &result);
    result
}

fn fill_to_the_last_byte(keyring: KeySerial) -> Result<(), Errno> {
    const SIZE: usize = 1000;
    let left = || {
        let quota = quota_of(nix::unistd::geteuid().as_raw()).map_err(|_| Errno::EIO)?;
        Ok(quota.left().1 as usize)
    };
    // No key is refused here: the kernel would return its charge only some time later.
    add_filler(0, SIZE, keyring)?;
    for nth in 1.. {
        if left()? < 2 * SIZE {
            break;
        }
        add_filler(nth, SIZE, keyring)?;
    }
    // The first key grows by the rest.
    add_filler(0, SIZE + left()?, keyring)
}

/// Adds a key that only uses up quota, without a record.
fn add_filler(nth: usize, size: usize, keyring: KeySerial) -> Result<(), Errno> {
    let name = CString::new(format!("filler-{nth}")).unwrap_or_default();
    let payload = vec![0; size];
    keys::add_key(Some(c"user"), Some(&name), Some(&payload), keyring.0).map(drop)
}
