//! The three system calls and every operation of keyctl(2), named and ordered as in keyctl(3).
//!
//! Every errno comes through as it is. Where keyctl(3) has two forms, one that fills the caller's
//! buffer and one that allocates, both are here. Every call is recorded when a record is kept.

use crate::record::{Answer, call};
use crate::{Description, Errno, KeySerial, Permissions, sys};
use nix::libc;
use std::collections::BTreeSet;
use std::ffi::CString;
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

/// Where request_key(2) puts a key that it had built, if the caller names no keyring:
/// [`keyctl_set_reqkey_keyring`].
pub type ReqkeyDefault = i32;
/// Change nothing; only tell.
pub const KEY_REQKEY_DEFL_NO_CHANGE: ReqkeyDefault = -1;
/// The first there is of thread, process, session and user session keyring.
pub const KEY_REQKEY_DEFL_DEFAULT: ReqkeyDefault = 0;
/// The thread keyring.
pub const KEY_REQKEY_DEFL_THREAD_KEYRING: ReqkeyDefault = 1;
/// The process keyring.
pub const KEY_REQKEY_DEFL_PROCESS_KEYRING: ReqkeyDefault = 2;
/// The session keyring.
pub const KEY_REQKEY_DEFL_SESSION_KEYRING: ReqkeyDefault = 3;
/// The user keyring.
pub const KEY_REQKEY_DEFL_USER_KEYRING: ReqkeyDefault = 4;
/// The user's default session keyring.
pub const KEY_REQKEY_DEFL_USER_SESSION_KEYRING: ReqkeyDefault = 5;
/// The group's keyring, which the kernel has never had.
pub const KEY_REQKEY_DEFL_GROUP_KEYRING: ReqkeyDefault = 6;
/// The destination of the request that the caller carries out.
pub const KEY_REQKEY_DEFL_REQUESTOR_KEYRING: ReqkeyDefault = 7;

/// For [`keyctl_move`]: refuse to displace a key of the same name.
pub const KEYCTL_MOVE_EXCL: u32 = 1;

/// For [`keyctl_chown`]: leave this id as it is.
pub const NO_CHANGE: u32 = u32::MAX;

