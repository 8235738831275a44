//! The memory that all tasks of one snippet share: a desk for each task, where it finds its orders,
//! and the record.
//!
//! It is a file in memory, opened before the snippet begins, so that it does not pin the credentials, and
//! with them the keyrings, that the snippet is about. Nothing here opens a file later: the tasks wait
//! for each other by futex.

use crate::sys::compat;
use crate::sys::process::{futex_wait, futex_wake};
use crate::sys::shared::{Bytes, Order, shared_file, shared_memory, shared_struct};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::MFdFlags;
use nix::unistd::Pid;
use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Environment variable of a program that is started as a task of a snippet: `descriptor:desk`.
pub(crate) const TASK_VARIABLE: &str = "KEYRINGS_TASK";

/// Environment variable of a program in which a snippet goes on after execve(2): `descriptor:0`, the
/// deadline of its supervisor in seconds, the descriptor of the executable in a set-user-ID copy of it, and
/// the rule, each behind a colon.
pub(crate) const RESUME_VARIABLE: &str = "KEYRINGS_RESUME";

/// The longest wait for anything. Nothing takes long, except on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a waiting task checks that the other one is alive.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Length of the longest name of a task, in bytes.
pub(crate) const LONGEST_NAME: usize = 48;

const DESKS: usize = 64;
/// Length of the longest record, in bytes.
const ROOM: usize = 1 << 20;
/// Length of the longest account of failures, in bytes.
const FAILURES: usize = 1 << 14;

shared_struct! {
    /// A desk: where a task finds its orders, one at a time.
    pub(crate) struct Desk {
        /// One of the states below.
        state: AtomicU32,
        /// The process and the thread that sit here.
        pub(crate) pid: AtomicI32,
        pub(crate) tid: AtomicI32,
        /// 1 once the task has gone through execve(2); in a program that posix_spawn(3) started, 2 and the
        /// desk of its creator; [`FOREIGN_IMAGE`] while it tries execve(2) of a foreign file.
        pub(crate) fresh_image: AtomicU32,
        /// The task carries its present order out.
        pub(crate) is_at_work: AtomicBool,
        /// Whether the task may write the record: one of the three below.
        record: AtomicU32,
        /// The key that the program at this desk is to instantiate, if the kernel started it as request-key(8).
        pub(crate) key: AtomicI32,
        name: Bytes<LONGEST_NAME>,
        pub(crate) order: Order,
    }
}

/// In [`Desk::fresh_image`]: a number that stands for no creator.
pub(crate) const FOREIGN_IMAGE: u32 = u32::MAX;

/// The task writes the record as it goes.
const OPEN: u32 = 0;
/// It may not, until another task waits for it.
const CLOSED: u32 = 1;
/// It waits until it may.
const WANTED: u32 = 2;

/// States of a desk.
pub(crate) mod state {
    /// No task has sat here yet.
    pub(crate) const FREE: u32 = 0;
    /// The task waits for an order.
    pub(crate) const IDLE: u32 = 1;
    /// The task has an order to carry out.
    pub(crate) const ORDERED: u32 = 2;
    /// The order is carried out.
    pub(crate) const DONE: u32 = 3;
    /// The order failed; the account of failures says why.
    pub(crate) const FAILED: u32 = 4;
    /// The thread must end.
    pub(crate) const LEAVE: u32 = 5;
    /// The task has ended, or is about to.
    pub(crate) const GONE: u32 = 6;
    /// The whole process must end.
    pub(crate) const QUIT: u32 = 7;
    /// Another task is writing down an order.
    pub(crate) const CLAIMED: u32 = 8;
}

shared_struct! {
    /// The whole of the shared memory.
    pub(crate) struct Arena {
        /// The process of the snippet's main task.
        pub(crate) main_pid: AtomicI32,
        descriptor: AtomicI32,
        failures_len: AtomicUsize,
        /// A task could not be created for lack of memory or numbers.
        short: AtomicBool,
        /// The record is not what the kernel answered, or not all of it.
        spoiled: AtomicBool,
        /// The program could not enter the user namespace that it needs.
        no_stage: AtomicBool,
        /// What became of the program, if request-key(8) runs it.
        pub(crate) handler_status: AtomicU32,
        /// The desk, counted from 1, of the program that the kernel is about to start as request-key(8).
        expected: AtomicUsize,
        /// Every task issues 32-bit calls.
        compat: AtomicBool,
        /// The process with which the snippet began, as its supervisor sees it.
        first_pid: AtomicI32,
        /// The user and group with which the snippet began.
        first_uid: AtomicU32,
        first_gid: AtomicU32,
        /// Length of the part of the record that set the circumstance up, in bytes.
        set_up_len: AtomicUsize,
        /// The last tag of a handle.
        tags: AtomicU32,
        len: AtomicUsize,
        /// Number of desks handed out so far; never shrinks within a snippet.
        occupied: AtomicUsize,
        desks: [Desk; DESKS],
        failures: Bytes<FAILURES>,
        text: Bytes<ROOM>,
    }
}

