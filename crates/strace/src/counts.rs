//! How much of a log was read.

use crate::escape::{shown, without_strings};
use crate::event::Place;

/// How many lines were read, and how many of them could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Lines that are not strace's, or broken.
    pub unparsed: u64,
    /// Lines longer than [`crate::LONGEST_LINE`], which were cut.
    pub cut: u64,
    /// The first of the lines that could not be parsed: strings masked, control characters escaped, at most
    /// [`SAMPLE_LENGTH`] bytes of each.
    pub samples: Vec<(Place, String)>,
}

/// The number of samples in [`Counts`].
pub const SAMPLES: usize = 10;
/// The length of a sample, in bytes of the log.
pub const SAMPLE_LENGTH: usize = 160;

impl Counts {
    /// Counts a line that cannot be parsed.
    pub(crate) fn unparsed(&mut self, text: &[u8], place: Place) {
        self.unparsed += 1;
        if self.samples.len() < SAMPLES {
            let masked = without_strings(text);
            let sample = shown(&masked[..masked.len().min(SAMPLE_LENGTH)]);
            self.samples.push((place, sample));
        }
    }
}
