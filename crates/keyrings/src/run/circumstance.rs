//! Circumstances: what surrounds a snippet and is not part of its rule.
//!
//! A rule claims to hold wherever its statement does not exclude it. A circumstance changes the stage
//! before the program of a rule begins, by calls that are recorded like the program's own, so that the
//! model judges the whole trace. What a circumstance creates ends with the snippet.

use crate::api::confine::{
    drop_capabilities, keep_capabilities, no_new_privs, raise_capabilities, seccomp_allow,
    setgroups, setsid,
};
use crate::api::ids::{
    NO_CHANGE, enter_user_namespace, getuid, setfsgid, setfsuid, setresgid, setresuid, unshare,
    unused_id,
};
use crate::api::key::{
    BOTH, CREATE, KEY_POS_ALL, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_SESSION_KEYRING,
    KEY_SPEC_THREAD_KEYRING, KEY_USR_ALL, KeySerial,
};
use crate::api::keyctl::{
    add_key, keyctl_get_keyring_ID, keyctl_join_session_keyring, keyctl_link,
    keyctl_restrict_keyring, keyctl_setperm,
};
use crate::api::quota::quota_of;
use crate::host::probe::has_session_keyring;
use crate::sys::compat;
use crate::tasks::arena::{Arena, unique_number};
use crate::tasks::churn::churn;
use crate::tasks::fail::{Checked, Failure, named};
use crate::tasks::make::{CLONE_NEW_OTHERS, CLONE_NEWUSER, fork, pthread_create};
use crate::tasks::record::{event, record};
use crate::tasks::tracer::trace_all;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use std::sync::atomic::{AtomicBool, Ordering};
use trace::{Outcome, Value};

/// A circumstance in which a snippet can run.
#[derive(Debug)]
pub struct Circumstance {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is different, in words.
    pub about: &'static str,
    pub(super) stage: Stage,
    pub(super) set_up: fn() -> Checked,
}

/// Which task runs the program of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The main thread of the snippet's process.
    Main,
    /// The same, which has no session keyring.
    NoSession,
    /// Another thread.
    Thread,
    /// A forked child.
    Child,
    /// A child that is the first process of a new PID namespace.
    FirstProcess,
    /// A program that the snippet's process has begun by execve(2).
    Program,
    /// A program that request_key(2) starts, before or after it has assumed the authority to instantiate the key.
    Handler { assumes: bool },
    /// A set-user-ID program that the snippet's process has begun.
    SetUserId,
}

const fn on(
    stage: Stage,
    name: &'static str,
    about: &'static str,
    set_up: fn() -> Checked,
) -> Circumstance {
    Circumstance { name, about, stage, set_up }
}

const fn here(name: &'static str, about: &'static str, set_up: fn() -> Checked) -> Circumstance {
    on(Stage::Main, name, about, set_up)
}

fn nothing() -> Checked {
    Ok(())
}

impl Circumstance {
    /// Whether it requires a machine that exists for it only.
    pub fn is_for_a_guest(&self) -> bool {
        matches!(self.stage, Stage::Handler { .. })
    }
}

