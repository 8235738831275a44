//! What is wrong with the form of the book.

use std::fmt;
use std::path::PathBuf;

/// A mistake, where it is, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, from the project's root.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl Problem {
    pub(crate) fn new(
        file: PathBuf,
        line: usize,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Problem {
        Problem { file, line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, line, what, mend } = self;
        write!(f, "{}:{line}: {what}; {mend}", file.display())
    }
}
