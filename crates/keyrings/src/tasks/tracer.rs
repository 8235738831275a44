//! A tracer for everything that a snippet's process creates, as strace(1) is one.

use super::arena;
use super::fail::{Checked, Failure, named};
use super::make::new_desk;
use super::record::{record, record_creation};
use crate::sys::process::{Way, exit, fork_like, ptrace_continue, wait_for_any};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::unistd::{Pid, getpid, pipe, read, write};
use std::convert::Infallible;
use trace::{Event, Outcome, Value};

/// Creates a process that traces the caller and what it creates from now on. It continues what stops and
/// reaps what ends.
///
/// # Errors
///
/// Fails if the process cannot be created, or may not trace the caller.
///
/// # References
///
/// ptrace(2) with `PTRACE_SEIZE` and `PTRACE_O_TRACECLONE`, `…FORK`, `…VFORK`
pub(crate) fn trace_all() -> Checked {
    let (arena, number) = new_desk("tracer")?;
    let main = getpid();
    let (answer, tell) = pipe()?;
    let tracer = fork_like(Way::Fork, || {
        let seized = seize(main);
        let _ = write(&tell, &(seized.err().map_or(0, |error| error as i32)).to_ne_bytes());
        serve()
    })?;
    arena.desk(number).give_to(Pid::from_raw(tracer), Pid::from_raw(tracer));
    arena.desk(number).set(arena::state::ORDERED);
    let mut errno = [0; 4];
    read(&answer, &mut errno)?;
    match i32::from_ne_bytes(errno) {
        0 => {
            record_creation(arena::my_desk(), "fork", vec![], &Ok(()), "tracer");
            let (task, call) = ("tracer".to_owned(), "ptrace".to_owned());
            let args = vec![Value::word("PTRACE_SEIZE"), Value::word(arena::my_name())];
            let outcome = Outcome::Returned(Value::Int(0));
            record(|| Event { task, call, args, outcome });
            Ok(())
        }
        errno => {
            let errno = named(Errno::from_raw(errno));
            Err(Failure::new(format!("this process cannot be traced: {errno}")))
        }
    }
}

fn seize(main: Pid) -> Result<(), Errno> {
    let follow =
        Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
    ptrace::seize(main, follow)
}

/// Continues every task that stops, with its signal, until none is left.
fn serve() -> Infallible {
    loop {
        match wait_for_any() {
            Ok((task, status)) if libc::WIFSTOPPED(status) => {
                // An event of ptrace(2) is no signal to deliver.
                let is_event = status >> 16 != 0;
                let signal = if is_event { 0 } else { libc::WSTOPSIG(status) };
                let _ = ptrace_continue(task, signal);
            }
            Err(Errno::ECHILD) => exit(0),
            _ => {}
        }
    }
}
