//! The trace of a program: which task called what, what came back, and in which order.
//!
//! One line is one [`Event`], printed in the manner of strace(1):
//!
//! ```text
//! main   keyctl_get_keyring_ID(@p, 1) = K1
//! main   fork() = child
//! child  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)
//! ```
//!
//! A running program records a [`RawTrace`], in which keys, users and groups are numbers.
//! [`RawTrace::normalize`] replaces the numbers by names in the order of their appearance. The
//! resulting [`Trace`] is the same on every run, for every user, on every machine.
//!
//! Printing and parsing are inverse for both kinds. What the grammar can't hold as it is, such as a
//! word with a space in it, is printed in quotes with escapes.
//!
//! This crate knows nothing of kernels or books.

mod errno;
mod normalize;
mod parse;
mod print;

pub use errno::{Errno, OtherErrno};
pub use normalize::Owner;
pub use parse::{AnyTrace, ParseError};

/// The id that stands for every user or group without a number in a user namespace.
pub const OVERFLOW_ID: u32 = 65534;

/// The default destinations of request_key(2) as a trace names them, from -1 on.
pub const REQKEY_DEFAULTS: [&str; 9] = [
    "KEY_REQKEY_DEFL_NO_CHANGE",
    "KEY_REQKEY_DEFL_DEFAULT",
    "KEY_REQKEY_DEFL_THREAD_KEYRING",
    "KEY_REQKEY_DEFL_PROCESS_KEYRING",
    "KEY_REQKEY_DEFL_SESSION_KEYRING",
    "KEY_REQKEY_DEFL_USER_KEYRING",
    "KEY_REQKEY_DEFL_USER_SESSION_KEYRING",
    "KEY_REQKEY_DEFL_GROUP_KEYRING",
    "KEY_REQKEY_DEFL_REQUESTOR_KEYRING",
];

/// A trace as it was recorded, with numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawTrace {
    /// The events, oldest first.
    pub events: Vec<Event>,
}

/// A normalized trace: no value in it is raw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    events: Vec<Event>,
}

impl Trace {
    /// The events, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}

/// One call (or other act) of one task, with its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name of the task: `main`, `child`, `older thread`.
    pub task: String,
    /// What it called, by the name in the manual.
    pub call: String,
    /// The arguments, in the order of the manual.
    pub args: Vec<Value>,
    /// What the call returned.
    pub outcome: Outcome,
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the task ended, or the call has no result.
    Nothing,
    /// It succeeded with this result.
    Returned(Value),
    /// It failed.
    Failed(Errno),
    /// It failed with an error that no rule knows. [`Outcome::failed`] creates it.
    FailedOtherwise(OtherErrno),
}

/// An argument or a result.
///
/// Sets and lists may be nested 16 deep; [`parse`](str::parse) refuses deeper ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Int(i64),
    /// A bit mask.
    Hex(u64),
    /// A word that stands for itself: `@t`, `K1`, `child`, `NULL`, `KEYCTL_MOVE_EXCL`.
    Word(String),
    /// Text, in quotes.
    Text(String),
    /// Several values in no particular order, such as the keys of a keyring.
    Set(Vec<Value>),
    /// Several values in their order, such as the columns of a line in `/proc`.
    List(Vec<Value>),
    /// Raw: the serial number of a key.
    Serial(i32),
    /// Raw: a user id.
    Uid(u32),
    /// Raw: a group id.
    Gid(u32),
    /// Raw: a key as `KEYCTL_DESCRIBE` returns it.
    Described {
        /// Type of the key.
        kind: String,
        /// User id of the owner.
        uid: u32,
        /// Group id of the owner.
        gid: u32,
        /// Permission mask.
        perm: u32,
        /// Description of the key.
        description: String,
    },
    /// Raw: the output of another program; serial numbers in it stand for keys.
    Printed(String),
}

impl Value {
    /// A word.
    pub fn word(word: impl Into<String>) -> Value {
        Value::Word(word.into())
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }
}
