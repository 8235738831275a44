//! An overlay, whose mount refers to credentials.

use super::ids::enter_as_root;
use crate::tasks::fail::Checked;
use crate::tasks::record::{call, event, record};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount, umount};
use nix::sys::stat::Mode;
use nix::unistd::mkdir;
use trace::Outcome;

type Result<T> = std::result::Result<T, Errno>;

/// Where everything is mounted, in a mount namespace of the snippet's own.
const PLACE: &str = "/tmp";
const LOWER: [&str; 2] = ["/tmp/lower", "/tmp/lowest"];
const OVERLAY: &str = "/tmp/overlay";

/// Moves the calling process to new user and mount namespaces, in which its effective ids are root's. What is
/// mounted there ends with the last process in them.
///
/// # Errors
///
/// Fails if the namespaces cannot be entered.
///
/// # References
///
/// user_namespaces(7), mount_namespaces(7)
pub fn enter_mount_namespace() -> Checked {
    enter_as_root()?;
    record(|| event("enter_mount_namespace", vec![], Outcome::Nothing));
    Ok(())
}

/// Mounts an overlay of two empty folders, after [`enter_mount_namespace`].
///
/// # Errors
///
/// Those of mount(2) and mkdir(2).
///
/// # References
///
/// mount(2); `ovl_fill_super`, which prepares credentials for the file system's own accesses
pub fn mount_overlay() -> Result<()> {
    let result = mount_in_place();
    call("mount_overlay", Vec::new, &result);
    result
}

/// The same without a record.
pub(crate) fn mount_in_place() -> Result<()> {
    let none: Option<&str> = None;
    let flags = MsFlags::empty();
    mount(Some("folders"), PLACE, Some("tmpfs"), flags, none)?;
    for folder in LOWER.into_iter().chain([OVERLAY]) {
        mkdir(folder, Mode::S_IRWXU)?;
    }
    let options = format!("lowerdir={}:{}", LOWER[0], LOWER[1]);
    mount(Some("overlay"), OVERLAY, Some("overlay"), flags, Some(&*options))
}

/// Unmounts what [`mount_overlay`] mounted.
///
/// # Errors
///
/// Those of umount(2).
///
/// # References
///
/// umount(2); `ovl_free_fs`
pub fn umount_overlay() -> Result<()> {
    let result = umount(OVERLAY);
    call("umount_overlay", Vec::new, &result);
    result
}
