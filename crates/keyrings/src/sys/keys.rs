//! add_key(2), request_key(2) and keyctl(2).
//!
//! Each group of operations with the same kinds of arguments has one function, so that a number can
//! never stand where the kernel expects an address.

use super::Result;
use nix::errno::Errno;
use nix::libc;
use std::ffi::{CStr, c_char, c_long};
use std::io::IoSlice;
use std::ptr::null;

/// An operation of keyctl(2) all of whose arguments are numbers.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum NumbersOnly {
    GetKeyringId = libc::KEYCTL_GET_KEYRING_ID,
    Revoke = libc::KEYCTL_REVOKE,
    Chown = libc::KEYCTL_CHOWN,
    Setperm = libc::KEYCTL_SETPERM,
    Clear = libc::KEYCTL_CLEAR,
    Link = libc::KEYCTL_LINK,
    Unlink = libc::KEYCTL_UNLINK,
    Negate = libc::KEYCTL_NEGATE,
    SetReqkeyKeyring = libc::KEYCTL_SET_REQKEY_KEYRING,
    SetTimeout = libc::KEYCTL_SET_TIMEOUT,
    AssumeAuthority = libc::KEYCTL_ASSUME_AUTHORITY,
    SessionToParent = libc::KEYCTL_SESSION_TO_PARENT,
    Reject = libc::KEYCTL_REJECT,
    Invalidate = libc::KEYCTL_INVALIDATE,
    GetPersistent = libc::KEYCTL_GET_PERSISTENT,
    Move = libc::KEYCTL_MOVE,
    // `KEYCTL_WATCH_KEY`, for which libc has no name yet.
    WatchKey = 32,
}

/// An operation of keyctl(2) that fills a buffer with what it knows of a key.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Filling {
    Describe = libc::KEYCTL_DESCRIBE,
    Read = libc::KEYCTL_READ,
    GetSecurity = libc::KEYCTL_GET_SECURITY,
}

/// An operation of keyctl(2) with a public key.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum PublicKey {
    Encrypt = libc::KEYCTL_PKEY_ENCRYPT,
    Decrypt = libc::KEYCTL_PKEY_DECRYPT,
    Sign = libc::KEYCTL_PKEY_SIGN,
}

/// keyctl(2) with any operation and arguments.
///
/// # Safety
///
/// Each argument that the kernel takes for an address must point to memory that lives through the call,
/// is as long as the operation says, and may be written if the operation writes there.
#[inline]
unsafe fn keyctl(operation: u32, args: [usize; 4]) -> Result<i64> {
    let [a, b, c, d] = args;
    // SAFETY: the caller's contract.
    Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, c_long::from(operation), a, b, c, d) })
}

/// A key's serial number as an argument.
fn id(key: i32) -> usize {
    key as usize
}

fn text(text: &CStr) -> usize {
    text.as_ptr() as usize
}

/// An operation whose arguments are all numbers; those it does not have are ignored.
#[inline]
pub(crate) fn numbers(operation: NumbersOnly, args: [i32; 4]) -> Result<i64> {
    // SAFETY: the kernel takes none of these arguments for an address.
    unsafe { keyctl(operation as u32, args.map(|arg| arg as usize)) }
}

/// `KEYCTL_GET_KEYRING_ID` with any number for the wish to create.
pub(crate) fn get_keyring_id(key: i32, create: i64) -> Result<i64> {
    // SAFETY: takes numbers only.
    unsafe { keyctl(libc::KEYCTL_GET_KEYRING_ID, [id(key), create as usize, 0, 0]) }
}

/// Returns how many bytes there are, and fills the buffer if they fit.
pub(crate) fn fill(operation: Filling, key: i32, buffer: &mut [u8]) -> Result<i64> {
    let args = [id(key), buffer.as_mut_ptr() as usize, buffer.len(), 0];
    // SAFETY: the buffer may be written, and its length goes with it.
    unsafe { keyctl(operation as u32, args) }
}

/// `KEYCTL_CAPABILITIES`; returns how many bytes there are.
pub(crate) fn capabilities(buffer: &mut [u8]) -> Result<i64> {
    let args = [buffer.as_mut_ptr() as usize, buffer.len(), 0, 0];
    // SAFETY: the buffer may be written, and its length goes with it.
    unsafe { keyctl(libc::KEYCTL_CAPABILITIES, args) }
}

