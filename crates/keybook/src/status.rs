//! Exit statuses. A program stopped by a signal exits with 128 and the signal's number.

/// No rule differs.
pub(crate) const HELD: u8 = 0;
/// A rule differs or its program failed, a trace is refused, or something was found.
pub(crate) const DIFFERS: u8 = 1;
/// The book, a trace or the command line is invalid, or the output cannot be written.
pub(crate) const MISUSE: u8 = 2;
/// No rule can be observed on this system.
pub(crate) const NOTHING_HERE: u8 = 3;
/// A log has no call about keys.
pub(crate) const NO_KEY_CALL: u8 = 4;
/// The model does not know calls of a trace.
pub(crate) const UNKNOWN: u8 = 5;
