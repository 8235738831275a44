//! binfmt_misc: interpreters for files whose format the kernel does not know.

use super::hold::Descriptor;
use super::ids::enter_as_root;
use crate::sys::binfmt;
use crate::tasks::fail::Checked;
use crate::tasks::make::{MAGIC, own_executable};
use crate::tasks::record::{Recorded, call};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::write;
use std::os::fd::{AsFd, OwnedFd};
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

/// Moves the calling process to a new user namespace, in which its effective ids are root's, and opens
/// binfmt_misc there. What is registered with it ends when the file is closed.
///
/// # Errors
///
/// Fails if the namespace cannot be entered, or if fsopen(2), fsconfig(2) or fsmount(2) does.
///
/// # References
///
/// user_namespaces(7), fsmount(2)
pub fn open_binfmt_misc() -> Checked<Descriptor> {
    enter_as_root()?;
    let result = mount().map(Descriptor::keep);
    call("open_binfmt_misc", Vec::new, &result);
    Ok(result?)
}

/// binfmt_misc of the present user namespace, in a mount without a place in the tree of files.
pub(crate) fn mount() -> Result<OwnedFd> {
    binfmt::mount_nowhere(c"binfmt_misc")
}

/// Registers the snippet's own executable as the interpreter of [`crate::FOREIGN`], with these flags. With `F` the
/// kernel opens the executable now, without it when a program begins.
///
/// # Errors
///
/// Those of open(2) and write(2); see [`Descriptor::number`].
///
/// # References
///
/// `bm_register_write`
#[track_caller]
pub fn register_interpreter(binfmt_misc: &Descriptor, flags: &str) -> Result<()> {
    let result = binfmt_misc.file().and_then(|root| register(&root, flags));
    call("register_interpreter", || vec![binfmt_misc.value(), Value::text(flags)], &result);
    result
}

/// The same without a record.
pub(crate) fn register(root: impl AsFd, flags: &str) -> Result<()> {
    let (interpreter, _) = own_executable();
    let interpreter = interpreter.to_str().map_err(|_| Errno::EILSEQ)?;
    let file = openat(root, "register", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    // Name, kind, offset, magic, mask, interpreter and flags.
    let line = format!(":foreign:M::{MAGIC}::{interpreter}:{flags}");
    write(&file, line.as_bytes()).map(drop)
}
