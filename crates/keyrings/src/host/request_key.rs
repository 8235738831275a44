//! This program as request-key(8) of a machine that exists for one check only.

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The program that the kernel starts.
const REQUEST_KEY: &str = "/sbin/request-key";
/// Where the stock one goes.
pub(crate) const STOCK: &str = "/sbin/request-key.stock";

/// Of a RAM file system, which the first root of a machine often is. nix has no name for it.
const RAMFS_MAGIC: u32 = 0x8584_58f6;

/// Installs this program as request-key(8) of a machine whose root is in memory, so that nothing of it lasts. Elsewhere
/// does nothing.
///
/// # Errors
///
/// If the files cannot be changed.
///
/// # References
///
/// request-key(8); `call_sbin_request_key`
pub fn install() -> io::Result<()> {
    if is_installed() || !is_in_memory() {
        return Ok(());
    }
    if Path::new(REQUEST_KEY).exists() {
        fs::rename(REQUEST_KEY, STOCK)?;
    }
    fs::create_dir_all("/sbin")?;
    symlink(std::env::current_exe()?, REQUEST_KEY)
}

fn is_in_memory() -> bool {
    let memory = [TMPFS_MAGIC, FsType(RAMFS_MAGIC as _)];
    statfs("/").is_ok_and(|root| memory.contains(&root.filesystem_type()))
}

/// Whether this program is request-key(8) here.
pub(crate) fn is_installed() -> bool {
    let ours = std::env::current_exe();
    fs::read_link(REQUEST_KEY).is_ok_and(|target| ours.is_ok_and(|ours| target == ours))
}
