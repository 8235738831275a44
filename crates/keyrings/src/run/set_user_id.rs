//! A set-user-ID program: a copy of this one, in a file without a name that belongs to an unused id.

use crate::sys::process::fexecve;
use crate::tasks::arena::unique_number;
use crate::tasks::fail::named;
use crate::tasks::make::{self_again, set_own_executable};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, fchown};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The file, or why it cannot be created. It ends with the last process that has it open, so that nobody else can
/// ever begin it.
static PROGRAM: OnceLock<Result<File, String>> = OnceLock::new();

/// Creates the file, if it does not exist yet, for this process and those that it creates.
pub(super) fn prepare() {
    let _ = program();
}

fn program() -> &'static Result<File, String> {
    PROGRAM.get_or_init(|| {
        if !nix::unistd::geteuid().is_root() {
            return Err("root: only root can give a file to another user".to_owned());
        }
        create().map_err(|error| format!("a set-user-ID file: {error}"))
    })
}

fn create() -> io::Result<File> {
    let place = [std::env::temp_dir(), PathBuf::from("/var/tmp"), PathBuf::from("/")];
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let unnamed = |place: &PathBuf| open(place, flags, Mode::S_IRWXU).ok();
    let copy = place.iter().find_map(unnamed).ok_or(Errno::EOPNOTSUPP)?;
    let mut copy = File::from(copy);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    fchown(&copy, Some(Uid::from_raw(0x6000_0000 + unique_number())), None::<Gid>)?;
    copy.set_permissions(Permissions::from_mode(0o4755))?;
    // A file that is open for writing cannot be executed.
    File::open(format!("/proc/self/fd/{}", copy.as_raw_fd()))
}

/// Begins that program with this variable; on failure returns why.
pub(super) fn begin(variable: impl Fn(i32) -> String) -> String {
    let file = match program() {
        Ok(file) => file,
        Err(why) => return why.clone(),
    };
    // Where this program, which is not set-user-ID, can be begun from there.
    let flags = OFlag::O_PATH;
    let itself = match open("/proc/self/exe", flags, Mode::empty()) {
        Ok(itself) => itself.into_raw_fd(),
        Err(errno) => return format!("/proc: {}", named(errno)),
    };
    let (args, env) = match self_again(&variable(itself)) {
        Ok(prepared) => prepared,
        Err(why) => return why,
    };
    let begun = fexecve(file.as_fd().as_raw_fd(), &args, &env);
    format!("a set-user-ID program: {}", begun.err().map_or_else(String::new, named))
}

/// In that program: what the program of a rule finds in one that is not set-user-ID. Returns the user id that the
/// file gave to the process.
pub(super) fn go_on(itself: i32) -> u32 {
    // The kernel hides the /proc files of a set-user-ID program from its user.
    let _ = nix::sys::prctl::set_dumpable(true);
    set_own_executable(itself);
    nix::unistd::geteuid().as_raw()
}
