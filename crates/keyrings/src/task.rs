//! Tasks: the ways to have them do something, and to end them.
//!
//! A [`Task`] waits for orders. `child.run(move || …)` has a piece of the snippet carried out by
//! that task, in its own process and with its own credentials, and waits until it is done: one
//! task acts at a time, so a snippet reads from top to bottom and its trace is the same every time.
//! This works across fork, threads and execve, because the pieces are code of one executable.

use crate::arena::{Arena, Desk, state};
use crate::record;
use crate::sys::{Order, Plain};
use crate::{Checked, Errno, Failure};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::sync::atomic::Ordering;
use trace::Value;

/// A process or thread that carries out orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task(pub(crate) usize);

impl Task {
    fn desk(self) -> &'static Desk {
        // There is a task only where there is an arena.
        Arena::here().map(|arena| arena.desk(self.0)).unwrap_or_else(|| unreachable!())
    }

    /// The name of this task in the trace.
    pub fn name(self) -> String {
        self.desk().name()
    }

    pub(crate) fn pid(self) -> Pid {
        Pid::from_raw(self.desk().pid.load(Ordering::Acquire))
    }

    /// Has a piece of the snippet carried out by this task; waits for its result.
    ///
    /// The order may carry numbers and serials from outside (`move`), and no references.
    #[track_caller]
    pub fn run<F, R, E>(self, order: F) -> Checked<R>
    where
        F: FnOnce() -> Result<R, E> + Copy + 'static,
        R: Plain,
        Failure: From<E>,
    {
        let order_at_hand = self.at_hand()?;
        order_at_hand.give(move || order().map_err(|error| Failure::from(error).report()).ok());
        self.carry_out()?;
        Ok(order_at_hand.brought_back())
    }

    /// Where this task finds its next order, if it can have one.
    #[track_caller]
    #[inline(never)]
    fn at_hand(self) -> Checked<&'static Order> {
        let desk = self.desk();
        if desk.state() != state::IDLE {
            return Err(Failure::new(format!("{} has ended and takes no orders", self.name())));
        }
        Ok(&desk.order)
    }

    /// Has the order at hand carried out; waits until it is.
    #[track_caller]
    #[inline(never)]
    fn carry_out(self) -> Checked {
        let desk = self.desk();
        if desk.fresh_image.load(Ordering::Acquire) == 1 && desk.order.carries_reference() {
            return Err(Failure::new(
                "an order to a task that went through execve carries a reference, which means \
                 nothing in the new program: build the value inside the order",
            ));
        }
        desk.set(state::ORDERED);
        self.finish()
    }

    /// Waits until the present order is carried out.
    #[track_caller]
    pub(crate) fn finish(self) -> Checked {
        let desk = self.desk();
        let over = [state::DONE, state::FAILED, state::GONE];
        let dead = || {
            let pid = desk.pid.load(Ordering::Acquire);
            pid > 0 && pid != nix::unistd::getpid().as_raw() && is_dead(pid)
        };
        match desk.wait(|state| over.contains(&state), dead) {
            Some(state::DONE) => {
                desk.idle();
                Ok(())
            }
            Some(state::FAILED) => {
                desk.idle();
                Err(Failure::reported())
            }
            Some(_) => Err(Failure::new(format!("{} ended in the middle", self.name()))),
            None if dead() => Err(Failure::new(format!("{} died in the middle", self.name()))),
            None => Err(Failure::new(format!("{} does not come to an end", self.name()))),
        }
    }

    fn tell(self, order: u32) -> Checked {
        if self.desk().state() != state::IDLE {
            return Err(Failure::new(format!("{} has ended already", self.name())));
        }
        self.desk().set(order);
        Ok(())
    }

    /// Ends this process by exit(2), and reaps it. Only its parent can.
    pub fn exit(self) -> Checked {
        self.exit_unreaped()?;
        self.reap()
    }

    /// Ends this process by exit(2); what is left of it is a zombie. Only its parent can.
    pub fn exit_unreaped(self) -> Checked {
        self.tell(state::QUIT)?;
        self.wait_for_death()
    }

    /// Ends this process by SIGKILL; what is left of it is a zombie. Only its parent can.
    pub fn kill(self) -> Checked {
        let sent = kill(self.pid(), Signal::SIGKILL);
        let args = || vec![Value::word(self.name()), Value::word("SIGKILL")];
        record::call("kill", args, &sent);
        sent?;
        self.wait_for_death()?;
        self.all_gone();
        Ok(())
    }

    /// Waits, without reaping, until this process is a zombie.
    fn wait_for_death(self) -> Checked {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while let Err(errno) = waitid(Id::Pid(self.pid()), flags) {
            if errno != Errno::EINTR {
                let (name, words) = (self.name(), errno.desc());
                return Err(Failure::new(format!("waiting for {name} gave {errno:?} ({words})")));
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

    /// Reaps this process: waitpid(2). Only its parent can.
    pub fn reap(self) -> Checked {
        let name = self.name();
        let reaped = waitpid(self.pid(), None);
        let shown = reaped.map(|_| Value::word(&name));
        record::call("waitpid", || vec![Value::word(&name)], &shown);
        self.all_gone();
        match reaped? {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => Ok(()),
            other => Err(Failure::new(format!("{name} was to have ended: {other:?}"))),
        }
    }

    /// Ends this thread alone, be it the leader of its process, by pthread_exit(3); waits until the
    /// kernel has ended it too.
    pub fn pthread_exit(self) -> Checked {
        self.tell(state::LEAVE)?;
        let desk = self.desk();
        let (pid, tid) = (desk.pid.load(Ordering::Acquire), desk.tid.load(Ordering::Acquire));
        crate::wait::until(&format!("{} to end", self.name()), || {
            // It has written down its end.
            if desk.state() != state::GONE {
                return false;
            }
            // The leader of a process stays as a zombie while other threads live.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat"));
            match stat {
                Ok(stat) => stat.contains(") Z") || stat.contains(") X"),
                // Without /proc that cannot be told of a leader; another is gone altogether.
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

/// Makes the calling process the one that reaps what its children leave behind.
pub(crate) fn adopt_orphans() {
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Ends every process that the snippet left running.
pub(crate) fn end_all() {
    let me = nix::unistd::getpid().as_raw();
    let desks = Arena::here().map(Arena::desks).unwrap_or_default();
    for desk in desks {
        let pid = desk.pid.load(Ordering::Acquire);
        if pid > 0 && pid != me && !matches!(desk.state(), state::FREE | state::GONE) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    // Zombies of processes that ended, and what they in turn left behind.
    while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
}
