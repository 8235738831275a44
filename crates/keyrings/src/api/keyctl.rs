//! The three system calls and every operation of keyctl(2), named and ordered as in keyctl(3).
//!
//! Every errno is the kernel's. Where keyctl(3) has two forms, one that fills the caller's buffer and
//! one that allocates, both are here. Every call is recorded while a record is kept.

use super::ids::{gid_value, uid_value};
use super::key::{Description, KeySerial, Permissions};
use crate::sys::keys::{self, Filling, NumbersOnly, PublicKey};
use crate::tasks::fail::refused;
use crate::tasks::record::{Recorded, call};
use nix::errno::Errno;
use nix::libc;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::IoSlice;
use trace::Value;

pub use crate::sys::keys::PkeyQuery;

type Result<T> = std::result::Result<T, Errno>;

/// The keyring to which request_key(2) links a key that it had instantiated, if the caller names none:
/// [`keyctl_set_reqkey_keyring`].
pub type ReqkeyDefault = i32;

/// For [`keyctl_move`]: refuse to displace a key of the same type and description.
pub const KEYCTL_MOVE_EXCL: u32 = 1;

macro_rules! reqkey_defaults {
    ($($(#[$about:meta])* $name:ident;)*) => {
        $($(#[$about])* pub const $name: ReqkeyDefault = libc::$name;)*

        fn reqkey(choice: ReqkeyDefault) -> Value {
            let names = [$(($name, stringify!($name))),*];
            let named = names.iter().find(|(number, _)| *number == choice);
            named.map_or_else(|| Value::Int(choice.into()), |(_, name)| Value::word(*name))
        }
    };
}

reqkey_defaults! {
    /// Change nothing; only return the present choice.
    KEY_REQKEY_DEFL_NO_CHANGE;
    /// The first that exists of thread, process, session and user session keyring.
    KEY_REQKEY_DEFL_DEFAULT;
    /// The thread keyring.
    KEY_REQKEY_DEFL_THREAD_KEYRING;
    /// The process keyring.
    KEY_REQKEY_DEFL_PROCESS_KEYRING;
    /// The session keyring.
    KEY_REQKEY_DEFL_SESSION_KEYRING;
    /// The user keyring.
    KEY_REQKEY_DEFL_USER_KEYRING;
    /// The user's default session keyring.
    KEY_REQKEY_DEFL_USER_SESSION_KEYRING;
    /// The group's keyring, which no kernel implements.
    KEY_REQKEY_DEFL_GROUP_KEYRING;
    /// The destination of the request that the caller carries out.
    KEY_REQKEY_DEFL_REQUESTOR_KEYRING;
}

fn c_string(text: &str) -> CString {
    // The kernel reads up to the first NUL.
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

fn text_or_null(text: Option<&str>) -> Value {
    text.map_or_else(|| Value::word("NULL"), Value::text)
}

fn bytes(payload: &[u8]) -> Value {
    if payload.len() > 64 {
        Value::List(vec![Value::Int(payload.len() as i64), Value::word("bytes")])
    } else {
        Value::text(String::from_utf8_lossy(payload))
    }
}

fn int(number: usize) -> Value {
    Value::Int(number as i64)
}

fn serial(number: i64) -> KeySerial {
    KeySerial(number as i32)
}

/// Records a call under its name in keyctl(3), and returns its result.
#[inline]
fn recorded<T: Recorded>(
    name: &str,
    args: impl FnOnce() -> Vec<Value>,
    result: Result<T>,
) -> Result<T> {
    call(name, args, &result);
    result
}

/// An operation whose arguments are numbers, and that returns nothing.
#[track_caller]
fn plain(operation: NumbersOnly, args: [i32; 4]) -> Result<()> {
    keys::numbers(operation, args).and_then(zero)
}

/// The result of an operation that returns nothing. Any other number fails the snippet.
#[track_caller]
fn zero(result: i64) -> Result<()> {
    match result {
        0 => Ok(()),
        number => Err(refused(&format!("a result of {number} instead of 0"), Errno::ERANGE)),
    }
}

/// Adds a key to a keyring, or updates the key of that type and description which it links to.
/// Returns the key's serial number.
///
/// # Errors
///
/// `EKEYREVOKED`, `EKEYEXPIRED` and `ENOKEY` (invalidated) say that about the keyring; `EACCES`: no Write
/// permission; `EDQUOT`: the quota is used up.
///
/// # References
///
/// add_key(2); `__do_sys_add_key`, which looks the keyring up, and may create it, before it looks at
/// the type or the payload
pub fn add_key(
    kind: &str,
    description: &str,
    payload: impl AsRef<[u8]>,
    keyring: KeySerial,
) -> Result<KeySerial> {
    add_key_with(Some(kind), Some(description), Some(payload.as_ref()), keyring)
}

/// [`add_key`] with null pointers for `None`. A keyring requires no payload (`None`).
///
/// # Errors
///
/// As [`add_key`]; `EFAULT`: no type.
pub fn add_key_with(
    kind: Option<&str>,
    description: Option<&str>,
    payload: Option<&[u8]>,
    keyring: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (kind.map(c_string), description.map(c_string));
    let result = keys::add_key(c_kind.as_deref(), c_description.as_deref(), payload, keyring.0);
    let args = || {
        let payload = payload.map_or_else(|| Value::word("NULL"), bytes);
        vec![text_or_null(kind), text_or_null(description), payload, keyring.into()]
    };
    recorded("add_key", args, result.map(serial))
}

/// [`add_key`] with a payload that is not mapped: a null pointer with a length, in bytes.
///
/// # Errors
///
/// `EFAULT`, or `EINVAL` from 1 MiB on.
pub fn add_key_without_memory(
    kind: &str,
    description: &str,
    length: usize,
    keyring: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (c_string(kind), c_string(description));
    let result = keys::add_key_without_memory(&c_kind, &c_description, length, keyring.0);
    let args =
        || vec![Value::text(kind), Value::text(description), no_memory(length), keyring.into()];
    recorded("add_key", args, result.map(serial))
}

/// A payload that is not mapped, of this length in bytes.
fn no_memory(length: usize) -> Value {
    Value::List(vec![Value::word("NULL"), int(length), Value::word("bytes")])
}

/// Creates an empty keyring: [`add_key`] of type `keyring`.
///
/// # Errors
///
/// As [`add_key`].
pub fn add_keyring(description: &str, keyring: KeySerial) -> Result<KeySerial> {
    add_key_with(Some("keyring"), Some(description), None, keyring)
}

/// Finds a key in the caller's thread, process and session keyring, or has it instantiated.
///
/// `None` as callout information calls no program. `keyring` receives a link;
/// [`crate::NO_KEYRING`]: no link to a key that was found, a link in the default keyring to one that was
/// instantiated.
///
/// # Errors
///
/// `ENOKEY` (not found, or negative), `EKEYREVOKED`, `EKEYEXPIRED`, `EKEYREJECTED`, `EACCES`, `EDQUOT`.
///
/// # References
///
/// request_key(2); `__do_sys_request_key`
pub fn request_key(
    kind: &str,
    description: &str,
    callout: Option<&str>,
    keyring: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (c_string(kind), c_string(description));
    let c_callout = callout.map(c_string);
    let (c_kind, c_description) = (Some(&*c_kind), Some(&*c_description));
    let result = keys::request_key(c_kind, c_description, c_callout.as_deref(), keyring.0);
    let args = || {
        let callout = text_or_null(callout);
        vec![Value::text(kind), Value::text(description), callout, keyring.into()]
    };
    recorded("request_key", args, result.map(serial))
}

/// [`keyctl_get_keyring_ID`] with any number for its second argument.
///
/// # Errors
///
/// As [`keyctl_get_keyring_ID`].
#[allow(non_snake_case)]
pub fn keyctl_get_keyring_ID_with(key: KeySerial, create: i64) -> Result<KeySerial> {
    let args = [key.0.into(), create, 0, 0];
    let result = keys::long_numbers(NumbersOnly::GetKeyringId, args).map(serial);
    recorded("keyctl_get_keyring_ID", || vec![key.into(), Value::Int(create)], result)
}

/// [`keyctl_get_keyring_ID`] with any number for the key.
///
/// # Errors
///
/// As [`keyctl_get_keyring_ID`].
#[allow(non_snake_case)]
pub fn keyctl_get_keyring_ID_of(key: i64, create: bool) -> Result<KeySerial> {
    let args = [key, create.into(), 0, 0];
    let result = keys::long_numbers(NumbersOnly::GetKeyringId, args).map(serial);
    recorded("keyctl_get_keyring_ID", || vec![Value::Int(key), int(create.into())], result)
}

/// Returns the serial number that a special id stands for, and with [`crate::CREATE`] creates the keyring
/// if it does not exist.
///
/// # Errors
///
/// `ENOKEY` (absent, or invalidated), `EKEYREVOKED`, `EKEYEXPIRED`, `EACCES` (no Search permission),
/// `EINVAL` (no such id).
///
/// # References
///
/// keyctl_get_keyring_ID(3); `keyctl_get_keyring_ID`
#[allow(non_snake_case)]
#[inline]
pub fn keyctl_get_keyring_ID(key: KeySerial, create: bool) -> Result<KeySerial> {
    let args = [key.0, create.into(), 0, 0];
    let result = keys::numbers(NumbersOnly::GetKeyringId, args).map(serial);
    recorded("keyctl_get_keyring_ID", || vec![key.into(), int(create.into())], result)
}

/// Joins the session keyring of that name, creates it if it does not exist, or creates one without a
/// name. Returns its serial number.
///
/// # Errors
///
/// `EPERM` (a name that begins with a dot), `EACCES`, `EDQUOT`.
///
/// # References
///
/// keyctl_join_session_keyring(3); `join_session_keyring`
pub fn keyctl_join_session_keyring(name: Option<&str>) -> Result<KeySerial> {
    let result = keys::join_session_keyring(name.map(c_string).as_deref()).map(serial);
    recorded("keyctl_join_session_keyring", || vec![text_or_null(name)], result)
}

/// Replaces the payload of a key.
///
/// # Errors
///
/// `EOPNOTSUPP` (a type, such as `keyring`, that cannot be updated), `EACCES` (no Write permission).
///
/// # References
///
/// keyctl_update(3); `keyctl_update_key`
pub fn keyctl_update(key: KeySerial, payload: impl AsRef<[u8]>) -> Result<()> {
    let payload = payload.as_ref();
    let result = keys::update(key.0, payload).and_then(zero);
    recorded("keyctl_update", || vec![key.into(), bytes(payload)], result)
}

/// [`keyctl_update`] with a payload that is not mapped: a null pointer with a length, in bytes.
///
/// # Errors
///
/// `EFAULT`, or `EINVAL` from one page and a byte on.
pub fn keyctl_update_without_memory(key: KeySerial, length: usize) -> Result<()> {
    let result = keys::update_without_memory(key.0, length).and_then(zero);
    recorded("keyctl_update", || vec![key.into(), no_memory(length)], result)
}

/// Revokes a key: nobody can use it any more, and a keyring loses its links.
///
/// # Errors
///
/// `EACCES` (neither Write nor Setattr permission).
///
/// # References
///
/// keyctl_revoke(3); `keyctl_revoke_key`
pub fn keyctl_revoke(key: KeySerial) -> Result<()> {
    let result = plain(NumbersOnly::Revoke, [key.0, 0, 0, 0]);
    recorded("keyctl_revoke", || vec![key.into()], result)
}

/// Changes the owner or the group of a key; [`crate::NO_CHANGE`] leaves one as it is.
///
/// # Errors
///
/// `EACCES` (no Setattr permission, or not privileged to give the key away), `EDQUOT`.
///
/// # References
///
/// keyctl_chown(3); `keyctl_chown_key`, which returns at once if nothing changes
pub fn keyctl_chown(key: KeySerial, uid: u32, gid: u32) -> Result<()> {
    let result = plain(NumbersOnly::Chown, [key.0, uid as i32, gid as i32, 0]);
    recorded("keyctl_chown", || vec![key.into(), uid_value(uid), gid_value(gid)], result)
}

/// Changes the permission mask.
///
/// # Errors
///
/// `EINVAL` (unknown bits), `EACCES` (no Setattr permission).
///
/// # References
///
/// keyctl_setperm(3); `keyctl_setperm_key`
pub fn keyctl_setperm(key: KeySerial, permissions: Permissions) -> Result<()> {
    keyctl_setperm_with(key, permissions.into())
}

/// [`keyctl_setperm`] with a mask of more than 32 bits.
///
/// # Errors
///
/// As [`keyctl_setperm`].
pub fn keyctl_setperm_with(key: KeySerial, permissions: u64) -> Result<()> {
    let args = [key.0.into(), permissions as i64, 0, 0];
    let result = keys::long_numbers(NumbersOnly::Setperm, args).and_then(zero);
    recorded("keyctl_setperm", || vec![key.into(), Value::Hex(permissions)], result)
}

/// The first size of a buffer, in bytes: enough for most keys.
const FIRST_GUESS: usize = 256;

/// Fills a buffer by an operation that returns how many bytes there are, until all fit.
fn fill(mut read: impl FnMut(&mut [u8]) -> Result<i64>) -> Result<Vec<u8>> {
    let mut buffer = vec![0; FIRST_GUESS];
    loop {
        let available = read(&mut buffer)? as usize;
        if available <= buffer.len() {
            buffer.truncate(available);
            return Ok(buffer);
        }
        // The key may grow meanwhile, so the operation is repeated.
        buffer.resize(available, 0);
    }
}

/// The text of an operation that returns a NUL-terminated one.
fn fill_text(operation: Filling, key: KeySerial) -> Result<String> {
    let mut text = fill(|buffer| keys::fill(operation, key.0, buffer))?;
    if text.last() == Some(&0) {
        text.pop();
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The form with the caller's buffer: returns how many bytes there are, and the bytes if they fit.
fn fill_buffer(
    (name, operation): (&str, Filling),
    key: KeySerial,
    buffer: &mut [u8],
) -> Result<usize> {
    let result = keys::fill(operation, key.0, buffer).map(|available| available as usize);
    recorded(name, || vec![key.into(), int(buffer.len())], result)
}

/// Returns type, owner, group, permission mask and description of a key.
///
/// # Errors
///
/// `ENOKEY`, `EKEYREVOKED`, `EKEYEXPIRED`, `EACCES` (no View permission).
///
/// # References
///
/// keyctl_describe_alloc(3); `keyctl_describe_key`
pub fn keyctl_describe_alloc(key: KeySerial) -> Result<Description> {
    let result = fill_text(Filling::Describe, key)
        .and_then(|text| Description::parse(&text).ok_or(Errno::EBADMSG));
    recorded("keyctl_describe", || vec![key.into()], result)
}

/// [`keyctl_describe_alloc`] into a buffer: returns the size in bytes, with the final NUL, and fills the
/// buffer only if it is large enough. The trace shows the buffer's size.
///
/// # Errors
///
/// As [`keyctl_describe_alloc`].
pub fn keyctl_describe(key: KeySerial, buffer: &mut [u8]) -> Result<usize> {
    fill_buffer(("keyctl_describe", Filling::Describe), key, buffer)
}

/// Removes all links from a keyring.
///
/// # Errors
///
/// `ENOTDIR` (not a keyring), `EACCES` (no Write permission).
///
/// # References
///
/// keyctl_clear(3); `keyctl_keyring_clear`
pub fn keyctl_clear(keyring: KeySerial) -> Result<()> {
    let result = plain(NumbersOnly::Clear, [keyring.0, 0, 0, 0]);
    recorded("keyctl_clear", || vec![keyring.into()], result)
}

/// Links a key to a keyring; displaces a link to a key of the same type and description.
///
/// # Errors
///
/// `EDEADLK` (a cycle), `ELOOP` (too deep), `EACCES`, `EDQUOT`, `ENOTDIR`.
///
/// # References
///
/// keyctl_link(3); `keyctl_keyring_link`, which looks up the keyring before the key
pub fn keyctl_link(key: KeySerial, keyring: KeySerial) -> Result<()> {
    let result = plain(NumbersOnly::Link, [key.0, keyring.0, 0, 0]);
    recorded("keyctl_link", || vec![key.into(), keyring.into()], result)
}

/// Removes the link to a key from a keyring.
///
/// # Errors
///
/// `ENOENT` (no such link), `ENOKEY`, `EACCES`.
///
/// # References
///
/// keyctl_unlink(3); `keyctl_keyring_unlink`, which looks up the keyring before the key
pub fn keyctl_unlink(key: KeySerial, keyring: KeySerial) -> Result<()> {
    let result = plain(NumbersOnly::Unlink, [key.0, keyring.0, 0, 0]);
    recorded("keyctl_unlink", || vec![key.into(), keyring.into()], result)
}

/// Searches a keyring, and the keyrings it links to, for a key; links what it finds to `destination`,
/// unless that is [`crate::NO_KEYRING`].
///
/// # Errors
///
/// `ENOKEY`, `EKEYREVOKED`, `EKEYEXPIRED`, `EACCES`.
///
/// # References
///
/// keyctl_search(3); `keyctl_keyring_search`
pub fn keyctl_search(
    keyring: KeySerial,
    kind: &str,
    description: &str,
    destination: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (c_string(kind), c_string(description));
    let result = keys::search(keyring.0, &c_kind, &c_description, destination.0).map(serial);
    let args =
        || vec![keyring.into(), Value::text(kind), Value::text(description), destination.into()];
    recorded("keyctl_search", args, result)
}

/// Reads the payload of a key.
///
/// # Errors
///
/// `ENOKEY`, `EKEYREVOKED`, `EKEYEXPIRED`, `EACCES`, `EOPNOTSUPP` (a type that cannot be read).
///
/// # References
///
/// keyctl_read_alloc(3); `keyctl_read_key`
pub fn keyctl_read_alloc(key: KeySerial) -> Result<Vec<u8>> {
    recorded("keyctl_read", || vec![key.into()], read(key))
}

fn read(key: KeySerial) -> Result<Vec<u8>> {
    fill(|buffer| keys::fill(Filling::Read, key.0, buffer))
}

/// [`keyctl_read_alloc`] into a buffer: returns the size in bytes, and fills the buffer only if it is
/// large enough. The trace shows the buffer's size.
///
/// # Errors
///
/// As [`keyctl_read_alloc`].
pub fn keyctl_read(key: KeySerial, buffer: &mut [u8]) -> Result<usize> {
    fill_buffer(("keyctl_read", Filling::Read), key, buffer)
}

/// The form with a buffer that is not mapped, of this length in bytes.
fn fill_without_memory(
    (name, operation): (&str, Filling),
    key: KeySerial,
    length: usize,
) -> Result<usize> {
    let result = keys::fill_without_memory(operation, key.0, length);
    let args = || vec![key.into(), unmapped(length)];
    recorded(name, args, result.map(|available| available as usize))
}

/// The form without a buffer: a null pointer with a length, in bytes.
fn fill_without_buffer(
    (name, operation): (&str, Filling),
    key: KeySerial,
    length: usize,
) -> Result<usize> {
    let result = keys::fill_without_buffer(operation, key.0, length);
    let args = || vec![key.into(), no_memory(length)];
    recorded(name, args, result.map(|available| available as usize))
}

/// A buffer that is not mapped, of this length in bytes.
fn unmapped(length: usize) -> Value {
    Value::List(vec![Value::word("unmapped"), int(length), Value::word("bytes")])
}

/// [`keyctl_read`] into a buffer that is not mapped, of this length in bytes.
///
/// # Errors
///
/// As [`keyctl_read`]; `EFAULT`: there is something to copy.
pub fn keyctl_read_without_memory(key: KeySerial, length: usize) -> Result<usize> {
    fill_without_memory(("keyctl_read", Filling::Read), key, length)
}

/// [`keyctl_read`] without a buffer: a null pointer with a length, in bytes.
///
/// # Errors
///
/// As [`keyctl_read_alloc`].
pub fn keyctl_read_without_buffer(key: KeySerial, length: usize) -> Result<usize> {
    fill_without_buffer(("keyctl_read", Filling::Read), key, length)
}

/// [`keyctl_describe`] into a buffer that is not mapped, of this length in bytes.
///
/// # Errors
///
/// As [`keyctl_describe`]; `EFAULT`: the buffer is large enough.
pub fn keyctl_describe_without_memory(key: KeySerial, length: usize) -> Result<usize> {
    fill_without_memory(("keyctl_describe", Filling::Describe), key, length)
}

/// [`keyctl_describe`] without a buffer: a null pointer with a length, in bytes.
///
/// # Errors
///
/// As [`keyctl_describe_alloc`].
pub fn keyctl_describe_without_buffer(key: KeySerial, length: usize) -> Result<usize> {
    fill_without_buffer(("keyctl_describe", Filling::Describe), key, length)
}

/// [`keyctl_get_security`] without a buffer: a null pointer with a length, in bytes.
///
/// # Errors
///
/// As [`keyctl_get_security_alloc`].
pub fn keyctl_get_security_without_buffer(key: KeySerial, length: usize) -> Result<usize> {
    fill_without_buffer(("keyctl_get_security", Filling::GetSecurity), key, length)
}

/// Reads a keyring, whose payload is an array of serial numbers: the keys that it links to.
///
/// # Errors
///
/// As [`keyctl_read_alloc`].
///
/// # References
///
/// keyctl_read_alloc(3); `keyring_read`
pub fn keyctl_read_keyring(keyring: KeySerial) -> Result<BTreeSet<KeySerial>> {
    let result = read(keyring).map(|payload| {
        let serials = payload.chunks_exact(size_of::<i32>());
        let serial = |bytes: &[u8]| bytes.try_into().map(i32::from_ne_bytes).map(KeySerial);
        serials.flat_map(serial).collect::<BTreeSet<_>>()
    });
    recorded("keyctl_read", || vec![keyring.into()], result)
}

/// Instantiates a key under construction with a payload, and links it. The caller has assumed the
/// authority for that key. A special id as the keyring means the one that the request names.
///
/// # Errors
///
/// `EPERM` (no authority).
///
/// # References
///
/// keyctl_instantiate(3); `keyctl_instantiate_key`
pub fn keyctl_instantiate(
    key: KeySerial,
    payload: impl AsRef<[u8]>,
    keyring: KeySerial,
) -> Result<()> {
    let payload = payload.as_ref();
    let result = keys::instantiate(key.0, payload, keyring.0).and_then(zero);
    recorded("keyctl_instantiate", || vec![key.into(), bytes(payload), keyring.into()], result)
}

/// [`keyctl_instantiate`] with a payload in pieces.
///
/// # Errors
///
/// As [`keyctl_instantiate`].
///
/// # References
///
/// keyctl_instantiate_iov(3); `keyctl_instantiate_key_iov`
pub fn keyctl_instantiate_iov(key: KeySerial, pieces: &[&[u8]], keyring: KeySerial) -> Result<()> {
    let vectors: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let result = keys::instantiate_iov(key.0, &vectors, keyring.0).and_then(zero);
    let args = || {
        let pieces = pieces.iter().map(|piece| bytes(piece)).collect();
        vec![key.into(), Value::List(pieces), keyring.into()]
    };
    recorded("keyctl_instantiate_iov", args, result)
}

/// [`keyctl_instantiate_iov`] with pieces that are not mapped, at an address below the first mapping.
///
/// # Errors
///
/// `EFAULT`.
pub fn keyctl_instantiate_iov_without_memory(
    key: KeySerial,
    pieces: usize,
    keyring: KeySerial,
) -> Result<()> {
    let result = keys::instantiate_iov_without_memory(key.0, pieces, keyring.0).and_then(zero);
    let args = || {
        let pieces = vec![Value::word("unmapped"), int(pieces), Value::word("pieces")];
        vec![key.into(), Value::List(pieces), keyring.into()]
    };
    recorded("keyctl_instantiate_iov", args, result)
}

/// Instantiates a key under construction negatively, for `timeout` seconds: requests for it fail with
/// `ENOKEY`.
///
/// # Errors
///
/// `EPERM` (no authority).
///
/// # References
///
/// keyctl_negate(3); `keyctl_negate_key`
pub fn keyctl_negate(key: KeySerial, timeout: u32, keyring: KeySerial) -> Result<()> {
    let result = plain(NumbersOnly::Negate, [key.0, timeout as i32, keyring.0, 0]);
    recorded("keyctl_negate", || vec![key.into(), int(timeout as usize), keyring.into()], result)
}

/// [`keyctl_negate`] with an error that the caller chooses.
///
/// # Errors
///
/// As [`keyctl_negate`]; `EINVAL` (no such error).
///
/// # References
///
/// keyctl_reject(3); `keyctl_reject_key`
pub fn keyctl_reject(key: KeySerial, timeout: u32, error: Errno, keyring: KeySerial) -> Result<()> {
    let args = [key.0, timeout as i32, error as i32, keyring.0];
    let result = plain(NumbersOnly::Reject, args);
    let args = || {
        let error = Value::word(format!("{error:?}"));
        vec![key.into(), int(timeout as usize), error, keyring.into()]
    };
    recorded("keyctl_reject", args, result)
}

/// Chooses the keyring to which request_key(2) links a key that it had instantiated; returns the
/// previous choice. The choice is not a special id: a thread or process keyring that is chosen is
/// created at once if it does not exist.
///
/// # Errors
///
/// `EINVAL` (no such choice).
///
/// # References
///
/// keyctl_set_reqkey_keyring(3); `keyctl_set_reqkey_keyring`
pub fn keyctl_set_reqkey_keyring(choice: ReqkeyDefault) -> Result<i32> {
    let result = keys::numbers(NumbersOnly::SetReqkeyKeyring, [choice, 0, 0, 0]);
    let result = result.map(|previous| previous as i32);
    recorded("keyctl_set_reqkey_keyring", || vec![reqkey(choice)], result)
}

/// [`keyctl_set_reqkey_keyring`] with any number.
///
/// # Errors
///
/// As [`keyctl_set_reqkey_keyring`].
pub fn keyctl_set_reqkey_keyring_with(choice: i64) -> Result<i32> {
    let result = keys::long_numbers(NumbersOnly::SetReqkeyKeyring, [choice, 0, 0, 0]);
    let result = result.map(|previous| previous as i32);
    recorded("keyctl_set_reqkey_keyring", || vec![Value::Int(choice)], result)
}

/// Sets how many seconds are left until a key expires; 0 means that it never does.
///
/// # Errors
///
/// `EACCES` (no Setattr permission), `EKEYEXPIRED`.
///
/// # References
///
/// keyctl_set_timeout(3); `keyctl_set_timeout`
pub fn keyctl_set_timeout(key: KeySerial, seconds: u32) -> Result<()> {
    let result = plain(NumbersOnly::SetTimeout, [key.0, seconds as i32, 0, 0]);
    recorded("keyctl_set_timeout", || vec![key.into(), int(seconds as usize)], result)
}

/// Assumes the authority to instantiate a key, or with [`crate::NO_KEYRING`] drops it. Returns the serial
/// number of the authorization key.
///
/// # Errors
///
/// `ENOKEY` (no authorization key is found), `EINVAL` (a special id).
///
/// # References
///
/// keyctl_assume_authority(3); `keyctl_assume_authority`
pub fn keyctl_assume_authority(key: KeySerial) -> Result<KeySerial> {
    let result = keys::numbers(NumbersOnly::AssumeAuthority, [key.0, 0, 0, 0]).map(serial);
    recorded("keyctl_assume_authority", || vec![key.into()], result)
}

/// Returns the security label of a key, which is empty without a security module.
///
/// # Errors
///
/// As [`keyctl_describe_alloc`].
///
/// # References
///
/// keyctl_get_security_alloc(3); `keyctl_get_security`
pub fn keyctl_get_security_alloc(key: KeySerial) -> Result<String> {
    let result = fill_text(Filling::GetSecurity, key);
    recorded("keyctl_get_security", || vec![key.into()], result)
}

/// [`keyctl_get_security_alloc`] into a buffer: returns the size in bytes, with the final NUL.
///
/// # Errors
///
/// As [`keyctl_get_security_alloc`].
pub fn keyctl_get_security(key: KeySerial, buffer: &mut [u8]) -> Result<usize> {
    fill_buffer(("keyctl_get_security", Filling::GetSecurity), key, buffer)
}

/// [`keyctl_get_security`] into a buffer that is not mapped, of this length in bytes.
///
/// # Errors
///
/// As [`keyctl_get_security_alloc`]; `EFAULT`: there is room for a byte.
pub fn keyctl_get_security_without_memory(key: KeySerial, length: usize) -> Result<usize> {
    fill_without_memory(("keyctl_get_security", Filling::GetSecurity), key, length)
}

/// Replaces the parent process's session keyring by the caller's, when the parent next returns from the
/// kernel.
///
/// # Errors
///
/// `EPERM` (different ids, a parent with several threads, …).
///
/// # References
///
/// keyctl_session_to_parent(3); `keyctl_session_to_parent`
pub fn keyctl_session_to_parent() -> Result<()> {
    let result = plain(NumbersOnly::SessionToParent, [0; 4]);
    recorded("keyctl_session_to_parent", Vec::new, result)
}

/// Invalidates a key: it is invisible to everybody at once, and the garbage collector destroys it.
///
/// # Errors
///
/// `EACCES` (no Search permission).
///
/// # References
///
/// keyctl_invalidate(3); `keyctl_invalidate_key`
pub fn keyctl_invalidate(key: KeySerial) -> Result<()> {
    let result = plain(NumbersOnly::Invalidate, [key.0, 0, 0, 0]);
    recorded("keyctl_invalidate", || vec![key.into()], result)
}

/// Links the persistent keyring of a user ([`crate::NO_CHANGE`]: the caller) to a keyring, and returns its
/// serial number.
///
/// # Errors
///
/// `EPERM` (another user), `EACCES`.
///
/// # References
///
/// keyctl_get_persistent(3); `keyctl_get_persistent`
pub fn keyctl_get_persistent(uid: u32, keyring: KeySerial) -> Result<KeySerial> {
    let args = [uid as i32, keyring.0, 0, 0];
    let result = keys::numbers(NumbersOnly::GetPersistent, args).map(serial);
    recorded("keyctl_get_persistent", || vec![uid_value(uid), keyring.into()], result)
}

/// Computes base^private mod prime, each the payload of a key.
///
/// # Errors
///
/// `ENOKEY`, `EOPNOTSUPP` (also: a kernel without `CONFIG_KEY_DH_OPERATIONS`).
///
/// # References
///
/// keyctl_dh_compute_alloc(3); `keyctl_dh_compute`
pub fn keyctl_dh_compute_alloc(
    private: KeySerial,
    prime: KeySerial,
    base: KeySerial,
) -> Result<Vec<u8>> {
    let params = [private, prime, base];
    let result = fill(|buffer| keys::dh_compute(params.map(|key| key.0), buffer));
    recorded("keyctl_dh_compute", || params.map(Value::from).into(), result)
}

/// Returns what an asymmetric key can do.
///
/// # Errors
///
/// `EOPNOTSUPP` (not an asymmetric key).
///
/// # References
///
/// keyctl_pkey_query(3); `keyctl_pkey_query`
pub fn keyctl_pkey_query(key: KeySerial, info: &str) -> Result<PkeyQuery> {
    let query = keys::pkey_query(key.0, &c_string(info));
    let shown = query.map(drop);
    call("keyctl_pkey_query", || vec![key.into(), Value::text(info)], &shown);
    query
}

fn pkey(
    (name, operation): (&str, PublicKey),
    key: KeySerial,
    info: &str,
    input: &[u8],
    output: &mut [u8],
) -> Result<usize> {
    let result = keys::pkey(operation, key.0, &c_string(info), input, output);
    let args = || vec![key.into(), Value::text(info), bytes(input)];
    recorded(name, args, result.map(|size| size as usize))
}

/// Encrypts; returns the size of the result in bytes.
///
/// # Errors
///
/// `EOPNOTSUPP` (not an asymmetric key).
///
/// # References
///
/// keyctl_pkey_encrypt(3); `keyctl_pkey_e_d_s`
pub fn keyctl_pkey_encrypt(
    key: KeySerial,
    info: &str,
    data: &[u8],
    encrypted: &mut [u8],
) -> Result<usize> {
    pkey(("keyctl_pkey_encrypt", PublicKey::Encrypt), key, info, data, encrypted)
}

/// Decrypts; returns the size of the result in bytes.
///
/// # Errors
///
/// As [`keyctl_pkey_encrypt`].
///
/// # References
///
/// keyctl_pkey_decrypt(3); `keyctl_pkey_e_d_s`
pub fn keyctl_pkey_decrypt(
    key: KeySerial,
    info: &str,
    encrypted: &[u8],
    data: &mut [u8],
) -> Result<usize> {
    pkey(("keyctl_pkey_decrypt", PublicKey::Decrypt), key, info, encrypted, data)
}

/// Signs a digest; returns the size of the signature in bytes.
///
/// # Errors
///
/// As [`keyctl_pkey_encrypt`].
///
/// # References
///
/// keyctl_pkey_sign(3); `keyctl_pkey_e_d_s`
pub fn keyctl_pkey_sign(
    key: KeySerial,
    info: &str,
    digest: &[u8],
    signature: &mut [u8],
) -> Result<usize> {
    pkey(("keyctl_pkey_sign", PublicKey::Sign), key, info, digest, signature)
}

/// Verifies a signature of a digest.
///
/// # Errors
///
/// As [`keyctl_pkey_encrypt`]; `EKEYREJECTED` (not its signature).
///
/// # References
///
/// keyctl_pkey_verify(3); `keyctl_pkey_verify`
pub fn keyctl_pkey_verify(
    key: KeySerial,
    info: &str,
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    let result = keys::pkey_verify(key.0, &c_string(info), digest, signature).and_then(zero);
    recorded("keyctl_pkey_verify", || vec![key.into(), Value::text(info), bytes(digest)], result)
}

/// Restricts what can be linked to a keyring, for good: by a key type and a restriction, or with `None`
/// to nothing at all.
///
/// # Errors
///
/// `EEXIST` (already restricted), `EACCES` (no Setattr permission).
///
/// # References
///
/// keyctl_restrict_keyring(3); `keyctl_restrict_keyring`
pub fn keyctl_restrict_keyring(
    keyring: KeySerial,
    restriction: Option<(&str, &str)>,
) -> Result<()> {
    let (kind, restriction) = restriction.unzip();
    keyctl_restrict_keyring_with(keyring, kind, restriction)
}

/// [`keyctl_restrict_keyring`] with a null pointer for each argument that is `None`.
///
/// # Errors
///
/// As [`keyctl_restrict_keyring`]; `EINVAL`: one of the two is missing, or the type does not know the
/// restriction; `ENOKEY`: no such type; `ENOENT`: the type has no restrictions.
pub fn keyctl_restrict_keyring_with(
    keyring: KeySerial,
    kind: Option<&str>,
    restriction: Option<&str>,
) -> Result<()> {
    let (c_kind, c_restriction) = (kind.map(c_string), restriction.map(c_string));
    let result = keys::restrict(keyring.0, c_kind.as_deref(), c_restriction.as_deref());
    let args = || vec![keyring.into(), text_or_null(kind), text_or_null(restriction)];
    recorded("keyctl_restrict_keyring", args, result.and_then(zero))
}

/// Restricts a keyring to asymmetric keys with a signature that a key or a key of a keyring can verify. The
/// trace shows the restriction in two parts, as it contains a serial number.
///
/// # Errors
///
/// As [`keyctl_restrict_keyring_with`]; `EDEADLK`: that keyring is restricted by this one, or is it.
pub fn keyctl_restrict_keyring_by(keyring: KeySerial, trusted: KeySerial) -> Result<()> {
    let restriction = c_string(&format!("key_or_keyring:{}", trusted.0));
    let result = keys::restrict(keyring.0, Some(c"asymmetric"), Some(&restriction));
    let args = || {
        let restriction = Value::List(vec![Value::word("key_or_keyring"), trusted.into()]);
        vec![keyring.into(), Value::text("asymmetric"), restriction]
    };
    recorded("keyctl_restrict_keyring", args, result.and_then(zero))
}

/// Moves a link from one keyring to another in one step (Linux 5.3 and newer). Flags: 0 or
/// [`KEYCTL_MOVE_EXCL`].
///
/// # Errors
///
/// `ENOENT` (no such link), `EEXIST` (with the flag), `EDEADLK`, `EINVAL` (other flags).
///
/// # References
///
/// keyctl_move(3); `keyctl_keyring_move`, which looks up the key, then `from`, then `to`
pub fn keyctl_move(key: KeySerial, from: KeySerial, to: KeySerial, flags: u32) -> Result<()> {
    keyctl_move_with(key, from, to, flags.into())
}

/// [`keyctl_move`] with flags of more than 32 bits.
///
/// # Errors
///
/// As [`keyctl_move`].
pub fn keyctl_move_with(key: KeySerial, from: KeySerial, to: KeySerial, flags: i64) -> Result<()> {
    let args = [key.0.into(), from.0.into(), to.0.into(), flags];
    let result = keys::long_numbers(NumbersOnly::Move, args).and_then(zero);
    let args = || {
        let flags = match flags {
            flags if flags == KEYCTL_MOVE_EXCL.into() => Value::word("KEYCTL_MOVE_EXCL"),
            other => Value::Int(other),
        };
        vec![key.into(), from.into(), to.into(), flags]
    };
    recorded("keyctl_move", args, result)
}

/// Returns what the kernel's keyrings can do, as bits (Linux 5.3 and newer). Kernels differ, so the trace
/// shows none of them.
///
/// # Errors
///
/// `EOPNOTSUPP` (an older kernel).
///
/// # References
///
/// keyctl_capabilities(3); `keyctl_capabilities`
pub fn keyctl_capabilities() -> Result<Vec<u8>> {
    let capabilities = fill(keys::capabilities);
    let shown = capabilities.as_ref().map(drop).map_err(|error| *error);
    call("keyctl_capabilities", Vec::new, &shown);
    capabilities
}

/// [`keyctl_capabilities`] into a buffer that is not mapped, of this length in bytes.
///
/// # Errors
///
/// As [`keyctl_capabilities`]; `EFAULT`: there is something to copy.
pub fn keyctl_capabilities_without_memory(length: usize) -> Result<()> {
    let result = keys::capabilities_without_memory(length).map(drop);
    recorded("keyctl_capabilities", || vec![unmapped(length)], result)
}

/// Reports changes of a key through a notification pipe (Linux 5.8 and newer); an id of -1 ends it.
///
/// # Errors
///
/// `EOPNOTSUPP` (a kernel without `CONFIG_KEY_NOTIFICATIONS`), `EINVAL` (not such a pipe), `EACCES` (no
/// View permission).
///
/// # References
///
/// keyctl_watch_key(3); `keyctl_watch_key`
pub fn keyctl_watch_key(key: KeySerial, pipe: i32, watch: i32) -> Result<()> {
    let result = plain(NumbersOnly::WatchKey, [key.0, pipe, watch, 0]);
    let args = || {
        let pipe = if pipe < 0 { Value::Int(pipe.into()) } else { Value::word("pipe") };
        vec![key.into(), pipe, Value::Int(watch.into())]
    };
    recorded("keyctl_watch_key", args, result)
}