/// Every circumstance.
pub static CIRCUMSTANCES: &[Circumstance] = &[
    on(Stage::Thread, "thread", "a thread other than the main thread runs the program", nothing),
    on(Stage::Child, "child", "a forked child runs the program", nothing),
    on(Stage::Program, "execve", "the process has called execve(2)", nothing),
    on(
        Stage::SetUserId,
        "set-user-id",
        "root has started a set-user-ID program of another user",
        nothing,
    ),
    here("threads", "two other threads exist", || {
        pthread_create("bystander1")?;
        pthread_create("bystander2").map(drop)
    }),
    here("thread-churn", "threads start and end all the time", churn),
    on(Stage::Child, "setsid", "a child that leads its own session of processes", || Ok(setsid()?)),
    here("uid-saved", "the saved user id differs", || users([NO_CHANGE, NO_CHANGE, stranger()])),
    here("uid-effective", "the effective and filesystem user ids differ from the real one", || {
        users([NO_CHANGE, stranger(), NO_CHANGE])
    }),
    here("uid-real", "the real user id differs; the effective one is root", || {
        users([stranger(), NO_CHANGE, NO_CHANGE])
    }),
    here("uid-filesystem", "the filesystem user id differs", || {
        setfsuid(stranger())?;
        own_session()
    }),
    here("gid-saved", "the saved group id differs", || groups([NO_CHANGE, NO_CHANGE, stranger()])),
    here(
        "gid-effective",
        "the effective and filesystem group ids differ from the real one",
        || groups([NO_CHANGE, stranger(), NO_CHANGE]),
    ),
    here("gid-real", "the real group id differs", || groups([stranger(), NO_CHANGE, NO_CHANGE])),
    here("gid-filesystem", "the filesystem group id differs", || {
        setfsgid(stranger())?;
        own_session()
    }),
    here("user", "an ordinary user, all ids equal", || become_user([stranger(); 3])),
    here("user-saved", "an ordinary user whose saved user id differs", || {
        become_user([stranger(), stranger(), second_stranger()])
    }),
    here("user-real", "an ordinary user whose real user id differs", || {
        become_user([second_stranger(), stranger(), stranger()])
    }),
    here("user-effective", "an ordinary user whose real and saved user ids are another's", || {
        become_user([second_stranger(), stranger(), second_stranger()])
    }),
    here("groups", "the process has supplementary groups, of which the program uses one", || {
        Ok(setgroups(&[unused_id(), stranger()])?)
    }),
    here("no-capabilities", "root without capabilities", || Ok(drop_capabilities()?)),
    here("capabilities", "an ordinary user with all capabilities", || {
        keep_capabilities()?;
        become_user([stranger(); 3])?;
        Ok(raise_capabilities()?)
    }),
    here("little-quota", "an ordinary user with 300 bytes of quota left", || {
        become_user([stranger(); 3])?;
        use_quota_but(300)
    }),
    here("thread-keyring", "the thread keyring exists", || create(&[KEY_SPEC_THREAD_KEYRING])),
    here("process-keyring", "the process keyring exists", || create(&[KEY_SPEC_PROCESS_KEYRING])),
    here("both-keyrings", "both keyrings exist", || create(&BOTH)),
    here("filled-keyrings", "both keyrings exist and link to a key", || {
        for ring in BOTH {
            add_key("user", "bystander", "payload", ring)?;
        }
        Ok(())
    }),
    here("other-keyrings", "both keyrings exist, created under another effective user id", || {
        users([NO_CHANGE, stranger(), NO_CHANGE])?;
        create(&BOTH)?;
        users([NO_CHANGE, getuid(), NO_CHANGE])
    }),
    here("foreign-keyrings", "both keyrings exist, created under another real user id", || {
        let uid = getuid();
        users([stranger(), NO_CHANGE, NO_CHANGE])?;
        create(&BOTH)?;
        users([uid, NO_CHANGE, NO_CHANGE])
    }),
    here("wide-masks", "both keyrings exist and allow their owner everything", || {
        create(&BOTH)?;
        for ring in BOTH {
            keyctl_setperm(ring, KEY_POS_ALL | KEY_USR_ALL)?;
        }
        Ok(())
    }),
    here("restricted-keyrings", "both keyrings exist and accept no further link", || {
        create(&BOTH)?;
        for ring in BOTH {
            keyctl_restrict_keyring(ring, None)?;
        }
        Ok(())
    }),
    on(Stage::NoSession, "no-session", "no session keyring exists", begin_without_session),
    here("shared-session", "another process shares the session keyring", || {
        fork("bystander").map(drop)
    }),
    here("linking-session", "the session keyring links to both keyrings", || {
        for ring in BOTH {
            keyctl_link(ring_of(ring)?, KEY_SPEC_SESSION_KEYRING)?;
        }
        Ok(())
    }),
    here("named-session", "the session keyring has a name", || {
        let name = format!("keyrings-{}", unique_number());
        keyctl_join_session_keyring(Some(&name))?;
        Ok(())
    }),
    here("traced", "a tracer is attached to the process and what it creates", trace_all),
    here("user-namespace", "a user namespace that maps no id", || Ok(unshare(CLONE_NEWUSER)?)),
    here("mapped-namespace", "a user namespace that maps the caller's ids", enter_user_namespace),
    here("namespaces", "new mount, UTS, IPC, network and cgroup namespaces", || {
        Ok(unshare(CLONE_NEW_OTHERS)?)
    }),
    on(
        Stage::FirstProcess,
        "pid-namespace",
        "the first process of a new PID namespace, with a /proc to match",
        mount_proc,
    ),
    here("no-new-privs", "no_new_privs is set, and a seccomp filter allows every call", || {
        no_new_privs()?;
        Ok(seccomp_allow()?)
    }),
    on(
        Stage::Handler { assumes: false },
        "request-key",
        "request_key(2) has started the program, as request-key(8)",
        nothing,
    ),
    on(
        Stage::Handler { assumes: true },
        "request-key-authority",
        "the same, after the program has assumed the authority to instantiate the key",
        nothing,
    ),
    here("32-bit", "the process issues 32-bit system calls", use_32_bit_calls),
];

