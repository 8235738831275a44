//! A file system that is mounted nowhere, as binfmt_misc of a user namespace.

use super::Result;
use nix::errno::Errno;
use nix::libc;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null;

/// `FSOPEN_CLOEXEC` and `FSMOUNT_CLOEXEC`.
const CLOEXEC: c_uint = 1;
/// `FSCONFIG_CMD_CREATE`.
const CREATE: c_uint = 6;

/// fsopen(2), fsconfig(2) and fsmount(2): the root of a file system of this type. The mount ends when the
/// descriptor is closed.
pub(crate) fn mount_nowhere(kind: &CStr) -> Result<OwnedFd> {
    // SAFETY: the kernel reads the name, which ends in NUL.
    let opened = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), CLOEXEC) };
    let context = descriptor(opened)?;
    let nothing: (*const c_char, *const c_void, c_int) = (null(), null(), 0);
    // SAFETY: the command has no key and no value, so the kernel reads no memory.
    let created = unsafe {
        let (key, value, number) = nothing;
        libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, key, value, number)
    };
    Errno::result(created)?;
    // SAFETY: takes numbers only.
    descriptor(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), CLOEXEC, 0) })
}

fn descriptor(returned: c_long) -> Result<OwnedFd> {
    let number = Errno::result(returned)? as RawFd;
    // SAFETY: the kernel has just opened it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
