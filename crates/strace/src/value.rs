//! Arguments, as strace writes them. They are interpreted when asked for.

use std::borrow::Cow;

use memchr::memmem;

use crate::scan::{Scanner, Token, annotation_end, digits, is_word, string_at};

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

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Radix {
    /// `12`, `-1`.
    Decimal,
    /// `0x1f`.
    Hex,
    /// `022`.
    Octal,
}

/// A number. `-1` and `0xffffffffffffffff` have the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a> {
    /// Two's complement, 64 bits.
    pub bits: u64,
    /// How it is written.
    pub radix: Radix,
    /// What stands in a comment beside it: `0xb /* KEYCTL_READ */`, `2 /* 26535 in strace's PID NS */`.
    pub comment: Option<&'a [u8]>,
}

impl<'a> Number<'a> {
    /// As the kernel reads an `int`: the lower 32 bits, signed. A serial and `-2` in each spelling.
    pub fn int(&self) -> i32 {
        self.bits as u32 as i32
    }

    /// Signed, 64 bits.
    pub fn long(&self) -> i64 {
        self.bits as i64
    }

    /// For a pid inside another PID namespace (`--decode-pids=pidns`): the pid that strace itself uses.
    pub fn pid_of_strace(&self) -> Option<u32> {
        let comment = self.comment?;
        let (pid, length) = crate::scan::number(comment)?;
        comment[length..].starts_with(b" in strace").then_some(pid)
    }

    fn parse(text: &'a [u8]) -> Option<Number<'a>> {
        let (number, rest) = Number::prefix(text)?;
        rest.is_empty().then_some(number)
    }

    /// The number at the beginning, with its comment and annotation, and what follows.
    pub(crate) fn prefix(text: &'a [u8]) -> Option<(Number<'a>, &'a [u8])> {
        let (negative, unsigned) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (radix, base, text_of) = match unsigned {
            [b'0', b'x', rest @ ..] => (Radix::Hex, 16, rest),
            [b'0', b'0'..=b'7', ..] => (Radix::Octal, 8, &unsigned[1..]),
            _ => (Radix::Decimal, 10, unsigned),
        };
        let (bits, length) = digits(text_of, base)?;
        let bits = if negative { bits.wrapping_neg() } else { bits };
        let mut rest = &text_of[length..];
        if rest.first() == Some(&b'<') && !rest.starts_with(b"<<") {
            rest = after_annotation(text, text.len() - rest.len());
        }
        let mut comment = None;
        if let Some(inner) = rest.trim_ascii_start().strip_prefix(b"/*")
            && let Some(end) = memmem::find(inner, b"*/")
        {
            comment = Some(inner[..end].trim_ascii());
            rest = &inner[end + 2..];
        }
        Some((Number { bits, radix, comment }, rest))
    }
}

/// What follows the annotation that begins at `at`.
fn after_annotation(text: &[u8], at: usize) -> &[u8] {
    annotation_end(text, at).map_or(&[], |end| &text[end..])
}

/// A string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Str<'a> {
    /// The contents as written, with escapes.
    pub raw: &'a [u8],
    /// Whether strace cut it (`"abc"...`): it may be longer.
    pub cut: bool,
}

impl<'a> Str<'a> {
    fn at(text: &'a [u8], quote: usize) -> Str<'a> {
        let span = string_at(text, quote);
        let cut = !span.closed || text[span.end + 1..].starts_with(b"...");
        Str { raw: &text[span.start..span.end], cut }
    }

    /// The bytes that it stands for.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        if memchr::memchr(b'\\', self.raw).is_none() {
            return Cow::Borrowed(self.raw);
        }
        Cow::Owned(units(self.raw).map(|(byte, _)| byte).collect())
    }

    /// The number of bytes that it stands for.
    pub fn length(&self) -> usize {
        units(self.raw).count()
    }
}

/// The bytes of a string's contents, each with the number of bytes that spell it.
pub(crate) fn units(raw: &[u8]) -> impl Iterator<Item = (u8, usize)> + '_ {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let (byte, length) = unit(rest)?;
        rest = &rest[length..];
        Some((byte, length))
    })
}

fn unit(text: &[u8]) -> Option<(u8, usize)> {
    let (&first, rest) = text.split_first()?;
    if first != b'\\' {
        return Some((first, 1));
    }
    let octal = rest.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
    if octal > 0 {
        let value =
            rest[..octal].iter().fold(0, |value, digit| value * 8 + u32::from(digit - b'0'));
        return Some((value as u8, 1 + octal));
    }
    let Some(&kind) = rest.first() else { return Some((b'\\', 1)) };
    if kind == b'x' {
        let hex = |at: usize| rest.get(at).and_then(|digit| (*digit as char).to_digit(16));
        return Some(match (hex(1), hex(2)) {
            (Some(high), Some(low)) => ((high * 16 + low) as u8, 4),
            (Some(low), None) => (low as u8, 3),
            _ => (b'x', 2),
        });
    }
    let byte = match kind {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'a' => 0x07,
        b'b' => 0x08,
        b'e' => 0x1b,
        other => other,
    };
    Some((byte, 2))
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
