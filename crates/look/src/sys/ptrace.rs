//! ptrace(2) and waitpid(2) of a thread, on x86-64.

use super::Result;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use std::ffi::{c_int, c_long};

/// Attaches to a thread without stopping it.
pub(crate) fn seize(thread: i32) -> Result<()> {
    ptrace(libc::PTRACE_SEIZE, thread, 0, libc::PTRACE_O_TRACESYSGOOD as usize)
}

/// Stops an attached thread.
pub(crate) fn interrupt(thread: i32) -> Result<()> {
    ptrace(libc::PTRACE_INTERRUPT, thread, 0, 0)
}

/// Continues a stopped thread with a signal, or 0 for none.
pub(crate) fn resume(thread: i32, signal: c_int) -> Result<()> {
    ptrace(libc::PTRACE_CONT, thread, 0, signal as usize)
}

/// Continues a stopped thread until it begins or ends a system call, with a signal, or 0 for none.
pub(crate) fn resume_to_call(thread: i32, signal: c_int) -> Result<()> {
    ptrace(libc::PTRACE_SYSCALL, thread, 0, signal as usize)
}

/// Continues a stopped thread and leaves it.
pub(crate) fn detach(thread: i32) -> Result<()> {
    ptrace(libc::PTRACE_DETACH, thread, 0, 0)
}

/// A word of a stopped thread's memory.
pub(crate) fn peek(thread: i32, address: u64) -> Result<u64> {
    let mut word = 0u64;
    // The bare system call, unlike the function of libc, writes the word.
    // SAFETY: the kernel writes the word; it reads the other process's memory only.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_ptrace, libc::PTRACE_PEEKDATA, thread, address, &raw mut word)
    })?;
    Ok(word)
}

/// The signals that a stopped thread blocks.
pub(crate) fn signal_mask(thread: i32) -> Result<u64> {
    let mut mask = 0u64;
    ptrace(libc::PTRACE_GETSIGMASK, thread, size_of::<u64>(), (&raw mut mask) as usize)?;
    Ok(mask)
}

/// Sets the signals that a stopped thread blocks.
pub(crate) fn set_signal_mask(thread: i32, mask: u64) -> Result<()> {
    ptrace(libc::PTRACE_SETSIGMASK, thread, size_of::<u64>(), (&raw const mask) as usize)
}

/// The address of a stopped thread's `struct rseq`, or 0.
pub(crate) fn restartable_sequences(thread: i32) -> Result<u64> {
    const GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
    let mut configuration = [0u64; 3];
    let size = size_of_val(&configuration);
    ptrace(GET_RSEQ_CONFIGURATION, thread, size, configuration.as_mut_ptr() as usize)?;
    Ok(configuration[0])
}

/// Whether a stopped thread's system calls can be dispatched to itself, by `PR_SET_SYSCALL_USER_DISPATCH`.
pub(crate) fn dispatches_calls(thread: i32) -> Result<bool> {
    const GET_SYSCALL_USER_DISPATCH_CONFIG: libc::c_uint = 0x4211;
    let mut configuration = [0u64; 4];
    let size = size_of_val(&configuration);
    ptrace(GET_SYSCALL_USER_DISPATCH_CONFIG, thread, size, configuration.as_mut_ptr() as usize)?;
    Ok(configuration[0] != 0)
}

/// Registers of a thread.
pub(crate) type Registers = libc::user_regs_struct;

/// The registers of a stopped thread.
pub(crate) fn registers(thread: i32) -> Result<Registers> {
    // SAFETY: the structure consists of integers.
    let mut registers: Registers = unsafe { std::mem::zeroed() };
    ptrace(libc::PTRACE_GETREGS, thread, 0, (&raw mut registers) as usize)?;
    Ok(registers)
}

/// Sets the registers of a stopped thread.
pub(crate) fn set_registers(thread: i32, registers: &Registers) -> Result<()> {
    ptrace(libc::PTRACE_SETREGS, thread, 0, std::ptr::from_ref(registers) as usize)
}

fn ptrace(request: libc::c_uint, thread: i32, address: usize, data: usize) -> Result<()> {
    // SAFETY: `data` is a number or the address of a value that the callers above own, whose type and
    // size belong to the request.
    Errno::result(unsafe { libc::ptrace(request, thread, address, data) }).map(drop)
}

/// waitpid(2) for one thread: its wait status, or nothing if it has not changed and `block` is false.
pub(crate) fn wait(thread: i32, block: bool) -> Result<Option<c_int>> {
    let mut status = 0;
    let flags = libc::__WALL | if block { 0 } else { libc::WNOHANG };
    // SAFETY: the kernel writes the status.
    let id = Errno::result(unsafe { libc::waitpid(thread, &mut status, flags) })?;
    Ok((id != 0).then_some(status))
}

/// Waits at most that long for `SIGCHLD`, which the caller has blocked.
pub(crate) fn wait_for_sigchld(milliseconds: c_long) {
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    let signals = SigSet::from(Signal::SIGCHLD);
    // SAFETY: set and timeout live through the call; a null pointer for what arrived is allowed.
    unsafe { libc::sigtimedwait(signals.as_ref(), std::ptr::null_mut(), &timeout) };
}
