//! Tasks: how they receive orders, and how they end.
//!
//! A [`Task`] waits for orders. [`Task::run_with`] has that task carry out a piece of the snippet, in its
//! own process and with its own credentials, and waits until it is done: one task acts at a time, so a
//! snippet reads from top to bottom and its trace is the same every time. This works across fork,
//! threads and execve, because all pieces are functions of one executable.

use super::arena::{Arena, Desk, state};
use super::fail::{Checked, Failure};
use super::plain::{Parcel, Plain, packed, unpacked};
use super::record;
use super::until::until;
use crate::sys::shared::{Call, Code, Words};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::sync::atomic::Ordering;
use trace::Value;

/// A process or thread that carries out orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task(pub(super) usize);

/// The number of its desk.
impl Plain for Task {
    fn pack(self, parcel: &mut Parcel) {
        self.0.pack(parcel);
    }

    fn unpack(parcel: &mut Parcel) -> Option<Task> {
        Plain::unpack(parcel).map(Task)
    }
}

/// Carries out an order in its task; returns what it carries back.
fn carried_out<R: Plain, E>(result: Result<R, E>) -> Option<Words>
where
    Failure: From<E>,
{
    let too_long = || Failure::new("an order carries back at most 64 words of 64 bits");
    let words = result.map_err(Failure::from).and_then(|back| packed(back).ok_or_else(too_long));
    words.map_err(Failure::report).ok()
}

/// The same with what the order carries to it.
fn carried_out_with<A: Plain, R: Plain, E>(
    order: fn(A) -> Result<R, E>,
    words: &Words,
) -> Option<Words>
where
    Failure: From<E>,
{
    match unpacked(words) {
        Some(values) => carried_out(order(values)),
        None => {
            Failure::new("the values of an order cannot be unpacked").report();
            None
        }
    }
}

