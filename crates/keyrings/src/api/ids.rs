//! User and group ids, and user namespaces.

use crate::sys::process;
use crate::tasks::arena::{Arena, unique_number};
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::make::{CloneFlags, Namespaces};
use crate::tasks::record::{call, event, record};
use nix::errno::Errno;
use nix::sched;
use nix::unistd::{self, Gid, Uid};
use trace::{Outcome, Value};

/// For the calls that change ids and for [`crate::keyctl_chown`]: leave this id as it is.
pub const NO_CHANGE: u32 = u32::MAX;

pub(crate) fn uid_value(uid: u32) -> Value {
    if uid == NO_CHANGE { Value::Int(-1) } else { Value::Uid(uid) }
}

pub(crate) fn gid_value(gid: u32) -> Value {
    if gid == NO_CHANGE { Value::Int(-1) } else { Value::Gid(gid) }
}

/// A user id that no other process uses, derived from this process's id. The same number serves as a
/// group id.
pub fn unused_id() -> u32 {
    0x4000_0000 + unique_number()
}

/// Another such id.
pub fn another_unused_id() -> u32 {
    0x5000_0000 + unique_number()
}

/// The caller's real user id.
pub fn getuid() -> u32 {
    unistd::getuid().as_raw()
}

/// The caller's real group id.
pub fn getgid() -> u32 {
    unistd::getgid().as_raw()
}

/// Changes the ids of all threads of the process. [`NO_CHANGE`] keeps an id.
///
/// # Errors
///
/// Those of setresuid(2).
///
/// # References
///
/// setresuid(3) of glibc, which makes every thread call setresuid(2)
pub fn setresuid(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let [r, e, s] = [real, effective, saved].map(Uid::from_raw);
    let result = unistd::setresuid(r, e, s);
    call("setresuid", || [real, effective, saved].map(uid_value).into(), &result);
    result
}

/// Changes the ids of the calling thread alone.
///
/// # Errors
///
/// Those of setresuid(2).
///
/// # References
///
/// setresuid(2); `__sys_setresuid`
pub fn setresuid_of_this_thread(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let result = process::setresuid_of_thread(real, effective, saved);
    let args = || [real, effective, saved].map(uid_value).into();
    call("syscall_setresuid", args, &result);
    result
}

/// Changes the group ids of the calling thread alone.
///
/// # Errors
///
/// Those of setresgid(2).
///
/// # References
///
/// setresgid(2); `__sys_setresgid`
pub fn setresgid_of_this_thread(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let result = process::setresgid_of_thread(real, effective, saved);
    let args = || [real, effective, saved].map(gid_value).into();
    call("syscall_setresgid", args, &result);
    result
}

/// Changes the group ids of all threads of the process. [`NO_CHANGE`] keeps an id.
///
/// # Errors
///
/// Those of setresgid(2).
///
/// # References
///
/// setresgid(3) of glibc, which makes every thread call setresgid(2)
pub fn setresgid(real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    let [r, e, s] = [real, effective, saved].map(Gid::from_raw);
    let result = unistd::setresgid(r, e, s);
    call("setresgid", || [real, effective, saved].map(gid_value).into(), &result);
    result
}

/// Changes the filesystem user id.
///
/// # Errors
///
/// `EPERM` if the id is not the new one afterwards: setfsuid(2) itself reports no error.
///
/// # References
///
/// setfsuid(2)
pub fn setfsuid(uid: u32) -> Result<(), Errno> {
    let result = set_fs_id(false, uid);
    call("setfsuid", || vec![uid_value(uid)], &result);
    result
}

/// Changes the filesystem group id.
///
/// # Errors
///
/// `EPERM` if the id is not the new one afterwards: setfsgid(2) itself reports no error.
///
/// # References
///
/// setfsgid(2)
pub fn setfsgid(gid: u32) -> Result<(), Errno> {
    let result = set_fs_id(true, gid);
    call("setfsgid", || vec![gid_value(gid)], &result);
    result
}

fn set_fs_id(group: bool, id: u32) -> Result<(), Errno> {
    process::set_fs_id(group, id);
    // An invalid id changes nothing and returns the present one.
    if process::set_fs_id(group, NO_CHANGE) == id { Ok(()) } else { Err(Errno::EPERM) }
}

/// Moves the calling process to new namespaces.
///
/// # Errors
///
/// Those of unshare(2); `EINVAL`: a process with several threads cannot leave its user namespace.
///
/// # References
///
/// unshare(2); `ksys_unshare`
pub fn unshare(namespaces: Namespaces) -> Result<(), Errno> {
    let result = sched::unshare(sched::CloneFlags::from_bits_retain(namespaces.bits()));
    call("unshare", || vec![CloneFlags::from(namespaces).value()], &result);
    result
}

/// In a new user namespace, maps the caller's ids to the numbers they have outside.
///
/// `outside` and `outside_group` are the ids before the namespace was entered.
///
/// # Errors
///
/// Fails if the maps cannot be written.
///
/// # References
///
/// user_namespaces(7)
pub fn map_own_ids(outside: u32, outside_group: u32) -> Checked {
    write_maps([outside; 2], [outside_group; 2])?;
    let args = || vec![uid_value(outside), gid_value(outside_group)];
    record(|| event("map_own_ids", args(), Outcome::Nothing));
    Ok(())
}

/// Maps an id inside to one outside, of a user and of a group.
fn write_maps([user, user_outside]: [u32; 2], [group, group_outside]: [u32; 2]) -> Checked {
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| Failure::new(format!("/proc/self/{file} cannot be written: {error}")))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user_outside} 1"))?;
    write("gid_map", format!("{group} {group_outside} 1"))
}

/// Moves the calling process to a new user namespace, in which its ids keep their numbers.
///
/// The kernel keeps `@u` and `@us` as long as the namespace in which they were created, and creates
/// them for every upcall: a snippet that touches them calls this first, so that they vanish with it.
///
/// # Errors
///
/// Fails if unshare(2) does, or if the maps cannot be written.
///
/// # References
///
/// user_namespaces(7)
pub fn enter_user_namespace() -> Checked {
    let (uid, gid) = (getuid(), getgid());
    enter(sched::CloneFlags::CLONE_NEWUSER, [uid; 2], [gid; 2])?;
    record(|| event("enter_user_namespace", vec![], Outcome::Nothing));
    Ok(())
}

/// Moves the calling process to a new user namespace, in which its effective ids are root's, and to a new mount
/// namespace. Records nothing.
pub(crate) fn enter_as_root() -> Checked {
    let (uid, gid) = (unistd::geteuid().as_raw(), unistd::getegid().as_raw());
    let namespaces = sched::CloneFlags::CLONE_NEWUSER | sched::CloneFlags::CLONE_NEWNS;
    enter(namespaces, [0, uid], [0, gid])
}

fn enter(namespaces: sched::CloneFlags, user: [u32; 2], group: [u32; 2]) -> Checked {
    let entered = sched::unshare(namespaces).map_err(Failure::from);
    entered.and_then(|()| write_maps(user, group)).inspect_err(|_| {
        if let Some(arena) = Arena::here() {
            arena.lose_stage();
        }
    })
}
