//! Processes and threads: how they are created, wait for each other, change and end.

use super::{Result, machine};
use nix::errno::Errno;
use nix::libc;
use std::convert::Infallible;
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Sleeps until the word is woken, at most that long (`ETIMEDOUT`), and not at all if the word is no
/// longer `value` (`EAGAIN`).
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, at_most: Duration) -> Result<()> {
    let timeout = libc::timespec {
        tv_sec: at_most.as_secs() as libc::time_t,
        tv_nsec: at_most.subsec_nanos() as c_long,
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

/// The call by which [`fork_like`] creates a process.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// fork(2).
    Fork,
    /// clone(2) with these flags.
    Clone(c_int),
    /// clone3(2) with these flags.
    Clone3(c_int),
}

/// Flags that [`fork_like`] refuses (`EINVAL`): with shared memory the child would use the caller's
/// stack; with shared descriptors but copied memory the two would disagree on which are open; and the
/// caller would wait for a child that serves until the end.
const UNFIT_FOR_A_COPY: c_int =
    libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_VFORK | libc::CLONE_THREAD;

/// Creates a process whose memory is a copy of the caller's; in it, runs `child`, which never returns.
pub(crate) fn fork_like(how: Way, child: impl FnOnce() -> Infallible) -> Result<i32> {
    if let Way::Clone(flags) | Way::Clone3(flags) = how
        && flags & UNFIT_FOR_A_COPY != 0
    {
        return Err(Errno::EINVAL);
    }
    // SAFETY: the child has its own copy of the memory and only the calling thread; it runs code of
    // this crate and of a snippet. Other threads hold no lock that it needs: glibc prepares its own in
    // fork(3), callers that cannot answer for all threads check that there is one
    // (`has_one_thread`), and tasks sleep while another one acts.
    let pid = Errno::result(unsafe {
        match how {
            Way::Fork => c_long::from(libc::fork()),
            Way::Clone(flags) => {
                let [first, second] = machine::clone_args(flags | libc::SIGCHLD, 0);
                libc::syscall(libc::SYS_clone, first, second, 0, 0, 0)
            }
            Way::Clone3(flags) => {
                // `struct clone_args` as it was at first: flags, and the signal at the end.
                let mut args = [0u64; 8];
                (args[0], args[4]) = (flags as u64, libc::SIGCHLD as u64);
                libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args))
            }
        }
    })?;
    if pid == 0 {
        child();
    }
    Ok(pid as i32)
}

/// Fails unless the calling process has one thread (`EBUSY`), or if that cannot be found out.
pub(crate) fn has_one_thread() -> Result<()> {
    if let Ok(threads) = std::fs::read_dir("/proc/self/task") {
        return if threads.count() == 1 { Ok(()) } else { Err(Errno::EBUSY) };
    }
    // Without /proc: the kernel refuses this to a process with several threads, and does nothing
    // for one with a single thread.
    // SAFETY: takes a number only.
    match Errno::result(unsafe { libc::unshare(libc::CLONE_THREAD) }) {
        Ok(_) => Ok(()),
        Err(Errno::EINVAL) => Err(Errno::EBUSY),
        Err(error) => Err(error),
    }
}

/// clone(2) with `CLONE_VM`: a process that shares the caller's memory, with its own stack. Waits
/// until the process ends and returns its wait status.
pub(crate) fn clone_in_my_memory(flags: c_int, child: &mut dyn FnMut()) -> Result<c_int> {
    extern "C" fn begin(child: *mut c_void) -> c_int {
        // SAFETY: it is the pointer that is passed to clone below, and that frame waits.
        let child = unsafe { &mut *child.cast::<&mut dyn FnMut()>() };
        child();
        0
    }
    if flags & libc::CLONE_THREAD != 0 {
        return Err(Errno::EINVAL);
    }
    let mut child = child;
    let mut stack = vec![0u128; 1 << 14];
    // SAFETY: the stack grows down from its end, which is aligned; stack and closure outlive the
    // child, as this function waits for it. Meanwhile this thread runs nothing, so the thread-local
    // memory, which both share, is used by one of them at a time.
    unsafe {
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        let argument = (&raw mut child).cast::<c_void>();
        let flags = flags | libc::CLONE_VM | libc::SIGCHLD;
        let pid = Errno::result(libc::clone(begin, top, flags, argument))?;
        let mut status = 0;
        while Errno::result(libc::waitpid(pid, &mut status, libc::__WALL)) == Err(Errno::EINTR) {}
        Ok(status)
    }
}

/// Creates threads one after another, each of which ends at once; never returns.
///
/// It allocates no memory and holds no lock after its first steps, so a copy of the process that another
/// thread creates meanwhile can go on without it.
pub(crate) fn start_and_end_threads() {
    extern "C" fn end(_: *mut c_void) -> c_int {
        0
    }
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_SYSVSEM
        | libc::CLONE_THREAD
        | libc::CLONE_CHILD_CLEARTID;
    let mut stack = vec![0u128; 1 << 12];
    let runs = AtomicU32::new(0);
    loop {
        runs.store(1, Ordering::Relaxed);
        // SAFETY: the stack grows down from its end, which is aligned. Stack and word outlive the thread, because
        // this function never returns, and the next thread begins after the kernel has cleared the word. The
        // thread touches nothing else, in particular no thread-local memory.
        let created = unsafe {
            let top = stack.as_mut_ptr_range().end.cast::<c_void>();
            let none = std::ptr::null_mut::<c_void>();
            libc::clone(end, top, flags, none, none, none, runs.as_ptr())
        };
        while created > 0 && runs.load(Ordering::Acquire) != 0 {
            let _ = futex_wait(&runs, 1, Duration::from_millis(100));
        }
        std::thread::yield_now();
    }
}

