//! The parser reads every form of strace's output, and redaction hides secrets and nothing else.

mod forms;
mod lines;
mod properties;
mod redaction;
mod tasks;
mod values;

use std::fmt::Write;
use std::io::Cursor;

use strace::{Call, Event, Reader, Returned, What, shown};

/// A log in memory.
fn reader(log: impl Into<Vec<u8>>) -> Reader {
    Reader::new(Cursor::new(log.into()))
}

/// One line for each event, and what could not be parsed.
fn events(log: impl Into<Vec<u8>>) -> String {
    all_events(reader(log))
}

fn all_events(mut reader: Reader) -> String {
    let mut output = String::new();
    while let Some(event) = reader.next().expect("the input is in memory") {
        output += &line(&event);
    }
    for (place, sample) in &reader.counts().samples {
        _ = writeln!(output, "unparsed {}: {sample}", place.line);
    }
    output
}

fn line(event: &Event<'_>) -> String {
    let (first, last) = (event.first, event.last);
    let mut lines = format!("{}", first.line);
    if first.file != last.file {
        lines = format!("file {} line {lines}, file {} line {}", first.file, last.file, last.line);
    } else if first != last {
        lines = format!("{lines}-{}", last.line);
    }
    let what = match event.what {
        What::Entered(entered) => format!("enters {}", call(&entered)),
        What::Call(returned) => call(&returned),
        What::Killed { signal, core } => {
            format!("killed by {}{}", shown(signal), if core { ", core dumped" } else { "" })
        }
        What::Signal { name, .. } => format!("receives {}", shown(name)),
        What::Stopped(name) => format!("stopped by {}", shown(name)),
        What::Mode(mode) => format!("runs in {} mode", shown(mode)),
        other => format!("{other:?}"),
    };
    let by = match event.what {
        What::Call(call) if call.entered_by != event.task => {
            format!(" (entered by {})", call.entered_by)
        }
        _ => String::new(),
    };
    format!("{lines}: {} {what}{by}\n", event.task)
}

fn call(call: &Call<'_>) -> String {
    let arguments: Vec<String> = call
        .args()
        .map(|arg| {
            let name = arg.name.map(|name| shown(name) + "=").unwrap_or_default();
            name + &shown(arg.text)
        })
        .collect();
    let mut output = format!("{}({})", shown(call.name), arguments.join(" ; "));
    if call.headless {
        output += " headless";
    }
    let Some(outcome) = call.outcome else {
        return output + &format!(" {:?}", call.end);
    };
    output += &match outcome.returned {
        Returned::Number(number) => format!(" = {}", number.long()),
        Returned::Error(name) => format!(" fails with {}", shown(name)),
        other => format!(" = {other:?}"),
    };
    for (flag, name) in [(outcome.injected, " injected"), (outcome.delayed, " delayed")] {
        output += if flag { name } else { "" };
    }
    if let Some(duration) = outcome.duration {
        _ = write!(output, " in {duration} ns");
    }
    output
}