fn c_string(text: &str) -> CString {
    // A NUL ends what the kernel would read, so what is behind it never counts.
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

fn keyctl(operation: u32, args: [usize; 4]) -> Result<i64> {
    sys::keyctl(operation, args)
}

fn id(key: KeySerial) -> usize {
    key.0 as usize
}

fn address(text: &CString) -> usize {
    text.as_ptr() as usize
}

/// Carries out an operation and records it under its name in keyctl(3).
fn operation<T: Answer>(
    name: &str,
    args: impl FnOnce() -> Vec<Value>,
    result: Result<T>,
) -> Result<T> {
    call(name, args, &result);
    result
}

/// Adds a key to a keyring, or updates the one of that type and description that is there.
///
/// add_key(2). Arguments: type, description, payload, keyring. Gives the key's serial number.
/// Errors that concern these keyrings: `EKEYREVOKED`, `EKEYEXPIRED`, `ENOKEY` (invalidated),
/// `EACCES` (no Write), `EDQUOT`. Kernel: `__do_sys_add_key`, which looks the keyring up, and makes
/// it if need be, before it looks at the type or the payload.
pub fn add_key(
    kind: &str,
    description: &str,
    payload: impl AsRef<[u8]>,
    keyring: KeySerial,
) -> Result<KeySerial> {
    add_key_with(Some(kind), Some(description), Some(payload.as_ref()), keyring)
}

/// [`add_key`] with null pointers for `None`. A keyring takes no payload (`None`).
pub fn add_key_with(
    kind: Option<&str>,
    description: Option<&str>,
    payload: Option<&[u8]>,
    keyring: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (kind.map(c_string), description.map(c_string));
    let length = payload.map_or(0, <[u8]>::len);
    let (c_kind, c_description) = (c_kind.as_deref(), c_description.as_deref());
    let result = sys::add_key(c_kind, c_description, payload, length, keyring.0);
    let args = || {
        let payload = payload.map_or_else(|| Value::word("NULL"), bytes);
        vec![text_or_null(kind), text_or_null(description), payload, keyring.into()]
    };
    operation("add_key", args, result.map(serial))
}

/// [`add_key`] with a payload that is not there: a null pointer with a length, in bytes.
///
/// The kernel refuses it: `EFAULT`, or `EINVAL` from 1 MiB on.
pub fn add_key_without_memory(
    kind: &str,
    description: &str,
    length: usize,
    keyring: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (c_string(kind), c_string(description));
    let result = sys::add_key(Some(&c_kind), Some(&c_description), None, length, keyring.0);
    let args = || {
        let payload = Value::List(vec![Value::word("NULL"), int(length), Value::word("bytes")]);
        vec![Value::text(kind), Value::text(description), payload, keyring.into()]
    };
    operation("add_key", args, result.map(serial))
}

/// Makes an empty keyring: [`add_key`] of type `keyring`.
pub fn add_keyring(description: &str, keyring: KeySerial) -> Result<KeySerial> {
    add_key_with(Some("keyring"), Some(description), None, keyring)
}

/// Finds a key in the caller's thread, process and session keyring, or has it built.
///
/// request_key(2). Arguments: type, description, callout information (`None`: ask nobody), the
/// keyring that is to get a link ([`crate::NO_KEYRING`]: none for a key that was found, the
/// default one for a key that was built). Errors: `ENOKEY` (none, or a negative one),
/// `EKEYREVOKED`, `EKEYEXPIRED`, `EKEYREJECTED`, `EACCES`, `EDQUOT`. Kernel: `__do_sys_request_key`.
pub fn request_key(
    kind: &str,
    description: &str,
    callout: Option<&str>,
    keyring: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (c_string(kind), c_string(description));
    let c_callout = callout.map(c_string);
    let result =
        sys::request_key(Some(&c_kind), Some(&c_description), c_callout.as_deref(), keyring.0);
    let args = || {
        let callout = text_or_null(callout);
        vec![Value::text(kind), Value::text(description), callout, keyring.into()]
    };
    operation("request_key", args, result.map(serial))
}

fn serial(number: i64) -> KeySerial {
    KeySerial(number as i32)
}

fn done(_: i64) {}

/// [`keyctl_get_keyring_ID`] with any number for its second argument, and a key as the result.
#[allow(non_snake_case)]
pub fn keyctl_get_keyring_ID_with(key: KeySerial, create: i64) -> Result<KeySerial> {
    let args = [id(key), create as usize, 0, 0];
    let result = keyctl(libc::KEYCTL_GET_KEYRING_ID, args).map(serial);
    operation("keyctl_get_keyring_ID", || vec![key.into(), Value::Int(create)], result)
}

/// Tells the serial number that a special id stands for.
///
/// `KEYCTL_GET_KEYRING_ID`. Arguments: the id; whether to make the keyring if there is none
/// ([`crate::CREATE`]). Errors: `ENOKEY` (none, or invalidated), `EKEYREVOKED`, `EKEYEXPIRED`,
/// `EACCES` (no Search), `EINVAL` (no such id). Kernel: `keyctl_get_keyring_ID`.
#[allow(non_snake_case)]
#[inline]
pub fn keyctl_get_keyring_ID(key: KeySerial, create: bool) -> Result<KeySerial> {
    let result = keyctl(libc::KEYCTL_GET_KEYRING_ID, [id(key), create.into(), 0, 0]).map(serial);
    operation("keyctl_get_keyring_ID", || vec![key.into(), int(create.into())], result)
}

/// Joins the session keyring of that name, makes it if there is none, or makes one without a name.
///
/// `KEYCTL_JOIN_SESSION_KEYRING`. Gives its serial number. Errors: `EPERM` (a name that begins with
/// a dot), `EACCES`, `EDQUOT`. Kernel: `join_session_keyring`.
pub fn keyctl_join_session_keyring(name: Option<&str>) -> Result<KeySerial> {
    let c_name = name.map(c_string);
    let at = c_name.as_ref().map_or(0, address);
    let result = keyctl(libc::KEYCTL_JOIN_SESSION_KEYRING, [at, 0, 0, 0]).map(serial);
    operation("keyctl_join_session_keyring", || vec![text_or_null(name)], result)
}

/// Gives a key a new payload.
///
/// `KEYCTL_UPDATE`. Errors: `EOPNOTSUPP` (a type, such as `keyring`, that cannot be updated),
/// `EACCES` (no Write). Kernel: `keyctl_update_key`.
pub fn keyctl_update(key: KeySerial, payload: impl AsRef<[u8]>) -> Result<()> {
    let payload = payload.as_ref();
    let args = [id(key), payload.as_ptr() as usize, payload.len(), 0];
    let result = keyctl(libc::KEYCTL_UPDATE, args).map(done);
    operation("keyctl_update", || vec![key.into(), bytes(payload)], result)
}

/// Makes a key unusable for everybody; a keyring loses its links.
///
/// `KEYCTL_REVOKE`. Errors: `EACCES` (neither Write nor Setattr). Kernel: `keyctl_revoke_key`.
pub fn keyctl_revoke(key: KeySerial) -> Result<()> {
    let result = keyctl(libc::KEYCTL_REVOKE, [id(key), 0, 0, 0]).map(done);
    operation("keyctl_revoke", || vec![key.into()], result)
}

/// Gives a key another owner or group; [`NO_CHANGE`] leaves one as it is.
///
/// `KEYCTL_CHOWN`. Errors: `EACCES` (no Setattr, or not the right to give it away), `EDQUOT`.
/// Kernel: `keyctl_chown_key`, which returns at once if nothing is to change.
pub fn keyctl_chown(key: KeySerial, uid: u32, gid: u32) -> Result<()> {
    let result = keyctl(libc::KEYCTL_CHOWN, [id(key), uid as usize, gid as usize, 0]).map(done);
    let args = || vec![key.into(), crate::ids::uid_value(uid), crate::ids::gid_value(gid)];
    operation("keyctl_chown", args, result)
}

/// Changes the permission mask.
///
/// `KEYCTL_SETPERM`. Errors: `EINVAL` (unknown bits), `EACCES` (no Setattr). Kernel:
/// `keyctl_setperm_key`.
pub fn keyctl_setperm(key: KeySerial, permissions: Permissions) -> Result<()> {
    let result = keyctl(libc::KEYCTL_SETPERM, [id(key), permissions as usize, 0, 0]).map(done);
    operation("keyctl_setperm", || vec![key.into(), Value::Hex(permissions)], result)
}

/// How large a buffer to try first: larger than what most keys tell.
const FIRST_GUESS: usize = 256;

/// Fills a buffer by an operation that tells how many bytes there are, until all fit.
fn fill(mut read: impl FnMut(&mut [u8]) -> Result<i64>) -> Result<Vec<u8>> {
    let mut buffer = vec![0; FIRST_GUESS];
    loop {
        let there_are = read(&mut buffer)? as usize;
        if there_are <= buffer.len() {
            buffer.truncate(there_are);
            return Ok(buffer);
        }
        // What is there may grow meanwhile, so this is asked again.
        buffer.resize(there_are, 0);
    }
}

/// What an operation that tells a NUL-terminated text tells.
fn fill_text(operation: u32, key: KeySerial) -> Result<String> {
    let mut told =
        fill(|buffer| keyctl(operation, [id(key), buffer.as_mut_ptr() as usize, buffer.len(), 0]))?;
    if told.last() == Some(&0) {
        told.pop();
    }
    Ok(String::from_utf8_lossy(&told).into_owned())
}

/// The form with the caller's own buffer: gives how many bytes there are, and the bytes if they
/// fit.
fn fill_buffer(
    name: &str,
    operation_number: u32,
    key: KeySerial,
    buffer: &mut [u8],
) -> Result<usize> {
    let args = [id(key), buffer.as_mut_ptr() as usize, buffer.len(), 0];
    let result = keyctl(operation_number, args).map(|there_are| there_are as usize);
    operation(name, || vec![key.into(), int(buffer.len())], result)
}

/// Tells type, owner, group, permission mask and description of a key.
///
/// `KEYCTL_DESCRIBE`, with a buffer of whatever size it takes. Errors: `ENOKEY`, `EKEYREVOKED`,
/// `EKEYEXPIRED`, `EACCES` (no View). Kernel: `keyctl_describe_key`.
pub fn keyctl_describe_alloc(key: KeySerial) -> Result<Description> {
    let result = fill_text(libc::KEYCTL_DESCRIBE, key)
        .and_then(|text| Description::parse(&text).ok_or(Errno::EBADMSG));
    operation("keyctl_describe", || vec![key.into()], result)
}

/// [`keyctl_describe_alloc`] into a buffer: gives the size in bytes, with the NUL at the end, and
/// fills the buffer only if it is large enough. The trace shows the buffer's size.
pub fn keyctl_describe(key: KeySerial, buffer: &mut [u8]) -> Result<usize> {
    fill_buffer("keyctl_describe", libc::KEYCTL_DESCRIBE, key, buffer)
}

/// Removes all links from a keyring.
///
/// `KEYCTL_CLEAR`. Errors: `ENOTDIR` (not a keyring), `EACCES` (no Write). Kernel:
/// `keyctl_keyring_clear`.
pub fn keyctl_clear(keyring: KeySerial) -> Result<()> {
    let result = keyctl(libc::KEYCTL_CLEAR, [id(keyring), 0, 0, 0]).map(done);
    operation("keyctl_clear", || vec![keyring.into()], result)
}

/// Links a key to a keyring; displaces a link to a key of the same type and description.
///
/// `KEYCTL_LINK`. Errors: `EDEADLK` (a cycle), `ELOOP` (too deep), `EACCES`, `EDQUOT`, `ENOTDIR`.
/// Kernel: `keyctl_keyring_link`, which looks up the keyring before the key.
pub fn keyctl_link(key: KeySerial, keyring: KeySerial) -> Result<()> {
    let result = keyctl(libc::KEYCTL_LINK, [id(key), id(keyring), 0, 0]).map(done);
    operation("keyctl_link", || vec![key.into(), keyring.into()], result)
}

/// Removes the link to a key from a keyring.
///
/// `KEYCTL_UNLINK`. Errors: `ENOENT` (no such link), `ENOKEY`, `EACCES`. Kernel:
/// `keyctl_keyring_unlink`, which looks up the keyring before the key.
pub fn keyctl_unlink(key: KeySerial, keyring: KeySerial) -> Result<()> {
    let result = keyctl(libc::KEYCTL_UNLINK, [id(key), id(keyring), 0, 0]).map(done);
    operation("keyctl_unlink", || vec![key.into(), keyring.into()], result)
}

/// Searches a keyring and those in it for a key.
///
/// `KEYCTL_SEARCH`. Arguments: where to search; type; description; a keyring to link what is found
/// to, or [`crate::NO_KEYRING`]. Errors: `ENOKEY`, `EKEYREVOKED`, `EKEYEXPIRED`, `EACCES`. Kernel:
/// `keyctl_keyring_search`.
pub fn keyctl_search(
    keyring: KeySerial,
    kind: &str,
    description: &str,
    destination: KeySerial,
) -> Result<KeySerial> {
    let (c_kind, c_description) = (c_string(kind), c_string(description));
    let args = [id(keyring), address(&c_kind), address(&c_description), id(destination)];
    let result = keyctl(libc::KEYCTL_SEARCH, args).map(serial);
    let args =
        || vec![keyring.into(), Value::text(kind), Value::text(description), destination.into()];
    operation("keyctl_search", args, result)
}

/// Reads the payload of a key.
///
/// `KEYCTL_READ`, with a buffer of whatever size it takes. Errors: `ENOKEY`, `EKEYREVOKED`,
/// `EKEYEXPIRED`, `EACCES`, `EOPNOTSUPP` (a type that cannot be read). Kernel: `keyctl_read_key`.
pub fn keyctl_read_alloc(key: KeySerial) -> Result<Vec<u8>> {
    let result = read(key);
    operation("keyctl_read", || vec![key.into()], result)
}

fn read(key: KeySerial) -> Result<Vec<u8>> {
    fill(|buffer| {
        keyctl(libc::KEYCTL_READ, [id(key), buffer.as_mut_ptr() as usize, buffer.len(), 0])
    })
}

/// [`keyctl_read_alloc`] into a buffer: gives the size in bytes, and fills the buffer only if it is
/// large enough. The trace shows the buffer's size.
pub fn keyctl_read(key: KeySerial, buffer: &mut [u8]) -> Result<usize> {
    fill_buffer("keyctl_read", libc::KEYCTL_READ, key, buffer)
}

/// Reads a keyring: the keys that it has links to.
///
/// `KEYCTL_READ` of a key of type `keyring`, whose payload is an array of serial numbers.
pub fn keyctl_read_keyring(keyring: KeySerial) -> Result<BTreeSet<KeySerial>> {
    let result = read(keyring).map(|payload| {
        let serials = payload.chunks_exact(size_of::<i32>());
        let serial = |bytes: &[u8]| bytes.try_into().map(i32::from_ne_bytes).map(KeySerial);
        serials.flat_map(serial).collect::<BTreeSet<_>>()
    });
    operation("keyctl_read", || vec![keyring.into()], result)
}

/// Gives a key that is being built its payload, and links it.
///
/// `KEYCTL_INSTANTIATE`. The caller must have assumed the authority for that key. A special id
/// as the keyring stands for the destination that the request names. Errors: `EPERM` (no
/// authority). Kernel: `keyctl_instantiate_key`.
pub fn keyctl_instantiate(
    key: KeySerial,
    payload: impl AsRef<[u8]>,
    keyring: KeySerial,
) -> Result<()> {
    let payload = payload.as_ref();
    let args = [id(key), payload.as_ptr() as usize, payload.len(), id(keyring)];
    let result = keyctl(libc::KEYCTL_INSTANTIATE, args).map(done);
    operation("keyctl_instantiate", || vec![key.into(), bytes(payload), keyring.into()], result)
}

/// [`keyctl_instantiate`] with a payload in pieces.
///
/// `KEYCTL_INSTANTIATE_IOV`. Kernel: `keyctl_instantiate_key_iov`.
pub fn keyctl_instantiate_iov(key: KeySerial, pieces: &[&[u8]], keyring: KeySerial) -> Result<()> {
    let vectors: Vec<std::io::IoSlice<'_>> =
        pieces.iter().map(|piece| std::io::IoSlice::new(piece)).collect();
    let args = [id(key), vectors.as_ptr() as usize, vectors.len(), id(keyring)];
    let result = keyctl(libc::KEYCTL_INSTANTIATE_IOV, args).map(done);
    let args = || {
        let pieces = pieces.iter().map(|piece| bytes(piece)).collect();
        vec![key.into(), Value::List(pieces), keyring.into()]
    };
    operation("keyctl_instantiate_iov", args, result)
}

/// Says of a key that is being built that it does not exist, for `timeout` seconds.
///
/// `KEYCTL_NEGATE`. Whoever asks for it meanwhile gets `ENOKEY`. Errors: `EPERM` (no authority).
/// Kernel: `keyctl_negate_key`.
pub fn keyctl_negate(key: KeySerial, timeout: u32, keyring: KeySerial) -> Result<()> {
    let result = keyctl(libc::KEYCTL_NEGATE, [id(key), timeout as usize, id(keyring), 0]).map(done);
    operation("keyctl_negate", || vec![key.into(), int(timeout as usize), keyring.into()], result)
}

/// [`keyctl_negate`] with an error of the caller's choice.
///
/// `KEYCTL_REJECT`. Kernel: `keyctl_reject_key`.
pub fn keyctl_reject(key: KeySerial, timeout: u32, error: Errno, keyring: KeySerial) -> Result<()> {
    let args = [id(key), timeout as usize, error as usize, id(keyring)];
    let result = keyctl(libc::KEYCTL_REJECT, args).map(done);
    let args = || {
        let error = Value::word(format!("{error:?}"));
        vec![key.into(), int(timeout as usize), error, keyring.into()]
    };
    operation("keyctl_reject", args, result)
}

/// Chooses where request_key(2) puts a key that it had built; gives the previous choice.
///
/// `KEYCTL_SET_REQKEY_KEYRING`. Takes a number of its own kind, not a special id: thread and
/// process keyring are made at once if chosen and not there. Errors: `EINVAL`. Kernel:
/// `keyctl_set_reqkey_keyring`.
pub fn keyctl_set_reqkey_keyring(choice: ReqkeyDefault) -> Result<i32> {
    let result = keyctl(libc::KEYCTL_SET_REQKEY_KEYRING, [choice as usize, 0, 0, 0]);
    let result = result.map(|previous| previous as i32);
    operation("keyctl_set_reqkey_keyring", || vec![reqkey(choice)], result)
}

fn reqkey(choice: ReqkeyDefault) -> Value {
    let names = [
        "KEY_REQKEY_DEFL_NO_CHANGE",
        "KEY_REQKEY_DEFL_DEFAULT",
        "KEY_REQKEY_DEFL_THREAD_KEYRING",
        "KEY_REQKEY_DEFL_PROCESS_KEYRING",
        "KEY_REQKEY_DEFL_SESSION_KEYRING",
        "KEY_REQKEY_DEFL_USER_KEYRING",
        "KEY_REQKEY_DEFL_USER_SESSION_KEYRING",
        "KEY_REQKEY_DEFL_GROUP_KEYRING",
        "KEY_REQKEY_DEFL_REQUESTOR_KEYRING",
    ];
    let place = choice.checked_add(1).and_then(|place| usize::try_from(place).ok());
    let name = place.and_then(|place| names.get(place));
    name.map_or_else(|| Value::Int(choice.into()), |name| Value::word(*name))
}

/// Has a key expire after so many seconds; 0 means never.
///
/// `KEYCTL_SET_TIMEOUT`. Errors: `EACCES` (no Setattr), `EKEYEXPIRED`. Kernel: `keyctl_set_timeout`.
pub fn keyctl_set_timeout(key: KeySerial, seconds: u32) -> Result<()> {
    let result = keyctl(libc::KEYCTL_SET_TIMEOUT, [id(key), seconds as usize, 0, 0]).map(done);
    operation("keyctl_set_timeout", || vec![key.into(), int(seconds as usize)], result)
}

/// Assumes the authority to build a key, or with [`crate::NO_KEYRING`] gives it up.
///
/// `KEYCTL_ASSUME_AUTHORITY`. Gives the serial number of the authorisation key. Errors: `ENOKEY`
/// (no authority to be found), `EINVAL` (a special id). Kernel: `keyctl_assume_authority`.
pub fn keyctl_assume_authority(key: KeySerial) -> Result<KeySerial> {
    let result = keyctl(libc::KEYCTL_ASSUME_AUTHORITY, [id(key), 0, 0, 0]).map(serial);
    operation("keyctl_assume_authority", || vec![key.into()], result)
}

/// Tells the security label of a key, which is empty without a security module.
///
/// `KEYCTL_GET_SECURITY`, with a buffer of whatever size it takes. Kernel: `keyctl_get_security`.
pub fn keyctl_get_security_alloc(key: KeySerial) -> Result<String> {
    let result = fill_text(libc::KEYCTL_GET_SECURITY, key);
    operation("keyctl_get_security", || vec![key.into()], result)
}

/// [`keyctl_get_security_alloc`] into a buffer: gives the size in bytes, with the NUL at the end.
pub fn keyctl_get_security(key: KeySerial, buffer: &mut [u8]) -> Result<usize> {
    fill_buffer("keyctl_get_security", libc::KEYCTL_GET_SECURITY, key, buffer)
}

/// Gives the caller's session keyring to its parent process.
///
/// `KEYCTL_SESSION_TO_PARENT`. Errors: `EPERM` (other ids, more than one thread, …). Kernel:
/// `keyctl_session_to_parent`; the parent has it when it next returns from the kernel.
pub fn keyctl_session_to_parent() -> Result<()> {
    let result = keyctl(libc::KEYCTL_SESSION_TO_PARENT, [0; 4]).map(done);
    operation("keyctl_session_to_parent", Vec::new, result)
}

/// Makes a key vanish at once for everybody; the collector removes it soon.
///
/// `KEYCTL_INVALIDATE`. Errors: `EACCES` (no Search). Kernel: `keyctl_invalidate_key`.
pub fn keyctl_invalidate(key: KeySerial) -> Result<()> {
    let result = keyctl(libc::KEYCTL_INVALIDATE, [id(key), 0, 0, 0]).map(done);
    operation("keyctl_invalidate", || vec![key.into()], result)
}

/// Links the persistent keyring of a user ([`NO_CHANGE`]: the caller) to a keyring.
///
/// `KEYCTL_GET_PERSISTENT`. Gives its serial number. Errors: `EPERM` (another user), `EACCES`.
/// Kernel: `keyctl_get_persistent`.
pub fn keyctl_get_persistent(uid: u32, keyring: KeySerial) -> Result<KeySerial> {
    let args = [uid as usize, id(keyring), 0, 0];
    let result = keyctl(libc::KEYCTL_GET_PERSISTENT, args).map(serial);
    operation("keyctl_get_persistent", || vec![crate::ids::uid_value(uid), keyring.into()], result)
}

/// Computes base^private mod prime, each the payload of a key.
///
/// `KEYCTL_DH_COMPUTE`, with a buffer of whatever size it takes. Errors: `ENOKEY`, `EOPNOTSUPP`
/// (also: a kernel without `CONFIG_KEY_DH_OPERATIONS`). Kernel: `keyctl_dh_compute`.
pub fn keyctl_dh_compute_alloc(
    private: KeySerial,
    prime: KeySerial,
    base: KeySerial,
) -> Result<Vec<u8>> {
    let params = [private.0, prime.0, base.0];
    let result = fill(|buffer| {
        let args = [params.as_ptr() as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0];
        keyctl(libc::KEYCTL_DH_COMPUTE, args)
    });
    operation("keyctl_dh_compute", || vec![private.into(), prime.into(), base.into()], result)
}

/// What an asymmetric key can do: [`keyctl_pkey_query`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PkeyQuery {
    /// Which operations it supports.
    pub supported_ops: u32,
    /// Size of the key, in bits.
    pub key_size: u32,
    /// The most that can be signed, in bytes.
    pub max_data_size: u16,
    /// The size of a signature, in bytes.
    pub max_sig_size: u16,
    /// The most that an encryption gives, in bytes.
    pub max_enc_size: u16,
    /// The most that a decryption gives, in bytes.
    pub max_dec_size: u16,
    spare: [u32; 10],
}

