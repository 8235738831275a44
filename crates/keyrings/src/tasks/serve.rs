//! Serving as a task: carrying out orders at a desk, in this program or in a new one.

use super::arena::{self, Arena, Desk, FOREIGN_IMAGE, TASK_VARIABLE, state};
use super::record::{self, event, record_creation};
use crate::sys::process::{exit, exit_thread};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::sync::atomic::Ordering;
use trace::{Outcome, Value};

/// Stands for the snippet's own executable: [`crate::execve`].
pub const SELF: &str = "self";

/// Stands for a file in a format that the kernel runs by an interpreter, the snippet's own executable:
/// [`crate::register_interpreter`], [`crate::execve`].
pub const FOREIGN: &str = "foreign";

/// Exit status of a program whose task variable means nothing.
const NOT_INVITED: i32 = 2;

/// If a snippet started this program to be one of its tasks: becomes that task, and never returns.
///
/// [`crate::observe()`] begins with this call; a program with several snippets calls it at the beginning
/// of `main`.
pub fn serve_if_invited() {
    if let Ok(invitation) = std::env::var(TASK_VARIABLE) {
        serve_invited(&invitation);
    }
}

/// Finds the desk that an invitation names.
fn find_desk(invitation: &str) -> Result<(&'static Arena, usize, &'static Desk), String> {
    let parts = invitation.split_once(':').and_then(|(descriptor, desk)| {
        Some((descriptor.parse().ok()?, desk.parse::<usize>().ok()?))
    });
    let (descriptor, number) = parts.ok_or("only a running snippet sets it")?;
    let arena = Arena::attach(descriptor)
        .map_err(|error| format!("no snippet runs there: {}", super::fail::named(error)))?;
    let desk = arena.find_desk(number).ok_or("the snippet has no such task")?;
    Ok((arena, number, desk))
}

/// Serves at that desk until the process must end.
fn serve_invited(invitation: &str) -> ! {
    let (arena, number, desk) = find_desk(invitation).unwrap_or_else(|why| {
        eprintln!("{TASK_VARIABLE}={invitation}: {why}; unset it");
        exit(NOT_INVITED)
    });
    arena::sit_at(number);
    let me = nix::unistd::getpid().as_raw();
    // The other threads of this process ended when it began this program.
    for (other, desk) in arena.desks().iter().enumerate() {
        if other != number && desk.pid.load(Ordering::Acquire) == me {
            desk.set(state::GONE);
        }
    }
    desk.occupy();
    record::start();
    let began = |path| {
        let returned = Outcome::Returned(Value::Int(0));
        record::record(|| event("execve", vec![Value::word(path)], returned));
    };
    match desk.fresh_image.swap(1, Ordering::AcqRel) {
        1 => began(SELF),
        FOREIGN_IMAGE => began(FOREIGN),
        creator => {
            let creator = creator.saturating_sub(2) as usize;
            let args = vec![Value::word(SELF)];
            record_creation(creator, "posix_spawn", args, &Ok(()), &desk.name());
        }
    }
    desk.set(state::DONE);
    serve(desk)
}

/// Carries out orders until the process must end.
pub(super) fn serve(desk: &Desk) -> ! {
    if obey_until_leave(desk) == state::QUIT {
        record::record(|| event("exit", vec![Value::Int(0)], Outcome::Nothing));
        desk.set(state::GONE);
        exit(0)
    }
    leave(desk);
    exit_thread()
}

/// Records the end of the calling thread.
pub(super) fn leave(desk: &Desk) {
    record::record(|| event("pthread_exit", vec![], Outcome::Nothing));
    desk.set(state::GONE);
}

/// Carries out orders until one says that the task must end, and returns that state.
pub(super) fn obey_until_leave(desk: &Desk) -> u32 {
    loop {
        let orders = [state::ORDERED, state::LEAVE, state::QUIT];
        match desk.wait(|state| orders.contains(&state), abandoned) {
            Some(state::ORDERED) => {
                desk.is_at_work.store(true, Ordering::Release);
                let done = desk.order.obey();
                desk.set(if done { state::DONE } else { state::FAILED });
            }
            Some(end) => return end,
            // The main task is alive and busy with other tasks.
            None if !abandoned() => {}
            None => exit(0),
        }
    }
}

/// Whether the process that began the snippet is gone.
fn abandoned() -> bool {
    let Some(arena) = Arena::here() else { return true };
    kill(Pid::from_raw(arena.main_pid.load(Ordering::Relaxed)), None) == Err(Errno::ESRCH)
}