impl Task {
    fn desk(self) -> &'static Desk {
        // A task exists only where an arena does.
        Arena::here().map(|arena| arena.desk(self.0)).unwrap_or_else(|| unreachable!())
    }

    /// The name of this task in the trace.
    pub fn name(self) -> String {
        self.desk().name()
    }

    pub(crate) fn pid(self) -> Pid {
        Pid::from_raw(self.desk().pid.load(Ordering::Acquire))
    }

    pub(crate) fn tid(self) -> Pid {
        Pid::from_raw(self.desk().tid.load(Ordering::Acquire))
    }

    /// Has this task carry out a piece of the snippet; waits for the result.
    ///
    /// The piece is a function: it captures nothing, because what it captured could dangle in the task's
    /// process. [`Task::run_with`] passes values.
    ///
    /// ```no_run
    /// # use keyrings::*;
    /// # fn snippet(child: Task, ring: KeySerial) -> Checked {
    /// child.run(|| keyctl_revoke(KEY_SPEC_THREAD_KEYRING))?;
    /// child.run_with(ring, |ring| keyctl_revoke(ring))
    /// # }
    /// ```
    ///
    /// The same with a captured value does not compile:
    ///
    /// ```compile_fail,E0308
    /// # use keyrings::*;
    /// # fn snippet(child: Task, ring: KeySerial) -> Checked {
    /// child.run(|| keyctl_revoke(KEY_SPEC_THREAD_KEYRING))?;
    /// child.run(move || keyctl_revoke(ring))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the piece fails, if the task is busy, dies or has ended, or if the piece is not part of
    /// this executable.
    #[track_caller]
    pub fn run<R, E>(self, order: fn() -> Result<R, E>) -> Checked<R>
    where
        R: Plain,
        E: 'static,
        Failure: From<E>,
    {
        self.perform(order, |order, _| carried_out(order()), ())
    }

    /// Has this task carry out a piece of the snippet with these values; waits for the result.
    ///
    /// Values travel as numbers, never as references:
    ///
    /// ```compile_fail,E0277
    /// # use keyrings::*;
    /// # fn snippet(child: Task, word: &'static str, ring: KeySerial) -> Checked {
    /// child.run_with((word, ring), |(word, ring)| succeeds(add_keyring(word, ring)))
    /// # }
    /// ```
    ///
    /// Text travels as a `String`:
    ///
    /// ```no_run
    /// # use keyrings::*;
    /// # fn snippet(child: Task, word: &'static str, ring: KeySerial) -> Checked {
    /// child.run_with((word.to_owned(), ring), |(word, ring)| succeeds(add_keyring(&word, ring)))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Task::run`]; also if the values are longer than 64 words of 64 bits.
    #[track_caller]
    pub fn run_with<A, R, E>(self, values: A, order: fn(A) -> Result<R, E>) -> Checked<R>
    where
        A: Plain,
        R: Plain,
        E: 'static,
        Failure: From<E>,
    {
        self.perform(order, |order, words| carried_out_with(order, words), values)
    }

    /// Has this task begin a piece of the snippet with these values, and waits until the task sleeps in its call, which
    /// another task will end. The record shows the call at [`Task::finish`].
    ///
    /// # Errors
    ///
    /// As [`Task::run_with`]; also if the call returns.
    #[track_caller]
    pub fn begin_with<A, R, E>(self, values: A, order: fn(A) -> Result<R, E>) -> Checked
    where
        A: Plain,
        R: Plain,
        E: 'static,
        Failure: From<E>,
    {
        let desk = self.desk();
        desk.close_record();
        self.start_with(values, order)?;
        let returned = || desk.wants_record() || self.is_over();
        until(&format!("{} to wait", self.name()), || returned() || self.sleeps_in_order())?;
        if returned() {
            desk.open_record();
            return Err(Failure::new(format!(
                "{} should wait, but its call returned",
                self.name()
            )));
        }
        Ok(())
    }

    /// The same without waiting for anything.
    #[track_caller]
    pub(crate) fn start_with<A, R, E>(self, values: A, order: fn(A) -> Result<R, E>) -> Checked
    where
        A: Plain,
        R: Plain,
        E: 'static,
        Failure: From<E>,
    {
        self.start(order, |order, words| carried_out_with(order, words), values)
    }

    /// Whether it has finished what it began.
    pub(crate) fn is_over(self) -> bool {
        matches!(self.desk().state(), state::DONE | state::FAILED | state::GONE)
    }

    /// Whether it sleeps in a call of its present order.
    fn sleeps_in_order(self) -> bool {
        let stat = format!("/proc/{}/task/{}/stat", self.pid(), self.tid());
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        let life = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        self.desk().is_at_work.load(Ordering::Acquire) && matches!(life, Some('S' | 'D'))
    }

    #[track_caller]
    fn perform<C: Code, R: Plain>(self, code: C, call: Call<C>, values: impl Plain) -> Checked<R> {
        self.start(code, call, values)?;
        self.finish()
    }

    #[track_caller]
    fn start<C: Code>(self, code: C, call: Call<C>, values: impl Plain) -> Checked {
        let words = packed(values)
            .ok_or_else(|| Failure::new("an order carries at most 64 words of 64 bits"))?;
        let desk = self.desk();
        self.claim()?;
        if desk.order.give(code, call, &words).is_err() {
            desk.idle();
            return Err(Failure::new("an order is a function of the snippet's own executable"));
        }
        desk.is_at_work.store(false, Ordering::Release);
        desk.set(state::ORDERED);
        Ok(())
    }

    /// Waits for the result of a piece that [`Task::begin_with`] began.
    ///
    /// # Errors
    ///
    /// Fails if the piece fails, if the task dies, or if it began none.
    #[track_caller]
    pub fn finish<R: Plain>(self) -> Checked<R> {
        let desk = self.desk();
        if desk.state() == state::IDLE {
            return Err(Failure::new(format!("{} has begun nothing", self.name())));
        }
        desk.open_record();
        self.await_end()?;
        let back = unpacked(&desk.order.words());
        desk.idle();
        back.ok_or_else(|| Failure::new("the result of an order cannot be unpacked"))
    }

    /// Claims this task's desk, for an order or for its end.
    #[track_caller]
    fn claim(self) -> Checked {
        self.desk().claim().map_err(|state| {
            let has = if state == state::GONE { "has ended" } else { "is busy" };
            Failure::new(format!("{} {has} and receives no orders", self.name()))
        })
    }

    /// Waits until a new task has taken its desk.
    #[track_caller]
    pub(super) fn arrive(self) -> Checked<Task> {
        self.await_end()?;
        self.desk().idle();
        Ok(self)
    }

    /// Waits until the present order is carried out.
    #[track_caller]
    fn await_end(self) -> Checked {
        let desk = self.desk();
        let over = [state::DONE, state::FAILED, state::GONE];
        let dead = || {
            let pid = desk.pid.load(Ordering::Acquire);
            pid > 0 && pid != nix::unistd::getpid().as_raw() && is_dead(pid)
        };
        match desk.wait(|state| over.contains(&state), dead) {
            Some(state::DONE) => Ok(()),
            Some(state::FAILED) => {
                desk.idle();
                Err(Failure::reported())
            }
            Some(_) => Err(Failure::new(format!("{} ended during an order", self.name()))),
            None if dead() => Err(Failure::new(format!("{} died during an order", self.name()))),
            None => Err(Failure::new(format!("{} does not finish its order", self.name()))),
        }
    }

    /// Ends this process by exit(2), and reaps it. Only its parent can; the kernel reaps a program that it started for
    /// [`crate::upcall`].
    ///
    /// # Errors
    ///
    /// Fails if the process has ended or is busy, or if the caller is not its parent.
    pub fn exit(self) -> Checked {
        self.exit_unreaped()?;
        if self.is_of_kernel() { Ok(()) } else { self.reap() }
    }

    /// Whether the kernel started this program, as request-key(8).
    fn is_of_kernel(self) -> bool {
        self.desk().key.load(Ordering::Acquire) != 0
    }

    /// Ends this process by exit(2); a zombie remains. Only its parent can.
    ///
    /// # Errors
    ///
    /// As [`Task::exit`].
    pub fn exit_unreaped(self) -> Checked {
        self.claim()?;
        self.desk().set(state::QUIT);
        self.wait_for_death()
    }

    /// Ends this process by SIGKILL. Of a child a zombie remains; a program that the kernel started is reaped by the
    /// kernel.
    ///
    /// # Errors
    ///
    /// Fails if kill(2) does, or if the caller is not the parent of a process that a task created.
    pub fn kill(self) -> Checked {
        let note = |sent: &nix::Result<()>| {
            let args = || vec![Value::word(self.name()), Value::word("SIGKILL")];
            record::call("kill", args, sent);
        };
        // What waits for the end of a program of the kernel goes on, and records that, as soon as it is killed.
        let is_noted = self.is_of_kernel();
        if is_noted {
            note(&Ok(()));
        }
        let sent = kill(self.pid(), Signal::SIGKILL);
        if !is_noted {
            note(&sent);
        }
        sent?;
        self.wait_for_death()?;
        self.all_gone();
        Ok(())
    }

    /// Waits, without reaping, until this process is a zombie.
    fn wait_for_death(self) -> Checked {
        if self.is_of_kernel() {
            let what = format!("{} to end", self.name());
            return until(&what, || kill(self.pid(), None) == Err(Errno::ESRCH));
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while let Err(errno) = waitid(Id::Pid(self.pid()), flags) {
            if errno != Errno::EINTR {
                let (name, errno) = (self.name(), super::fail::named(errno));
                return Err(Failure::new(format!("waiting for {name} failed with {errno}")));
            }
        }
        Ok(())
    }

    /// Marks all tasks of this process as gone.
    fn all_gone(self) {
        let pid = self.pid().as_raw();
        let desks = Arena::here().map(Arena::desks).unwrap_or_default();
        for desk in desks.iter().filter(|desk| desk.pid.load(Ordering::Acquire) == pid) {
            desk.set(state::GONE);
        }
    }

    /// Reaps this process. Only its parent can.
    ///
    /// # Errors
    ///
    /// Fails if waitpid(2) does, or if the process has not ended.
    ///
    /// # References
    ///
    /// waitpid(2)
    pub fn reap(self) -> Checked {
        let name = self.name();
        let reaped = waitpid(self.pid(), None);
        let shown = reaped.map(|_| Value::word(&name));
        record::call("waitpid", || vec![Value::word(&name)], &shown);
        self.all_gone();
        match reaped? {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => Ok(()),
            other => Err(Failure::new(format!("{name} has not ended: {other:?}"))),
        }
    }

    /// Ends this thread alone, even if it is the main thread of its process; waits until the kernel has
    /// ended it.
    ///
    /// # Errors
    ///
    /// Fails if the thread has ended or is busy, or if it does not end within a minute.
    ///
    /// # References
    ///
    /// pthread_exit(3); `do_exit`
    pub fn pthread_exit(self) -> Checked {
        self.claim()?;
        let desk = self.desk();
        desk.set(state::LEAVE);
        let (pid, tid) = (desk.pid.load(Ordering::Acquire), desk.tid.load(Ordering::Acquire));
        until(&format!("{} to end", self.name()), || {
            // It has recorded its end.
            if desk.state() != state::GONE {
                return false;
            }
            // A main thread stays as a zombie while other threads live.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat"));
            match stat {
                Ok(stat) => stat.contains(") Z") || stat.contains(") X"),
                // Without /proc nothing shows the end of a main thread; another one vanishes.
                Err(_) => pid == tid || kill(Pid::from_raw(tid), None) == Err(Errno::ESRCH),
            }
        })
    }
}

fn is_dead(pid: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    match waitid(Id::Pid(Pid::from_raw(pid)), flags) {
        Ok(WaitStatus::StillAlive) => false,
        Ok(_) => true,
        Err(_) => kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH),
    }
}

/// Makes the calling process the parent of its descendants that become orphans.
pub(crate) fn adopt_orphans() {
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Kills every process that the snippet left running, and reaps all of them.
pub(crate) fn end_all() {
    let me = nix::unistd::getpid().as_raw();
    let desks = Arena::here().map(Arena::desks).unwrap_or_default();
    for desk in desks {
        let pid = desk.pid.load(Ordering::Acquire);
        if pid > 0 && pid != me && !matches!(desk.state(), state::FREE | state::GONE) {
            let killed = kill(Pid::from_raw(pid), Signal::SIGKILL);
            // This process has left the namespace of one with other ids. That one waits for an order, so it obeys.
            if killed == Err(Errno::EPERM) {
                desk.set(state::QUIT);
            }
        }
    }
    // Zombies, and in turn what they left behind.
    while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
}