/// Ends the calling process at once.
pub(crate) fn exit(status: c_int) -> ! {
    // SAFETY: nothing of this process is used afterwards.
    unsafe { libc::_exit(status) }
}

/// Ends the calling thread alone, even if it is the main thread.
pub(crate) fn exit_thread() -> ! {
    // SAFETY: the thread's stack and memory stay as they are, and nobody joins it.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}

/// prctl(2) with `PR_GET_SECCOMP`: 0 for none, 2 for a filter.
pub(crate) fn seccomp_mode() -> Result<i32> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) })
}

/// lsm_list_modules(2), of Linux 6.8: the numbers of the security modules.
pub(crate) fn lsm_list_modules() -> Result<Vec<u64>> {
    // libc has no name for it yet.
    const SYS_LSM_LIST_MODULES: c_long = 461;
    let mut ids = [0u64; 32];
    let mut size = size_of_val(&ids) as u32;
    // SAFETY: the kernel writes at most `size` bytes to the array, and their number to `size`.
    let call = unsafe { libc::syscall(SYS_LSM_LIST_MODULES, ids.as_mut_ptr(), &raw mut size, 0) };
    let found = Errno::result(call)? as usize;
    Ok(ids.into_iter().take(found).collect())
}

/// The path by which this program was started, as execve(2) received it.
pub(crate) fn own_path() -> Option<&'static CStr> {
    // SAFETY: takes a number only.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const c_char;
    // SAFETY: the kernel put that string, which ends in NUL, above the stack, where it stays.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// A list of strings as C expects it: pointers, then null.
fn pointers(strings: &[CString]) -> Vec<*mut c_char> {
    let pointers = strings.iter().map(|string| string.as_ptr().cast_mut());
    pointers.chain([std::ptr::null_mut()]).collect()
}

/// fexecve(3), which returns only with an error.
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

/// posix_spawn(3); returns the process id.
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

/// setresuid(2) as a bare system call, which changes the ids of the calling thread alone.
pub(crate) fn setresuid_of_thread(ruid: u32, euid: u32, suid: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::syscall(machine::SYS_SETRESUID, ruid, euid, suid) }).map(drop)
}

/// setresgid(2) in the same way.
pub(crate) fn setresgid_of_thread(rgid: u32, egid: u32, sgid: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::syscall(machine::SYS_SETRESGID, rgid, egid, sgid) }).map(drop)
}

/// setgroups(2) in the same way.
pub(crate) fn setgroups_of_thread(groups: &[u32]) -> Result<()> {
    // SAFETY: the kernel reads as many numbers as the slice has.
    Errno::result(unsafe { libc::syscall(machine::SYS_SETGROUPS, groups.len(), groups.as_ptr()) })
        .map(drop)
}

/// setfsuid(2) or setfsgid(2); returns the previous id.
pub(crate) fn set_fs_id(group: bool, id: u32) -> u32 {
    // SAFETY: takes a number only.
    unsafe { (if group { libc::setfsgid(id) } else { libc::setfsuid(id) }) as u32 }
}

/// The data of capget(2) and capset(2) in version 3: two words of effective, permitted and inheritable
/// capabilities.
type Capabilities = [[u32; 3]; 2];

/// `_LINUX_CAPABILITY_VERSION_3` and the calling thread, for capget(2) and capset(2).
const CAPABILITY_HEADER: [u32; 2] = [0x2008_0522, 0];

/// capget(2): the permitted capabilities of the calling thread, as bits.
pub(crate) fn permitted_capabilities() -> Result<u64> {
    let (mut header, mut data) = (CAPABILITY_HEADER, Capabilities::default());
    // SAFETY: the kernel reads and writes the two structures, which have this layout.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr())
    })?;
    Ok(u64::from(data[0][1]) | u64::from(data[1][1]) << 32)
}

/// capset(2) of the calling thread.
pub(crate) fn capset(effective: u64, permitted: u64) -> Result<()> {
    let half = |bits: u64, nth: u32| (bits >> (32 * nth)) as u32;
    let data: Capabilities = [0, 1].map(|nth| [half(effective, nth), half(permitted, nth), 0]);
    let header = CAPABILITY_HEADER;
    // SAFETY: the kernel only reads the two structures, which have this layout.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })
        .map(drop)
}

/// seccomp(2) with a filter that allows every call.
pub(crate) fn seccomp_allow() -> Result<()> {
    let (code, k) = ((libc::BPF_RET | libc::BPF_K) as u16, libc::SECCOMP_RET_ALLOW);
    let mut allow = libc::sock_filter { code, jt: 0, jf: 0, k };
    let filter = libc::sock_fprog { len: 1, filter: &raw mut allow };
    // SAFETY: the kernel copies the filter, which lives through the call.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter)
    })
    .map(drop)
}

/// waitpid(2) for any child or tracee; returns its id and its wait status.
pub(crate) fn wait_for_any() -> Result<(i32, c_int)> {
    let mut status = 0;
    // SAFETY: the kernel writes the status.
    let pid = Errno::result(unsafe { libc::waitpid(-1, &mut status, libc::__WALL) })?;
    Ok((pid, status))
}

/// Continues a stopped tracee, with a signal, which may be a real-time one; 0 for none.
pub(crate) fn ptrace_continue(tracee: i32, signal: c_int) -> Result<()> {
    // SAFETY: takes numbers only.
    Errno::result(unsafe { libc::ptrace(libc::PTRACE_CONT, tracee, 0, signal) }).map(drop)
}
