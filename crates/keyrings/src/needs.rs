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
use trace::{Event, Trace, Value};

/// Says which need of a rule is not met here, and why; `None` if all are.
///
/// Besides the needs that the rule itself names, there are those that follow from the calls in its
/// pinned trace: where a sandbox lets keyctl(2) through and no other call, only rules whose
/// programs make no other call can be observed.
pub fn first_unmet<'a>(
    needs: impl IntoIterator<Item = &'a str>,
    pinned: Option<&str>,
) -> Option<(String, String)> {
    let named = needs.into_iter().find_map(|need| Some((need.to_owned(), unmet(need)?)));
    named.or_else(|| {
        // Nearly everywhere nothing of this is lacking: then no trace needs to be read.
        let absent: Vec<_> =
            IMPLIED.iter().filter_map(|(need, by)| Some((need, by, unmet(need)?))).collect();
        let trace: Trace = if absent.is_empty() { None } else { pinned?.parse().ok() }?;
        let (need, _, because) =
            absent.into_iter().find(|(_, by, _)| trace.events.iter().any(by))?;
        Some(((*need).to_owned(), because))
    })
}

/// The needs that follow from a call in the trace.
const IMPLIED: &[(&str, fn(&Event) -> bool)] = &[
    ("thread keyrings", |event| mentions(event, "@t")),
    ("process keyrings", |event| mentions(event, "@p")),
    ("add_key(2)", |event| matches!(&*event.call, "add_key" | "wait_for_the_collector")),
    ("request_key(2)", |event| event.call == "request_key"),
    ("/proc/keys", |event| event.call == "proc_keys"),
    ("/proc/key-users", |event| matches!(&*event.call, "key_users" | "keys_left" | "bytes_left")),
];

fn mentions(event: &Event, keyring: &str) -> bool {
    event.args.iter().any(|arg| matches!(arg, Value::Word(word) if word == keyring))
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
    ("thread keyrings", || Keyrings::here().lacks("thread keyrings")),
    ("process keyrings", || Keyrings::here().lacks("process keyrings")),
    ("add_key(2)", || Keyrings::here().lacks("add_key(2)")),
    ("request_key(2)", || Keyrings::here().lacks("request_key(2)")),
    ("/proc/keys", || unreadable("/proc/keys", || read_with_a_key("/proc/keys"))),
    ("/proc/key-users", || unreadable("/proc/key-users", || read_with_a_key("/proc/key-users"))),
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
