//! Makes a thread on x86-64 call `keyctl_get_keyring_ID`, and restores its registers.

use super::{Asked, refusal};
use crate::missing::Missing;
use crate::sys::ptrace::{self as sys, Registers};
use crate::tasks::{Answer, Held, Left};
use nix::errno::Errno;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// How long a thread may take to stop.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a thread is stopped again because it was in a restartable sequence.
const TRIES: u32 = 100;

/// The code segment of programs in 64-bit mode.
const CODE_64: u64 = 0x33;

/// Wait statuses of a stopped thread, by their parts: the signal, and what stopped it.
const CALL: i32 = libc::SIGTRAP | 0x80;
const EVENT_STOP: i32 = 128;

/// How a thread stopped, or that it has ended.
enum Stop {
    /// By `PTRACE_INTERRUPT`, or because the whole process is stopped.
    Interrupted,
    /// Before or after a system call.
    AtCall,
    /// To receive this signal.
    Signal(i32),
    Ended,
    /// It has not stopped in time.
    Late,
}

pub(super) fn ask(pid: i32, tid: i32) -> Result<Asked, Missing> {
    let Some(instruction) = system_call_instruction(pid, tid) else {
        return match refusal(pid, tid, false) {
            None => Ok(Asked::Gone),
            Some(_) if fs::File::open(format!("/proc/{pid}/task/{tid}/mem")).is_err() => {
                Ok(Asked::Left(Left::Refused(Errno::EPERM)))
            }
            Some(_) => Err(Missing::Vdso),
        };
    };
    Ok(match attached(pid, tid, instruction) {
        Ok(asked) => asked,
        // It was killed while it was stopped, or has ended before it could be attached to.
        Err(Errno::ESRCH | Errno::ECHILD) => Asked::Gone,
        // As for a thread that is ending.
        Err(Errno::EPERM) if refusal(pid, tid, false).is_none() => Asked::Gone,
        Err(errno) => Asked::Left(Left::Refused(errno)),
    })
}

fn attached(pid: i32, tid: i32, instruction: u64) -> Result<Asked, Errno> {
    sys::seize(tid)?;
    sys::interrupt(tid)?;
    let mut own = match stop(tid, Some(PATIENCE))? {
        Ok(registers) => registers,
        Err(asked) => return Ok(asked),
    };
    let mut tries = 0;
    while in_restartable_sequence(tid, &own)? {
        tries += 1;
        if tries > TRIES {
            return leave(tid, Asked::Left(Left::Busy));
        }
        sys::resume(tid, 0)?;
        sys::interrupt(tid)?;
        own = match stop(tid, Some(PATIENCE))? {
            Ok(registers) => registers,
            Err(asked) => return Ok(asked),
        };
    }
    // A filter may have been installed before the thread stopped.
    let left = match refusal(pid, tid, true) {
        None => return leave(tid, Asked::Gone),
        Some(Some(left)) => Some(left),
        Some(None) if own.cs != CODE_64 => Some(Left::Mode32),
        // Kernels before 6.4 don't say.
        Some(None) => sys::dispatches_calls(tid).unwrap_or(false).then_some(Left::Dispatch),
    };
    if let Some(left) = left {
        return leave(tid, Asked::Left(left));
    }
    // Otherwise a signal could be delivered with the registers of the question.
    let mask = sys::signal_mask(tid)?;
    sys::set_signal_mask(tid, u64::MAX)?;
    let answers = [-1i64, -2].map(|keyring| inject(tid, &own, instruction, keyring));
    // The next stop is before the thread runs on in user mode.
    sys::interrupt(tid)?;
    sys::resume(tid, 0)?;
    let stopped = stop(tid, None);
    // In this kind of stop, and in no other, the kernel restarts the call that the stop interrupted.
    let restored = sys::set_registers(tid, &own).and(sys::set_signal_mask(tid, mask));
    let asked = match (answers, stopped?, restored) {
        ([Ok(thread), Ok(process)], Ok(_), Ok(())) => {
            Asked::Held(Held { thread, process, session: Answer::NotAsked })
        }
        (_, Err(asked), _) => return Ok(asked),
        ([Err(errno), _] | [_, Err(errno)], ..) | (.., Err(errno)) => {
            Asked::Left(Left::Refused(errno))
        }
    };
    leave(tid, asked)
}

