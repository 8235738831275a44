//! Loop devices.

use super::Result;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

/// The length of the kernel's `struct loop_config`, and the place of the flags in it.
const LENGTH: usize = 304;
const FLAGS: std::ops::Range<usize> = 60..64;
/// Read-only; detached when the last descriptor of the device is closed.
const READ_ONLY_AND_AUTOCLEAR: u32 = 1 | 4;

/// Attaches a file to a free loop device, which this opens.
pub(crate) fn attach(file: &File) -> Result<OwnedFd> {
    let mut config = [0u8; LENGTH];
    config[..4].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
    config[FLAGS].copy_from_slice(&READ_ONLY_AND_AUTOCLEAR.to_ne_bytes());
    loop {
        let device = free()?;
        const CONFIGURE: u32 = 0x4c0a;
        // SAFETY: the kernel reads just that structure.
        let call = unsafe { libc::ioctl(device.as_raw_fd(), CONFIGURE as _, config.as_ptr()) };
        match Errno::result(call) {
            // Another program has attached a file to it since.
            Err(Errno::EBUSY) => {}
            other => return other.map(|_| device),
        }
    }
}

/// Opens a loop device without a file.
fn free() -> Result<OwnedFd> {
    const GET_FREE: u32 = 0x4c82;
    let open = |path: &str| open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let control = open("/dev/loop-control")?;
    // SAFETY: the operation takes no argument.
    let number = Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), GET_FREE as _) })?;
    open(&format!("/dev/loop{number}"))
}
