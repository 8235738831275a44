//! Parsing: the inverse of printing, with the place and the expectation in every error.

use crate::{Event, Outcome, Trace, Value};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: expected {}", self.line, self.column, self.expected)
    }
}

impl std::error::Error for ParseError {}

impl FromStr for Trace {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Trace, ParseError> {
        let mut events = Vec::new();
        for (nth, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let mut reader = Reader { text: line, at: 0, within: 0 };
            match reader.event() {
                Ok(event) => events.push(event),
                Err(expected) => {
                    let column = line[..reader.at].chars().count() + 1;
                    return Err(ParseError { line: nth + 1, column, expected });
                }
            }
        }
        Ok(Trace { events })
    }
}

/// What was expected where the reader stands.
type Expected = &'static str;

/// So many values may stand within each other: no trace comes near, and text from anywhere is not to
/// use up the stack.
const DEEPEST: usize = 16;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// So many sets and lists are open.
    within: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn need(&mut self, token: &str, expected: Expected) -> Result<(), Expected> {
        if self.eat(token) { Ok(()) } else { Err(expected) }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn event(&mut self) -> Result<Event, Expected> {
        let end = self.rest().as_bytes().windows(2).position(|pair| pair == b"  ");
        let end = end.filter(|&end| end > 0);
        let end = end.ok_or("the name of a task, then two spaces")?;
        let task = self.rest()[..end].to_owned();
        self.at += end;
        self.take_while(|c| c == ' ');
        let call = self.take_while(|c| c != '(').to_owned();
        if call.is_empty() {
            return Err("the name of a call");
        }
        self.need("(", "`(`")?;
        let args = self.values(")", "`,` or `)`")?;
        let outcome = if self.eat(" = ") { self.outcome()? } else { Outcome::Nothing };
        if self.rest().is_empty() {
            Ok(Event { task, call, args, outcome })
        } else {
            Err("` = ` and an outcome, or the end of the line")
        }
    }

    fn outcome(&mut self) -> Result<Outcome, Expected> {
        if !self.eat("-1 ") {
            return Ok(Outcome::Returned(self.value()?));
        }
        let errno = self.take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit()).to_owned();
        if errno.is_empty() {
            return Err("the name of an error");
        }
        self.need(" (", "` (` and the meaning of the error")?;
        let words = self.take_while(|c| c != ')').to_owned();
        self.need(")", "`)`")?;
        Ok(Outcome::Failed { errno, words })
    }

    /// Values between commas, up to and with the closing token.
    fn values(&mut self, close: &str, expected: Expected) -> Result<Vec<Value>, Expected> {
        let mut values = Vec::new();
        if self.eat(close) {
            return Ok(values);
        }
        loop {
            values.push(self.value()?);
            if self.eat(close) {
                return Ok(values);
            }
            self.need(", ", expected)?;
        }
    }

    /// The values of a set or a list, which begins here.
    fn inner_values(&mut self, close: &str, expected: Expected) -> Result<Vec<Value>, Expected> {
        if self.within == DEEPEST {
            return Err("no more than 16 sets and lists within each other");
        }
        self.at += 1;
        self.within += 1;
        let values = self.values(close, expected);
        self.within -= 1;
        values
    }

    fn value(&mut self) -> Result<Value, Expected> {
        match self.rest().chars().next() {
            Some('"') => Ok(Value::Text(self.quoted()?)),
            Some('{') => Ok(Value::Set(self.inner_values("}", "`,` or `}`")?)),
            Some('[') => Ok(Value::List(self.inner_values("]", "`,` or `]`")?)),
            Some('#') => {
                self.at += 1;
                Ok(Value::Serial(self.number()?))
            }
            Some(c) if c.is_ascii_digit() || c == '-' => {
                if self.eat("0x") {
                    let digits = self.take_while(|c| c.is_ascii_hexdigit());
                    let mask = u32::from_str_radix(digits, 16);
                    return mask.map(Value::Hex).map_err(|_| "a mask of 32 bits");
                }
                Ok(Value::Int(self.number()?))
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, Expected> {
        let word = self.take_while(|c| c.is_alphanumeric() || "@_-|./*+:".contains(c));
        if !word.is_empty() && self.eat("#") {
            return match word {
                "uid" => Ok(Value::Uid(self.number()?)),
                "gid" => Ok(Value::Gid(self.number()?)),
                "printed" => Ok(Value::Printed(self.quoted()?)),
                "described" => {
                    let text = self.quoted()?;
                    described(&text).ok_or("a description as `type;uid;gid;mask;description`")
                }
                _ => Err("`uid#`, `gid#`, `described#` or `printed#`"),
            };
        }
        if word.is_empty() { Err("a value") } else { Ok(Value::word(word)) }
    }

    fn number<N: FromStr>(&mut self) -> Result<N, Expected> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '-');
        digits.parse().map_err(|_| "a number")
    }

    fn quoted(&mut self) -> Result<String, Expected> {
        self.need("\"", "`\"`")?;
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.eat("\"") {
                return Ok(text);
            }
            self.need("\\", "`\"` at the end of the text")?;
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, Expected> {
        for (token, c) in [("\"", '"'), ("\\", '\\'), ("n", '\n'), ("t", '\t')] {
            if self.eat(token) {
                return Ok(c);
            }
        }
        self.need("u{", "one of the escapes \\\" \\\\ \\n \\t \\u{…}")?;
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        self.need("}", "`}`")?;
        c.ok_or("the number of a character")
    }
}

/// Takes apart what the kernel says of a key. The description comes last and may hold any `;`.
fn described(text: &str) -> Option<Value> {
    let mut parts = text.splitn(5, ';');
    Some(Value::Described {
        kind: parts.next()?.to_owned(),
        uid: parts.next()?.parse().ok()?,
        gid: parts.next()?.parse().ok()?,
        perm: u32::from_str_radix(parts.next()?, 16).ok()?,
        description: parts.next()?.to_owned(),
    })
}
