//! Capabilities, supplementary groups and filters of the calling process.

use crate::sys::process;
use crate::tasks::record::call;
use nix::errno::Errno;
use nix::unistd::Gid;
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

/// Drops every capability of the calling thread.
///
/// # Errors
///
/// Those of capset(2).
///
/// # References
///
/// capset(2); capabilities(7)
pub fn drop_capabilities() -> Result<()> {
    let result = process::capset(0, 0);
    call("capset", || vec![Value::word("none")], &result);
    result
}

/// Keeps the permitted capabilities of the calling thread when all its user ids change from root.
///
/// # Errors
///
/// Those of prctl(2).
///
/// # References
///
/// prctl(2) with `PR_SET_KEEPCAPS`; capabilities(7)
pub fn keep_capabilities() -> Result<()> {
    let result = nix::sys::prctl::set_keepcaps(true);
    call("prctl", || vec![Value::word("PR_SET_KEEPCAPS"), Value::Int(1)], &result);
    result
}

/// Makes every permitted capability of the calling thread effective.
///
/// # Errors
///
/// Those of capget(2) and capset(2).
///
/// # References
///
/// capset(2); capabilities(7)
pub fn raise_capabilities() -> Result<()> {
    let result = process::permitted_capabilities()
        .and_then(|permitted| process::capset(permitted, permitted));
    call("capset", || vec![Value::word("permitted")], &result);
    result
}

/// Replaces the supplementary groups of the calling thread alone.
///
/// # Errors
///
/// Those of setgroups(2).
///
/// # References
///
/// setgroups(2)
pub fn setgroups_of_this_thread(groups: &[u32]) -> Result<()> {
    let result = process::setgroups_of_thread(groups);
    call("syscall_setgroups", || groups.iter().copied().map(Value::Gid).collect(), &result);
    result
}

/// Replaces the supplementary groups of the calling process.
///
/// # Errors
///
/// Those of setgroups(2).
///
/// # References
///
/// setgroups(2)
pub fn setgroups(groups: &[u32]) -> Result<()> {
    let gids: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    let result = nix::unistd::setgroups(&gids);
    call("setgroups", || groups.iter().copied().map(Value::Gid).collect(), &result);
    result
}

/// Makes the calling process the leader of a new session of processes.
///
/// # Errors
///
/// Those of setsid(2); `EPERM`: it leads a process group.
///
/// # References
///
/// setsid(2)
pub fn setsid() -> Result<()> {
    let result = nix::unistd::setsid().map(drop);
    call("setsid", Vec::new, &result);
    result
}

/// Makes execve(2) grant no privileges.
///
/// # Errors
///
/// Those of prctl(2).
///
/// # References
///
/// prctl(2) with `PR_SET_NO_NEW_PRIVS`
pub fn no_new_privs() -> Result<()> {
    let result = nix::sys::prctl::set_no_new_privs();
    call("prctl", || vec![Value::word("PR_SET_NO_NEW_PRIVS"), Value::Int(1)], &result);
    result
}

/// Installs a seccomp filter that allows every call.
///
/// # Errors
///
/// Those of seccomp(2).
///
/// # References
///
/// seccomp(2) with `SECCOMP_SET_MODE_FILTER`
pub fn seccomp_allow() -> Result<()> {
    let result = process::seccomp_allow();
    call("seccomp", || vec![Value::word("SECCOMP_RET_ALLOW")], &result);
    result
}
