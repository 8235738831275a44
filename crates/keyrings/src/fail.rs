//! Expectations, and what is said when one is not met.

use crate::arena::{self, Arena};
use crate::{Description, Errno, KeySerial};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::Location;

/// The result of a step of a snippet: `Err` says what was otherwise than the rule claims.
pub type Checked<T = ()> = Result<T, Failure>;

/// What was otherwise than expected: where, by whom, and how.
#[derive(Debug)]
pub struct Failure {
    text: String,
}

impl Failure {
    /// A failure in the calling task, at the place that calls this.
    #[track_caller]
    pub fn new(what: impl AsRef<str>) -> Failure {
        let (name, what, place) = (arena::my_name(), what.as_ref(), Location::caller());
        // An order that returns an error has it turned into a failure here, in this crate.
        let within = place.file().starts_with(env!("CARGO_MANIFEST_DIR"))
            || place.file().starts_with("crates/keyrings/src");
        let text = if within {
            format!("{name}: {what}")
        } else {
            format!("{name}, line {} of the snippet: {what}", place.line())
        };
        Failure { text }
    }

    /// Puts it on record, for the task that began the snippet to show.
    pub(crate) fn report(self) {
        match Arena::here() {
            Some(arena) if !self.text.is_empty() => arena.report(&self.text),
            Some(_) => {}
            None => eprintln!("{}", self.text),
        }
    }

    /// One that is already on record.
    pub(crate) fn reported() -> Failure {
        Failure { text: String::new() }
    }
}

impl From<Errno> for Failure {
    #[track_caller]
    fn from(errno: Errno) -> Failure {
        let call = last_call();
        Failure::new(format!("{call}was to succeed, and gave {errno:?} ({})", errno.desc()))
    }
}

/// What the calling task called last, for a message.
fn last_call() -> String {
    let me = arena::my_name();
    let record = crate::record::recorded();
    let last = record.events.iter().rev().find(|event| event.task == me);
    last.map(|event| format!("{} ", event.request())).unwrap_or_default()
}

/// What a call is expected to give: an error by its name, or a result.
pub trait Expected<T>: Debug {
    /// Whether this is it.
    fn is(&self, got: &Result<T, Errno>) -> bool;
}

impl<T> Expected<T> for Errno {
    fn is(&self, got: &Result<T, Errno>) -> bool {
        got.as_ref().err() == Some(self)
    }
}

/// Results that are compared with `==`.
macro_rules! results {
    ($($result:ty, $expected:ty;)*) => {$(
        impl Expected<$result> for $expected {
            fn is(&self, got: &Result<$result, Errno>) -> bool {
                got.as_ref().is_ok_and(|got| got == self)
            }
        }
    )*};
}

results! {
    (), ();
    bool, bool;
    i32, i32;
    u32, u32;
    usize, usize;
    KeySerial, KeySerial;
    String, &str;
    Description, Description;
    BTreeSet<KeySerial>, BTreeSet<KeySerial>;
}

impl Expected<Vec<u8>> for &str {
    fn is(&self, got: &Result<Vec<u8>, Errno>) -> bool {
        got.as_ref().is_ok_and(|got| got == self.as_bytes())
    }
}

/// The keys that a keyring is to hold, in any order.
impl<const N: usize> Expected<BTreeSet<KeySerial>> for [KeySerial; N] {
    fn is(&self, got: &Result<BTreeSet<KeySerial>, Errno>) -> bool {
        got.as_ref().is_ok_and(|got| *got == BTreeSet::from(*self))
    }
}

/// Holds a call to what the rule says it gives: `expect(keyctl_read_alloc(key), ENOKEY)?`.
#[track_caller]
pub fn expect<T: Debug>(got: Result<T, Errno>, expected: impl Expected<T>) -> Checked {
    if expected.is(&got) {
        return Ok(());
    }
    let got = match got {
        Ok(value) => format!("{value:?}"),
        Err(errno) => format!("{errno:?} ({})", errno.desc()),
    };
    Err(Failure::new(format!("{}was to give {expected:?}, and gave {got}", last_call())))
}

/// Holds a plain truth: `ensure(mine != theirs, "each thread has its own")?`.
#[track_caller]
pub fn ensure(truth: bool, words: &str) -> Checked {
    if truth { Ok(()) } else { Err(Failure::new(format!("this was to be true: {words}"))) }
}

/// Holds a call to succeed, whatever its result: `succeeds(keyctl_read_alloc(key))?`.
#[track_caller]
pub fn succeeds<T>(got: Result<T, Errno>) -> Checked {
    match got {
        Ok(_) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
