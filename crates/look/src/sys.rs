//! bpf(2) and ptrace(2), for which no crate of the workspace has functions. All unsafe code of this crate.

#![expect(unsafe_code, reason = "calls that take addresses")]

use nix::errno::Errno;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

#[cfg(target_arch = "x86_64")]
pub(crate) mod ptrace;

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
