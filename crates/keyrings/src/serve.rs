//! Serving as a task: carrying out orders at a desk, in this program or in a new one.

use crate::arena::{self, Arena, Desk, TASK_VARIABLE, state};
use crate::make::{SELF, record_making};
use crate::record::{self, event};
use crate::{Errno, sys};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::sync::atomic::Ordering;
use trace::{Outcome, Value};

/// If this program was started by a snippet to be one of its tasks: is that task, and does not
/// come back. [`crate::observe()`] begins with it; a program with more than one snippet calls it at
/// the beginning of `main`.
pub fn serve_if_invited() {
    if let Ok(invitation) = std::env::var(TASK_VARIABLE) {
        serve_invited(&invitation);
    }
}

/// Serves at that desk, until it is told to end the process.
fn serve_invited(invitation: &str) -> ! {
    let parts = invitation.split_once(':').and_then(|(descriptor, desk)| {
        Some((descriptor.parse().ok()?, desk.parse::<usize>().ok()?))
    });
    let Some((descriptor, number)) = parts else {
        eprintln!("{TASK_VARIABLE}={invitation}: it is set by a running snippet, not by hand");
        sys::exit(2)
    };
    let arena = match Arena::attach(descriptor) {
        Ok(arena) => arena,
        Err(error) => {
            eprintln!("{TASK_VARIABLE}={invitation}: no snippet is running there: {error}");
            sys::exit(2)
        }
    };
    arena::sit_at(number);
    let desk = arena.desk(number);
    let me = nix::unistd::getpid().as_raw();
    // The other threads of this process ended when it took up this program.
    for (other, desk) in arena.desks().iter().enumerate() {
        if other != number && desk.pid.load(Ordering::Acquire) == me {
            desk.set(state::GONE);
        }
    }
    desk.occupy();
    record::start();
    match desk.fresh_image.swap(1, Ordering::AcqRel) {
        1 => record::record(|| {
            event("execve", vec![Value::word(SELF)], Outcome::Returned(Value::Int(0)))
        }),
        maker => {
            let maker = maker.saturating_sub(2) as usize;
            record_making(maker, "posix_spawn", vec![Value::word(SELF)], &Ok(()), &desk.name());
        }
    }
    desk.set(state::DONE);
    serve(desk)
}

/// Carries out orders until the process is to end.
pub(crate) fn serve(desk: &Desk) -> ! {
    if obey_until_leave(desk) == state::QUIT {
        record::record(|| event("exit", vec![Value::Int(0)], Outcome::Nothing));
        desk.set(state::GONE);
        sys::exit(0)
    }
    record::record(|| event("pthread_exit", vec![], Outcome::Nothing));
    desk.set(state::GONE);
    sys::exit_thread()
}

/// Carries out orders until there is one to leave.
pub(crate) fn obey_until_leave(desk: &Desk) -> u32 {
    loop {
        let orders = [state::ORDERED, state::LEAVE, state::QUIT];
        match desk.wait(|state| orders.contains(&state), abandoned) {
            Some(state::ORDERED) => {
                let done = desk.order.obey();
                desk.set(if done { state::DONE } else { state::FAILED });
            }
            Some(leave) => return leave,
            // Waiting on for one that is alive and busy with other tasks.
            None if !abandoned() => {}
            None => sys::exit(0),
        }
    }
}

/// Whether the process that began the snippet is gone.
fn abandoned() -> bool {
    let Some(arena) = Arena::here() else { return true };
    kill(Pid::from_raw(arena.main_pid.load(Ordering::Relaxed)), None) == Err(Errno::ESRCH)
}
