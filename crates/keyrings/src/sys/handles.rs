//! What a process may release once: open files, mapped pages, loaded libraries, attached segments, contexts of
//! asynchronous I/O.
//!
//! A [`Handle`] is a number that can travel to another task. The ledger says which of them are open in
//! this process and this program: fork(2) copies it with the memory, execve(2) begins with an empty
//! one, and threads share it, exactly as they do with what it lists. So a handle that is used up, or
//! that belongs to another process or program, is refused, and nothing is released twice.

use super::{Result, machine};
use nix::errno::Errno;
use nix::libc;
use std::ffi::{CStr, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard};

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// A file descriptor.
    File,
    /// The address of a page that mmap(2) mapped.
    Page,
    /// What dlopen(3) returned.
    Library,
    /// The address at which shmat(2) attached a segment.
    Segment,
    /// What io_setup(2) returned.
    Context,
}

/// A number that names a resource. The tag tells it from an earlier or later resource with the same
/// number, in every process of a snippet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) number: u64,
    pub(crate) tag: u32,
}

type Ledger = Vec<(Resource, Handle)>;

static LEDGER: Mutex<Ledger> = Mutex::new(Vec::new());

fn ledger() -> MutexGuard<'static, Ledger> {
    LEDGER.lock().unwrap_or_else(|lock| lock.into_inner())
}

/// Whether the handle is open in this process and this program.
pub(crate) fn is_open(resource: Resource, handle: Handle) -> bool {
    ledger().contains(&(resource, handle))
}

fn enter(resource: Resource, number: u64, tag: u32) -> Handle {
    let handle = Handle { number, tag };
    ledger().push((resource, handle));
    handle
}

/// Takes the handle out of the ledger; `None` if it is not there.
fn strike(resource: Resource, handle: Handle) -> Option<Handle> {
    let mut ledger = ledger();
    let at = ledger.iter().position(|entry| *entry == (resource, handle))?;
    Some(ledger.swap_remove(at).1)
}

/// Runs something in a process that shares this one's memory, and so the ledger, but not its
/// descriptors: afterwards the ledger lists the files that it listed before.
pub(crate) fn with_separate_files<R>(run: impl FnOnce() -> R) -> R {
    let is_file = |entry: &(Resource, Handle)| entry.0 == Resource::File;
    let files: Ledger = ledger().iter().copied().filter(is_file).collect();
    let result = run();
    let mut ledger = ledger();
    ledger.retain(|entry| !is_file(entry));
    ledger.extend(files);
    result
}

/// Enters a file that stays open until [`close`].
pub(crate) fn keep(file: OwnedFd, tag: u32) -> Handle {
    enter(Resource::File, file.into_raw_fd() as u64, tag)
}

/// Duplicates the descriptor of a file: dup(2). `None` if it is not open here.
pub(crate) fn duplicate(file: Handle) -> Option<Result<OwnedFd>> {
    let ledger = ledger();
    if !ledger.contains(&(Resource::File, file)) {
        return None;
    }
    // SAFETY: the ledger lists it and is locked, so it stays open during the call.
    let file = unsafe { BorrowedFd::borrow_raw(file.number as RawFd) };
    Some(nix::unistd::dup(file))
}

/// Closes a file: close(2). `None` if it is not open here.
pub(crate) fn close(file: Handle) -> Option<Result<()>> {
    let file = strike(Resource::File, file)?;
    // SAFETY: it came out of the ledger, into which `keep` puts descriptors that nothing else owns.
    let file = unsafe { OwnedFd::from_raw_fd(file.number as RawFd) };
    Some(nix::unistd::close(file))
}

/// Maps one readable page of a file.
pub(crate) fn mmap(descriptor: RawFd, is_shared: bool, tag: u32) -> Result<Handle> {
    let flags = if is_shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
    // SAFETY: the kernel chooses a free place; nothing is read there.
    let at =
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, flags, descriptor, 0) };
    if at == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    Ok(enter(Resource::Page, at as u64, tag))
}

/// Unmaps what [`mmap`] mapped. `None` if it is not mapped here.
pub(crate) fn munmap(page: Handle) -> Option<Result<()>> {
    let page = strike(Resource::Page, page)?;
    // SAFETY: it came out of the ledger, so `mmap` mapped it in this program, and nothing refers to it.
    let call = unsafe { libc::munmap(page.number as *mut c_void, 4096) };
    Some(Errno::result(call).map(drop))
}

/// The libraries that a snippet can load: parts of the C library, which run nothing on loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemLibrary {
    /// glibc's `libanl.so.1`, for getaddrinfo_a(3).
    Libanl,
}

impl SystemLibrary {
    /// The name by which the dynamic linker finds it.
    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or_default()
    }

    fn c_name(self) -> &'static CStr {
        match self {
            SystemLibrary::Libanl => c"libanl.so.1",
        }
    }
}

/// dlopen(3). `None` if the library cannot be loaded.
pub(crate) fn dlopen(library: SystemLibrary, tag: u32) -> Option<Handle> {
    // SAFETY: the libraries of the list run nothing on loading.
    let handle = unsafe { libc::dlopen(library.c_name().as_ptr(), libc::RTLD_NOW) };
    (!handle.is_null()).then(|| enter(Resource::Library, handle as u64, tag))
}

