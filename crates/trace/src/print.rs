//! Printing: one line for each event, with the names of the tasks in a column.

use crate::parse::{is_bare_name, is_bare_word};
use crate::{Event, Outcome, RawTrace, Trace, Value};
use std::fmt::{Display, Formatter, Result, Write};

impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        lines(f, &self.events)
    }
}

impl Display for RawTrace {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        lines(f, &self.events)
    }
}

fn lines(f: &mut Formatter<'_>, events: &[Event]) -> Result {
    let tasks: Vec<String> = events.iter().map(|event| Name(&event.task).to_string()).collect();
    let width = tasks.iter().map(|task| task.chars().count()).max().unwrap_or(0);
    for (task, event) in tasks.iter().zip(events) {
        writeln!(f, "{task:width$}  {}", Action(event))?;
    }
    Ok(())
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}  {}", Name(&self.task), Action(self))
    }
}

/// The name of a task or a call: as it is if it can be read back so, else in quotes.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if is_bare_name(self.0) { f.write_str(self.0) } else { quoted(f, self.0) }
    }
}

/// An event without its task.
struct Action<'a>(&'a Event);

impl Display for Action<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0.request())?;
        match &self.0.outcome {
            Outcome::Nothing => Ok(()),
            outcome => write!(f, " = {outcome}"),
        }
    }
}

impl Event {
    /// The call with its arguments, without the task and the outcome: `keyctl_read(@t)`.
    pub fn request(&self) -> String {
        let args: Vec<String> = self.args.iter().map(Value::to_string).collect();
        format!("{}({})", Name(&self.call), args.join(", "))
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Outcome::Nothing => Ok(()),
            Outcome::Returned(value) => value.fmt(f),
            Outcome::Failed(errno) => write!(f, "-1 {} ({})", errno.name(), errno.words()),
            Outcome::FailedOtherwise(other) => {
                write!(f, "-1 {} (", self.errno_name().unwrap_or_default())?;
                escaped(f, &other.words, ')')?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Hex(mask) => write!(f, "{mask:#x}"),
            Value::Word(word) if is_bare_word(word) => f.write_str(word),
            Value::Word(word) => {
                f.write_str("word#")?;
                quoted(f, word)
            }
            Value::Text(text) => quoted(f, text),
            Value::Set(values) => list(f, '{', values, '}'),
            Value::List(values) => list(f, '[', values, ']'),
            Value::Serial(serial) => write!(f, "#{serial}"),
            Value::Uid(uid) => write!(f, "uid#{uid}"),
            Value::Gid(gid) => write!(f, "gid#{gid}"),
            Value::Described { kind, uid, gid, perm, description } => {
                f.write_str("described#\"")?;
                escaped(f, kind, ';')?;
                write!(f, ";{uid};{gid};{perm:08x};")?;
                escaped(f, description, '"')?;
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
    escaped(f, text, '"')?;
    f.write_char('"')
}

/// Text up to a character that ends it, which is escaped within.
fn escaped(f: &mut Formatter<'_>, text: &str, end: char) -> Result {
    let mut rest = text;
    let special = |c: char| c == end || c == '"' || c == '\\' || c.is_control();
    // What needs no escape is written in one piece.
    while let Some(at) = rest.find(special) {
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
