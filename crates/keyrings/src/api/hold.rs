//! What pins the credentials of its creator: open files of every kind.
//!
//! A [`Descriptor`] is a handle that can travel to another task. It can be
//! used up once, and only in the process and program it belongs to. Elsewhere the call is refused
//! before it reaches the kernel, and the snippet fails.

use crate::sys::handles::{self, Handle, Resource};
use crate::sys::loop_device;
use crate::sys::process;
use crate::tasks::arena::Arena;
use crate::tasks::fail::refused;
use crate::tasks::make::own_executable;
use crate::tasks::plain::{Parcel, Plain};
use crate::tasks::record::{Recorded, call};
use crate::tasks::task::Task;
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::socket::{self, ControlMessage, MsgFlags};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

macro_rules! handles {
    ($($(#[$about:meta])* $name:ident is $word:literal;)*) => {$(
        $(#[$about])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name(pub(super) Handle);

        impl $name {
            /// Another handle of the same: for a thread of this process, or for a child that inherits it by
            /// fork(2) and uses up its own copy.
            pub fn handle(&self) -> $name {
                $name(self.0)
            }
        }

        impl Recorded for $name {
            fn value(&self) -> Value {
                Value::word($word)
            }
        }

        impl Plain for $name {
            fn pack(self, parcel: &mut Parcel) {
                (self.0.number, self.0.tag).pack(parcel);
            }

            fn unpack(parcel: &mut Parcel) -> Option<$name> {
                Plain::unpack(parcel).map(|(number, tag)| $name(Handle { number, tag }))
            }
        }
    )*};
}

handles! {
    /// An open file of the calling process, until [`close`].
    Descriptor is "file";
    /// A loop device that the calling process has open, until [`detach_loop_device`].
    LoopDevice is "device";
    /// A page of a file in the memory of the calling process, until [`crate::munmap`].
    Mapping is "mapping";
    /// A library in the memory of the calling process, until [`crate::dlclose`].
    Library is "library";
    /// A shared memory segment in the memory of the calling process, until [`crate::shmdt`].
    Attachment is "attachment";
    /// A context of asynchronous I/O of the calling process, until [`crate::io_destroy`].
    IoContext is "context";
}

impl Recorded for (Descriptor, Descriptor) {
    fn value(&self) -> Value {
        Value::List(vec![self.0.value(), self.1.value()])
    }
}

/// A tag that no other handle of this snippet has.
pub(super) fn tag() -> u32 {
    static OUTSIDE: AtomicU32 = AtomicU32::new(0);
    Arena::here().map_or_else(|| OUTSIDE.fetch_add(1, Ordering::Relaxed), Arena::new_tag)
}

impl Descriptor {
    pub(super) fn keep(file: OwnedFd) -> Descriptor {
        Descriptor(handles::keep(file, tag()))
    }

    /// The number of the descriptor.
    ///
    /// # Errors
    ///
    /// `EBADF`, and the snippet fails, if it is not open in this process and program.
    #[track_caller]
    pub fn number(&self) -> Result<RawFd> {
        if handles::is_open(Resource::File, self.0) {
            return Ok(self.0.number as RawFd);
        }
        Err(not_here("a file"))
    }

    /// The same open file, to read.
    #[track_caller]
    pub(super) fn file(&self) -> Result<File> {
        let duplicate = handles::duplicate(self.0).unwrap_or_else(|| Err(not_here("a file")));
        duplicate.map(File::from)
    }
}

#[track_caller]
pub(super) fn not_here(what: &str) -> Errno {
    refused(
        &format!("{what} that is used up, or belongs to another process or program,"),
        Errno::EBADF,
    )
}

/// Opens a file for reading.
///
/// # Errors
///
/// Those of open(2).
///
/// # References
///
/// open(2); `alloc_empty_file`, which takes a reference to the caller's credentials
pub fn open(path: &str) -> Result<Descriptor> {
    let opened = fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let result = opened.map(Descriptor::keep);
    call("open", || vec![Value::text(path)], &result);
    result
}

/// Opens a file for reading and writing.
///
/// # Errors
///
/// Those of open(2).
///
/// # References
///
/// open(2) with `O_RDWR`
pub fn open_read_write(path: &str) -> Result<Descriptor> {
    let opened = fcntl::open(path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
    let result = opened.map(Descriptor::keep);
    call("open", || vec![Value::text(path), Value::word("O_RDWR")], &result);
    result
}

/// Creates an executable file in memory with these contents. It stays open over execve(2), as the
/// interpreter of a script opens it by its descriptor.
///
/// # Errors
///
/// Those of memfd_create(2) and write(2).
///
/// # References
///
/// memfd_create(2)
pub fn memory_file(contents: &str) -> Result<Descriptor> {
    let flags = nix::sys::memfd::MFdFlags::empty();
    let result = nix::sys::memfd::memfd_create("snippet", flags).and_then(|file| {
        nix::unistd::write(&file, contents.as_bytes())?;
        Ok(Descriptor::keep(file))
    });
    call("memory_file", || vec![Value::text(contents)], &result);
    result
}

/// Attaches a file to a free loop device, and opens the device. The file is detached when the device is closed, at the
/// latest by the end of the program.
///
/// # Errors
///
/// Those of open(2) and ioctl(2); see [`Descriptor::number`].
///
/// # References
///
/// loop(4), `LOOP_CONFIGURE`; `loop_configure`, which takes a reference to the file
#[track_caller]
pub fn attach_loop_device(file: &Descriptor) -> Result<LoopDevice> {
    let attached = file.file().and_then(|file| loop_device::attach(&file));
    let result = attached.map(|device| LoopDevice(handles::keep(device, tag())));
    call("attach_loop_device", || vec![file.value()], &result);
    result
}

/// Closes a loop device, which detaches the file that [`attach_loop_device`] attached.
///
/// # Errors
///
/// `EBADF`, and the snippet fails, if it is not open in this process and program.
///
/// # References
///
/// close(2), loop(4); `lo_release`
#[track_caller]
pub fn detach_loop_device(device: LoopDevice) -> Result<()> {
    release("detach_loop_device", "a loop device", &device, handles::close(device.0))
}

pub(super) fn keep_both((one, other): (OwnedFd, OwnedFd)) -> (Descriptor, Descriptor) {
    (Descriptor::keep(one), Descriptor::keep(other))
}

/// Creates a pipe: its reading end, then its writing end.
///
/// # Errors
///
/// Those of pipe2(2).
///
/// # References
///
/// pipe2(2); `create_pipe_files`
pub fn pipe() -> Result<(Descriptor, Descriptor)> {
    let result = nix::unistd::pipe2(OFlag::O_CLOEXEC).map(keep_both);
    call("pipe", Vec::new, &result);
    result
}

const UNIX_STREAM: (socket::AddressFamily, socket::SockType) =
    (socket::AddressFamily::Unix, socket::SockType::Stream);

/// Creates two Unix sockets that are connected to each other.
///
/// # Errors
///
/// Those of socketpair(2).
///
/// # References
///
/// socketpair(2)
pub fn socketpair() -> Result<(Descriptor, Descriptor)> {
    let (family, kind) = UNIX_STREAM;
    let result =
        socket::socketpair(family, kind, None, socket::SockFlag::SOCK_CLOEXEC).map(keep_both);
    call("socketpair", Vec::new, &result);
    result
}

/// The abstract address of the snippet's Unix socket.
fn address() -> Result<socket::UnixAddr> {
    let main = Arena::here().map_or(0, |arena| arena.main_pid.load(Ordering::Relaxed));
    socket::UnixAddr::new_abstract(format!("keyrings-{main}").as_bytes())
}

fn new_socket(
    prepare: impl FnOnce(&OwnedFd, &socket::UnixAddr) -> Result<()>,
) -> Result<Descriptor> {
    let (family, kind) = UNIX_STREAM;
    let socket = socket::socket(family, kind, socket::SockFlag::SOCK_CLOEXEC, None)?;
    prepare(&socket, &address()?)?;
    Ok(Descriptor::keep(socket))
}

/// Creates a Unix socket that waits for connections.
///
/// # Errors
///
/// Those of socket(2), bind(2) and listen(2).
///
/// # References
///
/// socket(2), bind(2), listen(2)
pub fn listen() -> Result<Descriptor> {
    let result = new_socket(|socket, address| {
        socket::bind(socket.as_raw_fd(), address)?;
        socket::listen(socket, socket::Backlog::new(4)?)
    });
    call("listen", Vec::new, &result);
    result
}

/// Creates a Unix socket with an address, which does not wait for connections yet.
///
/// # Errors
///
/// Those of socket(2) and bind(2).
///
/// # References
///
/// socket(2), bind(2)
pub fn bind() -> Result<Descriptor> {
    // The kernel chooses an address that no other socket has.
    let any = socket::UnixAddr::new_unnamed();
    let result = new_socket(|socket, _| socket::bind(socket.as_raw_fd(), &any));
    call("bind", Vec::new, &result);
    result
}

/// Has the socket of [`bind`] wait for connections.
///
/// # Errors
///
/// Those of listen(2); see [`Descriptor::number`].
///
/// # References
///
/// listen(2); `init_peercred`
#[track_caller]
pub fn listen_on(socket: &Descriptor) -> Result<()> {
    let result = socket.file().and_then(|file| socket::listen(&file, socket::Backlog::new(4)?));
    call("listen", || vec![socket.value()], &result);
    result
}

/// Connects to the socket of [`listen`].
///
/// # Errors
///
/// Those of socket(2) and connect(2).
///
/// # References
///
/// socket(2), connect(2)
pub fn connect() -> Result<Descriptor> {
    let result = new_socket(|socket, address| socket::connect(socket.as_raw_fd(), address));
    call("connect", Vec::new, &result);
    result
}

/// Accepts the next connection.
///
/// # Errors
///
/// Those of accept(2); see [`Descriptor::number`].
///
/// # References
///
/// accept(2)
#[track_caller]
pub fn accept(listening: &Descriptor) -> Result<Descriptor> {
    let result = handles::accept(listening.number()?).map(Descriptor::keep);
    call("accept", || vec![listening.value()], &result);
    result
}

/// Sends an open file through a socket.
///
/// # Errors
///
/// Those of sendmsg(2); see [`Descriptor::number`].
///
/// # References
///
/// sendmsg(2) with `SCM_RIGHTS`; unix(7)
#[track_caller]
pub fn send_descriptor(socket: &Descriptor, file: &Descriptor) -> Result<()> {
    let (through, sent) = (socket.number()?, [file.number()?]);
    let rights = [ControlMessage::ScmRights(&sent)];
    let byte = [IoSlice::new(b"f")];
    let result = socket::sendmsg::<()>(through, &byte, &rights, MsgFlags::empty(), None).map(drop);
    call("send_descriptor", || vec![file.value()], &result);
    result
}

/// Receives a file that [`send_descriptor`] sent.
///
/// # Errors
///
/// Those of recvmsg(2), and `EBADMSG` if no file comes with the message; see [`Descriptor::number`].
///
/// # References
///
/// recvmsg(2); unix(7)
#[track_caller]
pub fn receive_descriptor(socket: &Descriptor) -> Result<Descriptor> {
    let result = handles::receive_descriptor(socket.number()?).map(Descriptor::keep);
    call("receive_descriptor", Vec::new, &result);
    result
}

/// Opens a perf event of another thread, as a profiler does. It is closed like a file.
///
/// # Errors
///
/// Those of perf_event_open(2).
///
/// # References
///
/// perf_event_open(2); `perf_event_alloc`, which takes a reference to the thread
pub fn perf_event_open(thread: Task) -> Result<Descriptor> {
    let result = handles::perf_event_open(thread.tid().as_raw()).map(Descriptor::keep);
    call("perf_event_open", || vec![Value::word(thread.name())], &result);
    result
}

/// Closes a file.
///
/// # Errors
///
/// See [`Descriptor::number`].
///
/// # References
///
/// close(2)
#[track_caller]
pub fn close(file: Descriptor) -> Result<()> {
    release("close", "a file", &file, handles::close(file.0))
}

/// Records the call that uses a handle up; `released` is `None` if it is not open here.
#[track_caller]
pub(super) fn release(
    name: &str,
    what: &str,
    handle: &impl Recorded,
    released: Option<Result<()>>,
) -> Result<()> {
    let Some(result) = released else { return Err(not_here(what)) };
    call(name, || vec![handle.value()], &result);
    result
}

/// Changes the working directory.
///
/// # Errors
///
/// Those of chdir(2).
///
/// # References
///
/// chdir(2)
pub fn chdir(path: &str) -> Result<()> {
    let result = nix::unistd::chdir(path);
    call("chdir", || vec![Value::text(path)], &result);
    result
}

/// Tries to replace the program of the calling process by an open file. The call must fail: a program
/// that could begin would not return.
///
/// # Errors
///
/// Those of execveat(2); see [`Descriptor::number`].
///
/// # References
///
/// fexecve(3), execveat(2)
#[track_caller]
pub fn fexecve(file: &Descriptor) -> Result<()> {
    let result = process::fexecve(file.number()?, &own_executable().1, &[]);
    call("fexecve", || vec![file.value()], &result);
    result
}
