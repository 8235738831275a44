//! What this place has: whether there are keyrings at all, and what else a rule may need.

use crate::{Errno, KEY_SPEC_PROCESS_KEYRING, enter_user_namespace, sys, unused_id};
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

/// Whether programs here get at the kernel's keyrings, by what all three system calls answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyrings {
    /// They do.
    Here,
    /// A system call answers that it does not exist (`ENOSYS`).
    Missing(&'static str),
    /// A system call is refused with this error, whatever it is asked.
    Refused(&'static str, Errno),
    /// Whoever makes the system call is killed (`SIGSYS`).
    Deadly(&'static str),
}

/// A call of which a kernel with keyrings knows the answer at once, whatever keys there are.
struct Probe {
    name: &'static str,
    call: fn() -> Result<i64, Errno>,
    /// Whether this is an answer that such a kernel may give.
    sound: fn(Errno) -> bool,
}

const PROBES: [Probe; 3] = [
    Probe {
        name: "keyctl",
        call: || sys::keyctl(libc::KEYCTL_GET_KEYRING_ID, [-1i32 as usize, 0, 0, 0]),
        // The thread keyring may be in any state, but not without Search where nobody took it.
        sound: |error| !matches!(error, Errno::EPERM | Errno::EACCES),
    },
    Probe {
        name: "add_key",
        call: || sys::add_key(None, None, None, 0, 0),
        sound: |error| error == Errno::EFAULT,
    },
    Probe {
        name: "request_key",
        call: || sys::request_key(None, None, None, 0),
        sound: |error| error == Errno::EFAULT,
    },
];

impl Keyrings {
    /// Asks, each call in a process of its own, as a filter may kill.
    pub fn find() -> Keyrings {
        for Probe { name, call, sound } in PROBES {
            match ask(call) {
                Answer::Error(Errno::ENOSYS) => return Keyrings::Missing(name),
                Answer::Error(error) if !sound(error) => return Keyrings::Refused(name, error),
                Answer::Killed => return Keyrings::Deadly(name),
                Answer::Error(_) | Answer::Fine => {}
            }
        }
        Keyrings::Here
    }

    /// One paragraph for a person: what is the matter, and what can be done.
    pub fn explain(self) -> Option<String> {
        let (call, what, why) = match self {
            Keyrings::Here => return None,
            Keyrings::Missing(call) => (
                call,
                "does not exist here (ENOSYS, function not implemented)".to_owned(),
                "The kernel was built without CONFIG_KEYS, or a sandbox (podman's default profile \
                 does this to add_key and request_key) hides it",
            ),
            Keyrings::Refused(call, error) => (
                call,
                format!("is refused here whatever it is asked ({error:?}, {})", error.desc()),
                "A seccomp filter blocks it, as those of Docker, containerd, systemd-nspawn and \
                 Flatpak do",
            ),
            Keyrings::Deadly(call) => (
                call,
                "kills whoever makes it here (SIGSYS)".to_owned(),
                "A seccomp filter forbids it",
            ),
        };
        Some(format!(
            "No rule can be observed here: the system call {call}(2) {what}. {why}. Run this \
             outside of the sandbox, or allow keyctl, add_key and request_key in it (Docker and \
             podman: --security-opt seccomp=unconfined); or use another kernel."
        ))
    }

    /// The same, or words for an error that came though keyrings are here.
    pub(crate) fn explain_or(self, error: Errno) -> String {
        self.explain().unwrap_or_else(|| {
            format!("no session keyring can be had: {error:?} ({})", error.desc())
        })
    }
}

enum Answer {
    Fine,
    Error(Errno),
    Killed,
}

fn ask(call: fn() -> Result<i64, Errno>) -> Answer {
    let child = || -> Infallible {
        match call() {
            Ok(_) => sys::exit(0),
            Err(error) => sys::exit(error as i32),
        }
    };
    let Ok(pid) = sys::fork_like(sys::Way::Fork, child) else { return Answer::Fine };
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Signaled(_, Signal::SIGSYS, _)) => return Answer::Killed,
            Ok(WaitStatus::Exited(_, status)) if status != 0 => {
                return Answer::Error(Errno::from_raw(status));
            }
            _ => return Answer::Fine,
        }
    }
}

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
        None => match need.strip_prefix("Linux ≥ ") {
            Some(version) => older_than(version),
            None => Some(format!("this program does not know how to find `{need}`")),
        },
    }
}

/// Whether [`unmet`] knows how to find this need.
pub fn is_known(need: &str) -> bool {
    NEEDS.iter().any(|(name, _)| *name == need) || need.starts_with("Linux ≥ ")
}

/// Tells whether a need is not met, and if so why.
type NeedProbe = fn() -> Option<String>;

/// The needs that a rule can have, besides `Linux ≥ x.y`, and how each is found.
pub const NEEDS: &[(&str, NeedProbe)] = &[
    ("root", || no_other_user("this does not run as root")),
    ("another user", || no_other_user("this does not run as root, and only root can become one")),
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

/// How many more keys the caller's quota has room for, if it is known.
pub fn room_for_keys() -> Option<usize> {
    let quota = crate::quota::quota_of(nix::unistd::getuid().as_raw()).ok()?;
    // A user without keys is not mentioned: such a one has the common limit.
    let common = std::fs::read_to_string("/proc/sys/kernel/keys/maxkeys").ok();
    let common = common.and_then(|text| text.trim().parse().ok()).unwrap_or(200);
    let most = if quota.max_keys == 0 { common } else { quota.max_keys };
    Some(most.saturating_sub(quota.keys) as usize)
}

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

fn no_file(name: &str, paths: &[&str]) -> Option<String> {
    let there = paths.iter().any(|path| std::path::Path::new(path).exists());
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
