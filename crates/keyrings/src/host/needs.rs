//! What a rule may need besides keyrings, and how to find out whether a need is met.

use super::probe::{self, Keyrings, Reply, capabilities, create, reply_to};
use super::request_key::is_installed;
use crate::api::ids::{enter_as_root, enter_user_namespace, unused_id};
use crate::api::key::{KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_THREAD_KEYRING};
use crate::api::{binfmt, overlay};
use crate::sys::handles::{self, SystemLibrary};
use crate::sys::keys::{self, Filling, NumbersOnly};
use crate::sys::process::{Way, fork_like};
use crate::sys::uring::{self, Submitter};
use crate::sys::{loop_device, program_file};
use crate::tasks::fail::named;
use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::MFdFlags;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use trace::{Outcome, Trace, Value};

/// The needs that follow from a rule's trace. If a sandbox allows keyctl(2) but not add_key(2), say, only
/// rules without a call of add_key(2) can be observed.
pub fn implied(trace: &Trace) -> Vec<String> {
    let mut needs: Vec<String> = Vec::new();
    for event in trace.events() {
        let by_call = match &*event.call {
            "add_key" => Some("add_key(2)"),
            "request_key" => Some("request_key(2)"),
            "fexecve" => Some("/dev/fd"),
            "proc_keys" => Some("/proc/keys"),
            "key_users" | "owned_keys" | "keys_left" | "bytes_left" | "use_up_bytes" => {
                Some("/proc/key-users")
            }
            "upcall" => Some(OWN_REQUEST_KEY),
            _ => None,
        };
        let absent = event.outcome == Outcome::Failed(trace::Errno::ENOENT);
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

/// The need that the program of a rule handles its own requests.
const OWN_REQUEST_KEY: &str = "own request-key(8)";

/// What the kernel shows instead of an id that a user namespace does not map.
const OVERFLOW_ID: &str = "65534";
/// The need that this number means nothing else.
const OVERFLOW: &str = "65534 as the overflow id";

/// Why a need of a rule is not met here; `None` if it is met.
///
/// Needs are written in the book as `root`, `keyctl(1)`, `Linux ≥ 5.3`, …: see [`NEEDS`]. An unknown
/// need is not met.
pub fn unmet(need: &str) -> Option<String> {
    let mut known = KNOWN.lock().unwrap_or_else(|lock| lock.into_inner());
    known.entry(need.to_owned()).or_insert_with(|| find(need)).clone()
}

/// The first of these needs that is not met here, with the reason.
pub fn first_unmet(needs: &[&str]) -> Option<String> {
    needs.iter().find_map(|need| Some(format!("{need}: {}", unmet(need)?)))
}

/// What [`unmet`] found out.
static KNOWN: Mutex<BTreeMap<String, Option<String>>> = Mutex::new(BTreeMap::new());

/// Has [`unmet`] find out again, as the circumstances of this process have changed.
pub(crate) fn forget() {
    KNOWN.lock().unwrap_or_else(|lock| lock.into_inner()).clear();
}

fn find(need: &str) -> Option<String> {
    match NEEDS.iter().find(|(name, _)| *name == need) {
        Some((_, probe)) => probe(),
        None if need.starts_with('/') => no_path(need),
        None => match need.strip_prefix("Linux ≥ ") {
            Some(version) => older_than(version),
            None => Some(format!("this program does not know the need `{need}`")),
        },
    }
}

/// Whether [`unmet`] knows this need.
pub fn is_known(need: &str) -> bool {
    let named = NEEDS.iter().any(|(name, _)| *name == need);
    named || need.starts_with("Linux ≥ ") || need.starts_with('/')
}

/// Says why a need is not met; `None` if it is met.
type NeedProbe = fn() -> Option<String>;

/// The needs that a rule can have, besides `Linux ≥ x.y` and the paths of files, and how to find out
/// about each.
pub const NEEDS: &[(&str, NeedProbe)] = &[
    ("thread keyrings", || Keyrings::here().lacks("thread keyrings")),
    ("process keyrings", || Keyrings::here().lacks("process keyrings")),
    ("add_key(2)", || Keyrings::here().lacks("add_key(2)")),
    ("request_key(2)", || Keyrings::here().lacks("request_key(2)")),
    ("/proc/keys", || unreadable("/proc/keys", || read_with_a_key("/proc/keys"))),
    ("/proc/key-users", || unreadable("/proc/key-users", || read_with_a_key("/proc/key-users"))),
    ("root", || no_other_user("this program does not run as root")),
    ("another user", || {
        no_other_user("this program does not run as root, and only root can become another user")
    }),
    (OVERFLOW, no_overflow_id),
    ("CAP_SYS_ADMIN", || {
        in_child(|| {
            let id = unused_id() as i32;
            let keyring = create(KEY_SPEC_PROCESS_KEYRING)? as i32;
            keys::numbers(NumbersOnly::Chown, [keyring, id, id, 0])
        })
        .map(|error| format!("a key cannot be given to another user here: {}", named(error)))
    }),
    // A number of no file; -1 would leave the executable as it is.
    ("checkpoint and restore", || match program_file::set_exe_file(-2) {
        Err(Errno::EBADF) | Ok(()) => None,
        Err(error) => Some(format!("the executable cannot be replaced: {}", named(error))),
    }),
    ("process namespace", || {
        in_child(|| nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWPID).map(|()| 0))
            .map(|error| format!("no process namespace can be created: {}", named(error)))
    }),
    ("keyctl(1)", || no_file("keyctl", &["/bin/keyctl", "/usr/bin/keyctl"])),
    ("request-key(8)", || {
        in_child(|| {
            enter_user_namespace().map_err(|_| Errno::EPERM)?;
            let [kind, description, callout] = [c"user", c"debug:loop:keyrings", c"payload"];
            let keyring = KEY_SPEC_PROCESS_KEYRING.0;
            keys::request_key(Some(kind), Some(description), Some(callout), keyring)
        })
        .map(|error| {
            let error = named(error);
            format!(
                "an upcall for a key `debug:loop:…` fails with {error}: keyutils with its stock \
                 /etc/request-key.conf instantiates such a key"
            )
        })
    }),
    (OWN_REQUEST_KEY, || {
        let why = "this program replaces it only in a guest; the request-key(8) of a host stays";
        (!is_installed()).then(|| why.to_owned())
    }),
    ("user namespace", || {
        in_child(|| enter_user_namespace().map(|()| 0).map_err(|_| Errno::EPERM)).map(|_| {
            "no user namespace can be created here, or its ids cannot be mapped".to_owned()
        })
    }),
    ("binfmt_misc in a user namespace", no_binfmt_misc),
    ("overlay in a user namespace", no_overlay),
    ("loop devices", || {
        in_child(|| {
            let file = nix::sys::memfd::memfd_create("loop", MFdFlags::MFD_CLOEXEC)?;
            loop_device::attach(&file.into()).map(|_| 0)
        })
        .map(|error| format!("no file can be attached to one: {}", named(error)))
    }),
    ("no session keyring", probe::has_session_keyring),
    ("no security labels", || {
        in_child(|| {
            // Of a keyring created here, as others may not be visible.
            create(KEY_SPEC_THREAD_KEYRING)?;
            let size = keys::fill(Filling::GetSecurity, KEY_SPEC_THREAD_KEYRING.0, &mut [])?;
            if size > 1 { Err(Errno::EEXIST) } else { Ok(0) }
        })
        .map(|_| "a security module labels keys here".to_owned())
    }),
    ("ptrace", || {
        in_child(|| {
            let child = fork_like(Way::Fork, || {
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
        .map(|error| format!("PTRACE_SEIZE of a child fails with {}", named(error)))
    }),
    ("libanl.so.1", || {
        in_child(|| handles::dlopen(SystemLibrary::Libanl, 0).map(|_| 0).ok_or(Errno::ENOENT))
            .map(|_| "this library of glibc cannot be loaded".to_owned())
    }),
    ("io_uring", || {
        let failed = |error| format!("io_uring_setup fails with {}", named(error));
        uring::setup(Submitter::Anyone).err().map(failed)
    }),
    ("shmget(2)", || {
        in_child(|| handles::shmget().map(|_| 0))
            .map(|error| format!("shmget fails with {}", named(error)))
    }),
    ("io_setup(2)", || {
        in_child(|| handles::io_setup(0).map(|_| 0))
            .map(|error| format!("io_setup fails with {}", named(error)))
    }),
    ("perf events", || {
        let failed = |error| format!("perf_event_open of a thread fails with {}", named(error));
        handles::perf_event_open(0).err().map(failed)
    }),
    ("CONFIG_PERSISTENT_KEYRINGS", || capability(probe::PERSISTENT_KEYRINGS, true)),
    ("CONFIG_KEY_DH_OPERATIONS", || capability(probe::DIFFIE_HELLMAN, true)),
    ("no CONFIG_KEY_DH_OPERATIONS", || capability(probe::DIFFIE_HELLMAN, false)),
    ("CONFIG_ASYMMETRIC_KEY_TYPE", || capability(probe::PUBLIC_KEYS, true)),
    ("CONFIG_ENCRYPTED_KEYS", || {
        in_child(|| {
            // A payload that the type refuses, as a key would use quota.
            let (kind, name, payload) = (Some(c"encrypted"), Some(c"k"), Some(&b"none"[..]));
            match keys::add_key(kind, name, payload, KEY_SPEC_PROCESS_KEYRING.0) {
                Err(Errno::EINVAL) => Ok(0),
                other => other,
            }
        })
        .map(|error| format!("a key of type `encrypted` cannot be added: {}", named(error)))
    }),
    ("CONFIG_KEY_NOTIFICATIONS", || capability(probe::NOTIFICATIONS, true)),
    ("no CONFIG_KEY_NOTIFICATIONS", || capability(probe::NOTIFICATIONS, false)),
];

/// The errno of a call in a separate process, if it fails.
fn in_child(call: fn() -> Result<i64, Errno>) -> Option<Errno> {
    match reply_to(call) {
        Reply::Works => None,
        Reply::Error(error) => Some(error),
        Reply::Killed => Some(Errno::EPERM),
    }
}

/// Why no interpreter can be registered with the binfmt_misc of a user namespace.
fn no_binfmt_misc() -> Option<String> {
    not_loaded("binfmt_misc").or_else(|| {
        in_child(|| {
            enter_as_root().map_err(|_| Errno::EPERM)?;
            binfmt::register(binfmt::mount()?, "F").map(|()| 0)
        })
        .map(|error| format!("no interpreter can be registered there: {}", named(error)))
    })
}

/// Why no overlay can be mounted in a user namespace.
fn no_overlay() -> Option<String> {
    not_loaded("overlay").or_else(|| {
        in_child(|| {
            enter_as_root().map_err(|_| Errno::EPERM)?;
            overlay::mount_in_place().map(|()| 0)
        })
        .map(|error| format!("none can be mounted there: {}", named(error)))
    })
}

/// Why a file system cannot be used here. A kernel that would have to load it as a module stays as it is.
fn not_loaded(file_system: &str) -> Option<String> {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let is_known = known.split_whitespace().any(|word| word == file_system);
    (!is_known).then(|| "this kernel was built without it, or has not loaded it".to_owned())
}

/// Root in a user namespace may have no other ids.
fn no_other_user(otherwise: &str) -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some(otherwise.to_owned());
    }
    in_child(|| {
        let id = unused_id();
        nix::unistd::setresgid(id.into(), id.into(), id.into())?;
        nix::unistd::setresuid(id.into(), id.into(), id.into()).map(|()| 0)
    })
    .map(|error| format!("root cannot become another user here: {}", named(error)))
}

/// A file about keys, which has a line at least for a process that has just created a keyring.
fn unreadable(path: &'static str, read: fn() -> Result<i64, Errno>) -> Option<String> {
    in_child(read).map(|error| match error {
        Errno::ENODATA => format!("{path} is empty here, as where a container hides it"),
        error => format!("{path} cannot be read: {}", named(error)),
    })
}

fn read_with_a_key(path: &str) -> Result<i64, Errno> {
    keys::join_session_keyring(None)?;
    match std::fs::read(path) {
        Ok(text) if text.is_empty() => Err(Errno::ENODATA),
        Ok(_) => Ok(0),
        Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))),
    }
}

fn no_path(path: &str) -> Option<String> {
    let error = std::fs::symlink_metadata(path).err()?;
    Some(format!("{path} cannot be found: {error}"))
}

/// The overflow id means something else if a user or group has it.
fn no_overflow_id() -> Option<String> {
    let (uid, gid) = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    if [uid, gid].iter().any(|id| id.to_string() == OVERFLOW_ID) {
        return Some(format!("this program runs as uid {uid} and gid {gid}"));
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

/// Compares what the kernel says that its keyrings can do with what is wanted.
fn capability(name: &str, wanted: bool) -> Option<String> {
    match (capabilities().map(|names| names.contains(&name)), wanted) {
        (Ok(true), true) | (Ok(false), false) => None,
        (Ok(false), true) => Some("this kernel was built without it".to_owned()),
        (Ok(true), false) => Some("this kernel was built with it".to_owned()),
        (Err(unknown), _) => Some(unknown),
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