/// Detaches from a stopped thread.
fn leave(tid: i32, asked: Asked) -> Result<Asked, Errno> {
    sys::detach(tid).map(|()| asked)
}

/// Waits until an interrupted thread stops; returns its registers, or why there are none.
fn stop(tid: i32, patience: Option<Duration>) -> Result<Result<Registers, Asked>, Errno> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        match wait(tid, deadline)? {
            Stop::Interrupted => return sys::registers(tid).map(Ok),
            Stop::Signal(signal) => sys::resume(tid, signal)?,
            Stop::AtCall => sys::resume(tid, 0)?,
            Stop::Ended => return Ok(Err(Asked::Gone)),
            Stop::Late => return Ok(Err(Asked::Left(Left::Busy))),
        }
    }
}

/// Asks a stopped thread with blocked signals for one keyring. It is stopped at the end of the call then.
fn inject(tid: i32, own: &Registers, instruction: u64, keyring: i64) -> Result<Answer, Errno> {
    let question = Registers {
        rip: instruction,
        rax: libc::SYS_keyctl as u64,
        // The kernel must restart no call.
        orig_rax: u64::MAX,
        rdi: libc::KEYCTL_GET_KEYRING_ID.into(),
        rsi: keyring as u64,
        rdx: 0,
        r10: 0,
        r8: 0,
        ..*own
    };
    sys::set_registers(tid, &question)?;
    for _entry_then_exit in 0..2 {
        let mut signal = 0;
        loop {
            sys::resume_to_call(tid, signal)?;
            match wait(tid, None)? {
                Stop::AtCall => break,
                Stop::Signal(another) => signal = another,
                Stop::Interrupted | Stop::Late => signal = 0,
                Stop::Ended => return Err(Errno::ESRCH),
            }
        }
    }
    let result = sys::registers(tid)?.rax as i64;
    Ok(match result {
        serial @ 1.. => Answer::from(serial as u32),
        result if result == -(Errno::ENOKEY as i64) => Answer::Absent,
        result => Answer::Refused(-result as i32),
    })
}

/// Waits until the thread stops or ends, or the time has come.
fn wait(tid: i32, deadline: Option<Instant>) -> Result<Stop, Errno> {
    let status = loop {
        if let Some(status) = sys::wait(tid, deadline.is_none())? {
            break status;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(Stop::Late);
        }
        // A process that ignores SIGCHLD receives none, so this is no longer than a moment.
        sys::wait_for_sigchld(5);
    };
    if !libc::WIFSTOPPED(status) {
        return Ok(Stop::Ended);
    }
    Ok(match (libc::WSTOPSIG(status), status >> 16) {
        (_, EVENT_STOP) => Stop::Interrupted,
        (CALL, _) => Stop::AtCall,
        (signal, _) => Stop::Signal(signal),
    })
}

/// Whether a stopped thread is in a restartable sequence (rseq(2)). It must not make a system call there: the kernel
/// would forget to restart the sequence.
fn in_restartable_sequence(tid: i32, own: &Registers) -> Result<bool, Errno> {
    // Kernels before 5.13 don't say.
    let Ok(rseq @ 1..) = sys::restartable_sequences(tid) else { return Ok(false) };
    let sequence = sys::peek(tid, rseq + 8)?;
    if sequence == 0 {
        return Ok(false);
    }
    let (start, length) = (sys::peek(tid, sequence + 8)?, sys::peek(tid, sequence + 16)?);
    Ok(own.rip.wrapping_sub(start) < length)
}

/// Where the process has a `syscall` instruction: somewhere in the code that the kernel maps into it.
fn system_call_instruction(pid: i32, tid: i32) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/task/{tid}/maps")).ok()?;
    let vdso = maps.lines().find(|line| line.ends_with(" [vdso]"))?;
    let (start, end) = vdso.split_once(' ')?.0.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    let mut code = vec![0; usize::try_from(end.checked_sub(start)?).ok()?.min(1 << 20)];
    File::open(format!("/proc/{pid}/task/{tid}/mem")).ok()?.read_exact_at(&mut code, start).ok()?;
    let at = code.windows(2).position(|bytes| bytes == [0x0f, 0x05])?;
    Some(start + at as u64)
}
