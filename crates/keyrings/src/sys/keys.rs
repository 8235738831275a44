//! add_key(2), request_key(2) and keyctl(2).
//!
//! Each group of operations with the same kinds of arguments has one function, so that a number can
//! never stand where the kernel expects an address.

use super::{Result, compat};
use nix::errno::Errno;
use nix::libc;
use std::ffi::{CStr, c_long};
use std::io::IoSlice;
use std::slice;

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

/// An argument of a call.
pub(super) enum Arg<'a> {
    Number(usize),
    /// Memory that the kernel reads.
    Input(&'a [u8]),
    /// Memory that the kernel writes.
    Output(&'a mut [u8]),
}

const NULL: Arg<'static> = Arg::Number(0);

impl Arg<'_> {
    /// The number or the address.
    #[inline]
    fn word(&self) -> usize {
        match self {
            Arg::Number(number) => *number,
            Arg::Input(memory) => memory.as_ptr() as usize,
            Arg::Output(memory) => memory.as_ptr() as usize,
        }
    }
}

/// One of the three system calls of this module.
///
/// # Safety
///
/// The kernel must take exactly those arguments for addresses that are [`Arg::Input`] or [`Arg::Output`], or null;
/// it must write to none but the latter, and go no further than their ends.
#[inline]
#[allow(clippy::unnecessary_cast, reason = "the result has 32 bits on some machines")]
unsafe fn call(number: c_long, args: [Arg<'_>; 5]) -> Result<i64> {
    if compat::is_used() {
        // SAFETY: the caller's contract.
        return unsafe { compat::call(number, args) };
    }
    let [a, b, c, d, e] = args.each_ref().map(Arg::word);
    // SAFETY: the caller's contract; the memory is borrowed through the call.
    Errno::result(unsafe { libc::syscall(number, a, b, c, d, e) }).map(|it| it as i64)
}

/// keyctl(2) with any operation and arguments.
///
/// # Safety
///
/// As [`call`].
#[inline]
unsafe fn keyctl(operation: u32, args: [Arg<'_>; 4]) -> Result<i64> {
    let [a, b, c, d] = args;
    // SAFETY: the caller's contract.
    unsafe { call(libc::SYS_keyctl, [Arg::Number(operation as usize), a, b, c, d]) }
}

/// A key's serial number as an argument.
fn id(key: i32) -> Arg<'static> {
    Arg::Number(key as usize)
}

fn length(memory: &[u8]) -> Arg<'static> {
    Arg::Number(memory.len())
}

fn text(text: &CStr) -> Arg<'_> {
    Arg::Input(text.to_bytes_with_nul())
}

/// `None` is a null pointer.
fn text_or_null(string: Option<&CStr>) -> Arg<'_> {
    string.map_or(NULL, text)
}

/// The bytes of values that the kernel reads.
///
/// # Safety
///
/// The type must have no padding: its bytes would not be initialized.
unsafe fn bytes<T>(values: &[T]) -> Arg<'_> {
    // SAFETY: the caller's contract; the bytes are those of the slice.
    Arg::Input(unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
}

/// An operation whose arguments are all numbers; those it does not have are ignored.
#[inline]
pub(crate) fn numbers(operation: NumbersOnly, args: [i32; 4]) -> Result<i64> {
    long_numbers(operation, args.map(i64::from))
}

/// The same with numbers as long as the system call's parameters.
#[inline]
pub(crate) fn long_numbers(operation: NumbersOnly, args: [i64; 4]) -> Result<i64> {
    // SAFETY: the kernel takes none of these arguments for an address.
    unsafe { keyctl(operation as u32, args.map(|number| Arg::Number(number as usize))) }
}

/// Returns how many bytes there are, and fills the buffer if they fit.
pub(crate) fn fill(operation: Filling, key: i32, buffer: &mut [u8]) -> Result<i64> {
    let length = length(buffer);
    let args = [id(key), Arg::Output(buffer), length, NULL];
    // SAFETY: the buffer may be written, and its length goes with it.
    unsafe { keyctl(operation as u32, args) }
}

/// An address in the first page, which is never mapped. For some operations null has another meaning.
fn unmapped() -> Arg<'static> {
    Arg::Number(align_of::<IoSlice<'_>>())
}

