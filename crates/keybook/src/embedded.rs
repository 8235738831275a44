//! The rules within this program: their snippets, compiled, and their snapshots.

use keyrings::Observed;

/// A rule as the program carries it.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) id: &'static str,
    /// What it says it needs, and what follows from its trace.
    pub(crate) needs: &'static [&'static str],
    pub(crate) statement: &'static str,
    /// Of program and snapshot; see [`rulebook::Rule::fingerprint`].
    pub(crate) fingerprint: &'static str,
    /// It waits for a second to go by.
    pub(crate) slow: bool,
    run: fn() -> Observed,
    /// The trace that is pinned.
    pub(crate) snapshot: Option<&'static str>,
}

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

impl Embedded {
    /// Runs the snippet in this process, which ends with it.
    pub(crate) fn observe(&self) -> Observed {
        (self.run)()
    }
}
