//! The record: what each task asked and what it was answered, in the order of the answers.
//!
//! It lies in memory that all tasks of a snippet share, so it survives fork, threads and execve.

use crate::arena::{self, Arena};
use crate::{Errno, KeySerial};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use trace::{Event, Outcome, Trace, Value};

/// Bytes that most lines have room in: one that grows is copied again and again.
const LINE: usize = 256;

static ON: AtomicBool = AtomicBool::new(false);

/// Begins to record in this process; what it starts later records too.
pub(crate) fn start() {
    ON.store(true, Ordering::Relaxed);
}

/// Writes down what `event` gives, if a record is kept. Without one it costs a load.
#[inline]
pub(crate) fn record(event: impl FnOnce() -> Event) {
    if ON.load(Ordering::Relaxed) {
        write_down(&event());
    }
}

#[cold]
fn write_down(event: &Event) {
    if let Some(arena) = Arena::here() {
        let mut line = String::with_capacity(LINE);
        // A string takes all that is written to it.
        let _ = write!(line, "{event}");
        arena.append(&line);
    }
}

/// Records a call of the calling task: its name, its arguments, and what it gave.
#[inline]
pub(crate) fn call<T: Answer>(
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
pub(crate) fn outcome<T: Answer>(result: &Result<T, Errno>) -> Outcome {
    match result {
        Ok(value) => Outcome::Returned(value.value()),
        Err(errno) => {
            Outcome::Failed { errno: format!("{errno:?}"), words: errno.desc().to_owned() }
        }
    }
}

/// All that has been recorded up to now.
pub(crate) fn recorded() -> Trace {
    let text = Arena::here().map(Arena::text).unwrap_or_default();
    text.parse().unwrap_or_else(|error| panic!("the record cannot be read back: {error}\n{text}"))
}

/// What a call may answer with, as a value of the trace.
pub trait Answer {
    /// The value that the trace shows.
    fn value(&self) -> Value;
}

impl Answer for () {
    fn value(&self) -> Value {
        Value::Int(0)
    }
}

impl Answer for KeySerial {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Answer for Value {
    fn value(&self) -> Value {
        self.clone()
    }
}

impl Answer for crate::Description {
    fn value(&self) -> Value {
        self.into()
    }
}

impl Answer for usize {
    fn value(&self) -> Value {
        Value::Int(*self as i64)
    }
}

impl Answer for i32 {
    fn value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

impl Answer for String {
    fn value(&self) -> Value {
        Value::text(self)
    }
}

impl Answer for Vec<u8> {
    fn value(&self) -> Value {
        Value::text(String::from_utf8_lossy(self))
    }
}

impl Answer for std::collections::BTreeSet<KeySerial> {
    fn value(&self) -> Value {
        Value::Set(self.iter().map(|key| (*key).into()).collect())
    }
}
