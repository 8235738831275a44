//! The trace of a rule: which task asked the kernel for what, what came back, and in which order.
//!
//! One line is one [`Event`], printed so that whoever knows strace reads it at once:
//!
//! ```text
//! main   keyctl_get_keyring_ID(@p, 1) = K1
//! main   fork() = child
//! child  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)
//! ```
//!
//! While a program runs, its trace is *raw*: keys and users stand there with their numbers.
//! [`Trace::normalise`] gives them names in the order of their appearance, and from then on the
//! trace is the same on every run, for every user, on every machine. Printing and parsing are
//! each other's inverse for both kinds.
//!
//! This crate knows nothing of kernels or books.

mod normalise;
mod parse;
mod print;

pub use normalise::Owner;
pub use parse::ParseError;

/// A whole trace, in the order in which things happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The events, oldest first.
    pub events: Vec<Event>,
}

/// One call (or other act) of one task, with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name of the task that acted: `main`, `child`, `older thread`.
    pub task: String,
    /// What it called, by the name the manual gives it.
    pub call: String,
    /// The arguments, in the order of the manual.
    pub args: Vec<Value>,
    /// What the call gave.
    pub outcome: Outcome,
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing that could be told: the task ended, or the call has no result.
    Nothing,
    /// It succeeded with this result.
    Returned(Value),
    /// It failed.
    Failed {
        /// The error by its name, such as `ENOKEY`.
        errno: String,
        /// What the name means, in words.
        words: String,
    },
}

/// An argument or a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Int(i64),
    /// A bit mask.
    Hex(u32),
    /// A word that stands for itself: `@t`, `K1`, `child`, `NULL`, `KEYCTL_MOVE_EXCL`.
    Word(String),
    /// Text, in quotes.
    Text(String),
    /// Several values whose order means nothing, as the keys of a keyring.
    Set(Vec<Value>),
    /// Several values in their order, as the columns of a line in `/proc`.
    List(Vec<Value>),
    /// Raw: the serial number of a key.
    Serial(i32),
    /// Raw: a user id.
    Uid(u32),
    /// Raw: a group id.
    Gid(u32),
    /// Raw: what `KEYCTL_DESCRIBE` tells of a key.
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
    /// Raw: what another program printed; serial numbers in it stand for keys.
    Printed(String),
}

impl Value {
    /// A word, from anything that can be one.
    pub fn word(word: impl Into<String>) -> Value {
        Value::Word(word.into())
    }

    /// Text, from anything that can be one.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }
}