/// What a key of type `user` with a link and a session keyring are charged beside a payload, in bytes.
const CHARGE: u32 = 20;

/// The longest payload of a key of type `user`, in bytes.
const LONGEST_PAYLOAD: u32 = 32_767;

/// Finds a circumstance by its name.
pub fn find(name: &str) -> Option<&'static Circumstance> {
    CIRCUMSTANCES.iter().find(|circumstance| circumstance.name == name)
}

/// A user and group id that no program uses: neither another process nor the program of the rule, whose
/// own ids are those of [`crate::unused_id`].
fn stranger() -> u32 {
    0x2000_0000 + unique_number()
}

/// Another such id.
fn second_stranger() -> u32 {
    0x3000_0000 + unique_number()
}

fn ring_of(ring: KeySerial) -> Result<KeySerial, Errno> {
    keyctl_get_keyring_ID(ring, CREATE)
}

fn create(rings: &[KeySerial]) -> Checked {
    for ring in rings {
        ring_of(*ring)?;
    }
    Ok(())
}

fn users([real, effective, saved]: [u32; 3]) -> Checked {
    setresuid(real, effective, saved).map_err(privilege)?;
    own_session()
}

fn groups([real, effective, saved]: [u32; 3]) -> Checked {
    setresgid(real, effective, saved).map_err(privilege)?;
    own_session()
}

/// Uses up the caller's quota except for some bytes. The key that does is in a session keyring which a
/// process that goes on existing keeps, and the program does not.
fn use_quota_but(bytes: u32) -> Checked {
    let (_, left) = quota_of(getuid()).map_err(Failure::new)?.left();
    let used = left.saturating_sub(bytes + CHARGE).min(LONGEST_PAYLOAD);
    add_key("user", "filler", vec![0; used as usize], KEY_SPEC_SESSION_KEYRING)?;
    fork("bystander")?;
    own_session()
}

/// Joins a new session keyring, which belongs to the present user and group, as a login creates one, unless
/// the program begins without one.
fn own_session() -> Checked {
    if !WITHOUT_SESSION.load(Ordering::Relaxed) {
        keyctl_join_session_keyring(None)?;
    }
    Ok(())
}

/// Whether the program begins without a session keyring in every circumstance.
pub(super) static WITHOUT_SESSION: AtomicBool = AtomicBool::new(false);

/// Begins without a session keyring, in a user namespace: the user keyrings, which the kernel creates instead,
/// end with it.
pub(super) fn begin_without_session() -> Checked {
    if let Some(why) = has_session_keyring() {
        return Err(Failure::new(why));
    }
    record_no_session();
    enter_user_namespace()
}

/// Records that the trace begins without a session keyring.
pub(super) fn record_no_session() {
    let returned = Outcome::Returned(Value::Int(0));
    record(|| event("begin_without_session_keyring", vec![], returned));
}

/// Has the process, and all that it creates, issue 32-bit calls of add_key(2), request_key(2) and
/// keyctl(2).
fn use_32_bit_calls() -> Checked {
    if !compat::is_known() {
        return Err(Failure::new("32-bit calls: this kernel does not know them"));
    }
    if let Some(arena) = Arena::here() {
        arena.use_32_bit_calls();
    }
    record(|| event("use_32_bit_calls", vec![], Outcome::Returned(Value::Int(0))));
    Ok(())
}

/// Mounts the /proc of a PID namespace, in a mount namespace that ends with it.
fn mount_proc() -> Checked {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .and_then(|()| mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none))
        .map_err(|errno| Failure::new(format!("/proc: it cannot be mounted: {}", named(errno))))
}

fn become_user(ids: [u32; 3]) -> Checked {
    groups([stranger(); 3])?;
    users(ids)
}

fn privilege(errno: Errno) -> Failure {
    Failure::new(format!("the ids cannot be changed: {}", named(errno)))
}
