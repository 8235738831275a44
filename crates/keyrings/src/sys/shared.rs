//! Memory that processes share, and orders from one task to another that lie in it.

use super::Result;
use crate::Errno;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::cell::UnsafeCell;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicIsize, Ordering};

/// A type that may lie in memory that processes share.
///
/// # Safety
///
/// It may be used by several tasks at once, and bytes that are all zero are a valid value.
pub(crate) unsafe trait Shared: Sync + 'static {}

// SAFETY: all parts are atomic, or `Sync` by their own rules, and zero is valid for each.
unsafe impl Shared for crate::arena::Arena {}

/// A file in memory for [`shared_memory`]; all bytes of it are zero.
pub(crate) fn shared_file<T: Shared>(flags: MFdFlags) -> Result<OwnedFd> {
    let file = memfd_create("keyrings", flags)?;
    nix::unistd::ftruncate(&file, size_of::<T>() as i64)?;
    Ok(file)
}

/// Memory that is shared with every process that has this descriptor.
pub(crate) fn shared_memory<T: Shared>(descriptor: RawFd) -> Result<&'static T> {
    // SAFETY: changes nothing; tells whether the descriptor is open, which the next block relies
    // on.
    Errno::result(unsafe { libc::fcntl(descriptor, libc::F_GETFD) })?;
    // SAFETY: the kernel chooses where; the file is as long as a `T` or the size check refuses it,
    // and its bytes started as zero, which `Shared` makes valid. It is never unmapped, so
    // `'static` holds.
    unsafe {
        let mut stat = std::mem::zeroed::<libc::stat>();
        Errno::result(libc::fstat(descriptor, &mut stat))?;
        if stat.st_size as usize != size_of::<T>() {
            return Err(Errno::EINVAL);
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let size = size_of::<T>();
        let at =
            libc::mmap(std::ptr::null_mut(), size, protection, libc::MAP_SHARED, descriptor, 0);
        if at == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(&*at.cast::<T>()) }
    }
}

/// Bytes in shared memory. Whoever writes has reserved its part; whoever reads does so when the
/// writers are done.
#[repr(transparent)]
pub(crate) struct Bytes<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: a byte is written once, by the task that reserved it, before others read it.
unsafe impl<const N: usize> Sync for Bytes<N> {}

impl<const N: usize> Bytes<N> {
    /// Writes bytes at a place.
    pub(crate) fn fill(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= N);
        // SAFETY: within bounds, as just checked; nobody else uses these bytes now.
        unsafe {
            let to = self.0.get().cast::<u8>().add(at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    /// Reads the first bytes as text.
    pub(crate) fn text(&self, len: usize) -> String {
        assert!(len <= N);
        // SAFETY: within bounds, as just checked; the bytes are copied at once.
        let bytes = unsafe { std::slice::from_raw_parts(self.0.get().cast::<u8>(), len) }.to_vec();
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// What can be handed between processes as bytes: it holds no reference.
///
/// # Safety
///
/// Any copy of the bytes, made in another process, is a valid value too.
pub unsafe trait Plain: Copy + 'static {}

// SAFETY: numbers and tuples of them mean the same in every process.
unsafe impl Plain for () {}
// SAFETY: as above.
unsafe impl Plain for bool {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for usize {}
// SAFETY: a serial number is a number.
unsafe impl Plain for crate::KeySerial {}
// SAFETY: the number of a desk.
unsafe impl Plain for crate::Task {}
// SAFETY: a number, which means the same in every thread of its process.
unsafe impl Plain for crate::Descriptor {}
// SAFETY: as above.
unsafe impl Plain for crate::Mapping {}
// SAFETY: as above.
unsafe impl Plain for crate::Library {}
// SAFETY: as its parts.
unsafe impl<A: Plain, B: Plain> Plain for (A, B) {}
// SAFETY: as its parts.
unsafe impl<A: Plain, B: Plain, C: Plain> Plain for (A, B, C) {}
// SAFETY: as its parts.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// The place from which code is counted: the distance to any other code of the same executable
/// is the same in every process that runs it, wherever it was loaded.
#[inline(never)]
fn landmark() {
    std::hint::black_box(());
}

/// Bytes for what an order carries there, and as many for what it brings back.
const PARCEL: usize = 256;

/// A piece of code that one task puts into shared memory for another to run, with what it carries
/// and what it brings back.
#[repr(C)]
pub(crate) struct Order {
    /// Where the code lies, counted from [`landmark`].
    code: AtomicIsize,
    there: UnsafeCell<[u64; PARCEL / 8]>,
    back: UnsafeCell<[u64; PARCEL / 8]>,
}

// SAFETY: it is used by one side at a time: the one that gives the order, then the one that
// carries it out, then the first again. The state of the desk, which is atomic, says whose turn
// it is.
unsafe impl Sync for Order {}

type Code = fn(&Order) -> bool;

fn carry_out<F, R>(order: &Order) -> bool
where
    F: FnOnce() -> Option<R> + Copy + 'static,
    R: Plain,
{
    // SAFETY: `give` put an `F` there, in this executable, and waits until we are done.
    let code = unsafe { order.there.get().cast::<F>().read() };
    match code() {
        Some(result) => {
            // SAFETY: `give` checked that an `R` fits; it is read only after we are done.
            unsafe { order.back.get().cast::<R>().write(result) };
            true
        }
        None => false,
    }
}

impl Order {
    /// Puts in what is to be run; `None` as its result means that it failed.
    pub(crate) fn give<F, R>(&self, code: F)
    where
        F: FnOnce() -> Option<R> + Copy + 'static,
        R: Plain,
    {
        const {
            let fits = size_of::<F>() <= PARCEL && align_of::<F>() <= 8;
            assert!(fits, "an order that carries too much");
            let fits = size_of::<R>() <= PARCEL && align_of::<R>() <= 8;
            assert!(fits, "an order that brings back too much");
        }
        let address: Code = carry_out::<F, R>;
        let distance = (address as usize).wrapping_sub(landmark as fn() as usize) as isize;
        // SAFETY: it fits, as checked above; the other side reads it only after it is told to.
        unsafe {
            self.there.get().write([0; PARCEL / 8]);
            self.there.get().cast::<F>().write(code);
        }
        self.code.store(distance, Ordering::Release);
    }

    /// Whether what it carries looks like an address within this executable, which means nothing
    /// to another program. In an executable that is not position-independent it means the same; and
    /// there, in the lowest 4 GiB, any serial number could be one.
    pub(crate) fn carries_reference(&self) -> bool {
        let (start, end) = (&raw const __executable_start as u64, &raw const _end as u64);
        if end <= u64::from(u32::MAX) {
            return false;
        }
        // SAFETY: written by `give`, in this thread.
        let words = unsafe { *self.there.get() };
        words.iter().any(|word| (start..end).contains(word))
    }

    /// Runs it; tells whether it worked.
    pub(crate) fn obey(&self) -> bool {
        let distance = self.code.load(Ordering::Acquire);
        let address = (landmark as fn() as usize).wrapping_add_signed(distance);
        // SAFETY: `give` stored the distance of a `Code` within this same executable.
        let code = unsafe { std::mem::transmute::<usize, Code>(address) };
        code(self)
    }

    /// What it brought back, after it worked.
    pub(crate) fn brought_back<R: Plain>(&self) -> R {
        // SAFETY: an `R` was written there; `Plain` makes its bytes valid here.
        unsafe { self.back.get().cast::<R>().read() }
    }
}

unsafe extern "C" {
    static __executable_start: u8;
    static _end: u8;
}