static HERE: OnceLock<&'static Arena> = OnceLock::new();

thread_local! {
    static DESK: Cell<usize> = const { Cell::new(0) };
}

/// The number of the calling task's desk.
pub(crate) fn my_desk() -> usize {
    DESK.get()
}

/// Seats the calling task at a desk.
pub(crate) fn sit_at(desk: usize) {
    DESK.set(desk);
}

/// A number below 2^28 that no other process has at the same time, whatever PID namespace it runs in.
pub(crate) fn unique_number() -> u32 {
    let me = nix::unistd::getpid().as_raw();
    let Some(arena) = Arena::here() else { return me as u32 * DESKS as u32 };
    let first = arena.first_pid.load(Ordering::Relaxed) as u32;
    let mut desks = arena.desks().iter();
    let of_process = desks.position(|desk| desk.pid.load(Ordering::Relaxed) == me);
    first * DESKS as u32 + of_process.unwrap_or_else(my_desk) as u32
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

    /// Creates the memory, and makes the calling task its main task.
    pub(crate) fn create() -> nix::Result<&'static Arena> {
        let file = shared_file::<Arena>(MFdFlags::empty())?;
        Arena::begin(file.into_raw_fd())
    }

    /// Creates a file for the memory, which no program inherits before [`Arena::take`].
    pub(crate) fn file() -> nix::Result<OwnedFd> {
        shared_file::<Arena>(MFdFlags::MFD_CLOEXEC)
    }

    /// Takes such a file, and makes the calling task its main task.
    pub(crate) fn take(file: &OwnedFd) -> nix::Result<&'static Arena> {
        fcntl(file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Arena::begin(file.as_raw_fd())
    }

    fn begin(descriptor: RawFd) -> nix::Result<&'static Arena> {
        let arena: &Arena = shared_memory(descriptor)?;
        arena.descriptor.store(descriptor, Ordering::Relaxed);
        arena.seat_first();
        Ok(HERE.get_or_init(|| arena))
    }

    /// Makes the calling task the main task of new or cleared memory.
    pub(crate) fn seat_first(&self) {
        self.occupied.store(1, Ordering::Release);
        self.desk(0).rename("main");
        self.first_pid.store(nix::unistd::getpid().as_raw(), Ordering::Relaxed);
        self.first_uid.store(nix::unistd::getuid().as_raw(), Ordering::Relaxed);
        self.first_gid.store(nix::unistd::getgid().as_raw(), Ordering::Relaxed);
        self.seat_main(0);
    }

    /// Makes the calling task the main task, at this desk.
    pub(crate) fn seat_main(&self, number: usize) {
        let me = nix::unistd::getpid().as_raw();
        sit_at(number);
        self.main_pid.store(me, Ordering::Relaxed);
        // Its order is the snippet, which lasts until the end.
        self.desk(number).set(state::ORDERED);
        self.desk(number).occupy();
        // A starter in another process waits for this one, and is no task of the snippet.
        if self.desk(0).pid.load(Ordering::Relaxed) != me {
            self.desk(0).set(state::GONE);
        }
    }

    /// Renames the main task to `starter`, and sets up the desk of the one that it creates to run the
    /// program in its place.
    pub(crate) fn replace_main(&self) -> usize {
        self.desk(0).rename("starter");
        self.new_desk("main").unwrap_or(0)
    }

    /// Clears the memory for the next program: all tasks of the last one have ended.
    pub(crate) fn clear(&self) {
        for desk in self.desks() {
            desk.state.store(state::FREE, Ordering::Relaxed);
            desk.pid.store(0, Ordering::Relaxed);
            desk.tid.store(0, Ordering::Relaxed);
            desk.fresh_image.store(0, Ordering::Relaxed);
            desk.key.store(0, Ordering::Relaxed);
            desk.record.store(OPEN, Ordering::Relaxed);
            desk.name.fill(0, &[0; LONGEST_NAME]);
        }
        self.occupied.store(0, Ordering::Relaxed);
        self.failures_len.store(0, Ordering::Relaxed);
        self.expected.store(0, Ordering::Relaxed);
        self.short.store(false, Ordering::Relaxed);
        self.compat.store(false, Ordering::Relaxed);
        self.spoiled.store(false, Ordering::Relaxed);
        self.set_up_len.store(0, Ordering::Relaxed);
        self.no_stage.store(false, Ordering::Relaxed);
        self.len.store(0, Ordering::Release);
    }

    /// Finds the memory again in a program that was started as a task.
    pub(crate) fn attach(descriptor: RawFd) -> nix::Result<&'static Arena> {
        let arena: &Arena = shared_memory(descriptor)?;
        if arena.compat.load(Ordering::Relaxed) {
            compat::use_it();
        }
        Ok(HERE.get_or_init(|| arena))
    }

    /// Finds the memory of a snippet whose program goes on in a process that is no descendant of it.
    pub(crate) fn adopt(file: File) -> nix::Result<&'static Arena> {
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let descriptor = file.into_raw_fd();
        let arena = Arena::attach(descriptor)?;
        arena.descriptor.store(descriptor, Ordering::Relaxed);
        Ok(arena)
    }

    /// Reserves a desk for a program that the kernel will start as request-key(8).
    pub(crate) fn expect_program(&self, desk: usize) {
        self.expected.store(desk + 1, Ordering::Release);
    }

    /// The program does not come.
    pub(crate) fn expect_no_program(&self) {
        self.expected.store(0, Ordering::Release);
    }

    /// Finds the memory of a snippet of which this task waits for such a program, and the program's desk. The descriptor gets
    /// the number that it has in the other tasks.
    pub(crate) fn join(file: File, requestor: i32) -> Option<(&'static Arena, usize)> {
        let arena: &Arena = shared_memory(file.as_raw_fd()).ok()?;
        let is_it = |desk: &Desk| desk.tid.load(Ordering::Acquire) == requestor;
        if !arena.desks().iter().any(is_it) {
            return None;
        }
        let number = arena.expected.swap(0, Ordering::AcqRel).checked_sub(1)?;
        let descriptor = arena.descriptor.load(Ordering::Relaxed);
        if file.as_raw_fd() == descriptor {
            fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).ok()?;
            let _ = file.into_raw_fd();
        } else if fcntl(&file, FcntlArg::F_DUPFD(descriptor)).ok()? != descriptor {
            return None;
        }
        let arena = Arena::attach(descriptor).ok()?;
        arena.find_desk(number).map(|_| (arena, number))
    }

    /// Has every task issue 32-bit calls, also in the programs that tasks begin.
    pub(crate) fn use_32_bit_calls(&self) {
        self.compat.store(true, Ordering::Relaxed);
        compat::use_it();
    }

    /// The value of [`TASK_VARIABLE`] for a program that will sit at this desk.
    pub(crate) fn invitation(&self, desk: usize) -> String {
        format!("{}:{desk}", self.descriptor.load(Ordering::Relaxed))
    }

    /// The desk of this number; numbers come from [`Arena::new_desk`] and [`Arena::find_desk`].
    pub(crate) fn desk(&self, number: usize) -> &Desk {
        &self.desks[number]
    }

    /// The desk of a number that another program wrote down.
    pub(crate) fn find_desk(&self, number: usize) -> Option<&Desk> {
        self.desks().get(number)
    }

    /// The desks that were handed out.
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

    /// A tag for a handle, which no other handle of this snippet has.
    pub(crate) fn new_tag(&self) -> u32 {
        self.tags.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a line to the record, if it fits.
    pub(crate) fn append(&self, line: &str) {
        let len = line.len() + 1;
        let room = |at: usize| (at + len <= ROOM).then_some(at + len);
        match self.len.fetch_update(Ordering::AcqRel, Ordering::Acquire, room) {
            Ok(at) => {
                self.text.fill(at, line.as_bytes());
                self.text.fill(at + line.len(), b"\n");
            }
            Err(_) => {
                self.spoil(&format!("the trace is longer than {ROOM} bytes: split the snippet"))
            }
        }
    }

    /// Notes that the program could not enter the user namespace that it needs.
    pub(crate) fn lose_stage(&self) {
        self.no_stage.store(true, Ordering::Release);
    }

    /// Whether the program had the stage that it needs.
    pub(crate) fn lacks_stage(&self) -> bool {
        self.no_stage.load(Ordering::Acquire)
    }

    /// The real user and group id with which the snippet began.
    pub(crate) fn first_owner(&self) -> (u32, u32) {
        (self.first_uid.load(Ordering::Relaxed), self.first_gid.load(Ordering::Relaxed))
    }

    /// Notes that the circumstance is set up, and the program of the rule begins.
    pub(crate) fn begin_program(&self) {
        self.set_up_len.store(self.len.load(Ordering::Acquire), Ordering::Release);
    }

    /// The record from the beginning of the program of the rule.
    pub(crate) fn program_text(&self) -> String {
        self.text().split_off(self.set_up_len.load(Ordering::Acquire))
    }

    /// Notes that the snippet cannot be judged by its record, and why.
    pub(crate) fn spoil(&self, why: &str) {
        if !self.spoiled.swap(true, Ordering::AcqRel) {
            self.report(why);
        }
    }

    /// Whether the record is what the kernel answered, and all of it.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled.load(Ordering::Acquire)
    }

    pub(crate) fn text(&self) -> String {
        self.text.text(self.len.load(Ordering::Acquire))
    }

    /// Adds a line to the account of failures, if it fits.
    pub(crate) fn report(&self, failure: &str) {
        let len = failure.len() + 1;
        let at = self.failures_len.fetch_add(len, Ordering::AcqRel);
        self.failures.fill(at, failure.as_bytes());
        self.failures.fill(at + failure.len(), b"\n");
    }

    /// Notes why a task could not be created: a lack of memory or numbers says nothing about keyrings.
    pub(crate) fn not_made(&self, errno: Errno) {
        if matches!(errno, Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) {
            self.short.store(true, Ordering::Release);
        }
    }

    /// Whether a task could not be created for that reason.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Acquire)
    }

    pub(crate) fn failures(&self) -> String {
        self.failures.text(self.failures_len.load(Ordering::Acquire).min(FAILURES))
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

    pub(crate) fn rename(&self, name: &str) {
        self.name.fill(0, &[0; LONGEST_NAME]);
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

    /// Has the task wait before it writes the record again.
    pub(crate) fn close_record(&self) {
        self.record.store(CLOSED, Ordering::Release);
    }

    /// Has it write the record from now on.
    pub(crate) fn open_record(&self) {
        self.record.store(OPEN, Ordering::Release);
        futex_wake(&self.record);
    }

    /// Whether it waits to write the record: its call has returned.
    pub(crate) fn wants_record(&self) -> bool {
        self.record.load(Ordering::Acquire) == WANTED
    }

    /// Waits until the task may write the record.
    pub(crate) fn await_record(&self) {
        let want =
            || self.record.compare_exchange(CLOSED, WANTED, Ordering::AcqRel, Ordering::Acquire);
        let mut quiet = Duration::ZERO;
        while want() != Err(OPEN) && quiet < PATIENCE {
            if futex_wait(&self.record, WANTED, LOOK_UP) == Err(Errno::ETIMEDOUT) {
                quiet += LOOK_UP;
            }
        }
    }

    pub(crate) fn state(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, state: u32) {
        self.state.store(state, Ordering::Release);
        futex_wake(&self.state);
    }

    /// Claims the desk for an order, if its task waits for one. Of several tasks that try, one succeeds.
    pub(crate) fn claim(&self) -> Result<(), u32> {
        let (from, to) = (state::IDLE, state::CLAIMED);
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// The task may receive the next order. No task sleeps until then, so none is woken.
    pub(crate) fn idle(&self) {
        self.state.store(state::IDLE, Ordering::Release);
    }

    /// Waits for a wanted state; checks `give_up` every 100 ms, and stops when it says so.
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
            match futex_wait(&self.state, state, LOOK_UP) {
                Ok(()) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                // A wait that timed out, or that a filter refuses.
                Err(_) => quiet += LOOK_UP,
            }
        }
    }
}