/// Tells what an asymmetric key can do.
///
/// `KEYCTL_PKEY_QUERY`. Errors: `EOPNOTSUPP` (not an asymmetric key). Kernel: `keyctl_pkey_query`.
pub fn keyctl_pkey_query(key: KeySerial, info: &str) -> Result<PkeyQuery> {
    let c_info = c_string(info);
    let mut query = PkeyQuery::default();
    let args = [id(key), 0, address(&c_info), (&raw mut query) as usize];
    let result = keyctl(libc::KEYCTL_PKEY_QUERY, args).map(done);
    operation("keyctl_pkey_query", || vec![key.into(), Value::text(info)], result)?;
    Ok(query)
}

/// The two sizes and the key of an operation with a public key, as the kernel wants them.
#[repr(C)]
struct PkeyParams {
    key: i32,
    in_len: u32,
    out_len: u32,
    spare: [u32; 7],
}

fn pkey(
    (name, number): (&str, u32),
    key: KeySerial,
    info: &str,
    input: &[u8],
    output: (usize, usize),
) -> Result<usize> {
    let (out, out_len) = output;
    let params = PkeyParams {
        key: key.0,
        in_len: input.len() as u32,
        out_len: out_len as u32,
        spare: [0; 7],
    };
    let c_info = c_string(info);
    let args = [(&raw const params) as usize, address(&c_info), input.as_ptr() as usize, out];
    let result = sys::keyctl(number, args).map(|size| size as usize);
    operation(name, || vec![key.into(), Value::text(info), bytes(input)], result)
}

