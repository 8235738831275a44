//! The system calls of keys as a 32-bit program issues them: by `int 0x80`, with numbers of 32 bits and memory
//! below 4 GiB.

use super::Result;
use super::keys::Arg;
use nix::errno::Errno;
use nix::libc;
use std::ffi::c_long;
use std::io::IoSlice;
use std::ptr::{copy_nonoverlapping, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

static USED: AtomicBool = AtomicBool::new(false);

/// Whether this process issues 32-bit calls.
#[inline]
pub(super) fn is_used() -> bool {
    USED.load(Ordering::Relaxed)
}

/// Issues 32-bit calls from now on.
pub(crate) fn use_it() {
    USED.store(true, Ordering::Relaxed);
}

/// Memory below 4 GiB.
struct Low {
    start: *mut u8,
    size: usize,
    used: usize,
}

impl Low {
    fn new(size: usize) -> Result<Low> {
        #[cfg(target_arch = "x86_64")]
        const WHERE: libc::c_int = libc::MAP_32BIT;
        #[cfg(not(target_arch = "x86_64"))]
        const WHERE: libc::c_int = 0;
        let size = size.max(1);
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | WHERE);
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe { libc::mmap(null_mut(), size, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Low { start: start.cast(), size, used: 0 })
    }

    /// The address of a copy.
    fn copy(&mut self, memory: &[u8]) -> u32 {
        assert!(memory.len() <= self.size - self.used);
        // SAFETY: the copy lies within the mapping, which overlaps no memory of Rust.
        let at = unsafe {
            let at = self.start.add(self.used);
            copy_nonoverlapping(memory.as_ptr(), at, memory.len());
            at
        };
        self.used += memory.len();
        at as u32
    }
}

impl Drop for Low {
    fn drop(&mut self) {
        // SAFETY: it is the whole mapping, and nothing points to it any more.
        unsafe { libc::munmap(self.start.cast(), self.size) };
    }
}

/// One of the system calls of keys.
///
/// # Safety
///
/// As [`super::keys`] requires of a 64-bit call.
pub(super) unsafe fn call(number: c_long, args: [Arg<'_>; 5]) -> Result<i64> {
    let length = |arg: &Arg<'_>| match arg {
        Arg::Number(_) => 0,
        Arg::Input(memory) => memory.len(),
        Arg::Output(memory) => memory.len(),
    };
    let mut low = Low::new(args.iter().map(length).sum())?;
    let words = args.each_ref().map(|arg| match arg {
        // A 32-bit program has no more bits.
        Arg::Number(number) => *number as u32,
        Arg::Input(memory) => low.copy(memory),
        Arg::Output(memory) => low.copy(memory),
    });
    // SAFETY: the caller's contract; addresses are those of the copies.
    let result = unsafe { int_0x80(number, words) }?;
    for (arg, at) in args.into_iter().zip(words) {
        if let Arg::Output(memory) = arg {
            let at = at as usize as *const u8;
            // SAFETY: the copy has the length of the memory.
            unsafe { copy_nonoverlapping(at, memory.as_mut_ptr(), memory.len()) };
        }
    }
    Ok(result)
}

/// `KEYCTL_INSTANTIATE_IOV`, whose pieces are pairs of 32-bit words.
pub(super) fn instantiate_iov(key: i32, pieces: &[IoSlice<'_>], keyring: i32) -> Result<i64> {
    let lengths = pieces.iter().map(|piece| piece.len() + size_of::<[u32; 2]>());
    let mut low = Low::new(lengths.sum())?;
    let mut list = Vec::new();
    for piece in pieces {
        list.extend(low.copy(piece).to_ne_bytes());
        list.extend((piece.len() as u32).to_ne_bytes());
    }
    let list = low.copy(&list);
    let operation = libc::KEYCTL_INSTANTIATE_IOV;
    let args = [operation, key as u32, list, pieces.len() as u32, keyring as u32];
    // SAFETY: list and pieces lie in the mapping, which lives through the call.
    unsafe { int_0x80(libc::SYS_keyctl, args) }
}

/// Whether the kernel knows 32-bit calls. One that does not kills the caller.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_known() -> bool {
    use super::process::{Way, exit, fork_like};
    const GETPID: u32 = 20;
    let child = fork_like(Way::Fork, || {
        // SAFETY: getpid(2) uses no memory.
        let result = unsafe { raw(GETPID, [0; 5]) };
        exit(i32::from(result <= 0))
    });
    let Ok(child) = child else { return false };
    let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child), None);
    matches!(status, Ok(nix::sys::wait::WaitStatus::Exited(_, 0)))
}

/// Whether the kernel knows 32-bit calls.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn is_known() -> bool {
    false
}

/// # Safety
///
/// As [`call`], with addresses as words.
unsafe fn int_0x80(number: c_long, args: [u32; 5]) -> Result<i64> {
    // The numbers of i386.
    let number = match number {
        libc::SYS_add_key => 286,
        libc::SYS_request_key => 287,
        libc::SYS_keyctl => 288,
        _ => return Err(Errno::ENOSYS),
    };
    // SAFETY: the caller's contract.
    match unsafe { raw(number, args) } {
        error @ -4095..=-1 => Err(Errno::from_raw(-error)),
        result => Ok(i64::from(result)),
    }
}

/// # Safety
///
/// As [`call`], with a number of i386 and addresses as words.
#[cfg(target_arch = "x86_64")]
unsafe fn raw(number: u32, [a, b, c, d, e]: [u32; 5]) -> i32 {
    let result: u32;
    // SAFETY: the caller's contract. LLVM keeps rbx for itself, so that it is exchanged and restored.
    unsafe {
        std::arch::asm!(
            "xchg {a:r}, rbx",
            "int 0x80",
            "xchg {a:r}, rbx",
            a = inout(reg) u64::from(a) => _,
            inlateout("eax") number => result,
            in("ecx") b,
            in("edx") c,
            in("esi") d,
            in("edi") e,
            lateout("r8") _,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
        );
    }
    result as i32
}

/// # Safety
///
/// None: other architectures have no such call.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn raw(_: u32, _: [u32; 5]) -> i32 {
    -(Errno::ENOSYS as i32)
}
