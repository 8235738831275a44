//! Printing: one line for each event, the tasks' names in a column of their own.

use crate::{Event, Outcome, Trace, Value};
use std::fmt::{Display, Formatter, Result, Write};

impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let width = self.events.iter().map(|event| event.task.chars().count()).max().unwrap_or(0);
        for event in &self.events {
            writeln!(f, "{:width$}  {}", event.task, Action(event))?;
        }
        Ok(())
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}  {}", self.task, Action(self))
    }
}

/// An event without the task that did it.
struct Action<'a>(&'a Event);

impl Display for Action<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        Request(self.0).fmt(f)?;
        match &self.0.outcome {
            Outcome::Nothing => Ok(()),
            outcome => write!(f, " = {outcome}"),
        }
    }
}

/// What was asked.
struct Request<'a>(&'a Event);

impl Display for Request<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0.call)?;
        list(f, '(', &self.0.args, ')')
    }
}

impl Event {
    /// What was asked, without the task and the outcome: `keyctl_read(@t)`.
    pub fn request(&self) -> String {
        Request(self).to_string()
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Outcome::Nothing => Ok(()),
            Outcome::Returned(value) => value.fmt(f),
            Outcome::Failed { errno, words } => write!(f, "-1 {errno} ({words})"),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Hex(mask) => write!(f, "{mask:#x}"),
            Value::Word(word) => f.write_str(word),
            Value::Text(text) => quoted(f, text),
            Value::Set(values) => list(f, '{', values, '}'),
            Value::List(values) => list(f, '[', values, ']'),
            Value::Serial(serial) => write!(f, "#{serial}"),
            Value::Uid(uid) => write!(f, "uid#{uid}"),
            Value::Gid(gid) => write!(f, "gid#{gid}"),
            Value::Described { kind, uid, gid, perm, description } => {
                f.write_str("described#\"")?;
                escaped(f, kind)?;
                write!(f, ";{uid};{gid};{perm:08x};")?;
                escaped(f, description)?;
                f.write_char('"')
            }
            Value::Printed(text) => {
                f.write_str("printed#")?;
                quoted(f, text)
            }
        }
    }
}

fn list(f: &mut Formatter<'_>, open: char, values: &[Value], close: char) -> Result {
    f.write_char(open)?;
    for (nth, value) in values.iter().enumerate() {
        if nth > 0 {
            f.write_str(", ")?;
        }
        value.fmt(f)?;
    }
    f.write_char(close)
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_char('"')?;
    escaped(f, text)?;
    f.write_char('"')
}

/// What stands for itself is written in one piece.
fn escaped(f: &mut Formatter<'_>, text: &str) -> Result {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c.is_control()) {
        f.write_str(&rest[..at])?;
        let mut after = rest[at..].chars();
        match after.next() {
            Some('"') => f.write_str("\\\"")?,
            Some('\\') => f.write_str("\\\\")?,
            Some('\n') => f.write_str("\\n")?,
            Some('\t') => f.write_str("\\t")?,
            Some(c) => write!(f, "\\u{{{:x}}}", c as u32)?,
            None => {}
        }
        rest = after.as_str();
    }
    f.write_str(rest)
}