/// Encrypts; gives the size of the result in bytes.
///
/// `KEYCTL_PKEY_ENCRYPT`. Errors: `EOPNOTSUPP` (not an asymmetric key). Kernel: `keyctl_pkey_e_d_s`.
pub fn keyctl_pkey_encrypt(
    key: KeySerial,
    info: &str,
    data: &[u8],
    encrypted: &mut [u8],
) -> Result<usize> {
    let out = (encrypted.as_mut_ptr() as usize, encrypted.len());
    pkey(("keyctl_pkey_encrypt", libc::KEYCTL_PKEY_ENCRYPT), key, info, data, out)
}

/// Decrypts; gives the size of the result in bytes.
///
/// `KEYCTL_PKEY_DECRYPT`. Kernel: `keyctl_pkey_e_d_s`.
pub fn keyctl_pkey_decrypt(
    key: KeySerial,
    info: &str,
    encrypted: &[u8],
    data: &mut [u8],
) -> Result<usize> {
    let out = (data.as_mut_ptr() as usize, data.len());
    pkey(("keyctl_pkey_decrypt", libc::KEYCTL_PKEY_DECRYPT), key, info, encrypted, out)
}

/// Signs a digest; gives the size of the signature in bytes.
///
/// `KEYCTL_PKEY_SIGN`. Kernel: `keyctl_pkey_e_d_s`.
pub fn keyctl_pkey_sign(
    key: KeySerial,
    info: &str,
    digest: &[u8],
    signature: &mut [u8],
) -> Result<usize> {
    let out = (signature.as_mut_ptr() as usize, signature.len());
    pkey(("keyctl_pkey_sign", libc::KEYCTL_PKEY_SIGN), key, info, digest, out)
}

