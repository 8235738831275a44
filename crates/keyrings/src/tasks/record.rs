//! The record: what each task called and what the call returned, in the order of the answers.
//!
//! It lies in memory that all tasks of a snippet share, so it survives fork, threads and execve.

use super::arena::{self, Arena};
use nix::errno::Errno;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use trace::{Event, Outcome, RawTrace, Value};

static ON: AtomicBool = AtomicBool::new(false);

/// Starts the record in this process; processes that it creates later record as well.
pub(crate) fn start() {
    ON.store(true, Ordering::Relaxed);
}

/// Stops it, in a process that only asks what is possible.
pub(crate) fn stop() {
    ON.store(false, Ordering::Relaxed);
}

/// Records what `event` returns, if a record is kept. Without a record it costs a load.
#[inline]
pub(crate) fn record(event: impl FnOnce() -> Event) {
    if ON.load(Ordering::Relaxed) {
        write_down(&event());
    }
}

#[cold]
fn write_down(event: &Event) {
    if let Some(arena) = Arena::here() {
        arena.desk(arena::my_desk()).await_record();
        arena.append(&event.to_string());
    }
}

/// Records a call of the calling task: its name, its arguments, and its result.
#[inline]
pub(crate) fn call<T: Recorded>(
    name: &str,
    args: impl FnOnce() -> Vec<Value>,
    result: &Result<T, Errno>,
) {
    record(|| event(name, args(), outcome(result)));
}

/// An act of the calling task.
pub(crate) fn event(name: &str, args: Vec<Value>, outcome: Outcome) -> Event {
    Event { task: arena::my_name(), call: name.to_owned(), args, outcome }
}

/// The outcome as the trace shows it.
pub(crate) fn outcome<T: Recorded>(result: &Result<T, Errno>) -> Outcome {
    match result {
        Ok(value) => Outcome::Returned(value.value()),
        Err(errno) => Outcome::failed(&format!("{errno:?}"), errno.desc()),
    }
}

/// Records the creation of the task `of`, in the name of its creator.
pub(crate) fn record_creation(
    creator: usize,
    call: &str,
    args: Vec<Value>,
    result: &Result<(), Errno>,
    of: &str,
) {
    let outcome = match result {
        Ok(()) => Outcome::Returned(Value::word(of)),
        Err(errno) => {
            if let Some(arena) = Arena::here() {
                arena.not_made(*errno);
            }
            outcome::<()>(&Err(*errno))
        }
    };
    let task = Arena::here().map_or_else(String::new, |arena| arena.desk(creator).name());
    record(|| Event { task, call: call.to_owned(), args, outcome });
}

/// Everything recorded up to now.
pub(crate) fn recorded() -> RawTrace {
    parsed(&Arena::here().map(Arena::text).unwrap_or_default())
}

/// A part of the record.
pub(crate) fn parsed(text: &str) -> RawTrace {
    // Whatever can be recorded can be read back: a property of the trace that its own tests hold.
    text.parse().unwrap_or_else(|error| panic!("the record cannot be read back: {error}\n{text}"))
}

/// A result of a call, as the trace shows it.
pub trait Recorded {
    /// The value that the trace shows.
    fn value(&self) -> Value;
}

impl Recorded for () {
    fn value(&self) -> Value {
        Value::Int(0)
    }
}

impl Recorded for Value {
    fn value(&self) -> Value {
        self.clone()
    }
}

impl Recorded for usize {
    fn value(&self) -> Value {
        Value::Int(*self as i64)
    }
}

impl Recorded for i32 {
    fn value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

impl Recorded for String {
    fn value(&self) -> Value {
        Value::text(self)
    }
}

impl Recorded for Vec<u8> {
    fn value(&self) -> Value {
        Value::text(String::from_utf8_lossy(self))
    }
}

impl<T: Clone + Into<Value>> Recorded for BTreeSet<T> {
    fn value(&self) -> Value {
        Value::Set(self.iter().cloned().map(Into::into).collect())
    }
}
