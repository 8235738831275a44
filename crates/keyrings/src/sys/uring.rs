//! io_uring: an instance with room for one request, its personalities, and one request.

use super::Result;
use nix::errno::Errno;
use nix::libc;
use std::ffi::CStr;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The kernel's `struct io_uring_params`, of 120 bytes, in words.
type Params = [u32; 30];

/// Where the kernel puts what is in the rings: the same for every instance of this size.
static PARAMS: OnceLock<Params> = OnceLock::new();

/// Words of [`Params`]: the flags, and where the offsets in the two rings stand.
const FLAGS: usize = 2;
const TAIL_OF_REQUESTS: usize = 11;
const MASK_OF_REQUESTS: usize = 12;
const INDICES_OF_REQUESTS: usize = 16;
const HEAD_OF_RESULTS: usize = 20;
const TAIL_OF_RESULTS: usize = 21;
const MASK_OF_RESULTS: usize = 22;
const RESULTS: usize = 25;

/// Who submits the requests of an instance, as a flag of io_uring_setup(2).
#[derive(Clone, Copy)]
pub(crate) enum Submitter {
    Anyone = 0,
    /// The kernel's own thread: `IORING_SETUP_SQPOLL`.
    Kernel = 1 << 1,
    /// The creator alone: `IORING_SETUP_SINGLE_ISSUER`.
    Creator = 1 << 12,
}

/// io_uring_setup(2) with room for one request.
pub(crate) fn setup(submitter: Submitter) -> Result<OwnedFd> {
    // Zero asks for nothing special.
    let mut params: Params = [0; 30];
    params[FLAGS] = submitter as u32;
    // SAFETY: the kernel reads and writes just that structure.
    let call = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) };
    let descriptor = Errno::result(call)? as RawFd;
    PARAMS.get_or_init(|| params);
    // SAFETY: the kernel has just opened it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// io_uring_register(2) with `IORING_REGISTER_PERSONALITY`; returns the number of the personality.
pub(crate) fn register_personality(descriptor: RawFd) -> Result<i32> {
    const REGISTER: u32 = 9;
    // SAFETY: the operation uses no memory of this process.
    let call =
        unsafe { libc::syscall(libc::SYS_io_uring_register, descriptor, REGISTER, 0usize, 0) };
    Errno::result(call).map(|number| number as i32)
}

/// io_uring_register(2) with `IORING_UNREGISTER_PERSONALITY`.
pub(crate) fn unregister_personality(descriptor: RawFd, number: i32) -> Result<()> {
    const UNREGISTER: u32 = 10;
    // SAFETY: the operation uses no memory of this process.
    let call = unsafe {
        libc::syscall(libc::SYS_io_uring_register, descriptor, UNREGISTER, 0usize, number)
    };
    Errno::result(call).map(drop)
}

/// Opens a file for reading by a request (`IORING_OP_OPENAT`), which it submits and waits for. No other
/// request may be under way.
pub(crate) fn open(descriptor: RawFd, personality: i32, path: &CStr) -> Result<OwnedFd> {
    const RINGS: i64 = 0;
    const REQUESTS: i64 = 0x1000_0000;
    const OPENAT: u8 = 18;
    let params = PARAMS.get().ok_or(Errno::EBADF)?;
    let (rings, requests) = (Page::of(descriptor, RINGS)?, Page::of(descriptor, REQUESTS)?);

    let tail = rings.word(params[TAIL_OF_REQUESTS]);
    let next = tail.load(Ordering::Relaxed);
    let nth = next & rings.word(params[MASK_OF_REQUESTS]).load(Ordering::Relaxed);
    // `struct io_uring_sqe`: the operation, the folder, the path's address, the flags of open(2), the personality.
    let mut request = [0; 64];
    let mut put = |at: usize, field: &[u8]| request[at..at + field.len()].copy_from_slice(field);
    put(0, &[OPENAT]);
    put(4, &libc::AT_FDCWD.to_ne_bytes());
    put(16, &(path.as_ptr() as u64).to_ne_bytes());
    put(28, &(libc::O_RDONLY | libc::O_CLOEXEC).to_ne_bytes());
    put(42, &(personality as u16).to_ne_bytes());
    let (words, _) = request.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u32::from_ne_bytes(*word);
        requests.word(nth * 64 + 4 * at as u32).store(word, Ordering::Relaxed);
    }
    rings.word(params[INDICES_OF_REQUESTS] + 4 * nth).store(nth, Ordering::Relaxed);
    tail.store(next.wrapping_add(1), Ordering::Release);
    submit_and_wait(descriptor)?;

    let head = rings.word(params[HEAD_OF_RESULTS]);
    let first = head.load(Ordering::Relaxed);
    if rings.word(params[TAIL_OF_RESULTS]).load(Ordering::Acquire) == first {
        return Err(Errno::EAGAIN);
    }
    // `struct io_uring_cqe`, of 16 bytes: user data, then the result.
    let nth = first & rings.word(params[MASK_OF_RESULTS]).load(Ordering::Relaxed);
    let result = rings.word(params[RESULTS] + 16 * nth + 8).load(Ordering::Relaxed) as i32;
    head.store(first.wrapping_add(1), Ordering::Release);
    if result < 0 {
        return Err(Errno::from_raw(-result));
    }
    // SAFETY: the kernel has just opened it for this request.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// io_uring_enter(2): submits one request, wakes the thread that polls, and waits for one result.
fn submit_and_wait(descriptor: RawFd) -> Result<()> {
    const WAIT_AND_WAKE: u32 = 1 | 2;
    // SAFETY: the kernel has the rings; the request's path outlives the call, which waits for the result.
    let call = unsafe {
        let no_signals = null_mut::<libc::sigset_t>();
        libc::syscall(libc::SYS_io_uring_enter, descriptor, 1, 1, WAIT_AND_WAKE, no_signals, 0usize)
    };
    Errno::result(call).map(drop)
}

/// A page that the kernel shares.
struct Page(*mut libc::c_void);

impl Page {
    const SIZE: usize = 4096;

    fn of(descriptor: RawFd, offset: i64) -> Result<Page> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: the kernel chooses a free place.
        let at = unsafe {
            libc::mmap(null_mut(), Page::SIZE, access, flags, descriptor, offset as libc::off_t)
        };
        if at == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(Page(at)) }
    }

    /// The word at this offset in bytes.
    fn word(&self, offset: u32) -> &AtomicU32 {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(4) && offset < Page::SIZE, "outside of the kernel's rings");
        // SAFETY: it is inside the page and aligned, and both sides use it atomically.
        unsafe { AtomicU32::from_ptr(self.0.cast::<u8>().add(offset).cast()) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: `of` mapped it, and no reference outlives this.
        unsafe { libc::munmap(self.0, Page::SIZE) };
    }
}