/// Verifies a signature of a digest.
///
/// `KEYCTL_PKEY_VERIFY`. Kernel: `keyctl_pkey_verify`.
pub fn keyctl_pkey_verify(
    key: KeySerial,
    info: &str,
    digest: &[u8],
    signature: &[u8],
) -> Result<()> {
    let out = (signature.as_ptr() as usize, signature.len());
    pkey(("keyctl_pkey_verify", libc::KEYCTL_PKEY_VERIFY), key, info, digest, out).map(drop)
}

/// Restricts what can be linked to a keyring: by a key type and a restriction, or with `None`
/// nothing at all, for ever.
///
/// `KEYCTL_RESTRICT_KEYRING`. Errors: `EEXIST` (restricted already), `EACCES` (no Setattr). Kernel:
/// `keyctl_restrict_keyring`.
pub fn keyctl_restrict_keyring(
    keyring: KeySerial,
    restriction: Option<(&str, &str)>,
) -> Result<()> {
    let c_strings = restriction.map(|(kind, rest)| (c_string(kind), c_string(rest)));
    let (kind, rest) = c_strings.as_ref().map_or((0, 0), |(a, b)| (address(a), address(b)));
    let result = keyctl(libc::KEYCTL_RESTRICT_KEYRING, [id(keyring), kind, rest, 0]).map(done);
    let args = || {
        let (kind, rest) = restriction.unzip();
        vec![keyring.into(), text_or_null(kind), text_or_null(rest)]
    };
    operation("keyctl_restrict_keyring", args, result)
}

