//! Asks the threads of a process for their keyrings with ptrace(2), which stops each for a moment.

use crate::missing::{Missing, field};
use crate::tasks::{Held, Left, Process, Thread};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use std::fs;
use std::thread;

/// The keyrings of one process's threads, for users that may trace it; `None` if there is no such process.
///
/// Stops each thread and makes it call `keyctl_get_keyring_ID` for `@t` and `@p`, which creates nothing. The session
/// keyring is not asked for: the question would install one. Open files are not looked at. A thread that ends
/// meanwhile is left out. Signals that arrive while a thread is stopped are acted on after it runs on with its own
/// registers, except `SIGKILL`, which leaves the thread with wrong ones.
///
/// # Errors
///
/// What is missing to ask any thread. A thread that must not be asked is listed in [`Process::left`].
///
/// # References
///
/// ptrace(2), keyctl_get_keyring_ID(3), vdso(7)
pub fn stop_and_ask(pid: i32) -> Result<Option<Process>, Vec<Missing>> {
    if !fs::exists("/proc/self/status").unwrap_or(false) {
        return Err(vec![Missing::Proc]);
    }
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Ok(None) };
    let tids = tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok());
    let mut tids: Vec<i32> = tids.collect();
    tids.sort_unstable();
    let mut process =
        Process { pid, comm: comm(pid, pid).unwrap_or_default(), ..Process::default() };
    for tid in tids {
        match ask(pid, tid)? {
            Asked::Held(held) => {
                let comm = comm(pid, tid).unwrap_or_default();
                process.threads.push(Thread { tid, comm, ended: false, held, real: None });
            }
            Asked::Left(left) => process.left.push((tid, left)),
            Asked::Gone => {}
        }
    }
    Ok((!process.threads.is_empty() || !process.left.is_empty()).then_some(process))
}

/// What came of asking a thread.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "a thread answers on x86-64 only")
)]
pub(crate) enum Asked {
    Held(Held),
    Left(Left),
    Gone,
}

fn comm(pid: i32, tid: i32) -> Option<String> {
    let comm = fs::read(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(String::from_utf8_lossy(comm.strip_suffix(b"\n").unwrap_or(&comm)).into_owned())
}

/// Why a thread must not be asked, if at all; `None` if it has gone. `attached` says that its tracer is this program.
pub(crate) fn refusal(pid: i32, tid: i32, attached: bool) -> Option<Option<Left>> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
    let number = |name| field(&status, name).and_then(|it| it.parse().ok()).unwrap_or(0);
    Some(match (field(&status, "State")?.chars().next()?, number("TracerPid")) {
        ('X' | 'x', _) => return None,
        // Only a main thread stays for more than a moment.
        ('Z', _) if tid != pid => return None,
        ('Z', _) => Some(Left::Ended),
        (_, tracer @ 1..) if !attached => Some(Left::Tracer(tracer)),
        _ => (number("Seccomp") != 0).then_some(Left::Seccomp),
    })
}

/// Asks a thread. A thread of this program traces it, and ends afterwards: whatever happens, the kernel then
/// detaches what is still attached. No signal ends this program meanwhile.
fn ask(pid: i32, tid: i32) -> Result<Asked, Vec<Missing>> {
    match refusal(pid, tid, false) {
        None => return Ok(Asked::Gone),
        Some(Some(left)) => return Ok(Asked::Left(left)),
        Some(None) => {}
    }
    let mut before = SigSet::empty();
    let unblock = |before: &SigSet| pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(before), None);
    // Blocking signals fails for an invalid argument only.
    let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
    let asked = thread::scope(|scope| {
        let tracer = thread::Builder::new().spawn_scoped(scope, || machine::ask(pid, tid));
        tracer.map(|tracer| tracer.join())
    });
    // A signal that has arrived ends this program here.
    let _ = unblock(&before);
    match asked {
        Ok(Ok(asked)) => asked.map_err(|missing| vec![missing]),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => Ok(Asked::Left(Left::Refused(nix::errno::Errno::EAGAIN))),
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    use super::{Asked, Missing};

    pub(super) fn ask(_pid: i32, _tid: i32) -> Result<Asked, Missing> {
        Err(Missing::Architecture)
    }
}

#[cfg(target_arch = "x86_64")]
#[path = "inject.rs"]
mod machine;
