//! Expectations, and what is reported when one is not met.

use super::arena::{self, Arena};
use super::record::recorded;
use nix::errno::Errno;
use std::fmt::Debug;
use std::panic::Location;

/// The result of a step of a snippet: `Err` says what differs from the rule.
pub type Checked<T = ()> = Result<T, Failure>;

/// What differs from an expectation: where, in which task, and how.
#[derive(Debug)]
pub struct Failure {
    text: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Failure {
    /// A failure of the calling task, at the caller's place in the source.
    #[track_caller]
    pub fn new(what: impl AsRef<str>) -> Failure {
        let (name, what, place) = (arena::my_name(), what.as_ref(), Location::caller());
        // An error that an order returns becomes a failure in this crate.
        let within = place.file().starts_with(env!("CARGO_MANIFEST_DIR"))
            || place.file().starts_with("crates/keyrings/src");
        let text = if within {
            format!("{name}: {what}")
        } else {
            format!("{name}, line {} of the snippet: {what}", place.line())
        };
        Failure { text }
    }

    /// Adds it to the account of failures, which the snippet's main task shows.
    pub(crate) fn report(self) {
        match Arena::here() {
            Some(arena) if !self.text.is_empty() => arena.report(&self.text),
            Some(_) => {}
            None => eprintln!("{}", self.text),
        }
    }

    /// A failure that is already in the account.
    pub(crate) fn reported() -> Failure {
        Failure { text: String::new() }
    }
}

/// Refuses a call that must not reach the kernel: it is not recorded, and the snippet fails, whatever it
/// makes of the errno that stands in for an answer.
#[track_caller]
pub(crate) fn refused(what: &str, errno: Errno) -> Errno {
    let failure = Failure::new(format!("{what} is refused here"));
    if let Some(arena) = Arena::here() {
        arena.spoil(&failure.text);
    }
    errno
}

impl From<Errno> for Failure {
    #[track_caller]
    fn from(errno: Errno) -> Failure {
        let call = last_call();
        Failure::new(format!("{call}should succeed, but failed with {}", named(errno)))
    }
}

/// An errno with its words: `ENOKEY (Required key not available)`.
pub(crate) fn named(errno: Errno) -> String {
    format!("{errno:?} ({})", errno.desc())
}

/// What the calling task called last, for a message.
fn last_call() -> String {
    let me = arena::my_name();
    let record = recorded();
    let last = record.events.iter().rev().find(|event| event.task == me);
    last.map(|event| format!("{} ", event.request())).unwrap_or_default()
}

/// The expected result of a call: an errno, or a value.
pub trait Expected<T>: Debug {
    /// Whether the call returned it.
    fn is(&self, got: &Result<T, Errno>) -> bool;
}

impl<T> Expected<T> for Errno {
    fn is(&self, got: &Result<T, Errno>) -> bool {
        got.as_ref().err() == Some(self)
    }
}

/// Results that are compared with `==`.
macro_rules! expected_results {
    ($($result:ty, $expected:ty;)*) => {$(
        impl $crate::tasks::fail::Expected<$result> for $expected {
            fn is(&self, got: &Result<$result, nix::errno::Errno>) -> bool {
                got.as_ref().is_ok_and(|got| got == self)
            }
        }
    )*};
}
pub(crate) use expected_results;

expected_results! {
    (), ();
    bool, bool;
    i32, i32;
    u32, u32;
    usize, usize;
    String, &str;
}

impl Expected<Vec<u8>> for &str {
    fn is(&self, got: &Result<Vec<u8>, Errno>) -> bool {
        got.as_ref().is_ok_and(|got| got == self.as_bytes())
    }
}

/// Expects an errno or a result of a call: `expect(keyctl_read_alloc(key), ENOKEY)?`.
///
/// # Errors
///
/// Fails if the call returned anything else.
#[track_caller]
pub fn expect<T: Debug>(got: Result<T, Errno>, expected: impl Expected<T>) -> Checked {
    if expected.is(&got) {
        return Ok(());
    }
    let got = match got {
        Ok(value) => format!("returned {value:?}"),
        Err(errno) => format!("failed with {}", named(errno)),
    };
    Err(Failure::new(format!("{}{got}, but {expected:?} was expected", last_call())))
}

/// Expects a condition: `ensure(mine != theirs, "each thread has its own")?`.
///
/// # Errors
///
/// Fails if it is false.
#[track_caller]
pub fn ensure(truth: bool, words: &str) -> Checked {
    if truth { Ok(()) } else { Err(Failure::new(format!("this should be true: {words}"))) }
}

/// Expects a call to succeed, whatever it returns: `succeeds(keyctl_read_alloc(key))?`.
///
/// # Errors
///
/// Fails if the call failed.
#[track_caller]
pub fn succeeds<T>(got: Result<T, Errno>) -> Checked {
    match got {
        Ok(_) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
