//! Strings, as strace writes them.

use std::borrow::Cow;

use crate::scan::string_at;

/// A string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Str<'a> {
    /// The contents as written, with escapes.
    pub raw: &'a [u8],
    /// Whether strace cut it (`"abc"...`): it may be longer.
    pub cut: bool,
}

impl<'a> Str<'a> {
    pub(crate) fn at(text: &'a [u8], quote: usize) -> Str<'a> {
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
