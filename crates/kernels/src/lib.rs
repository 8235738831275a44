//! Runs a program on other kernels of this machine.
//!
//! A [`Program`] is a static executable. At a kernel it is `/init` of a file system in memory: in
//! QEMU ([`Place::Qemu`]) or in User Mode Linux ([`Place::Uml`]). At any other place it is started
//! by a command ([`Place::Command`]), say `sudo -u nobody {}` or `podman run …`.
//!
//! A guest has one serial console, and speaks this on it:
//!
//! ```text
//! keybook: begin
//! … its output …
//! keybook: end 0
//! ```
//!
//! [`BEGIN`] comes first, so that the time a kernel needs to start and the time the program takes
//! have a deadline each; [`END`] comes last, with the exit status. The emulator is killed as soon as
//! it is there, so a guest may power off or just stay. A command needs no marks.
//!
//! An emulated kernel takes seconds to start. A program that waits for another as [`guest`] tells is
//! written down by QEMU once its kernel has started, and kept in the [`cache`]; from then on any program
//! takes its place there, and only goes on.
//!
//! ```no_run
//! # fn main() -> Result<(), kernels::Error> {
//! let program = kernels::Program {
//!     executable: "target/guest".into(),
//!     args: vec!["--quick".into()],
//!     files: vec![],
//! };
//! for kernel in kernels::find(&kernels::cache())? {
//!     let run = kernels::run(&kernel, &program, &kernels::Limits::default())?;
//!     println!("{} ({}): {}", kernel.name, run.how, run.status);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing stays behind, also when the caller is killed: files are unlinked while they are used, and
//! what runs is in a process group that ends with the caller.

mod command;
mod console;
mod error;
pub mod fetch;
mod find;
mod group;
pub mod guest;
mod image;
mod initramfs;
mod package;
mod qemu;
mod started;
mod uml;

pub use error::Error;
pub use find::find;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The line a guest prints first.
pub const BEGIN: &str = "keybook: begin";

/// What a guest's last line starts with; a space and the decimal exit status follow.
pub const END: &str = "keybook: end";

/// A static executable, what it is told, and what else the guest's file system holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The executable, on this machine; `/init` in a guest.
    pub executable: PathBuf,
    /// Its arguments. In a guest they are part of the kernel's command line: no white space and no
    /// quotes.
    pub args: Vec<String>,
    /// Files of this machine, and the absolute paths a guest finds them at. A command sees none of
    /// them.
    pub files: Vec<(PathBuf, String)>,
}

/// A kernel, or another place to run a program at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What it is called, such as `6.1.192-debian-cloud`: letters, digits and `._+-`, fit for a
    /// file's name.
    pub name: String,
    /// How to get there.
    pub place: Place,
}

/// How to get to a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `qemu-system-x86_64`.
    Qemu {
        /// A bzImage (`vmlinuz`) or an ELF kernel (`vmlinux`) with an entry for PVH.
        image: PathBuf,
    },
    /// As a process of this machine.
    Uml {
        /// The kernel, an executable.
        linux: PathBuf,
    },
    /// By a command of this machine.
    Command {
        /// The command's words; in them `{}` becomes the executable's path, which is the last word
        /// where none has `{}`. The program's arguments follow.
        words: Vec<String>,
    },
}

/// How a program went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What it printed between the marks; of a command, its standard output.
    pub output: String,
    /// Its exit status; 128 and the signal's number for a command a signal ended.
    pub status: i32,
    /// `QEMU, TCG`, `QEMU, KVM`, `UML` or `command`.
    pub how: String,
    /// How long it took, of the try that succeeded: from the start of the kernel, or from where one that
    /// had started went on.
    pub wall: Duration,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For [`BEGIN`], from the kernel's start.
    pub begin: Duration,
    /// For [`END`], from [`BEGIN`]; for a command to end.
    pub end: Duration,
    /// How often a kernel that did not get to [`END`] is started again. A command never is.
    pub retries: u32,
}

impl Default for Limits {
    /// A minute to start, which under TCG takes 3 s on an idle machine; ten for the program; one
    /// retry.
    fn default() -> Limits {
        Limits { begin: Duration::from_secs(60), end: Duration::from_secs(600), retries: 1 }
    }
}

/// Runs `program` at `kernel`.
///
/// # Errors
///
/// If what is needed is not installed, the image cannot be booted, an argument cannot be told to a
/// kernel, or a deadline passed on every try: then with the last lines on the console.
pub fn run(kernel: &Kernel, program: &Program, limits: &Limits) -> Result<Run, Error> {
    let run = match &kernel.place {
        Place::Qemu { image } => qemu::run(image, program, limits),
        Place::Uml { linux } => uml::run(linux, program, limits),
        Place::Command { words } => command::run(words, program, limits),
    };
    run.map_err(|Error { what, mend }| Error { what: format!("{}: {what}", kernel.name), mend })
}

/// Where fetched kernels are: `$XDG_CACHE_HOME/keybook/kernels`, else
/// `~/.cache/keybook/kernels`.
pub fn cache() -> PathBuf {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("keybook/kernels")
}

/// The name by which another process of this user opens a file this process has open. So the file
/// itself needs no name, and none is left behind.
fn open_file(file: &impl std::os::fd::AsRawFd) -> PathBuf {
    Path::new("/proc").join(format!("{}/fd/{}", std::process::id(), file.as_raw_fd()))
}