/// `KEYCTL_JOIN_SESSION_KEYRING`.
pub(crate) fn join_session_keyring(name: Option<&CStr>) -> Result<i64> {
    // SAFETY: the string ends in NUL and lives through the call.
    unsafe { keyctl(libc::KEYCTL_JOIN_SESSION_KEYRING, [name.map_or(0, text), 0, 0, 0]) }
}

/// `KEYCTL_UPDATE`.
pub(crate) fn update(key: i32, payload: &[u8]) -> Result<i64> {
    let args = [id(key), payload.as_ptr() as usize, payload.len(), 0];
    // SAFETY: the kernel reads the payload, whose length goes with it.
    unsafe { keyctl(libc::KEYCTL_UPDATE, args) }
}

/// `KEYCTL_UPDATE` with a null pointer for the payload, and any length.
pub(crate) fn update_without_memory(key: i32, length: usize) -> Result<i64> {
    // SAFETY: the payload is null.
    unsafe { keyctl(libc::KEYCTL_UPDATE, [id(key), 0, length, 0]) }
}

/// `KEYCTL_SEARCH`.
pub(crate) fn search(
    keyring: i32,
    kind: &CStr,
    description: &CStr,
    destination: i32,
) -> Result<i64> {
    let args = [id(keyring), text(kind), text(description), id(destination)];
    // SAFETY: the strings end in NUL and live through the call.
    unsafe { keyctl(libc::KEYCTL_SEARCH, args) }
}

/// `KEYCTL_INSTANTIATE`.
pub(crate) fn instantiate(key: i32, payload: &[u8], keyring: i32) -> Result<i64> {
    let args = [id(key), payload.as_ptr() as usize, payload.len(), id(keyring)];
    // SAFETY: the kernel reads the payload, whose length goes with it.
    unsafe { keyctl(libc::KEYCTL_INSTANTIATE, args) }
}

