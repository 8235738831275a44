//! The memory that all tasks of one snippet share: a desk for each task, where it gets its orders,
//! and the record.
//!
//! It is a file in memory that is opened before the snippet begins, so that it does not hold the
//! credentials, and with them the keyrings, that the snippet is about. Nothing here opens a file
//! later: the tasks wait for each other by futex.

use crate::Errno;
use crate::sys::{self, Bytes, Order};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::MFdFlags;
use nix::unistd::Pid;
use std::cell::Cell;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Tells a program that it is started as a task of a snippet: `descriptor:desk`.
pub(crate) const TASK_VARIABLE: &str = "KEYRINGS_TASK";

/// How long anything is waited for. Nothing takes long; a loaded machine may.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// So often who waits looks whether the other is alive.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Bytes of the longest name of a task.
pub(crate) const LONGEST_NAME: usize = 48;

const DESKS: usize = 64;
const ROOM: usize = 1 << 20;

/// A desk: where a task gets its orders, one at a time.
#[repr(C)]
pub(crate) struct Desk {
    /// One of the states below.
    state: AtomicU32,
    /// The process and the thread that sit here.
    pub(crate) pid: AtomicI32,
    pub(crate) tid: AtomicI32,
    /// Set once the task has gone through execve.
    pub(crate) fresh_image: AtomicU32,
    name: Bytes<LONGEST_NAME>,
    pub(crate) order: Order,
}

/// What is going on at a desk.
pub(crate) mod state {
    /// Nobody has sat here yet.
    pub(crate) const FREE: u32 = 0;
    /// The task waits for an order.
    pub(crate) const IDLE: u32 = 1;
    /// The task has an order to carry out.
    pub(crate) const ORDERED: u32 = 2;
    /// The order is carried out.
    pub(crate) const DONE: u32 = 3;
    /// The order failed; the record says why.
    pub(crate) const FAILED: u32 = 4;
    /// The thread is to end.
    pub(crate) const LEAVE: u32 = 5;
    /// The task has ended, or is about to.
    pub(crate) const GONE: u32 = 6;
    /// The whole process is to end.
    pub(crate) const QUIT: u32 = 7;
}

/// The whole of the shared memory.
#[repr(C)]
pub(crate) struct Arena {
    /// The process of the snippet's own main task.
    pub(crate) main_pid: AtomicI32,
    descriptor: AtomicI32,
    failures_len: AtomicUsize,
    /// A task could not be made for want of memory or numbers.
    short: AtomicBool,
    len: AtomicUsize,
    /// So many desks, from the first on, have somebody or had.
    occupied: AtomicUsize,
    desks: [Desk; DESKS],
    failures: Bytes<{ 1 << 14 }>,
    text: Bytes<ROOM>,
}

static HERE: OnceLock<&'static Arena> = OnceLock::new();

thread_local! {
    static DESK: Cell<usize> = const { Cell::new(0) };
}

/// The number of the desk that the calling task sits at.
pub(crate) fn my_desk() -> usize {
    DESK.get()
}

/// Takes the calling task to a desk.
pub(crate) fn sit_at(desk: usize) {
    DESK.set(desk);
}

/// The name of the calling task.
pub(crate) fn my_name() -> String {
    Arena::here().map_or_else(|| "main".to_owned(), |arena| arena.desk(my_desk()).name())
}

