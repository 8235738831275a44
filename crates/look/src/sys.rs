//! bpf(2) and ptrace(2), for which no crate of the workspace has functions. All unsafe code of this crate.

#![expect(unsafe_code, reason = "calls that take addresses")]

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use std::ffi::{c_int, c_long};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

type Result<T> = nix::Result<T>;

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` reads here.
#[repr(C)]
#[derive(Default)]
struct Load {
    program_type: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
    types: u32,
    function_record: u32,
    functions: u64,
    function_count: u32,
    line_record: u32,
    lines: u64,
    line_count: u32,
    attach_to: u32,
    attach_program: u32,
    padding: u32,
}

/// `BPF_TRACE_ITER`, and by chance `BPF_LINK_CREATE`.
const TRACE_ITER: u32 = 28;

fn bpf<T>(command: c_int, attributes: &T) -> Result<OwnedFd> {
    // SAFETY: the kernel reads the structure, which lives through the call, and what it points to,
    // which lives in the callers below.
    let fd = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    let fd = Errno::result(fd)?;
    // SAFETY: the commands used here return a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// Loads an iterator's program that the kernel function with this BTF id calls. The verifier writes its
/// reasons to `log` unless that is empty.
pub(crate) fn load_iterator(code: &[u8], function: u32, log: &mut [u8]) -> Result<OwnedFd> {
    const PROG_LOAD: c_int = 5;
    const TRACING: u32 = 26;
    let mut name = [0; 16];
    name[..7].copy_from_slice(b"keybook");
    let attributes = Load {
        program_type: TRACING,
        instructions: (code.len() / 8) as u32,
        code: code.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        name,
        attach_type: TRACE_ITER,
        attach_to: function,
        ..Load::default()
    };
    bpf(PROG_LOAD, &attributes)
}

/// Creates the link of an iterator's program.
pub(crate) fn link(program: &OwnedFd) -> Result<OwnedFd> {
    const LINK_CREATE: c_int = 28;
    bpf(LINK_CREATE, &[program.as_raw_fd() as u32, 0, TRACE_ITER, 0, 0, 0, 0, 0])
}

/// Creates a file that runs a linked iterator when it is read.
pub(crate) fn iterator(link: &OwnedFd) -> Result<OwnedFd> {
    const ITER_CREATE: c_int = 33;
    bpf(ITER_CREATE, &[link.as_raw_fd() as u32, 0])
}

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
#[cfg(target_arch = "x86_64")]
pub(crate) type Registers = libc::user_regs_struct;

/// The registers of a stopped thread.
#[cfg(target_arch = "x86_64")]
pub(crate) fn registers(thread: i32) -> Result<Registers> {
    // SAFETY: the structure consists of integers.
    let mut registers: Registers = unsafe { std::mem::zeroed() };
    ptrace(libc::PTRACE_GETREGS, thread, 0, (&raw mut registers) as usize)?;
    Ok(registers)
}

/// Sets the registers of a stopped thread.
#[cfg(target_arch = "x86_64")]
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