/// [`fill`] with a buffer that is not mapped, of any length.
pub(crate) fn fill_without_memory(operation: Filling, key: i32, length: usize) -> Result<i64> {
    let args = [id(key), unmapped(), Arg::Number(length), NULL];
    // SAFETY: the kernel cannot write there, and fails.
    unsafe { keyctl(operation as u32, args) }
}

/// [`fill`] with a null pointer for the buffer, and any length; returns how many bytes there are.
pub(crate) fn fill_without_buffer(operation: Filling, key: i32, length: usize) -> Result<i64> {
    // SAFETY: the buffer is null.
    unsafe { keyctl(operation as u32, [id(key), NULL, Arg::Number(length), NULL]) }
}

/// `KEYCTL_CAPABILITIES`; returns how many bytes there are.
pub(crate) fn capabilities(buffer: &mut [u8]) -> Result<i64> {
    let length = length(buffer);
    let args = [Arg::Output(buffer), length, NULL, NULL];
    // SAFETY: the buffer may be written, and its length goes with it.
    unsafe { keyctl(libc::KEYCTL_CAPABILITIES, args) }
}

/// `KEYCTL_CAPABILITIES` with a buffer that is not mapped, of any length.
pub(crate) fn capabilities_without_memory(length: usize) -> Result<i64> {
    let args = [unmapped(), Arg::Number(length), NULL, NULL];
    // SAFETY: the kernel cannot write there, and fails.
    unsafe { keyctl(libc::KEYCTL_CAPABILITIES, args) }
}

/// `KEYCTL_JOIN_SESSION_KEYRING`.
pub(crate) fn join_session_keyring(name: Option<&CStr>) -> Result<i64> {
    // SAFETY: the string ends in NUL and lives through the call.
    unsafe { keyctl(libc::KEYCTL_JOIN_SESSION_KEYRING, [text_or_null(name), NULL, NULL, NULL]) }
}

/// `KEYCTL_UPDATE`.
pub(crate) fn update(key: i32, payload: &[u8]) -> Result<i64> {
    let args = [id(key), Arg::Input(payload), length(payload), NULL];
    // SAFETY: the kernel reads the payload, whose length goes with it.
    unsafe { keyctl(libc::KEYCTL_UPDATE, args) }
}

/// `KEYCTL_UPDATE` with a null pointer for the payload, and any length.
pub(crate) fn update_without_memory(key: i32, length: usize) -> Result<i64> {
    // SAFETY: the payload is null.
    unsafe { keyctl(libc::KEYCTL_UPDATE, [id(key), NULL, Arg::Number(length), NULL]) }
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
    let args = [id(key), Arg::Input(payload), length(payload), id(keyring)];
    // SAFETY: the kernel reads the payload, whose length goes with it.
    unsafe { keyctl(libc::KEYCTL_INSTANTIATE, args) }
}

