//! Being the first process of a machine: of a virtual one that was made for the purpose, say.
//!
//! Nobody else is there to mount what the rules look into, to take in what orphans leave behind,
//! or to turn the machine off. A reader of its console finds the result between two marks.

use crate::status::MISUSE;
use kernels::{BEGIN, END, guest};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The kernel numbers the first namespace of process numbers so; see `include/linux/proc_ns.h`.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Where the program lies in huge pages: a copy of it then maps 2 MiB at a time, not 64 KiB, and each
/// snippet runs in a copy.
const HUGE: &str = "/huge";

/// Where what is mounted. A rule that finds something missing says so itself.
const MOUNTS: [(&str, &str); 4] = [
    ("sysfs", "/sys"),
    ("securityfs", "/sys/kernel/security"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
];

/// Whether this is the first process of a machine. The first one of a container is not: it has a
/// process namespace of its own.
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

/// Runs the program on a machine of its own, and turns that off. The program gives its exit status.
pub(crate) fn run(program: impl FnOnce() -> u8) -> ! {
    lie_in_huge_pages();
    for (kind, place) in MOUNTS {
        mount_at(kind, place);
    }
    // As udev(7) has it: older kernels look there for what fexecve(3) is to run.
    let _ = std::os::unix::fs::symlink("/proc/self/fd", "/dev/fd");
    println!("{BEGIN}");
    let status = program();
    println!("{END} {status}");
    // The machine would be off before a serial console has sent its last lines.
    let _ = nix::sys::termios::tcdrain(std::io::stdout());
    nix::unistd::sync();
    match reboot(RebootMode::RB_POWER_OFF) {
        Ok(never) => {
            let never: Infallible = never;
            match never {}
        }
        // The kernel panics when its first process ends: that turns it off as well.
        Err(error) => {
            eprintln!("keybook: the machine cannot be turned off: {error}");
            std::process::exit(status.into())
        }
    }
}

/// Starts this program once more from a file system of huge pages, or another one that is put there
/// meanwhile. Where a kernel has none, or there is no memory for it, it goes on as it is.
fn lie_in_huge_pages() {
    let program = Path::new(HUGE).join("init");
    if program.exists() || fs::create_dir_all(HUGE).is_err() {
        return;
    }
    let options = Some("huge=always");
    if mount(Some("tmpfs"), HUGE, Some("tmpfs"), MsFlags::empty(), options).is_err() {
        return;
    }
    let place = guest::pages_to_hold();
    let there = match place {
        Some(pages) => guest::wait_for_program(&program, pages),
        None => copy_to(&program),
    };
    let run = || Command::new(&program).args(std::env::args_os().skip(1)).exec();
    let error = there.map_or_else(|error| error, |()| run());
    // This program is not the one that was waited for, and must not answer for it.
    if place.is_some() {
        eprintln!("keybook: the program that was waited for cannot be run: {error}");
        std::process::exit(MISUSE.into());
    }
}

/// Copies this program. All is written at once: some kernels give a file huge pages only then.
fn copy_to(program: &Path) -> std::io::Result<()> {
    let content = fs::read("/proc/self/exe")?;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o755).open(program)?.write_all(&content)
}

fn mount_at(kind: &str, place: &str) {
    let _ = fs::create_dir_all(place);
    let _ = mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>);
}
