//! The files of the program that runs: its executable, and what the memory maps.

use super::Result;
use nix::errno::Errno;
use nix::libc;
use std::ffi::{c_int, c_void};
use std::os::fd::RawFd;
use std::ptr::null_mut;

/// A private mapping of a file.
struct Mapped {
    start: usize,
    length: usize,
    access: c_int,
}

/// Puts copies in the place of all private mappings of files, so that the program runs from memory alone.
/// `EBUSY` if the process has other threads, as they could write meanwhile.
pub(crate) fn copy_mapped_files() -> Result<()> {
    let io = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    if std::fs::read_dir("/proc/self/task").map_err(io)?.count() != 1 {
        return Err(Errno::EBUSY);
    }
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(io)?;
    let mapped: Vec<Mapped> = maps.lines().filter_map(private_file).collect();
    mapped.iter().try_for_each(copy)
}

/// A line of `/proc/self/maps`: `start-end access offset device inode path`.
fn private_file(line: &str) -> Option<Mapped> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let access = words.next()?;
    let inode = words.nth(2)?;
    if inode == "0" || !access.ends_with('p') {
        return None;
    }
    let [start, end] = [start, end].map(|at| usize::from_str_radix(at, 16).ok());
    let bits = [('r', libc::PROT_READ), ('w', libc::PROT_WRITE), ('x', libc::PROT_EXEC)];
    let bits = bits.into_iter().filter(|(letter, _)| access.contains(*letter));
    let access = bits.fold(libc::PROT_NONE, |all, (_, bit)| all | bit);
    Some(Mapped { start: start?, length: end? - start?, access })
}

/// Moves a copy over a mapping. It allocates nothing in between, as the allocator's state may be part of
/// what is copied.
fn copy(mapped: &Mapped) -> Result<()> {
    let writable = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let start = mapped.start as *mut c_void;
    // SAFETY: only this thread runs, and the copy has the same bytes at the same addresses with the same
    // access, so nothing notices; the kernel chooses a free place for the copy, which the move vacates.
    unsafe {
        let copy = libc::mmap(null_mut(), mapped.length, writable, flags, -1, 0);
        if copy == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        if mapped.access & libc::PROT_READ != 0 {
            std::ptr::copy_nonoverlapping(start.cast::<u8>(), copy.cast::<u8>(), mapped.length);
        }
        Errno::result(libc::mprotect(copy, mapped.length, mapped.access))?;
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        let moved = libc::mremap(copy, mapped.length, mapped.length, flags, start);
        if moved == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(()) }
    }
}

/// prctl(2) with `PR_SET_MM_MAP`, which sets the executable and leaves the rest of the memory's description as
/// it is.
pub(crate) fn set_exe_file(descriptor: RawFd) -> Result<()> {
    let map = current_map(descriptor)?;
    let size = size_of_val(&map);
    // SAFETY: the kernel reads just that structure, and keeps where the parts of the program are.
    let call =
        unsafe { libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &raw const map, size, 0) };
    Errno::result(call).map(drop)
}

/// The kernel's `struct prctl_mm_map`: where the parts of the program are, then an auxiliary vector, which is
/// left out, its length, and the executable.
type Map = [u64; 13];

/// The map of the program as it runs, with this executable.
fn current_map(descriptor: RawFd) -> Result<Map> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").map_err(|_| Errno::ENOENT)?;
    // The name of the program, the second field, may contain spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or(Errno::EINVAL)?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // Fields have the numbers of proc_pid_stat(5).
    let field = |nth: usize| {
        fields.get(nth - 3).and_then(|field| field.parse::<u64>().ok()).ok_or(Errno::EINVAL)
    };
    // SAFETY: the call changes nothing and returns where the heap ends.
    let end_of_heap = unsafe { libc::syscall(libc::SYS_brk, 0usize) };
    let numbers = [0, descriptor as u32].map(u32::to_ne_bytes);
    Ok([
        field(26)?,
        field(27)?,
        field(45)?,
        field(46)?,
        field(47)?,
        end_of_heap as usize as u64,
        field(28)?,
        field(48)?,
        field(49)?,
        field(50)?,
        field(51)?,
        0,
        u64::from_ne_bytes(numbers.as_flattened().try_into().map_err(|_| Errno::EINVAL)?),
    ])
}
