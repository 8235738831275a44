//! Runs as the first process (init) of a machine, such as a virtual machine booted for one check.
//!
//! As init, the program mounts the file systems that the rules read, installs itself as request-key(8), reaps orphans, and
//! powers the machine off. A reader of the console finds the result between two marks.

use kernels::{BEGIN, END};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// The initial PID namespace's inode number is fixed: `PROC_PID_INIT_INO` in `include/linux/proc_ns.h`.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// File systems and their mount points. A failed mount is not an error: a rule that misses one
/// reports so.
const MOUNTS: [(&str, &str); 4] = [
    ("sysfs", "/sys"),
    ("securityfs", "/sys/kernel/security"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
];

/// Whether this process is the first one of a machine. The first process of a container is not: it
/// is in another PID namespace.
pub(crate) fn is_first_process() -> bool {
    static FIRST: OnceLock<bool> = OnceLock::new();
    *FIRST.get_or_init(|| {
        if std::process::id() != 1 {
            return false;
        }
        if !Path::new("/proc/self").exists() {
            mount_at("proc", "/proc");
        }
        let namespace = fs::read_link("/proc/self/ns/pid");
        namespace.is_ok_and(|link| link.as_os_str() == INITIAL_PID_NAMESPACE)
    })
}

/// Runs `program` as init, prints its exit status, and powers the machine off.
pub(crate) fn run(program: impl FnOnce() -> u8) -> ! {
    for (kind, place) in MOUNTS {
        mount_at(kind, place);
    }
    // As udev(7) creates it. fexecve(3) opens scripts by this name.
    let _ = std::os::unix::fs::symlink("/proc/self/fd", "/dev/fd");
    if let Err(error) = keyrings::handler::install() {
        eprintln!("keybook: request-key(8) cannot be replaced: {error}");
    }
    println!("{BEGIN}");
    let status = program();
    println!("{END} {status}");
    // Otherwise the machine is off before a serial console has sent its last lines.
    let _ = nix::sys::termios::tcdrain(std::io::stdout());
    nix::unistd::sync();
    let Err(error) = reboot(RebootMode::RB_POWER_OFF);
    // The kernel panics when init exits, which ends the machine too.
    eprintln!("keybook: the machine cannot be powered off: {error}");
    std::process::exit(status.into())
}

fn mount_at(kind: &str, place: &str) {
    let _ = fs::create_dir_all(place);
    let _ = mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>);
}
