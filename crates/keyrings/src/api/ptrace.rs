//! Tracing another task.

use crate::tasks::record::call;
use crate::tasks::task::Task;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, waitpid};
use trace::Value;

/// Starts to trace another task, without stopping it.
///
/// # Errors
///
/// Those of ptrace(2).
///
/// # References
///
/// ptrace(2) with `PTRACE_SEIZE`
pub fn ptrace_seize(task: Task) -> Result<(), Errno> {
    let result = ptrace::seize(task.tid(), Options::empty());
    call("ptrace", || vec![Value::word("PTRACE_SEIZE"), Value::word(task.name())], &result);
    result
}

/// Waits, as its tracer, for a thread that has ended: the kernel removes the thread only then.
///
/// # Errors
///
/// Those of waitpid(2); `ECHILD`: the calling process does not trace the thread.
///
/// # References
///
/// waitpid(2) with `__WALL`; `wait_task_zombie`
pub fn wait_for_traced(thread: Task) -> Result<(), Errno> {
    let waited = waitpid(thread.tid(), Some(WaitPidFlag::__WALL));
    let name = || Value::word(thread.name());
    call("waitpid", || vec![name(), Value::word("__WALL")], &waited.map(|_| name()));
    waited.map(drop)
}
