//! The rules as a state machine: says of any trace whether a correct kernel gives it.
//!
//! ```
//! let trace = "main   keyctl_get_keyring_ID(@p, 1) = K1
//!              main   fork() = child
//!              child  keyctl_get_keyring_ID(@p, 0) = K1";
//! let trace = trace.lines().map(|line| format!("{}\n", line.trim_start())).collect::<String>();
//! let refusal = model::judge(&trace.parse().unwrap()).unwrap_err();
//! assert_eq!(refusal.nth, 2);
//! let model::Why::Outcome { allowed, rules, .. } = refusal.why else { panic!() };
//! assert_eq!(allowed[0].to_string(), "-1 ENOKEY (Required key not available)");
//! assert!(rules.contains(&"process.fork"));
//! ```
//!
//! The state is a world of tasks, credentials, keyrings and keys; each call of a trace is a
//! [transition](TRANSITIONS) of it, which decides by [laws](Law). Where a kernel may do one thing or
//! another, as its collector runs when it will, the model follows every way. There is no input or
//! output here, and no clock: a trace is taken to be shorter than five minutes, so that a key with a
//! longer timeout does not expire in it, and the kernel does not yet take revoked and expired keys
//! out of keyrings (`kernel.keys.gc_delay`).
#![forbid(unsafe_code)]

mod calls;
mod errno;
mod fate;
mod judge;
mod laws;
mod lookup;
mod run;
mod search;
mod store;
mod world;
pub mod wrong;

pub use calls::{TRANSITIONS, Transition};
pub use judge::{Judge, judge};
pub use laws::{Fact, Kind, Law, Place, Way};

use trace::{Event, Outcome};

/// The length of a trace at most, in seconds.
const LONGEST: u32 = 300;

/// Why no correct kernel gives a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The place of the event in the trace, from 0.
    pub nth: usize,
    /// The event that no correct kernel gives.
    pub event: Event,
    /// What is the matter with it.
    pub why: Why,
}

/// What is the matter with a refused event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The outcome is another one.
    Outcome {
        /// What would have been allowed.
        allowed: Vec<Outcome>,
        /// The laws of which one does not hold for a kernel that gives this, the most telling first;
        /// none if no single one explains it.
        laws: Vec<Law>,
        /// The ids of some of the rules that say so: of those that the laws embody.
        rules: Vec<&'static str>,
    },
    /// The event says nothing that the model understands: what was expected.
    NotUnderstood(String),
}
