//! What a rule may need besides keyrings, and how each need is found to be met or not.

use crate::place::{Answer, Keyrings, ask};
use crate::{Errno, KEY_SPEC_PROCESS_KEYRING, enter_user_namespace, sys, unused_id};
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use trace::{Outcome, Trace, Value};

/// The needs that follow from what a rule's program was seen to do. Where a sandbox lets keyctl(2)
/// through and not add_key(2), say, only rules whose programs make no such call can be observed.
pub fn implied(trace: &Trace) -> Vec<String> {
    let mut needs: Vec<String> = Vec::new();
    for event in &trace.events {
        let by_call = match &*event.call {
            "add_key" => Some("add_key(2)"),
            "request_key" => Some("request_key(2)"),
            "fexecve" => Some("/dev/fd"),
            "proc_keys" => Some("/proc/keys"),
            "key_users" | "keys_left" | "bytes_left" | "use_up_bytes" => Some("/proc/key-users"),
            _ => None,
        };
        let absent = matches!(&event.outcome, Outcome::Failed { errno, .. } if errno == "ENOENT");
        let by_args = event.args.iter().filter_map(|arg| match arg {
            Value::Word(word) | Value::Text(word) => match &**word {
                "@t" => Some("thread keyrings"),
                "@p" => Some("process keyrings"),
                path if path.starts_with('/') && !absent => Some(path),
                _ => None,
            },
            _ => None,
        });
        needs.extend(by_call.into_iter().chain(by_args).map(str::to_owned));
        if event.to_string().contains(OVERFLOW_ID) {
            needs.push(OVERFLOW.to_owned());
        }
    }
    needs.sort();
    needs.dedup();
    needs
}

/// What the kernel shows in the place of an id that a user namespace does not map.
const OVERFLOW_ID: &str = "65534";
/// The need for that number to mean nothing else.
const OVERFLOW: &str = "65534 as the overflow id";

/// Says why a need of a rule is not met here; `None` if it is met.
///
/// The needs are written in the book as `root`, `keyctl(1)`, `Linux ≥ 5.3`, …: see [`NEEDS`]. One
/// that is not known is not met.
pub fn unmet(need: &str) -> Option<String> {
    static KNOWN: Mutex<BTreeMap<String, Option<String>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(|lock| lock.into_inner());
    known.entry(need.to_owned()).or_insert_with(|| find(need)).clone()
}

fn find(need: &str) -> Option<String> {
    match NEEDS.iter().find(|(name, _)| *name == need) {
        Some((_, probe)) => probe(),
        None if need.starts_with('/') => no_path(need),
        None => match need.strip_prefix("Linux ≥ ") {
            Some(version) => older_than(version),
            None => Some(format!("this program does not know how to find `{need}`")),
        },
    }
}

/// Whether [`unmet`] knows how to find this need.
pub fn is_known(need: &str) -> bool {
    let named = NEEDS.iter().any(|(name, _)| *name == need);
    named || need.starts_with("Linux ≥ ") || need.starts_with('/')
}

/// Tells whether a need is not met, and if so why.
type NeedProbe = fn() -> Option<String>;

/// The needs that a rule can have, besides `Linux ≥ x.y` and the paths of files, and how each is
/// found.
pub const NEEDS: &[(&str, NeedProbe)] = &[
    ("thread keyrings", || Keyrings::here().lacks("thread keyrings")),
    ("process keyrings", || Keyrings::here().lacks("process keyrings")),
    ("add_key(2)", || Keyrings::here().lacks("add_key(2)")),
    ("request_key(2)", || Keyrings::here().lacks("request_key(2)")),
    ("/proc/keys", || unreadable("/proc/keys", || read_with_a_key("/proc/keys"))),
    ("/proc/key-users", || unreadable("/proc/key-users", || read_with_a_key("/proc/key-users"))),
    ("root", || no_other_user("this does not run as root")),
    ("another user", || no_other_user("this does not run as root, and only root can become one")),
    (OVERFLOW, no_overflow_id),
    ("CAP_SYS_ADMIN", || {
        in_child(|| {
            let id = unused_id();
            let keyring = sys::keyctl(libc::KEYCTL_GET_KEYRING_ID, [-2i32 as usize, 1, 0, 0])?;
            sys::keyctl(libc::KEYCTL_CHOWN, [keyring as usize, id as usize, id as usize, 0])
        })
        .map(|error| {
            format!("a key cannot be given to another user here: {error:?} ({})", error.desc())
        })
    }),
    ("process namespace", || {
        in_child(|| nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWPID).map(|()| 0))
            .map(|error| format!("no process namespace can be made: {error:?} ({})", error.desc()))
    }),
    ("keyctl(1)", || no_file("keyctl", &["/bin/keyctl", "/usr/bin/keyctl"])),
    ("request-key(8)", || {
        in_child(|| {
            enter_user_namespace().map_err(|_| Errno::EPERM)?;
            let built = [Some(c"user"), Some(c"debug:loop:keyrings"), Some(c"payload")];
            sys::request_key(built[0], built[1], built[2], KEY_SPEC_PROCESS_KEYRING.0)
        })
        .map(|error| {
            format!(
                "an upcall for a key `debug:loop:…` gives {error:?} ({}): keyutils with the stock \
                 /etc/request-key.conf builds it",
                error.desc()
            )
        })
    }),
    ("user namespace", || {
        in_child(|| enter_user_namespace().map(|()| 0).map_err(|_| Errno::EPERM))
            .map(|_| "no user namespace can be made here, or its ids not be mapped".to_owned())
    }),
    ("no security labels", || {
        in_child(|| {
            // Of a keyring made here, as those of others may not be looked at.
            sys::keyctl(libc::KEYCTL_GET_KEYRING_ID, [-1i32 as usize, 1, 0, 0])?;
            let size = sys::keyctl(libc::KEYCTL_GET_SECURITY, [-1i32 as usize, 0, 0, 0])?;
            if size > 1 { Err(Errno::EEXIST) } else { Ok(0) }
        })
        .map(|_| "a security module labels keys here".to_owned())
    }),
    ("ptrace", || {
        in_child(|| {
            let child = sys::fork_like(sys::Way::Fork, || {
                loop {
                    nix::unistd::pause();
                }
            })?;
            let child = Pid::from_raw(child);
            let seized = nix::sys::ptrace::seize(child, nix::sys::ptrace::Options::empty());
            let _ = nix::sys::signal::kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            seized.map(|()| 0)
        })
        .map(|error| format!("PTRACE_SEIZE of a child gives {error:?} ({})", error.desc()))
    }),
    ("libanl.so.1", || {
        in_child(|| sys::dlopen(c"libanl.so.1").map(|_| 0).ok_or(Errno::ENOENT))
            .map(|_| "that library, of glibc, cannot be loaded".to_owned())
    }),
    ("io_uring", || match sys::io_uring_setup() {
        Ok(descriptor) => {
            drop(sys::own(descriptor));
            None
        }
        Err(error) => Some(format!("io_uring_setup gives {error:?} ({})", error.desc())),
    }),
    ("CONFIG_PERSISTENT_KEYRINGS", || capability(0, 0x02, true)),
    ("CONFIG_KEY_DH_OPERATIONS", || capability(0, 0x04, true)),
    ("no CONFIG_KEY_DH_OPERATIONS", || capability(0, 0x04, false)),
    ("CONFIG_ASYMMETRIC_KEY_TYPE", || capability(0, 0x08, true)),
    ("CONFIG_KEY_NOTIFICATIONS", || capability(1, 0x04, true)),
    ("no CONFIG_KEY_NOTIFICATIONS", || capability(1, 0x04, false)),
];

