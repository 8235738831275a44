//! Which parts of the kernel's keyrings programs can use here, by what the system calls return: never by
//! the name of the system.

use super::room;
use crate::api::key::{
    CREATE, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_SESSION_KEYRING, KEY_SPEC_THREAD_KEYRING, KeySerial,
};
use crate::sys::keys::{self, Filling, NumbersOnly};
use crate::sys::process::{Way, exit, fork_like};
use crate::tasks::fail::named;
use crate::tasks::record;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::convert::Infallible;
use std::path::Path;
use std::sync::OnceLock;

/// What the three system calls returned.
#[derive(Debug)]
pub struct Keyrings {
    replies: Vec<(&'static Probe, Reply)>,
}

/// A call whose result on a kernel with keyrings is known, whatever keys exist.
#[derive(Debug)]
struct Probe {
    /// What works if the call does.
    shows: &'static str,
    call: fn() -> Result<i64, Errno>,
    /// Whether a kernel with keyrings may fail with this errno.
    may_fail: fn(Errno) -> bool,
}

const SESSION: &str = "session keyrings";
const THREAD: &str = "thread keyrings";
const PROCESS: &str = "process keyrings";
const ADD_KEY: &str = "add_key(2)";
const REQUEST_KEY: &str = "request_key(2)";

const PROBES: &[Probe] = &[
    Probe { shows: SESSION, call: || keys::join_session_keyring(None), may_fail: |_| false },
    // In a separate process, which has neither of these keyrings yet.
    Probe { shows: THREAD, call: || create(KEY_SPEC_THREAD_KEYRING), may_fail: |_| false },
    Probe { shows: PROCESS, call: || create(KEY_SPEC_PROCESS_KEYRING), may_fail: |_| false },
    Probe {
        shows: ADD_KEY,
        call: || keys::add_key(None, None, None, 0),
        may_fail: |error| error == Errno::EFAULT,
    },
    Probe {
        shows: REQUEST_KEY,
        call: || keys::request_key(None, None, None, 0),
        may_fail: |error| error == Errno::EFAULT,
    },
];

/// Creates a keyring, without a record.
pub(super) fn create(special: KeySerial) -> Result<i64, Errno> {
    keys::numbers(NumbersOnly::GetKeyringId, [special.0, CREATE.into(), 0, 0])
}

impl Keyrings {
    /// What this process found at its first call of this function.
    pub fn here() -> &'static Keyrings {
        static HERE: OnceLock<Keyrings> = OnceLock::new();
        HERE.get_or_init(Keyrings::find)
    }

    /// Makes each call in a separate process, because a filter may kill it.
    fn find() -> Keyrings {
        room::wait_for_room();
        let reply = |probe: &'static Probe| {
            let reply = match reply_to(probe.call) {
                Reply::Error(error) if (probe.may_fail)(error) => Reply::Works,
                reply => reply,
            };
            (probe, reply)
        };
        Keyrings { replies: PROBES.iter().map(reply).collect() }
    }

    fn reply(&self, shows: &str) -> Reply {
        let found = self.replies.iter().find(|(probe, _)| probe.shows == shows);
        found.map_or(Reply::Works, |(_, reply)| *reply)
    }

    /// Why something, such as `add_key(2)` or `thread keyrings`, does not work here; `None` if it works.
    pub fn lacks(&self, shows: &str) -> Option<String> {
        let reply = self.reply(shows);
        (reply != Reply::Works).then(|| format!("{} {}", call_for(shows), reply.words()))
    }

    /// One line on what works here: a kernel with keyrings, a part of one, or none.
    pub fn summary(&self) -> String {
        if self.explain().is_some() {
            let lacking = [THREAD, SESSION].into_iter().find_map(|shows| self.lacks(shows));
            return format!("no keyrings: {}", lacking.unwrap_or_default());
        }
        let lacking: Vec<String> =
            self.replies.iter().filter_map(|(probe, _)| self.lacks(probe.shows)).collect();
        match &lacking[..] {
            [] => "a kernel with keyrings, whose three system calls all answer".to_owned(),
            lacking => {
                let like = match (self.reply(ADD_KEY), self.reply(REQUEST_KEY)) {
                    (Reply::Error(Errno::ENOSYS), Reply::Error(Errno::ENOSYS)) => {
                        ", as under podman's default profile"
                    }
                    _ => "",
                };
                format!("partly blocked{like}: {}", lacking.join("; "))
            }
        }
    }

    /// If no rule can be observed here: one paragraph on what is wrong, why, and what to do.
    pub fn explain(&self) -> Option<String> {
        let (session, thread) = (self.reply(SESSION), self.reply(THREAD));
        let (what, why, remedy) = match (session, thread, self.reply(PROCESS)) {
            (Reply::Works, Reply::Works, _) | (Reply::Works, _, Reply::Works) => return None,
            (Reply::Works, reply, _) => (
                format!(
                    "keyctl(2) creates session keyrings, but neither thread nor process keyrings ({})",
                    reply.words()
                ),
                "gVisor, whose own kernel implements a part of keyctl(2), does this",
                LEAVE,
            ),
            (Reply::Error(Errno::EDQUOT), Reply::Works, _) => (
                room::used_up(),
                "Every keyring is charged to the quota of its owner; /proc/keys lists them",
                "Revoke or unlink some keys, raise the limits in /proc/sys/kernel/keys, or run this \
                 as another user",
            ),
            (reply, ..) => (
                format!("the system call keyctl(2) {}", reply.words()),
                match reply {
                    Reply::Error(Errno::ENOSYS) if !Path::new("/proc/keys").exists() => {
                        "The kernel was built without CONFIG_KEYS, or a sandbox hides it"
                    }
                    Reply::Error(Errno::ENOSYS) => {
                        "A sandbox hides it: the kernel has keyrings, as it has /proc/keys"
                    }
                    Reply::Killed => "A seccomp filter forbids it",
                    _ => {
                        "A seccomp filter blocks it, as those of Docker, containerd, \
                         systemd-nspawn and Flatpak do"
                    }
                },
                LEAVE,
            ),
        };
        Some(format!("No rule can be observed here: {what}. {why}. {remedy}."))
    }
}

