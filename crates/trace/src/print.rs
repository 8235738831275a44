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
        write!(f, "{}", self.0.request())?;
        match &self.0.outcome {
            Outcome::Nothing => Ok(()),
            outcome => write!(f, " = {outcome}"),
        }
    }
}

impl Event {
    /// What was asked, without the task and the outcome: `keyctl_read(@t)`.
    pub fn request(&self) -> String {
        format!("{}({})", self.call, list(&self.args))
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Outcome::Nothing => Ok(()),
            Outcome::Returned(value) => write!(f, "{value}"),
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
            Value::Set(values) => write!(f, "{{{}}}", list(values)),
            Value::List(values) => write!(f, "[{}]", list(values)),
            Value::Serial(serial) => write!(f, "#{serial}"),
            Value::Uid(uid) => write!(f, "uid#{uid}"),
            Value::Gid(gid) => write!(f, "gid#{gid}"),
            Value::Described { kind, uid, gid, perm, description } => {
                f.write_str("described#")?;
                quoted(f, &format!("{kind};{uid};{gid};{perm:08x};{description}"))
            }
            Value::Printed(text) => {
                f.write_str("printed#")?;
                quoted(f, text)
            }
        }
    }
}

fn list(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
