//! All that needs `unsafe`, with the reason at each block.
#![allow(unsafe_code)]

mod heap;
mod shared;

pub use heap::Heap;
pub(crate) use heap::begin as fill_own_place;
pub use shared::Plain;
pub(crate) use shared::{Bytes, Order, shared_file, shared_memory};

use crate::Errno;
use nix::libc;
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

type Result<T> = std::result::Result<T, Errno>;

/// keyctl(2) with any operation and arguments, as numbers.
#[inline]
pub(crate) fn keyctl(operation: u32, args: [usize; 4]) -> Result<i64> {
    let [a, b, c, d] = args;
    // SAFETY: the callers in `keyctl` pass numbers, or pointers to memory that lives through the
    // call together with its right length; the kernel checks every pointer before it uses it.
    Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, c_long::from(operation), a, b, c, d) })
}

fn pointer(text: Option<&CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
}

/// add_key(2). `None` passes a null pointer.
pub(crate) fn add_key(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    payload: Option<&[u8]>,
    length: usize,
    keyring: i32,
) -> Result<i64> {
    let payload = payload.map_or(std::ptr::null(), <[u8]>::as_ptr);
    // SAFETY: the strings end in NUL; `length` is the payload's, or the kernel is meant to refuse
    // it, which it does without touching memory that is not mapped in this process.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_add_key,
            pointer(kind),
            pointer(description),
            payload,
            length,
            c_long::from(keyring),
        )
    })
}

/// request_key(2). `None` passes a null pointer.
pub(crate) fn request_key(
    kind: Option<&CStr>,
    description: Option<&CStr>,
    callout: Option<&CStr>,
    keyring: i32,
) -> Result<i64> {
    // SAFETY: the strings end in NUL and live through the call.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_request_key,
            pointer(kind),
            pointer(description),
            pointer(callout),
            c_long::from(keyring),
        )
    })
}

/// Sleeps until the word is woken, at most that long (`ETIMEDOUT`), and not at all if it is no longer
/// `value` (`EAGAIN`).
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, at_most: Duration) -> Result<()> {
    let timeout = libc::timespec {
        tv_sec: at_most.as_secs() as i64,
        tv_nsec: i64::from(at_most.subsec_nanos()),
    };
    // SAFETY: word and timeout live through the call, which only reads them.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &timeout)
    })
    .map(drop)
}

/// Wakes all that sleep on the word.
pub(crate) fn futex_wake(word: &AtomicU32) {
    // SAFETY: the kernel uses the address only to find sleepers.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, c_int::MAX) };
}

/// How [`fork_like`] makes the new process.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// fork(2).
    Fork,
    /// clone(2) with these flags, without `CLONE_VM`.
    Clone(c_int),
    /// clone3(2) with these flags, without `CLONE_VM`.
    Clone3(c_int),
}

/// Makes a process that is a copy; in it, runs `child`, which does not come back.
pub(crate) fn fork_like(how: Way, child: impl FnOnce() -> std::convert::Infallible) -> Result<i32> {
    // SAFETY: the child has its own copy of the memory and only the calling thread; what it runs
    // is code of this crate and of a snippet, whose other threads hold no lock that it needs
    // (glibc readies its own in fork; tasks are still while another is ordered).
    let pid = Errno::result(unsafe {
        match how {
            Way::Fork => c_long::from(libc::fork()),
            Way::Clone(flags) => libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0),
            Way::Clone3(flags) => {
                let mut args = std::mem::zeroed::<libc::clone_args>();
                args.flags = flags as u64;
                args.exit_signal = libc::SIGCHLD as u64;
                libc::syscall(libc::SYS_clone3, &args, size_of::<libc::clone_args>())
            }
        }
    })?;
    if pid == 0 {
        child();
    }
    Ok(pid as i32)
}

/// clone(2) with `CLONE_VM`: a process in the caller's own memory, on a stack of its own. Waits for
/// it to end and returns its wait status.
pub(crate) fn clone_in_my_memory(flags: c_int, child: &mut dyn FnMut()) -> Result<c_int> {
    extern "C" fn begin(child: *mut c_void) -> c_int {
        // SAFETY: it is the pointer that is passed to clone below, and that frame waits.
        let child = unsafe { &mut *child.cast::<&mut dyn FnMut()>() };
        child();
        0
    }
    let mut child = child;
    let mut stack = vec![0u128; 1 << 14];
    // SAFETY: the stack grows down from its end, which is aligned; stack and closure outlive the
    // child, as this function waits for it. Meanwhile this thread runs nothing, so the memory of
    // the thread, which both share, is used by one of them at a time.
    unsafe {
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        let argument = (&raw mut child).cast::<c_void>();
        let pid = Errno::result(libc::clone(
            begin,
            top,
            flags | libc::CLONE_VM | libc::SIGCHLD,
            argument,
        ))?;
        let mut status = 0;
        while Errno::result(libc::waitpid(pid, &mut status, libc::__WALL)) == Err(Errno::EINTR) {}
        Ok(status)
    }
}

/// Ends the calling process at once.
pub(crate) fn exit(status: c_int) -> ! {
    // SAFETY: nothing of this process is used afterwards.
    unsafe { libc::_exit(status) }
}

