//! Runs a program on other kernels, started from this machine.
//!
//! A [`Payload`] is a static executable with its arguments and files. On a kernel it is `/init` of
//! an initramfs, in QEMU ([`Target::Qemu`]) or in User Mode Linux ([`Target::Uml`]). A command
//! ([`Target::Command`]), such as `sudo -u nobody {}` or `podman run …`, starts it anywhere else.
//!
//! A guest prints its output on a serial console, between two marks:
//!
//! ```text
//! keybook: begin
//! … output …
//! keybook: end 0
//! ```
//!
//! The boot ends at [`BEGIN`] and the payload ends at [`END`], which carries the exit status. Each
//! has its own deadline. The emulator is killed at [`END`], so a guest may power off or wait. A
//! command prints no marks.
//!
//! ```no_run
//! # fn main() -> Result<(), kernels::Error> {
//! let payload = kernels::Payload {
//!     executable: "target/guest".into(),
//!     args: vec!["--quick".into()],
//!     files: vec![],
//! };
//! for kernel in kernels::find(&kernels::cache())? {
//!     let run = kernels::run(&kernel, &payload, &kernels::Limits::default())?;
//!     println!("{} ({}): {}", kernel.name, run.how, run.status);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing outlives the caller, even a killed one: temporary files are unlinked while in use, and
//! every process belongs to a process group that ends with the caller.

mod architecture;
mod command;
pub mod companions;
mod console;
mod error;
pub mod fetch;
mod find;
mod group;
mod image;
mod initramfs;
mod package;
mod qemu;
mod uml;

pub use architecture::Architecture;
pub use error::Error;
pub use find::find;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first line that a guest prints.
pub const BEGIN: &str = "keybook: begin";

/// The start of a guest's last line. A space and the decimal exit status follow.
pub const END: &str = "keybook: end";

/// What to run: a static executable, its arguments, and other files for the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The executable, a path on this machine. In a guest it is `/init`.
    pub executable: PathBuf,
    /// Its arguments. A guest receives them on the kernel's command line, so they must not contain
    /// white space or quotes.
    pub args: Vec<String>,
    /// Files of this machine, each with its absolute path in the guest. Ignored for a command.
    pub files: Vec<(PathBuf, String)>,
}

/// A kernel, or another environment to run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its name, such as `6.1.192-debian-cloud`: letters, digits and `._+-`, valid as a file name.
    pub name: String,
    /// How to run something there.
    pub target: Target,
}

/// How to run something on a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In QEMU.
    Qemu {
        /// What it is for.
        architecture: Architecture,
        /// A bzImage (`vmlinuz`), an ELF kernel for x86-64 (`vmlinux`) with a PVH entry point, or another
        /// architecture's image.
        image: PathBuf,
    },
    /// As a process of this machine.
    Uml {
        /// The User Mode Linux kernel, an executable.
        linux: PathBuf,
    },
    /// By a command of this machine.
    Command {
        /// The words of the command, in which `{}` stands for the path of the executable. Without
        /// `{}` the path is appended. The payload's arguments follow.
        words: Vec<String>,
    },
}

/// The result of a completed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The output between the marks; for a command, its standard output.
    pub output: String,
    /// The exit status. For a command ended by a signal: 128 plus the signal number.
    pub status: i32,
    /// `QEMU, TCG`, `QEMU, KVM`, `UML` or `command`.
    pub how: String,
    /// The duration of the successful attempt, including the boot.
    pub wall: Duration,
}

/// Deadlines and retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest time from the start of the kernel to [`BEGIN`].
    pub begin: Duration,
    /// The longest time from [`BEGIN`] to [`END`], or for a whole command.
    pub end: Duration,
    /// How many times a kernel that missed [`END`] is started again. Commands are never retried.
    pub retries: u32,
}

impl Default for Limits {
    /// One minute to boot (3 s under TCG on an idle machine), ten minutes to run, one retry.
    fn default() -> Limits {
        Limits { begin: Duration::from_secs(60), end: Duration::from_secs(600), retries: 1 }
    }
}

/// Runs `payload` on `kernel` within `limits`.
///
/// # Errors
///
/// Returns an error if a required program is not installed, the image cannot be booted, an argument
/// does not fit on a kernel's command line, or every attempt failed. The last error contains the
/// last lines of the console.
pub fn run(kernel: &Kernel, payload: &Payload, limits: &Limits) -> Result<Run, Error> {
    let run = match &kernel.target {
        Target::Qemu { architecture, image } => qemu::run(*architecture, image, payload, limits),
        Target::Uml { linux } => uml::run(linux, payload, limits),
        Target::Command { words } => command::run(words, payload, limits),
    };
    run.map_err(|Error { what, remedy }| Error { what: format!("{}: {what}", kernel.name), remedy })
}

/// Returns the directory of fetched kernels: `$XDG_CACHE_HOME/keybook/kernels`, or
/// `~/.cache/keybook/kernels`.
pub fn cache() -> PathBuf {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("keybook/kernels")
}

/// Returns a path by which another process of this user can open an unlinked file of this process.
fn open_file(file: &impl std::os::fd::AsRawFd) -> PathBuf {
    Path::new("/proc").join(format!("{}/fd/{}", std::process::id(), file.as_raw_fd()))
}
