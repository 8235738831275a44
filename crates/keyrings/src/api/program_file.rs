//! The files of the program that runs.

use super::hold::Descriptor;
use crate::sys::program_file;
use crate::tasks::record::{Recorded, call};
use nix::errno::Errno;
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

/// Copies the mapped files of the calling process to memory that maps no file, and puts the copies in their
/// place. Mappings that are shared stay.
///
/// # Errors
///
/// `EBUSY`: the process has other threads; those of mmap(2), mprotect(2) and mremap(2).
///
/// # References
///
/// mremap(2) with `MREMAP_FIXED`
pub fn copy_mapped_files() -> Result<()> {
    let result = program_file::copy_mapped_files();
    call("copy_mapped_files", Vec::new, &result);
    result
}

/// Makes an open file the executable of the calling process, to which `/proc/self/exe` leads.
///
/// # Errors
///
/// Those of prctl(2); `EBUSY`: the process maps its executable; see [`Descriptor::number`].
///
/// # References
///
/// prctl(2) with `PR_SET_MM_MAP`; `replace_mm_exe_file`
#[track_caller]
pub fn set_exe_file(file: &Descriptor) -> Result<()> {
    let result = program_file::set_exe_file(file.number()?);
    call("prctl", || vec![Value::word("PR_SET_MM_MAP"), file.value()], &result);
    result
}
