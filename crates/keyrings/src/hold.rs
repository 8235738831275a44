//! Things that hold the credentials of whoever made them: files of every kind.
//!
//! Each is a plain number, so that one task can make it and another close it.

use crate::record::{Answer, call, event, record};
use crate::{Checked, Errno, Failure, sys};
use nix::fcntl::{self, OFlag};
use nix::sys::socket::{self, ControlMessage, ControlMessageOwned, MsgFlags};
use nix::sys::stat::Mode;
use std::ffi::CString;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::IntoRawFd;
use trace::{Outcome, Value};

/// An open file of the calling process; it stays open until [`close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(i32);

/// A page of a file in the memory of the calling process, until [`munmap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping(usize);

/// A library in the memory of the calling process, until [`dlclose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Library(usize);

impl Answer for Descriptor {
    fn value(&self) -> Value {
        Value::word("file")
    }
}

impl Answer for (Descriptor, Descriptor) {
    fn value(&self) -> Value {
        Value::List(vec![Value::word("file"), Value::word("file")])
    }
}

type Result<T> = std::result::Result<T, Errno>;

impl Descriptor {
    /// The number of the descriptor.
    pub fn number(self) -> i32 {
        self.0
    }
}

/// Opens a file for reading: open(2).
pub fn open(path: &str) -> Result<Descriptor> {
    let opened = fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let result = opened.map(|file| Descriptor(file.into_raw_fd()));
    call("open", || vec![Value::text(path)], &result);
    result
}

/// A file in memory with these contents, which may be executed: memfd_create(2). It stays open over
/// execve(2), as the interpreter of a script has to open it by its descriptor.
pub fn memory_file(contents: &str) -> Result<Descriptor> {
    let flags = nix::sys::memfd::MFdFlags::empty();
    let result = nix::sys::memfd::memfd_create("snippet", flags).and_then(|file| {
        nix::unistd::write(&file, contents.as_bytes())?;
        Ok(Descriptor(file.into_raw_fd()))
    });
    call("memory_file", || vec![Value::text(contents)], &result);
    result
}

/// A pipe: pipe2(2).
pub fn pipe() -> Result<(Descriptor, Descriptor)> {
    let result = nix::unistd::pipe2(OFlag::O_CLOEXEC)
        .map(|(read, write)| (Descriptor(read.into_raw_fd()), Descriptor(write.into_raw_fd())));
    call("pipe", Vec::new, &result);
    result
}

/// Two Unix sockets that are connected to each other: socketpair(2).
pub fn socketpair() -> Result<(Descriptor, Descriptor)> {
    let result = socket::socketpair(
        socket::AddressFamily::Unix,
        socket::SockType::Stream,
        None,
        socket::SockFlag::SOCK_CLOEXEC,
    )
    .map(|(one, other)| (Descriptor(one.into_raw_fd()), Descriptor(other.into_raw_fd())));
    call("socketpair", Vec::new, &result);
    result
}

/// The address of a Unix socket without a name in the file system, that goes with this process
/// and what started it.
fn address() -> Result<socket::UnixAddr> {
    let main = crate::arena::Arena::here()
        .map_or(0, |arena| arena.main_pid.load(std::sync::atomic::Ordering::Relaxed));
    socket::UnixAddr::new_abstract(format!("keyrings-{main}").as_bytes())
}

fn new_socket() -> Result<std::os::fd::OwnedFd> {
    let (family, kind) = (socket::AddressFamily::Unix, socket::SockType::Stream);
    socket::socket(family, kind, socket::SockFlag::SOCK_CLOEXEC, None)
}

/// A Unix socket that waits for connections: socket(2), bind(2), listen(2).
pub fn listen() -> Result<Descriptor> {
    let result = new_socket().and_then(|socket| {
        use std::os::fd::AsRawFd;
        socket::bind(socket.as_raw_fd(), &address()?)?;
        socket::listen(&socket, socket::Backlog::new(4)?)?;
        Ok(Descriptor(socket.into_raw_fd()))
    });
    call("listen", Vec::new, &result);
    result
}