/// Ends the calling thread alone, be it the leader of its process.
pub(crate) fn exit_thread() -> ! {
    // SAFETY: the thread's stack and memory are left as they are, and nobody joins it.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}

/// sched_setscheduler(2) with `SCHED_RR` and the lowest priority there, for the calling thread and those
/// that come of it.
pub(crate) fn take_turns() -> Result<()> {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads just that structure.
    Errno::result(unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &lowest) }).map(drop)
}

/// prctl(2) with `PR_GET_SECCOMP`: 0 for none, 2 for a filter.
pub(crate) fn seccomp_mode() -> Result<i32> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) })
}

/// lsm_list_modules(2), of Linux 6.8: the numbers of the security modules.
pub(crate) fn lsm_list_modules() -> Result<Vec<u64>> {
    const SYS_LSM_LIST_MODULES: c_long = 461;
    let mut ids = [0u64; 32];
    let mut size = size_of_val(&ids) as u32;
    // SAFETY: the kernel writes at most `size` bytes to the array, and how many to `size`.
    let call = unsafe { libc::syscall(SYS_LSM_LIST_MODULES, ids.as_mut_ptr(), &raw mut size, 0) };
    let found = Errno::result(call)? as usize;
    Ok(ids.into_iter().take(found).collect())
}

/// The path by which this program was started, as execve(2) was told it.
pub(crate) fn own_path() -> Option<&'static CStr> {
    // SAFETY: takes a number only.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const c_char;
    // SAFETY: the kernel put that string, which ends in NUL, above the stack, where it stays.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// Strings as C wants a list of them: pointers, then null.
fn pointers(strings: &[CString]) -> Vec<*mut c_char> {
    let pointers = strings.iter().map(|string| string.as_ptr().cast_mut());
    pointers.chain([std::ptr::null_mut()]).collect()
}

/// fexecve(3), which comes back only with an error.
pub(crate) fn fexecve(file: RawFd, args: &[CString], env: &[CString]) -> Result<()> {
    let (args, env) = (pointers(args), pointers(env));
    // SAFETY: both lists end in null and point to strings that live through the call.
    let call = unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file,
            c"".as_ptr(),
            args.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Errno::result(call).map(drop)
}

/// posix_spawn(3).
pub(crate) fn posix_spawn(path: &CStr, args: &[CString], env: &[CString]) -> Result<i32> {
    let (args, env) = (pointers(args), pointers(env));
    let mut pid = 0;
    let none = std::ptr::null();
    // SAFETY: both lists end in null and point to strings that live through the call.
    let error = unsafe {
        libc::posix_spawn(&mut pid, path.as_ptr(), none, none.cast(), args.as_ptr(), env.as_ptr())
    };
    if error == 0 { Ok(pid) } else { Err(Errno::from_raw(error)) }
}

/// The bare system call, which changes the ids of the calling thread alone.
pub(crate) fn setresuid_of_thread(ruid: u32, euid: u32, suid: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresuid, ruid, euid, suid) }).map(drop)
}

/// setfsuid(2) or setfsgid(2); returns the previous id.
pub(crate) fn set_fs_id(group: bool, id: u32) -> u32 {
    // SAFETY: takes a number only.
    unsafe { (if group { libc::setfsgid(id) } else { libc::setfsuid(id) }) as u32 }
}

/// Maps one readable page of a file; returns its address.
pub(crate) fn mmap(descriptor: RawFd) -> Result<usize> {
    // SAFETY: the kernel chooses a free place; nothing is read there.
    let at = unsafe {
        libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_PRIVATE, descriptor, 0)
    };
    if at == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(at as usize) }
}

/// Unmaps what [`mmap`] mapped.
pub(crate) fn munmap(address: usize) -> Result<()> {
    // SAFETY: only addresses from `mmap` come here, and nothing refers to that page.
    Errno::result(unsafe { libc::munmap(address as *mut c_void, 4096) }).map(drop)
}

/// dlopen(3); returns the handle.
pub(crate) fn dlopen(path: &CStr) -> Option<usize> {
    // SAFETY: the libraries that the book loads (parts of the C library) run nothing on loading.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    (!handle.is_null()).then_some(handle as usize)
}

/// dlclose(3).
pub(crate) fn dlclose(handle: usize) -> bool {
    // SAFETY: only handles from `dlopen` come here, and nothing of the library was looked up.
    unsafe { libc::dlclose(handle as *mut c_void) == 0 }
}

/// io_uring_setup(2) with room for one entry.
pub(crate) fn io_uring_setup() -> Result<RawFd> {
    // The kernel's `struct io_uring_params` is 120 bytes long; zero asks for nothing special.
    let mut params = [0u32; 30];
    // SAFETY: the kernel reads and writes just that structure.
    let call = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) };
    Errno::result(call).map(|descriptor| descriptor as RawFd)
}

/// Takes a descriptor by its number, to close it when the result is dropped.
pub(crate) fn own(descriptor: RawFd) -> Result<OwnedFd> {
    // SAFETY: changes nothing; tells whether the descriptor is open.
    Errno::result(unsafe { libc::fcntl(descriptor, libc::F_GETFD) })?;
    // SAFETY: it is open, and it came from `Descriptor`, which does not close by itself.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
