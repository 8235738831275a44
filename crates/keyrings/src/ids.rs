//! User and group ids, and user namespaces.

use crate::make::CloneFlags;
use crate::record::{call, event, outcome, record};
use crate::{Checked, Errno, Failure, NO_CHANGE, sys};
use nix::sched;
use nix::unistd::{self, Gid, Uid};
use trace::{Outcome, Value};

pub(crate) fn uid_value(uid: u32) -> Value {
    if uid == NO_CHANGE { Value::Int(-1) } else { Value::Uid(uid) }
}

pub(crate) fn gid_value(gid: u32) -> Value {
    if gid == NO_CHANGE { Value::Int(-1) } else { Value::Gid(gid) }
}

/// A user id that nobody else uses: it goes with the number of this process. The same number
/// serves as a group id.
pub fn unused_id() -> u32 {
    0x4000_0000 + unistd::getpid().as_raw() as u32
}

/// Another one.
pub fn another_unused_id() -> u32 {
    0x5000_0000 + unistd::getpid().as_raw() as u32
}

/// The caller's real user id.
pub fn getuid() -> u32 {
    unistd::getuid().as_raw()
}

/// The caller's real group id.
pub fn getgid() -> u32 {
    unistd::getgid().as_raw()
}

/// setresuid(2) as glibc has it: in all threads of the process. [`NO_CHANGE`] keeps an id.
pub fn setresuid(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let [r, e, s] = [real, effective, saved].map(Uid::from_raw);
    let result = unistd::setresuid(r, e, s);
    call("setresuid", || [real, effective, saved].map(uid_value).into(), &result);
    result
}

/// setresuid(2) as the kernel has it: in the calling thread alone.
pub fn setresuid_of_this_thread(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let result = sys::setresuid_of_thread(real, effective, saved);
    let args = || [real, effective, saved].map(uid_value).into();
    call("syscall_setresuid", args, &result);
    result
}

/// setresgid(2) as glibc has it: in all threads of the process.
pub fn setresgid(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let [r, e, s] = [real, effective, saved].map(Gid::from_raw);
    let result = unistd::setresgid(r, e, s);
    call("setresgid", || [real, effective, saved].map(gid_value).into(), &result);
    result
}

/// setfsuid(2), which fails in silence: the change is checked here, and `EPERM` says it failed.
pub fn setfsuid(uid: u32) -> Result<(), Errno> {
    let result = set_fs_id(false, uid);
    call("setfsuid", || vec![uid_value(uid)], &result);
    result
}

/// setfsgid(2), which fails in silence: the change is checked here, and `EPERM` says it failed.
pub fn setfsgid(gid: u32) -> Result<(), Errno> {
    let result = set_fs_id(true, gid);
    call("setfsgid", || vec![gid_value(gid)], &result);
    result
}

fn set_fs_id(group: bool, id: u32) -> Result<(), Errno> {
    sys::set_fs_id(group, id);
    // An invalid id changes nothing and tells the present one.
    if sys::set_fs_id(group, NO_CHANGE) == id { Ok(()) } else { Err(Errno::EPERM) }
}

/// Takes the calling process out of what these flags name: unshare(2). A process with several
/// threads cannot leave its user namespace (`EINVAL`).
pub fn unshare(flags: CloneFlags) -> Result<(), Errno> {
    let result = sched::unshare(sched::CloneFlags::from_bits_retain(flags.bits()));
    call("unshare", || vec![flags.value()], &result);
    result
}

/// In a new user namespace, gives the caller's ids the same numbers inside as outside.
///
/// `outside` and `outside_group` are the ids before the namespace was entered.
pub fn map_own_ids(outside: u32, outside_group: u32) -> Checked {
    write_maps(outside, outside_group)?;
    let args = || vec![uid_value(outside), gid_value(outside_group)];
    record(|| event("map_own_ids", args(), Outcome::Nothing));
    Ok(())
}

fn write_maps(outside: u32, outside_group: u32) -> Checked {
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| Failure::new(format!("/proc/self/{file} cannot be written: {error}")))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{outside} {outside} 1"))?;
    write("gid_map", format!("{outside_group} {outside_group} 1"))
}

/// Takes the calling process into a user namespace of its own, in which its ids have the numbers
/// they had.
///
/// The kernel keeps `@u` and `@us` as long as the namespace they were made in, and makes them for
/// every upcall: a snippet that has something to do with them calls this first, so that they go
/// with it.
pub fn enter_user_namespace() -> Checked {
    let (uid, gid) = (getuid(), getgid());
    sched::unshare(sched::CloneFlags::CLONE_NEWUSER)?;
    write_maps(uid, gid)?;
    record(|| event("enter_user_namespace", vec![], Outcome::Nothing));
    Ok(())
}

/// Begins to trace another task: ptrace(2) with `PTRACE_SEIZE`.
pub fn ptrace_seize(task: crate::Task) -> Result<(), Errno> {
    let result = nix::sys::ptrace::seize(task.pid(), nix::sys::ptrace::Options::empty());
    record(|| {
        event(
            "ptrace",
            vec![Value::word("PTRACE_SEIZE"), Value::word(task.name())],
            outcome(&result),
        )
    });
    result
}