const LEAVE: &str = "Run this outside of the sandbox, or allow keyctl, add_key and request_key in \
                     it (Docker and podman: --security-opt seccomp=unconfined); or use another \
                     kernel";

/// The call of a probe.
fn call_for(shows: &str) -> String {
    match shows {
        ADD_KEY | REQUEST_KEY => shows.to_owned(),
        _ => format!("keyctl(2) for {shows}"),
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It succeeded, or failed as expected.
    Works,
    /// It failed.
    Error(Errno),
    /// The kernel killed its process.
    Killed,
}

impl Reply {
    fn words(self) -> String {
        match self {
            Reply::Works => "works here".to_owned(),
            Reply::Error(Errno::ENOSYS) => {
                "does not exist here (ENOSYS, Function not implemented)".to_owned()
            }
            Reply::Error(error) => format!("is refused here ({error:?}, {})", error.desc()),
            Reply::Killed => "kills its caller here (SIGSYS)".to_owned(),
        }
    }
}

/// Makes a call in a separate process.
pub(crate) fn reply_to(call: fn() -> Result<i64, Errno>) -> Reply {
    let child = || -> Infallible {
        record::stop();
        match call() {
            Ok(_) => exit(0),
            Err(error) => exit(error as i32),
        }
    };
    let pid = match fork_like(Way::Fork, child) {
        Ok(pid) => pid,
        Err(error) => return Reply::Error(error),
    };
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Signaled(_, Signal::SIGSYS, _)) => return Reply::Killed,
            Ok(WaitStatus::Exited(_, status)) if status != 0 => {
                return Reply::Error(Errno::from_raw(status));
            }
            _ => return Reply::Works,
        }
    }
}

/// Why the calling process does not lack a session keyring, or why that is unknown; `None` if it lacks one. A child
/// asks, in a user namespace, because the kernel creates one for a caller without.
pub(crate) fn has_session_keyring() -> Option<String> {
    let reply = reply_to(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?;
        let mut text = [0; 64];
        keys::fill(Filling::Describe, KEY_SPEC_SESSION_KEYRING.0, &mut text)?;
        let is_of_user = text.windows(8).any(|part| part == b"_uid_ses");
        if is_of_user { Ok(0) } else { Err(Errno::EEXIST) }
    });
    match reply {
        Reply::Works => None,
        Reply::Error(Errno::EEXIST) => {
            Some("a session keyring: this program was started with one".to_owned())
        }
        Reply::Error(_) | Reply::Killed => {
            Some("a user namespace: it cannot be entered here".to_owned())
        }
    }
}

/// The bits of `KEYCTL_CAPABILITIES`, with the words for them: keyctl_capabilities(3).
const CAPABILITIES: [(usize, u8, &str); 11] = [
    (0, 0x01, "capabilities"),
    (0, 0x02, PERSISTENT_KEYRINGS),
    (0, 0x04, DIFFIE_HELLMAN),
    (0, 0x08, PUBLIC_KEYS),
    (0, 0x10, "big keys"),
    (0, 0x20, "invalidate"),
    (0, 0x40, "restrict keyring"),
    (0, 0x80, "move"),
    (1, 0x01, "names by namespace"),
    (1, 0x02, "tags by namespace"),
    (1, 0x04, NOTIFICATIONS),
];

pub(super) const PERSISTENT_KEYRINGS: &str = "persistent keyrings";
pub(super) const DIFFIE_HELLMAN: &str = "Diffie-Hellman";
pub(super) const PUBLIC_KEYS: &str = "public keys";
pub(super) const NOTIFICATIONS: &str = "notifications";

/// What the kernel says that its keyrings can do, in words; or why that is unknown.
pub(super) fn capabilities() -> Result<Vec<&'static str>, String> {
    // If a filter kills the callers of keyctl(2), this process must not call it.
    if let Some(because) = Keyrings::here().lacks(SESSION) {
        return Err(because);
    }
    let mut bits = [0u8; 8];
    keys::capabilities(&mut bits)
        .map_err(|error| format!("KEYCTL_CAPABILITIES fails with {}", named(error)))?;
    let has = |(byte, bit, _): &&(usize, u8, &str)| bits[*byte] & bit != 0;
    Ok(CAPABILITIES.iter().filter(has).map(|(_, _, name)| *name).collect())
}