/// `KEYCTL_INSTANTIATE_IOV`.
pub(crate) fn instantiate_iov(key: i32, pieces: &[IoSlice<'_>], keyring: i32) -> Result<i64> {
    let args = [id(key), pieces.as_ptr() as usize, pieces.len(), id(keyring)];
    // SAFETY: an `IoSlice` has the layout of `struct iovec`; the kernel reads the pieces.
    unsafe { keyctl(libc::KEYCTL_INSTANTIATE_IOV, args) }
}

/// `KEYCTL_INSTANTIATE_IOV` with pieces that are not mapped. The kernel takes a null pointer for no
/// pieces, so this passes another address in the first page, which is never mapped.
pub(crate) fn instantiate_iov_without_memory(key: i32, pieces: usize, keyring: i32) -> Result<i64> {
    let args = [id(key), align_of::<IoSlice<'_>>(), pieces, id(keyring)];
    // SAFETY: the kernel only reads there, and fails.
    unsafe { keyctl(libc::KEYCTL_INSTANTIATE_IOV, args) }
}

/// `KEYCTL_DH_COMPUTE` of private key, prime and base; returns how many bytes the result has.
pub(crate) fn dh_compute(keys: [i32; 3], buffer: &mut [u8]) -> Result<i64> {
    let args = [keys.as_ptr() as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0];
    // SAFETY: `struct keyctl_dh_params` is three serial numbers; the buffer may be written.
    unsafe { keyctl(libc::KEYCTL_DH_COMPUTE, args) }
}

/// `KEYCTL_RESTRICT_KEYRING`: a key type and a restriction, or null pointers for `None`.
pub(crate) fn restrict(keyring: i32, restriction: Option<(&CStr, &CStr)>) -> Result<i64> {
    let (kind, rest) = restriction.map_or((0, 0), |(kind, rest)| (text(kind), text(rest)));
    // SAFETY: the strings end in NUL and live through the call.
    unsafe { keyctl(libc::KEYCTL_RESTRICT_KEYRING, [id(keyring), kind, rest, 0]) }
}

/// What an asymmetric key can do: [`crate::keyctl_pkey_query`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PkeyQuery {
    /// The operations it supports, as bits.
    pub supported_ops: u32,
    /// Size of the key, in bits.
    pub key_size: u32,
    /// The longest digest that can be signed, in bytes.
    pub max_data_size: u16,
    /// The longest signature, in bytes.
    pub max_sig_size: u16,
    /// The longest result of an encryption, in bytes.
    pub max_enc_size: u16,
    /// The longest result of a decryption, in bytes.
    pub max_dec_size: u16,
    spare: [u32; 10],
}

/// `KEYCTL_PKEY_QUERY`.
pub(crate) fn pkey_query(key: i32, info: &CStr) -> Result<PkeyQuery> {
    let mut query = PkeyQuery::default();
    let args = [id(key), 0, text(info), (&raw mut query) as usize];
    // SAFETY: the kernel writes a `struct keyctl_pkey_query`, which has this layout.
    unsafe { keyctl(libc::KEYCTL_PKEY_QUERY, args) }.map(|_| query)
}

/// The key and the two lengths of an operation with a public key (`struct keyctl_pkey_params`).
#[repr(C)]
struct PkeyParams {
    key: i32,
    in_len: u32,
    other_len: u32,
    spare: [u32; 7],
}

/// # Safety
///
/// `other` must point to memory of `other_len` bytes, which may be written unless the operation is
/// `KEYCTL_PKEY_VERIFY`.
unsafe fn with_params(
    operation: u32,
    key: i32,
    info: &CStr,
    input: &[u8],
    (other, other_len): (usize, usize),
) -> Result<i64> {
    let [in_len, other_len] =
        [input.len(), other_len].map(|length| u32::try_from(length).map_err(|_| Errno::EINVAL));
    let params = PkeyParams { key, in_len: in_len?, other_len: other_len?, spare: [0; 7] };
    let args = [(&raw const params) as usize, text(info), input.as_ptr() as usize, other];
    // SAFETY: all four live through the call; the lengths go with them.
    unsafe { keyctl(operation, args) }
}

/// Encrypts, decrypts or signs `input`; returns the length of the result in bytes.
pub(crate) fn pkey(
    operation: PublicKey,
    key: i32,
    info: &CStr,
    input: &[u8],
    output: &mut [u8],
) -> Result<i64> {
    let output = (output.as_mut_ptr() as usize, output.len());
    // SAFETY: the output may be written, and its length goes with it.
    unsafe { with_params(operation as u32, key, info, input, output) }
}

/// `KEYCTL_PKEY_VERIFY`.
pub(crate) fn pkey_verify(key: i32, info: &CStr, digest: &[u8], signature: &[u8]) -> Result<i64> {
    let signature = (signature.as_ptr() as usize, signature.len());
    // SAFETY: the kernel only reads the signature.
    unsafe { with_params(libc::KEYCTL_PKEY_VERIFY, key, info, digest, signature) }
}

fn pointer(text: Option<&CStr>) -> *const c_char {
    text.map_or(null(), CStr::as_ptr)
}

/// # Safety
///
/// `payload` must point to `length` bytes, or be null.
unsafe fn add(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    payload: *const u8,
    length: usize,
    keyring: i32,
) -> Result<i64> {
    let (kind, description, keyring) = (pointer(kind), pointer(description), c_long::from(keyring));
    // SAFETY: the strings end in NUL and live through the call; the payload is the caller's contract,
    // and the kernel refuses to read from null (`EFAULT`).
    Errno::result(unsafe {
        libc::syscall(libc::SYS_add_key, kind, description, payload, length, keyring)
    })
}

/// add_key(2). `None` passes a null pointer.
pub(crate) fn add_key(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    payload: Option<&[u8]>,
    keyring: i32,
) -> Result<i64> {
    let (start, length) = payload.map_or((null(), 0), |payload| (payload.as_ptr(), payload.len()));
    // SAFETY: address and length are those of one slice.
    unsafe { add(kind, description, start, length, keyring) }
}

/// add_key(2) with a null pointer for the payload, and any length.
pub(crate) fn add_key_without_memory(
    kind: &CStr,
    description: &CStr,
    length: usize,
    keyring: i32,
) -> Result<i64> {
    // SAFETY: the payload is null.
    unsafe { add(Some(kind), Some(description), null(), length, keyring) }
}

/// request_key(2). `None` passes a null pointer.
pub(crate) fn request_key(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    callout: Option<&CStr>,
    keyring: i32,
) -> Result<i64> {
    let [kind, description, callout] = [kind, description, callout].map(pointer);
    let keyring = c_long::from(keyring);
    // SAFETY: the strings end in NUL and live through the call.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_request_key, kind, description, callout, keyring)
    })
}