/// `KEYCTL_INSTANTIATE_IOV`.
pub(crate) fn instantiate_iov(key: i32, pieces: &[IoSlice<'_>], keyring: i32) -> Result<i64> {
    if compat::is_used() {
        return compat::instantiate_iov(key, pieces, keyring);
    }
    // SAFETY: an `IoSlice` is a pointer and a length.
    let list = unsafe { bytes(pieces) };
    let args = [id(key), list, Arg::Number(pieces.len()), id(keyring)];
    // SAFETY: an `IoSlice` has the layout of `struct iovec`; the kernel reads the pieces.
    unsafe { keyctl(libc::KEYCTL_INSTANTIATE_IOV, args) }
}

/// `KEYCTL_INSTANTIATE_IOV` with pieces that are not mapped.
pub(crate) fn instantiate_iov_without_memory(key: i32, pieces: usize, keyring: i32) -> Result<i64> {
    let args = [id(key), unmapped(), Arg::Number(pieces), id(keyring)];
    // SAFETY: the kernel only reads there, and fails.
    unsafe { keyctl(libc::KEYCTL_INSTANTIATE_IOV, args) }
}

/// `KEYCTL_DH_COMPUTE` of private key, prime and base; returns how many bytes the result has.
pub(crate) fn dh_compute(keys: [i32; 3], buffer: &mut [u8]) -> Result<i64> {
    let length = length(buffer);
    // SAFETY: integers.
    let keys = unsafe { bytes(&keys) };
    let args = [keys, Arg::Output(buffer), length, NULL];
    // SAFETY: `struct keyctl_dh_params` is three serial numbers; the buffer may be written.
    unsafe { keyctl(libc::KEYCTL_DH_COMPUTE, args) }
}

/// `KEYCTL_RESTRICT_KEYRING`: a key type and a restriction; `None` is a null pointer.
pub(crate) fn restrict(
    keyring: i32,
    kind: Option<&CStr>,
    restriction: Option<&CStr>,
) -> Result<i64> {
    let args = [id(keyring), text_or_null(kind), text_or_null(restriction), NULL];
    // SAFETY: the strings end in NUL and live through the call.
    unsafe { keyctl(libc::KEYCTL_RESTRICT_KEYRING, args) }
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
    // SAFETY: any bytes are a valid structure of integers, and nothing else uses it meanwhile.
    let memory =
        unsafe { slice::from_raw_parts_mut((&raw mut query).cast(), size_of::<PkeyQuery>()) };
    let args = [id(key), NULL, text(info), Arg::Output(memory)];
    // SAFETY: the kernel writes a `struct keyctl_pkey_query`, which has this layout.
    unsafe { keyctl(libc::KEYCTL_PKEY_QUERY, args) }.map(|_| query)
}

/// The key and the two lengths of an operation with a public key (`struct keyctl_pkey_params`).
#[derive(Clone, Copy)]
#[repr(C)]
struct PkeyParams {
    key: i32,
    in_len: u32,
    other_len: u32,
    spare: [u32; 7],
}

/// # Safety
///
/// `other` must be an [`Arg::Output`], or an [`Arg::Input`] if the operation is `KEYCTL_PKEY_VERIFY`.
unsafe fn with_params(
    operation: u32,
    key: i32,
    info: &CStr,
    input: &[u8],
    (other, other_len): (Arg<'_>, usize),
) -> Result<i64> {
    let [in_len, other_len] =
        [input.len(), other_len].map(|length| u32::try_from(length).map_err(|_| Errno::EINVAL));
    let params = [PkeyParams { key, in_len: in_len?, other_len: other_len?, spare: [0; 7] }];
    // SAFETY: ten words of 32 bits.
    let params = unsafe { bytes(&params) };
    let args = [params, text(info), Arg::Input(input), other];
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
    let length = output.len();
    let output = (Arg::Output(output), length);
    // SAFETY: the output may be written, and its length goes with it.
    unsafe { with_params(operation as u32, key, info, input, output) }
}

/// `KEYCTL_PKEY_VERIFY`.
pub(crate) fn pkey_verify(key: i32, info: &CStr, digest: &[u8], signature: &[u8]) -> Result<i64> {
    let signature = (Arg::Input(signature), signature.len());
    // SAFETY: the kernel only reads the signature.
    unsafe { with_params(libc::KEYCTL_PKEY_VERIFY, key, info, digest, signature) }
}

/// add_key(2). `None` passes a null pointer.
pub(crate) fn add_key(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    payload: Option<&[u8]>,
    keyring: i32,
) -> Result<i64> {
    let (start, length) = payload.map_or((NULL, NULL), |it| (Arg::Input(it), length(it)));
    let args = [text_or_null(kind), text_or_null(description), start, length, id(keyring)];
    // SAFETY: the strings end in NUL; address and length are those of one slice.
    unsafe { call(libc::SYS_add_key, args) }
}

/// add_key(2) with a null pointer for the payload, and any length.
pub(crate) fn add_key_without_memory(
    kind: &CStr,
    description: &CStr,
    length: usize,
    keyring: i32,
) -> Result<i64> {
    let args = [text(kind), text(description), NULL, Arg::Number(length), id(keyring)];
    // SAFETY: the strings end in NUL; the kernel refuses to read from null (`EFAULT`).
    unsafe { call(libc::SYS_add_key, args) }
}

/// request_key(2). `None` passes a null pointer.
pub(crate) fn request_key(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    callout: Option<&CStr>,
    keyring: i32,
) -> Result<i64> {
    let [kind, description, callout] = [kind, description, callout].map(text_or_null);
    // SAFETY: the strings end in NUL and live through the call.
    unsafe { call(libc::SYS_request_key, [kind, description, callout, id(keyring), NULL]) }
}