/// What a call in a process of its own gives, if that is an error.
fn in_child(call: fn() -> Result<i64, Errno>) -> Option<Errno> {
    match ask(call) {
        Answer::Fine => None,
        Answer::Error(error) => Some(error),
        Answer::Killed => Some(Errno::EPERM),
    }
}

/// Root in a user namespace may have no other ids to become.
fn no_other_user(otherwise: &str) -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some(otherwise.to_owned());
    }
    in_child(|| {
        let id = unused_id();
        nix::unistd::setresgid(id.into(), id.into(), id.into())?;
        nix::unistd::setresuid(id.into(), id.into(), id.into()).map(|()| 0)
    })
    .map(|error| format!("root cannot become another user here: {error:?} ({})", error.desc()))
}

/// A file that tells of keys; it has a line at least for whoever has just made a keyring.
fn unreadable(path: &'static str, read: fn() -> Result<i64, Errno>) -> Option<String> {
    in_child(read).map(|error| match error {
        Errno::ENODATA => format!("{path} is empty here, as where a container hides it"),
        error => format!("{path} cannot be read: {error:?} ({})", error.desc()),
    })
}

fn read_with_a_key(path: &str) -> Result<i64, Errno> {
    sys::keyctl(libc::KEYCTL_JOIN_SESSION_KEYRING, [0; 4])?;
    match std::fs::read(path) {
        Ok(text) if text.is_empty() => Err(Errno::ENODATA),
        Ok(_) => Ok(0),
        Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))),
    }
}

fn no_path(path: &str) -> Option<String> {
    let error = std::fs::symlink_metadata(path).err()?;
    Some(format!("{path} is not there: {error}"))
}

/// Rules that show the overflow id cannot be told from others where it is somebody's.
fn no_overflow_id() -> Option<String> {
    let (uid, gid) = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    if [uid, gid].iter().any(|id| id.to_string() == OVERFLOW_ID) {
        return Some(format!("this runs as uid {uid} and gid {gid}"));
    }
    ["/proc/sys/kernel/overflowuid", "/proc/sys/kernel/overflowgid"].iter().find_map(|path| {
        let id = std::fs::read_to_string(path).ok()?;
        (id.trim() != OVERFLOW_ID).then(|| format!("{path} is {}", id.trim()))
    })
}

fn no_file(name: &str, paths: &[&str]) -> Option<String> {
    let there = paths.iter().any(|path| Path::new(path).exists());
    (!there).then(|| format!("{name}, of the package keyutils, is not installed"))
}

/// Compares a bit of what `KEYCTL_CAPABILITIES` tells with what is wanted.
fn capability(byte: usize, bit: u8, wanted: bool) -> Option<String> {
    let mut told = [0u8; 8];
    let args = [told.as_mut_ptr() as usize, told.len(), 0, 0];
    if let Err(error) = sys::keyctl(31, args) {
        return Some(format!("KEYCTL_CAPABILITIES gives {error:?} ({})", error.desc()));
    }
    match (told[byte] & bit != 0, wanted) {
        (true, true) | (false, false) => None,
        (false, true) => Some("this kernel was built without it".to_owned()),
        (true, false) => Some("this kernel was built with it".to_owned()),
    }
}

fn older_than(version: &str) -> Option<String> {
    let parse = |text: &str| {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse::<u32>);
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    };
    let running = nix::sys::utsname::uname().ok();
    let running = running.map(|uname| uname.release().to_string_lossy().into_owned());
    let running = running.unwrap_or_default();
    (parse(&running) < parse(version)).then(|| format!("this is Linux {running}"))
}
