//! Parsing: the inverse of printing. Every error says where it is and what was expected.

use crate::{Event, Outcome, RawTrace, Trace, Value};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: expected {}", self.line, self.column, self.expected)
    }
}

impl std::error::Error for ParseError {}

/// A trace of unknown kind, as it comes from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyTrace {
    /// It has numbers.
    Raw(RawTrace),
    /// It has no numbers.
    Normalized(Trace),
}

impl FromStr for Trace {
    type Err = ParseError;

    /// Parses a normalized trace.
    ///
    /// # Errors
    ///
    /// If the text is no trace, or has a value that only a raw trace has.
    fn from_str(text: &str) -> Result<Trace, ParseError> {
        let Parsed { events, raw, .. } = parse(text)?;
        match raw {
            None => Ok(Trace { events }),
            Some(place) => Err(place.error("a name such as `K1`, not the number of a raw trace")),
        }
    }
}

impl FromStr for RawTrace {
    type Err = ParseError;

    /// Parses a raw trace.
    ///
    /// # Errors
    ///
    /// If the text is no trace.
    fn from_str(text: &str) -> Result<RawTrace, ParseError> {
        parse(text).map(|parsed| RawTrace { events: parsed.events })
    }
}

impl FromStr for AnyTrace {
    type Err = ParseError;

    /// Parses a trace, which is raw if it has numbers of keys, users or groups.
    ///
    /// # Errors
    ///
    /// If the text is no trace, or has both such numbers and names such as `K1`.
    fn from_str(text: &str) -> Result<AnyTrace, ParseError> {
        let Parsed { events, raw, name } = parse(text)?;
        match (raw, name) {
            (None, _) => Ok(AnyTrace::Normalized(Trace { events })),
            (Some(_), None) => Ok(AnyTrace::Raw(RawTrace { events })),
            (Some(raw), Some(name)) => Err(if name > raw {
                name.error("a number such as `#1`, as the trace has numbers before this name")
            } else {
                raw.error("a name such as `K1`, as the trace has names before this number")
            }),
        }
    }
}

struct Parsed {
    events: Vec<Event>,
    /// The first value that only a raw trace has.
    raw: Option<Position>,
    /// The first name of a key, user or group.
    name: Option<Position>,
}

/// Line and column, from 1.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Position(usize, usize);

impl Position {
    fn error(self, expected: Expected) -> ParseError {
        ParseError { line: self.0, column: self.1, expected }
    }
}

fn parse(text: &str) -> Result<Parsed, ParseError> {
    let mut parsed = Parsed { events: Vec::new(), raw: None, name: None };
    for (nth, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let mut reader = Reader { text: line, at: 0, depth: 0, raw: None, name: None };
        let event = reader.event();
        let place = |at: usize| Position(nth + 1, line[..at].chars().count() + 1);
        parsed.events.push(event.map_err(|expected| place(reader.at).error(expected))?);
        parsed.raw = parsed.raw.or(reader.raw.map(place));
        parsed.name = parsed.name.or(reader.name.map(place));
    }
    Ok(parsed)
}

/// Whether the name of a task or a call can be read back without quotes.
pub(crate) fn is_bare_name(name: &str) -> bool {
    name.starts_with(char::is_alphanumeric)
        && !name.ends_with(' ')
        && !name.contains("  ")
        && !name.contains(|c: char| c == '(' || c.is_control())
}

/// Whether a word can be read back without quotes.
pub(crate) fn is_bare_word(word: &str) -> bool {
    let begins_number = |c: char| c.is_ascii_digit() || c == '-';
    !word.is_empty() && !word.starts_with(begins_number) && word.chars().all(is_of_word)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || "@_-|./*+:…".contains(c)
}

/// Whether a word is the name of a key, user or group.
fn is_name(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    letters == "UID" || letters == "GID" || (letters == "K" && letters != word)
}

/// What was expected where the reader is.
type Expected = &'static str;