/// dlclose(3). `None` if the library is not loaded here; whether it could be unloaded.
pub(crate) fn dlclose(library: Handle) -> Option<bool> {
    let library = strike(Resource::Library, library)?;
    // SAFETY: it came out of the ledger, so `dlopen` returned it in this program; nothing of the
    // library was looked up.
    Some(unsafe { libc::dlclose(library.number as *mut c_void) } == 0)
}

/// Creates a System V segment of one page, attaches it for as long as this program runs, and marks it for
/// removal. Its id.
pub(crate) fn shmget() -> Result<i32> {
    // SAFETY: the calls take numbers, and the kernel chooses a free place for the page.
    unsafe {
        let segment = Errno::result(libc::shmget(libc::IPC_PRIVATE, 4096, 0o600))?;
        let at = libc::shmat(segment, std::ptr::null(), libc::SHM_RDONLY);
        let attached = if at as isize == -1 { Err(Errno::last()) } else { Ok(segment) };
        // Also if it could not be attached: nothing may stay.
        Errno::result(libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut()))?;
        attached
    }
}

/// shmat(2), to read.
pub(crate) fn shmat(segment: i32, tag: u32) -> Result<Handle> {
    // SAFETY: the kernel chooses a free place; nothing is read there.
    let at = unsafe { libc::shmat(segment, std::ptr::null(), libc::SHM_RDONLY) };
    if at as isize == -1 {
        return Err(Errno::last());
    }
    Ok(enter(Resource::Segment, at as u64, tag))
}

/// shmdt(2). `None` if it is not attached here.
pub(crate) fn shmdt(segment: Handle) -> Option<Result<()>> {
    let segment = strike(Resource::Segment, segment)?;
    // SAFETY: it came out of the ledger, so `shmat` attached it in this program, and nothing refers to it.
    let call = unsafe { libc::shmdt(segment.number as *const c_void) };
    Some(Errno::result(call).map(drop))
}

/// io_setup(2), with room for one operation.
pub(crate) fn io_setup(tag: u32) -> Result<Handle> {
    let mut context: libc::c_ulong = 0;
    // SAFETY: the kernel writes the context's number there, and maps its ring where nothing is.
    let call = unsafe { libc::syscall(libc::SYS_io_setup, 1, &raw mut context) };
    Errno::result(call)?;
    Ok(enter(Resource::Context, context as u64, tag))
}

/// io_destroy(2). `None` if this program has no such context.
pub(crate) fn io_destroy(context: Handle) -> Option<Result<()>> {
    let context = strike(Resource::Context, context)?;
    // SAFETY: it came out of the ledger, so `io_setup` created it in this program, and nothing was submitted.
    let call = unsafe { libc::syscall(libc::SYS_io_destroy, context.number as libc::c_ulong) };
    Some(Errno::result(call).map(drop))
}

/// perf_event_open(2): a software event of one thread, which counts nothing.
pub(crate) fn perf_event_open(thread: i32) -> Result<OwnedFd> {
    // The first version of the kernel's `struct perf_event_attr` is 64 bytes long: its type and size,
    // then the kind of event, which is 0 for the clock of a CPU; 64 flags from its 40th byte on.
    const SOFTWARE: u32 = 1;
    const LENGTH: u32 = 64;
    const DISABLED_AND_USER_ONLY: u64 = 1 | 1 << 5 | 1 << 6;
    let mut attributes = [0u32; 16];
    (attributes[0], attributes[1]) = (SOFTWARE, LENGTH);
    attributes[10..12].copy_from_slice(&machine::bit_fields(DISABLED_AND_USER_ONLY));
    const CLOEXEC: u64 = 8;
    let (any_cpu, no_group) = (-1, -1);
    // SAFETY: the kernel reads just that structure.
    let call = unsafe {
        let attributes = attributes.as_mut_ptr();
        libc::syscall(libc::SYS_perf_event_open, attributes, thread, any_cpu, no_group, CLOEXEC)
    };
    let descriptor = Errno::result(call)? as RawFd;
    // SAFETY: the kernel has just opened it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// pipe2(2) of a pipe that the kernel writes notifications to, with room for this number of notifications.
pub(crate) fn notification_pipe(room: usize) -> Result<(OwnedFd, OwnedFd)> {
    use nix::fcntl::OFlag;
    // `IOC_WATCH_QUEUE_SET_SIZE`; for `O_NOTIFICATION_PIPE`, `O_EXCL` is another name.
    const SET_SIZE: u32 = 0x5760;
    let ends = nix::unistd::pipe2(OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    // SAFETY: the operation takes a number.
    let call = unsafe { libc::ioctl(ends.0.as_raw_fd(), SET_SIZE as _, room) };
    Errno::result(call)?;
    Ok(ends)
}

/// accept(2).
pub(crate) fn accept(listening: RawFd) -> Result<OwnedFd> {
    let descriptor = nix::sys::socket::accept(listening)?;
    // SAFETY: the kernel has just opened it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// recvmsg(2) of one byte and a descriptor (`EBADMSG` if none comes with it).
pub(crate) fn receive_descriptor(socket: RawFd) -> Result<OwnedFd> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let mut byte = [0];
    let mut buffer = [std::io::IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket, &mut buffer, Some(&mut space), flags)?;
    let mut rights = message.cmsgs()?.filter_map(|part| match part {
        ControlMessageOwned::ScmRights(files) => files.first().copied(),
        _ => None,
    });
    let descriptor = rights.next().ok_or(Errno::EBADMSG)?;
    // SAFETY: the kernel has just opened it for this message, which has room for no other.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
