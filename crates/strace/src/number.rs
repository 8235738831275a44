//! Numbers, as strace writes them.

use memchr::memmem;

use crate::scan::{annotation_end, digits, number};

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
        let (pid, length) = number(comment)?;
        comment[length..].starts_with(b" in strace").then_some(pid)
    }

    pub(crate) fn parse(text: &'a [u8]) -> Option<Number<'a>> {
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
            rest = rest.strip_prefix(b"(deleted)").unwrap_or(rest);
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
pub(crate) fn after_annotation(text: &[u8], at: usize) -> &[u8] {
    annotation_end(text, at).map_or(&[], |end| &text[end..])
}