/// How deep sets and lists may be nested, so that no text exhausts the stack.
const DEEPEST: usize = 16;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Number of sets and lists that are open.
    depth: usize,
    /// Where the first raw value of the line begins, and the first name.
    raw: Option<usize>,
    name: Option<usize>,
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
        let length = self.rest().find("  ").unwrap_or(0);
        let task = self.name(length, "the name of a task, then two spaces")?;
        self.take_while(|c| c == ' ');
        let length = self.rest().find('(').unwrap_or(self.rest().len());
        let call = self.name(length, "the name of a call")?;
        self.need("(", "`(`")?;
        let args = self.values(")", "`,` or `)`")?;
        let outcome = if self.eat(" = ") { self.outcome()? } else { Outcome::Nothing };
        if self.rest().is_empty() {
            Ok(Event { task, call, args, outcome })
        } else {
            Err("` = ` and an outcome, or the end of the line")
        }
    }

    /// The name of a task or a call: in quotes, or `length` bytes.
    fn name(&mut self, length: usize, expected: Expected) -> Result<String, Expected> {
        match length {
            _ if self.rest().starts_with('"') => self.quoted(),
            0 => Err(expected),
            _ => {
                self.at += length;
                Ok(self.text[self.at - length..self.at].to_owned())
            }
        }
    }

    fn outcome(&mut self) -> Result<Outcome, Expected> {
        if !self.eat("-1 ") {
            return Ok(Outcome::Returned(self.value()?));
        }
        if !self.rest().starts_with(|c: char| c.is_ascii_uppercase()) {
            return Err("the name of an error");
        }
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        self.need(" (", "` (` and the meaning of the error")?;
        Ok(Outcome::failed(name, &self.text_to(')', "`)`")?))
    }

    /// Values between commas, and the closing token.
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
        if self.depth == DEEPEST {
            return Err("no more than 16 sets and lists within each other");
        }
        self.at += 1;
        self.depth += 1;
        let values = self.values(close, expected);
        self.depth -= 1;
        values
    }

    fn value(&mut self) -> Result<Value, Expected> {
        let start = self.at;
        match self.rest().chars().next() {
            Some('"') => Ok(Value::Text(self.quoted()?)),
            Some('{') => Ok(Value::Set(self.inner_values("}", "`,` or `}`")?)),
            Some('[') => Ok(Value::List(self.inner_values("]", "`,` or `]`")?)),
            Some('#') => {
                self.at += 1;
                self.raw.get_or_insert(start);
                Ok(Value::Serial(self.number()?))
            }
            Some(c) if c.is_ascii_digit() || c == '-' => {
                if self.eat("0x") {
                    return Ok(Value::Hex(self.hex()?));
                }
                Ok(Value::Int(self.number()?))
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, Expected> {
        let start = self.at;
        let word = self.take_while(is_of_word);
        if word.is_empty() {
            return Err("a value");
        }
        if !self.eat("#") {
            if is_name(word) {
                self.name.get_or_insert(start);
            }
            return Ok(Value::word(word));
        }
        if word == "word" {
            return Ok(Value::Word(self.quoted()?));
        }
        self.raw.get_or_insert(start);
        match word {
            "uid" => Ok(Value::Uid(self.number()?)),
            "gid" => Ok(Value::Gid(self.number()?)),
            "printed" => Ok(Value::Printed(self.quoted()?)),
            "described" => self.described(),
            _ => Err("`uid#`, `gid#`, `described#`, `printed#` or `word#`"),
        }
    }

    /// A key as the kernel describes it. Only the description may hold a `;`.
    fn described(&mut self) -> Result<Value, Expected> {
        const FORM: Expected = "a description as `\"type;uid;gid;mask;description\"`";
        self.need("\"", FORM)?;
        let kind = self.text_to(';', FORM)?;
        let uid = self.number()?;
        self.need(";", FORM)?;
        let gid = self.number()?;
        self.need(";", FORM)?;
        let perm = self.mask()?;
        self.need(";", FORM)?;
        let description = self.text_to('"', FORM)?;
        Ok(Value::Described { kind, uid, gid, perm, description })
    }

    fn hex(&mut self) -> Result<u64, Expected> {
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        u64::from_str_radix(digits, 16).map_err(|_| "a mask of 64 bits")
    }

    fn mask(&mut self) -> Result<u32, Expected> {
        u32::try_from(self.hex()?).map_err(|_| "a mask of 32 bits")
    }

    fn number<N: FromStr>(&mut self) -> Result<N, Expected> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '-');
        digits.parse().map_err(|_| "a number")
    }

    fn quoted(&mut self) -> Result<String, Expected> {
        self.need("\"", "`\"`")?;
        self.text_to('"', "`\"` at the end of the text")
    }

    /// Text with escapes up to a character that ends it, and that character.
    fn text_to(&mut self, end: char, expected: Expected) -> Result<String, Expected> {
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != end && c != '\\'));
            if self.rest().starts_with(end) {
                self.at += end.len_utf8();
                return Ok(text);
            }
            self.need("\\", expected)?;
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
