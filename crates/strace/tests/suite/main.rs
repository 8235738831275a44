//! The parser reads every form of strace's output, and redaction hides secrets and nothing else.

mod forms;

use std::fmt::Write;
use std::io::Cursor;

use strace::{Reader, What, shown};

/// A log in memory.
fn reader(log: impl Into<Vec<u8>>) -> Reader {
    Reader::new(Cursor::new(log.into()))
}

/// One line for each event.
fn events(mut reader: Reader) -> String {
    let mut output = String::new();
    while let Some(event) = reader.next().expect("the input is in memory") {
        let (first, last) = (event.first.line, event.last.line);
        let lines = if first == last { format!("{first}") } else { format!("{first}-{last}") };
        _ = write!(output, "{lines} {} ", event.task);
        _ = match event.what {
            What::Entered(call) => writeln!(output, "entered {call:?}"),
            What::Call(call) => {
                let by = call.entered_by;
                let by = if by == event.task { String::new() } else { format!(" by {by}") };
                let headless = if call.headless { " headless" } else { "" };
                writeln!(output, "{call:?}{by}{headless}")
            }
            What::Killed { signal, core } => {
                writeln!(output, "killed {} {core}", shown(signal))
            }
            What::Signal { name, .. } => writeln!(output, "signal {}", shown(name)),
            What::Stopped(name) => writeln!(output, "stopped {}", shown(name)),
            What::Mode(mode) => writeln!(output, "mode {}", shown(mode)),
            other => writeln!(output, "{other:?}"),
        };
    }
    for (place, sample) in &reader.counts().samples {
        _ = writeln!(output, "unparsed {}: {sample}", place.line);
    }
    output
}
