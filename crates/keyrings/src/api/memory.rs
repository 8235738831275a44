//! What holds a file in the memory of a process: mappings, libraries, shared memory, asynchronous I/O.
//!
//! Each is a handle like a [`Descriptor`].

use super::hold::{Attachment, Descriptor, IoContext, Library, Mapping, not_here, release, tag};
use crate::sys::handles::{self, SystemLibrary};
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::plain::{Parcel, Plain};
use crate::tasks::record::{Recorded, call, event, record};
use nix::errno::Errno;
use trace::{Outcome, Value};

type Result<T> = std::result::Result<T, Errno>;

/// glibc's library for getaddrinfo_a(3), for [`dlopen`].
pub const LIBANL: SystemLibrary = SystemLibrary::Libanl;

/// Maps a page of a file into memory.
///
/// # Errors
///
/// Those of mmap(2); see [`Descriptor::number`].
///
/// # References
///
/// mmap(2)
#[track_caller]
pub fn mmap(file: &Descriptor) -> Result<Mapping> {
    let result = handles::mmap(file.number()?, false, tag()).map(Mapping);
    call("mmap", || vec![file.value()], &result);
    result
}

/// Maps a page of a file into memory, to share it with others.
///
/// # Errors
///
/// Those of mmap(2); see [`Descriptor::number`].
///
/// # References
///
/// mmap(2) with `MAP_SHARED`
#[track_caller]
pub fn mmap_shared(file: &Descriptor) -> Result<Mapping> {
    let result = handles::mmap(file.number()?, true, tag()).map(Mapping);
    call("mmap", || vec![file.value(), Value::word("MAP_SHARED")], &result);
    result
}

/// Unmaps a page.
///
/// # Errors
///
/// Those of munmap(2). `EBADF`, and the snippet fails, if it is not mapped in this process and program.
///
/// # References
///
/// munmap(2)
#[track_caller]
pub fn munmap(mapping: Mapping) -> Result<()> {
    release("munmap", "a mapping", &mapping, handles::munmap(mapping.0))
}

/// Loads a library: opens the file, maps it and closes it.
///
/// # Errors
///
/// Fails if the library cannot be loaded.
///
/// # References
///
/// dlopen(3)
#[track_caller]
pub fn dlopen(library: SystemLibrary) -> Checked<Library> {
    let name = library.name();
    let handle = handles::dlopen(library, tag());
    let handle = handle.ok_or_else(|| Failure::new(format!("{name} cannot be loaded")))?;
    let library = Library(handle);
    record(|| event("dlopen", vec![Value::text(name)], Outcome::Returned(library.value())));
    Ok(library)
}

/// Unloads a library.
///
/// # Errors
///
/// Fails if the library cannot be unloaded, or is not loaded in this process and program.
///
/// # References
///
/// dlclose(3)
#[track_caller]
pub fn dlclose(library: Library) -> Checked {
    match handles::dlclose(library.0) {
        Some(true) => {}
        Some(false) => return Err(Failure::new("the library cannot be unloaded")),
        None => return Err(not_here("a library").into()),
    }
    record(|| event("dlclose", vec![library.value()], Outcome::Returned(Value::Int(0))));
    Ok(())
}

/// A System V shared memory segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment(i32);

impl Recorded for Segment {
    fn value(&self) -> Value {
        Value::word("segment")
    }
}

impl Plain for Segment {
    fn pack(self, parcel: &mut Parcel) {
        self.0.pack(parcel);
    }

    fn unpack(parcel: &mut Parcel) -> Option<Segment> {
        Plain::unpack(parcel).map(Segment)
    }
}

/// Creates a System V shared memory segment of one page, attaches it until the program ends, and marks it
/// for removal: the last process that detaches it ends it.
///
/// # Errors
///
/// Those of shmget(2) and shmat(2).
///
/// # References
///
/// shmget(2), shmat(2), shmctl(2); `newseg`, which opens a file
pub fn shmget() -> Result<Segment> {
    let result = handles::shmget().map(Segment);
    call("shmget", Vec::new, &result);
    result
}

/// Attaches a segment to the memory of the calling process.
///
/// # Errors
///
/// Those of shmat(2).
///
/// # References
///
/// shmat(2); `do_shmat`, which opens the segment's file again
pub fn shmat(segment: Segment) -> Result<Attachment> {
    let result = handles::shmat(segment.0, tag()).map(Attachment);
    call("shmat", || vec![segment.value()], &result);
    result
}

/// Detaches what [`shmat`] attached.
///
/// # Errors
///
/// Those of shmdt(2). `EBADF`, and the snippet fails, if it is not attached in this process and program.
///
/// # References
///
/// shmdt(2)
#[track_caller]
pub fn shmdt(attachment: Attachment) -> Result<()> {
    release("shmdt", "an attachment", &attachment, handles::shmdt(attachment.0))
}

/// Creates a context of asynchronous I/O, to which nothing is submitted.
///
/// # Errors
///
/// Those of io_setup(2).
///
/// # References
///
/// io_setup(2); `aio_private_file`, which opens a file
pub fn io_setup() -> Result<IoContext> {
    let result = handles::io_setup(tag()).map(IoContext);
    call("io_setup", Vec::new, &result);
    result
}

/// Ends a context of asynchronous I/O.
///
/// # Errors
///
/// Those of io_destroy(2). `EBADF`, and the snippet fails, if it does not exist in this process and program.
///
/// # References
///
/// io_destroy(2)
#[track_caller]
pub fn io_destroy(context: IoContext) -> Result<()> {
    release("io_destroy", "a context", &context, handles::io_destroy(context.0))
}
