//! Standard output, which may be closed, full or not a terminal.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Write};

/// Writes text, without its colours unless a terminal shows them. Whoever stops reading has seen
/// enough: that is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("the result cannot be written to standard output"),
    }
}
