//! Memory that processes share, and calls from one task to another that lie in it.
//!
//! All of it is atomic, so whatever the tasks do, nothing here is a data race.

use super::Result;
use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicIsize, AtomicU8, AtomicU32, AtomicU64};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A type that may lie in memory that processes share: derived by [`shared_struct!`].
///
/// # Safety
///
/// Several tasks may use it at once, and bytes that are all zero are a valid value, whose
/// interpretation does not depend on the process.
pub(crate) unsafe trait Shared: Sync + 'static {}

macro_rules! shared {
    ($($atomic:ty),*) => {$(
        // SAFETY: atomic, and a number.
        unsafe impl Shared for $atomic {}
    )*};
}
shared!(AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, AtomicIsize);

// SAFETY: as its parts.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}

/// Declares a structure whose fields are all [`Shared`], and makes it `Shared`.
macro_rules! shared_struct {
    ($(#[$about:meta])* $access:vis struct $name:ident {
        $($(#[$field_about:meta])* $field_access:vis $field:ident: $kind:ty,)*
    }) => {
        $(#[$about])*
        #[repr(C)]
        $access struct $name {
            $($(#[$field_about])* $field_access $field: $kind,)*
        }

        // SAFETY: as its parts, each of which is checked here.
        #[allow(unsafe_code)]
        unsafe impl $crate::sys::shared::Shared for $name where $($kind: $crate::sys::shared::Shared,)* {}
    };
}
pub(crate) use shared_struct;

/// Creates a file in memory for [`shared_memory`]; all its bytes are zero.
pub(crate) fn shared_file<T: Shared>(flags: MFdFlags) -> Result<OwnedFd> {
    let file = memfd_create("keyrings", flags)?;
    nix::unistd::ftruncate(&file, size_of::<T>() as libc::off_t)?;
    Ok(file)
}

/// Maps the memory that is shared with every process that has this descriptor.
///
/// Fails with `EBADF` if the descriptor is not open, and with `EINVAL` if the file is not of the right
/// size.
pub(crate) fn shared_memory<T: Shared>(descriptor: RawFd) -> Result<&'static T> {
    // SAFETY: changes nothing; says whether the descriptor is open, on which the next block relies.
    Errno::result(unsafe { libc::fcntl(descriptor, libc::F_GETFD) })?;
    // SAFETY: it is open, and borrowed only within this function.
    let file = unsafe { BorrowedFd::borrow_raw(descriptor) };
    if nix::sys::stat::fstat(file)?.st_size as usize != size_of::<T>() {
        return Err(Errno::EINVAL);
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let size = size_of::<T>();
    // SAFETY: the kernel chooses the place; the file is as long as a `T`, and its bytes began as zero,
    // which `Shared` makes valid. It is never unmapped, so `'static` holds.
    unsafe {
        let none = std::ptr::null_mut();
        let at = libc::mmap(none, size, protection, libc::MAP_SHARED, file.as_raw_fd(), 0);
        if at == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(&*at.cast::<T>()) }
    }
}

/// Bytes in shared memory. Each writer has reserved its part.
#[repr(transparent)]
pub(crate) struct Bytes<const N: usize>([AtomicU8; N]);

// SAFETY: as its only part.
unsafe impl<const N: usize> Shared for Bytes<N> {}

impl<const N: usize> Bytes<N> {
    /// Writes bytes from a place on; what does not fit is left out.
    pub(crate) fn fill(&self, at: usize, bytes: &[u8]) {
        let place = self.0.get(at..).unwrap_or_default();
        for (byte, value) in place.iter().zip(bytes) {
            byte.store(*value, Ordering::Relaxed);
        }
    }

    /// Reads the first bytes as text.
    pub(crate) fn text(&self, len: usize) -> String {
        let bytes = self.0.iter().take(len).map(|byte| byte.load(Ordering::Relaxed)).collect();
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// Number of words that an order carries to a task, and that it carries back.
pub(crate) const WORDS: usize = 64;

/// What an order carries, as numbers.
pub(crate) type Words = [u64; WORDS];

/// A pointer to a function, and nothing else.
///
/// # Safety
///
/// The type must be a function pointer: it has the size of an address and captures nothing.
pub(crate) unsafe trait Code: Copy + 'static {}

// SAFETY: a function pointer.
unsafe impl<R: 'static> Code for fn() -> R {}
// SAFETY: a function pointer.
unsafe impl<A: 'static, R: 'static> Code for fn(A) -> R {}

/// Calls a function with what an order carries; returns what it carries back, `None` if it failed.
pub(crate) type Call<C> = fn(C, &Words) -> Option<Words>;

shared_struct! {
    /// A call that a task stores in shared memory for another task to carry out. Code is stored as its
    /// distance from [`landmark`], which is the same in every process that runs this executable,
    /// wherever it was loaded.
    pub(crate) struct Order {
        carry_out: AtomicIsize,
        code: AtomicIsize,
        call: AtomicIsize,
        words: [AtomicU64; WORDS],
    }
}

#[inline(never)]
fn landmark() {
    std::hint::black_box(());
}

unsafe extern "C" {
    static __executable_start: u8;
    static _end: u8;
}

/// The distance of code from the landmark; `None` if it is not part of this executable.
fn distance(address: usize) -> Option<isize> {
    let executable = (&raw const __executable_start).addr()..(&raw const _end).addr();
    let from = landmark as fn() as usize;
    executable.contains(&address).then(|| address.wrapping_sub(from) as isize)
}

fn address(distance: &AtomicIsize) -> usize {
    (landmark as fn() as usize).wrapping_add_signed(distance.load(Ordering::Acquire))
}

fn carry_out<C: Code>(order: &Order) -> bool {
    // SAFETY: `give::<C>` stored the distances of a `C` and a `Call<C>` in this same executable, and this
    // function with them; only the task that claimed the order gives it.
    let (code, call) = unsafe {
        let code = std::mem::transmute_copy::<usize, C>(&address(&order.code));
        (code, std::mem::transmute::<usize, Call<C>>(address(&order.call)))
    };
    let done = call(code, &order.words());
    if let Some(words) = &done {
        order.put(words);
    }
    done.is_some()
}

impl Order {
    /// Stores a function, how it is called, and what it is called with. Fails with `EFAULT` if the
    /// function is not part of this executable. The caller has claimed the order.
    pub(crate) fn give<C: Code>(&self, code: C, call: Call<C>, words: &Words) -> Result<()> {
        const { assert!(size_of::<C>() == size_of::<usize>()) };
        // SAFETY: a `Code` is a function pointer, so it is an address.
        let code = unsafe { std::mem::transmute_copy::<C, usize>(&code) };
        let carry_out: fn(&Order) -> bool = carry_out::<C>;
        for (place, address) in
            [(&self.carry_out, carry_out as usize), (&self.code, code), (&self.call, call as usize)]
        {
            place.store(distance(address).ok_or(Errno::EFAULT)?, Ordering::Release);
        }
        self.put(words);
        Ok(())
    }

    /// Carries it out; returns whether it succeeded. The caller knows that it was given.
    pub(crate) fn obey(&self) -> bool {
        // SAFETY: `give` stored the distance of such a function in this same executable.
        let carry_out =
            unsafe { std::mem::transmute::<usize, fn(&Order) -> bool>(address(&self.carry_out)) };
        carry_out(self)
    }

    fn put(&self, words: &Words) {
        for (place, word) in self.words.iter().zip(words) {
            place.store(*word, Ordering::Relaxed);
        }
    }

    /// What it carries: to the task before it is carried out, back from it afterwards.
    pub(crate) fn words(&self) -> Words {
        std::array::from_fn(|nth| self.words[nth].load(Ordering::Relaxed))
    }
}