impl Arena {
    /// The memory of this snippet, if there is one.
    pub(crate) fn here() -> Option<&'static Arena> {
        HERE.get().copied()
    }

    /// Makes the memory, and the calling task its main task.
    pub(crate) fn create() -> nix::Result<&'static Arena> {
        let file = sys::shared_file::<Arena>(MFdFlags::empty())?;
        Arena::begin(file.into_raw_fd())
    }

    /// A file for the memory, which no program inherits before it is taken.
    pub(crate) fn file() -> nix::Result<OwnedFd> {
        sys::shared_file::<Arena>(MFdFlags::MFD_CLOEXEC)
    }

    /// Takes such a file, and makes the calling task its main task. It may be of an earlier snippet.
    pub(crate) fn take(file: &OwnedFd) -> nix::Result<&'static Arena> {
        fcntl(file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Arena::begin(file.as_raw_fd())
    }

    fn begin(descriptor: RawFd) -> nix::Result<&'static Arena> {
        let arena: &Arena = sys::shared_memory(descriptor)?;
        arena.clear();
        arena.descriptor.store(descriptor, Ordering::Relaxed);
        arena.seat_main();
        Ok(HERE.get_or_init(|| arena))
    }

    /// Makes the calling task the main task of memory that is new or cleared.
    pub(crate) fn seat_main(&self) {
        self.main_pid.store(nix::unistd::getpid().as_raw(), Ordering::Relaxed);
        self.occupied.store(1, Ordering::Release);
        let main = self.desk(0);
        main.rename("main");
        // It has an order that never ends: the snippet.
        main.set(state::ORDERED);
        main.occupy();
    }

    /// Makes the memory as if new, for the next program: all tasks of the last one have ended.
    pub(crate) fn clear(&self) {
        for desk in self.desks() {
            desk.state.store(state::FREE, Ordering::Relaxed);
            desk.pid.store(0, Ordering::Relaxed);
            desk.tid.store(0, Ordering::Relaxed);
            desk.fresh_image.store(0, Ordering::Relaxed);
            desk.name.fill(0, &[0; LONGEST_NAME]);
        }
        self.occupied.store(0, Ordering::Relaxed);
        self.failures_len.store(0, Ordering::Relaxed);
        self.short.store(false, Ordering::Relaxed);
        self.len.store(0, Ordering::Release);
    }

    /// Finds the memory again in a program that was started as a task.
    pub(crate) fn attach(descriptor: RawFd) -> nix::Result<&'static Arena> {
        let arena = sys::shared_memory(descriptor)?;
        Ok(HERE.get_or_init(|| arena))
    }

    /// For [`TASK_VARIABLE`], for a program that is to sit at this desk.
    pub(crate) fn invitation(&self, desk: usize) -> String {
        format!("{}:{desk}", self.descriptor.load(Ordering::Relaxed))
    }

    pub(crate) fn desk(&self, number: usize) -> &Desk {
        &self.desks[number]
    }

    /// The desks that have somebody or had. To look at the others would cost memory.
    pub(crate) fn desks(&self) -> &[Desk] {
        &self.desks[..self.occupied.load(Ordering::Acquire).min(DESKS)]
    }

    /// Sets up a desk for a new task, which has its arrival as its first order.
    pub(crate) fn new_desk(&self, name: &str) -> Option<usize> {
        let number = self.occupied.fetch_add(1, Ordering::AcqRel);
        if number >= DESKS {
            return None;
        }
        self.desk(number).state.store(state::ORDERED, Ordering::Release);
        self.desk(number).rename(name);
        Some(number)
    }

    /// Adds a line to the record.
    pub(crate) fn append(&self, line: &str) {
        let len = line.len() + 1;
        let at = self.len.fetch_add(len, Ordering::AcqRel);
        assert!(at + len <= ROOM, "the record is full");
        self.text.fill(at, line.as_bytes());
        self.text.fill(at + line.len(), b"\n");
    }

    pub(crate) fn text(&self) -> String {
        self.text.text(self.len.load(Ordering::Acquire))
    }

    /// Adds to the account of what went wrong.
    pub(crate) fn report(&self, failure: &str) {
        let len = failure.len() + 1;
        let at = self.failures_len.fetch_add(len, Ordering::AcqRel);
        if at + len <= 1 << 14 {
            self.failures.fill(at, failure.as_bytes());
            self.failures.fill(at + failure.len(), b"\n");
        }
    }

    /// Takes note of why a task could not be made: for want of memory or numbers says nothing of
    /// keyrings.
    pub(crate) fn not_made(&self, errno: Errno) {
        if matches!(errno, Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) {
            self.short.store(true, Ordering::Release);
        }
    }

    /// Whether a task was not made for that reason.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Acquire)
    }

    pub(crate) fn failures(&self) -> String {
        self.failures.text(self.failures_len.load(Ordering::Acquire).min(1 << 14))
    }
}

impl Desk {
    pub(crate) fn name(&self) -> String {
        let mut name = self.name.text(LONGEST_NAME);
        if let Some(end) = name.find('\0') {
            name.truncate(end);
        }
        name
    }

    fn rename(&self, name: &str) {
        self.name.fill(0, name.as_bytes());
    }

    /// Notes that the calling task sits here.
    pub(crate) fn occupy(&self) {
        self.give_to(nix::unistd::getpid(), nix::unistd::gettid());
    }

    /// Notes which process and which thread of it sit here.
    pub(crate) fn give_to(&self, pid: Pid, tid: Pid) {
        self.pid.store(pid.as_raw(), Ordering::Release);
        self.tid.store(tid.as_raw(), Ordering::Release);
    }

    pub(crate) fn state(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, state: u32) {
        self.state.store(state, Ordering::Release);
        sys::futex_wake(&self.state);
    }

    /// The task may have the next order. Nobody waits for that, so nobody is woken.
    pub(crate) fn idle(&self) {
        self.state.store(state::IDLE, Ordering::Release);
    }

    /// Waits for a state that is wanted; now and then looks up, and stops when `give_up` says so.
    pub(crate) fn wait(
        &self,
        wanted: impl Fn(u32) -> bool,
        mut give_up: impl FnMut() -> bool,
    ) -> Option<u32> {
        let mut quiet = Duration::ZERO;
        loop {
            let state = self.state();
            if wanted(state) {
                return Some(state);
            }
            if quiet >= PATIENCE || (!quiet.is_zero() && give_up()) {
                return None;
            }
            match sys::futex_wait(&self.state, state, LOOK_UP) {
                Ok(()) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                // One that is refused, as by a filter, is not tried for ever either.
                Err(_) => quiet += LOOK_UP,
            }
        }
    }
}
