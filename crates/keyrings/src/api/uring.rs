//! io_uring, which can open files with the credentials of others.

use super::hold::Descriptor;
use crate::sys::uring::{self, Submitter};
use crate::tasks::record::{Recorded, call};
use nix::errno::Errno;
use std::ffi::CString;
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

/// Creates an io_uring instance, which is closed like a file.
///
/// # Errors
///
/// Those of io_uring_setup(2).
///
/// # References
///
/// io_uring_setup(2)
pub fn io_uring_setup() -> Result<Descriptor> {
    setup(Submitter::Anyone, None)
}

/// Creates an io_uring instance to which only the caller may submit requests.
///
/// # Errors
///
/// Those of io_uring_setup(2).
///
/// # References
///
/// io_uring_setup(2) with `IORING_SETUP_SINGLE_ISSUER`; `io_uring_create`
pub fn io_uring_setup_single_issuer() -> Result<Descriptor> {
    setup(Submitter::Creator, Some("IORING_SETUP_SINGLE_ISSUER"))
}

/// Creates an io_uring instance whose requests a thread of the kernel submits, with the credentials of the
/// caller.
///
/// # Errors
///
/// Those of io_uring_setup(2).
///
/// # References
///
/// io_uring_setup(2) with `IORING_SETUP_SQPOLL`; `io_sq_offload_create`
pub fn io_uring_setup_polled() -> Result<Descriptor> {
    setup(Submitter::Kernel, Some("IORING_SETUP_SQPOLL"))
}

/// Creates an instance; the record has the flag.
fn setup(submitter: Submitter, flag: Option<&str>) -> Result<Descriptor> {
    let result = uring::setup(submitter).map(Descriptor::keep);
    call("io_uring_setup", || flag.map(Value::word).into_iter().collect(), &result);
    result
}

/// Registers the caller's credentials with an io_uring instance, for requests that others submit. Returns
/// the number of the personality.
///
/// # Errors
///
/// Those of io_uring_register(2); see [`Descriptor::number`].
///
/// # References
///
/// io_uring_register(2) with `IORING_REGISTER_PERSONALITY`
#[track_caller]
pub fn io_uring_register_personality(uring: &Descriptor) -> Result<i32> {
    let result = uring::register_personality(uring.number()?);
    let args = || vec![uring.value(), Value::word("IORING_REGISTER_PERSONALITY")];
    call("io_uring_register", args, &result);
    result
}

/// Removes a personality from an io_uring instance.
///
/// # Errors
///
/// Those of io_uring_register(2); `EINVAL`: no such personality; see [`Descriptor::number`].
///
/// # References
///
/// io_uring_register(2) with `IORING_UNREGISTER_PERSONALITY`
#[track_caller]
pub fn io_uring_unregister_personality(uring: &Descriptor, number: i32) -> Result<()> {
    let result = uring::unregister_personality(uring.number()?, number);
    let operation = Value::word("IORING_UNREGISTER_PERSONALITY");
    call("io_uring_register", || vec![uring.value(), operation, number.value()], &result);
    result
}

/// Opens a file for reading by a request to an io_uring instance, with a registered personality or, if the
/// number is 0, with the credentials of the thread that submits the request.
///
/// # Errors
///
/// Those of io_uring_enter(2) and openat(2); `EINVAL`: no such personality; see [`Descriptor::number`].
///
/// # References
///
/// io_uring_enter(2) with `IORING_OP_OPENAT`
#[track_caller]
pub fn io_uring_open(uring: &Descriptor, personality: i32, path: &str) -> Result<Descriptor> {
    let c_path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    let result = uring::open(uring.number()?, personality, &c_path).map(Descriptor::keep);
    let args = || vec![uring.value(), personality.value(), Value::text(path)];
    call("io_uring_open", args, &result);
    result
}