/// Connects to the socket of [`listen`]: socket(2), connect(2).
pub fn connect() -> Result<Descriptor> {
    let result = new_socket().and_then(|socket| {
        use std::os::fd::AsRawFd;
        socket::connect(socket.as_raw_fd(), &address()?)?;
        Ok(Descriptor(socket.into_raw_fd()))
    });
    call("connect", Vec::new, &result);
    result
}

/// Takes the next connection: accept(2).
pub fn accept(listening: Descriptor) -> Result<Descriptor> {
    let result = socket::accept(listening.0).map(Descriptor);
    call("accept", || vec![listening.value()], &result);
    result
}

/// Hands an open file through a socket: sendmsg(2) with `SCM_RIGHTS`.
pub fn send_descriptor(socket: Descriptor, file: Descriptor) -> Result<()> {
    let rights = [ControlMessage::ScmRights(&[file.0])];
    let byte = [IoSlice::new(b"f")];
    let result = socket::sendmsg::<()>(socket.0, &byte, &rights, MsgFlags::empty(), None).map(drop);
    call("send_descriptor", || vec![file.value()], &result);
    result
}

/// Takes a file that [`send_descriptor`] handed over: recvmsg(2).
pub fn receive_descriptor(socket: Descriptor) -> Result<Descriptor> {
    let mut byte = [0];
    let mut buffer = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let result =
        socket::recvmsg::<()>(socket.0, &mut buffer, Some(&mut space), flags).and_then(|message| {
            let mut rights = message.cmsgs()?.filter_map(|part| match part {
                ControlMessageOwned::ScmRights(files) => files.first().copied(),
                _ => None,
            });
            rights.next().map(Descriptor).ok_or(Errno::EBADMSG)
        });
    call("receive_descriptor", Vec::new, &result);
    result
}

/// An io_uring instance, closed like a file: io_uring_setup(2).
pub fn io_uring_setup() -> Result<Descriptor> {
    let result = sys::io_uring_setup().map(Descriptor);
    call("io_uring_setup", Vec::new, &result);
    result
}

/// Closes a file: close(2).
pub fn close(file: Descriptor) -> Result<()> {
    let result = sys::own(file.0).map(drop);
    call("close", || vec![file.value()], &result);
    result
}

/// Maps a page of a file into memory: mmap(2).
pub fn mmap(file: Descriptor) -> Result<Mapping> {
    let result = sys::mmap(file.0).map(Mapping);
    let shown = result.map(|_| Value::word("mapping"));
    call("mmap", || vec![file.value()], &shown);
    result
}

/// Takes it out of memory: munmap(2).
pub fn munmap(mapping: Mapping) -> Result<()> {
    let result = sys::munmap(mapping.0);
    call("munmap", || vec![Value::word("mapping")], &result);
    result
}

/// Loads a library: dlopen(3), which opens the file, maps it and closes it.
#[track_caller]
pub fn dlopen(path: &str) -> Checked<Library> {
    let c_path = CString::new(path).map_err(|_| Failure::new("a path with a NUL"))?;
    let handle = sys::dlopen(&c_path);
    let handle = handle.ok_or_else(|| Failure::new(format!("{path} cannot be loaded")))?;
    let done = Outcome::Returned(Value::word("library"));
    record(|| event("dlopen", vec![Value::text(path)], done));
    Ok(Library(handle))
}

/// Unloads a library: dlclose(3).
#[track_caller]
pub fn dlclose(library: Library) -> Checked {
    if !sys::dlclose(library.0) {
        return Err(Failure::new("the library cannot be unloaded"));
    }
    record(|| event("dlclose", vec![Value::word("library")], Outcome::Returned(Value::Int(0))));
    Ok(())
}

/// Changes the working directory: chdir(2).
pub fn chdir(path: &str) -> Result<()> {
    let result = nix::unistd::chdir(path);
    call("chdir", || vec![Value::text(path)], &result);
    result
}
