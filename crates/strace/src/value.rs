//! Arguments, as strace writes them. They are interpreted when asked for.

use memchr::memmem;

use crate::number::{Number, after_annotation};
use crate::scan::{Scanner, Token, is_word, string_at};
use crate::string::Str;

/// One argument, or one member of a structure or list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg<'a> {
    /// Its name: a field's, or an argument's with `strace -N`.
    pub name: Option<&'a [u8]>,
    /// Its value as written.
    pub text: &'a [u8],
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number. An address is one too: strace writes both in hexadecimal.
    Number(Number<'a>),
    /// Constants joined by `|`, or one constant.
    Names(Names<'a>),
    /// A string.
    Str(Str<'a>),
    /// `NULL`.
    Null,
    /// `[…]`.
    List(Items<'a>),
    /// `{…}`.
    Struct(Items<'a>),
    /// `before => after`: what the kernel changed.
    Change {
        /// The value before the call.
        before: Arg<'a>,
        /// The value after the call.
        after: Arg<'a>,
    },
    /// Anything else, such as `makedev(0xfe, 0)` or `8192*1024`.
    Other(&'a [u8]),
}

impl<'a> Arg<'a> {
    /// Splits a leading `name=` from a value.
    pub(crate) fn parse(text: &'a [u8]) -> Arg<'a> {
        let text = text.trim_ascii();
        let word = text.iter().take_while(|byte| is_word(**byte)).count();
        let named = word > 0
            && !text[0].is_ascii_digit()
            && text.get(word) == Some(&b'=')
            && !matches!(text.get(word + 1), Some(b'=' | b'>'));
        if named {
            Arg { name: Some(&text[..word]), text: text[word + 1..].trim_ascii_start() }
        } else {
            Arg { name: None, text }
        }
    }

    /// Interprets the value.
    pub fn value(&self) -> Value<'a> {
        let text = self.text;
        if let Some((before, after)) = change(text) {
            return Value::Change { before: Arg::parse(before), after: Arg::parse(after) };
        }
        match text.first() {
            Some(b'"') => Value::Str(Str::at(text, 0)),
            Some(b'@') if text.get(1) == Some(&b'"') => Value::Str(Str::at(text, 1)),
            Some(b'[') => bracketed(text, b']').map_or(Value::Other(text), Value::List),
            Some(b'{') => bracketed(text, b'}').map_or(Value::Other(text), Value::Struct),
            _ if text == b"NULL" => Value::Null,
            _ => Number::parse(text).map(Value::Number).unwrap_or_else(|| names(text)),
        }
    }

    /// The field of a structure, before the call where the kernel changed it.
    pub fn field(&self, name: &str) -> Option<Arg<'a>> {
        match self.value() {
            Value::Struct(mut items) => items.find(|item| item.name == Some(name.as_bytes())),
            Value::Change { before, after } => before.field(name).or_else(|| after.field(name)),
            _ => None,
        }
    }

    /// The number, if the value is one.
    pub fn number(&self) -> Option<Number<'a>> {
        match self.value() {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The name of the one constant, also where `-X verbose` writes it beside the number.
    pub fn symbol(&self) -> Option<&'a [u8]> {
        match self.value() {
            Value::Names(names) => names.only(),
            Value::Number(number) => number.comment.filter(|name| name.iter().all(|b| is_word(*b))),
            _ => None,
        }
    }

    /// The string, if the value is one.
    pub fn string(&self) -> Option<Str<'a>> {
        match self.value() {
            Value::Str(string) => Some(string),
            _ => None,
        }
    }

    /// Whether a set of flags has this one, by its name or by all bits of its number.
    pub fn has_flag(&self, name: &str, bits: u64) -> bool {
        match self.value() {
            Value::Number(number) => number.bits & bits == bits,
            Value::Names(mut names) => names.any(|item| match item {
                Constant::Name(text) => text == name.as_bytes(),
                Constant::Number(number) => number.bits & bits == bits,
            }),
            _ => false,
        }
    }
}

/// Constants joined by `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    rest: &'a [u8],
}

/// One of several constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant<'a> {
    /// By its name.
    Name(&'a [u8]),
    /// By its number.
    Number(Number<'a>),
}

impl<'a> Names<'a> {
    /// The constant, if there is one only.
    pub fn only(mut self) -> Option<&'a [u8]> {
        match (self.next(), self.next()) {
            (Some(Constant::Name(name)), None) => Some(name),
            _ => None,
        }
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Constant<'a>;

    fn next(&mut self) -> Option<Constant<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (item, rest) = match Number::prefix(self.rest) {
            Some((number, rest)) => (Constant::Number(number), rest),
            None => {
                let length = self.rest.iter().take_while(|byte| is_word(**byte)).count();
                (Constant::Name(&self.rest[..length]), &self.rest[length..])
            }
        };
        // What is neither a separator nor a part of a constant ends the set.
        self.rest = rest.trim_ascii_start().strip_prefix(b"|").unwrap_or_default();
        Some(item)
    }
}

fn names(text: &[u8]) -> Value<'_> {
    let mut rest = text;
    loop {
        let length = rest.iter().take_while(|byte| is_word(**byte)).count();
        let after = match Number::prefix(rest) {
            Some((_, after)) => after,
            None if length == 0 || rest[0].is_ascii_digit() => return Value::Other(text),
            None => &rest[length..],
        };
        match after {
            [] => return Value::Names(Names { rest: text }),
            [b'|', more @ ..] => rest = more,
            // `AT_FDCWD</home>`
            [b'<', ..] if after_annotation(text, text.len() - after.len()).is_empty() => {
                return Value::Names(Names { rest: &text[..text.len() - after.len()] });
            }
            _ => return Value::Other(text),
        }
    }
}

/// The members of a list or structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Items<'a> {
    text: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = Arg<'a>;

    fn next(&mut self) -> Option<Arg<'a>> {
        if self.text.trim_ascii().is_empty() {
            return None;
        }
        let mut scanner = Scanner::new(self.text, 0);
        loop {
            match scanner.next() {
                Token::Str(_) | Token::Annotation { .. } => {}
                Token::Comma(at) => {
                    let item = Arg::parse(&self.text[..at]);
                    self.text = &self.text[at + 1..];
                    return Some(item);
                }
                Token::End { .. } => return Some(Arg::parse(std::mem::take(&mut self.text))),
            }
        }
    }
}

/// The inside of brackets that enclose the whole text, but for a comment or a cut mark after them.
fn bracketed(text: &[u8], close: u8) -> Option<Items<'_>> {
    let end = memchr::memrchr(close, text)?;
    Some(Items { text: text.get(1..end)? })
}

/// Splits `before => after` outside of brackets and strings.
fn change(text: &[u8]) -> Option<(&[u8], &[u8])> {
    memmem::find(text, b"=> ")?;
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_at(text, at).end,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'=' if depth == 0 && text[at..].starts_with(b"=> ") => {
                return Some((&text[..at], &text[at + 3..]));
            }
            _ => {}
        }
        at += 1;
    }
    None
}