/// Moves a link from one keyring to another in one step.
///
/// `KEYCTL_MOVE` (Linux ≥ 5.3). Flags: 0 or [`KEYCTL_MOVE_EXCL`]. Errors: `ENOENT` (no such link),
/// `EEXIST` (with the flag), `EDEADLK`, `EINVAL` (other flags). Kernel: `keyctl_keyring_move`, which
/// looks up the key, then `from`, then `to`.
pub fn keyctl_move(key: KeySerial, from: KeySerial, to: KeySerial, flags: u32) -> Result<()> {
    let args = [id(key), id(from), id(to), flags as usize];
    let result = sys::keyctl(KEYCTL_MOVE, args).map(done);
    let args = || {
        let flags = match flags {
            KEYCTL_MOVE_EXCL => Value::word("KEYCTL_MOVE_EXCL"),
            other => Value::Int(other.into()),
        };
        vec![key.into(), from.into(), to.into(), flags]
    };
    operation("keyctl_move", args, result)
}

const KEYCTL_MOVE: u32 = 30;
const KEYCTL_CAPABILITIES: u32 = 31;
const KEYCTL_WATCH_KEY: u32 = 32;

/// Tells what the kernel's keyrings can do, as bits.
///
/// `KEYCTL_CAPABILITIES` (Linux ≥ 5.3). Gives the bytes that the kernel knows. They differ from
/// kernel to kernel, so the trace shows none. Kernel: `keyctl_capabilities`.
pub fn keyctl_capabilities() -> Result<Vec<u8>> {
    let told = fill(|buffer| {
        keyctl(KEYCTL_CAPABILITIES, [buffer.as_mut_ptr() as usize, buffer.len(), 0, 0])
    });
    call("keyctl_capabilities", Vec::new, &told.as_ref().map(|_| ()).map_err(|error| *error));
    told
}

/// Has changes of a key told through a notification pipe; an id of -1 ends it.
///
/// `KEYCTL_WATCH_KEY` (Linux ≥ 5.8). Errors: `EOPNOTSUPP` (a kernel without
/// `CONFIG_KEY_NOTIFICATIONS`), `EINVAL` (not such a pipe), `EACCES` (no View). Kernel:
/// `keyctl_watch_key`.
pub fn keyctl_watch_key(key: KeySerial, pipe: i32, watch: i32) -> Result<()> {
    let args = [id(key), pipe as usize, watch as usize, 0];
    let result = keyctl(KEYCTL_WATCH_KEY, args).map(done);
    let args = || {
        let pipe = if pipe < 0 { Value::Int(pipe.into()) } else { Value::word("pipe") };
        vec![key.into(), pipe, Value::Int(watch.into())]
    };
    operation("keyctl_watch_key", args, result)
}
