//! The rules as a state machine: judges whether a correct kernel could have produced a trace.
//!
//! ```
//! let trace = "main  keyctl_get_keyring_ID(@p, 1) = K1\n\
//!              main  fork() = child\n\
//!              child  keyctl_get_keyring_ID(@p, 0) = K1\n";
//! let table = model::wrong::Table::default();
//! let refusal = model::judge(&trace.parse().unwrap(), &table).refusal().unwrap();
//! assert_eq!(refusal.nth, 2);
//! let model::Why::Outcome { allowed, laws, .. } = refusal.why else { panic!() };
//! assert_eq!(allowed[0].to_string(), "-1 ENOKEY (Required key not available)");
//! assert_eq!(laws[0].name(), "NotInherited.Fork.Process");
//! ```
//!
//! The state is a world of tasks, credentials, keyrings and keys. Each call of a trace is a
//! [transition](TRANSITIONS) of it, decided by [laws](Law). Where a kernel is non-deterministic, as in
//! when its garbage collector runs, the model follows every path by backtracking.
//!
//! There is no input or output here, and no clock: a trace is taken to be shorter than five minutes, so
//! a key with a longer timeout does not expire in it, and the kernel does not yet remove revoked and
//! expired keys from keyrings (`kernel.keys.gc_delay`).
#![forbid(unsafe_code)]

mod calls;
mod choices;
pub mod follow;
mod judge;
mod laws;
mod lookup;
mod onlooker;
mod run;
mod search;
mod store;
mod unknown;
mod world;
pub mod wrong;

pub use calls::{CREATE_PROCESS, TRANSITIONS, Transition};
pub use follow::follow;
pub use judge::{Judge, MOST_NAMED, Verdict, judge};
pub use laws::{Fact, KeySlot, Law, OwnFact, OwnKeyring, Permission, ProcessCall};
pub use onlooker::Onlooker;

use trace::{Event, Outcome};

/// The length of a trace, in seconds, at most.
const LONGEST: u32 = 300;

/// An event that the model does not explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The position of the event in the trace, from 0.
    pub nth: usize,
    /// The first event that no correct kernel shows, or that the model does not know.
    pub event: Event,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with such an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has another outcome.
    Outcome {
        /// The allowed outcomes.
        allowed: Vec<Outcome>,
        /// Laws of which any one, if it does not hold, explains the outcome, the most telling first; empty
        /// if no single law does.
        laws: Vec<Law>,
        /// The ids of some rules that embody these laws.
        rules: Vec<String>,
    },
    /// It means nothing to the model: what was expected.
    NotUnderstood(String),
    /// The model does not know what this call does: what it knows. No kernel is wrong.
    Unknown(String),
}
