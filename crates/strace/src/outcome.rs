//! What a call returned.

use crate::number::Number;
use crate::scan::is_word;

/// What a call returned, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The value.
    pub returned: Returned<'a>,
    /// strace replaced the result (`-e inject`): the kernel did not decide it.
    pub injected: bool,
    /// strace delayed the call.
    pub delayed: bool,
    /// Time spent in the call, in nanoseconds (`-T`).
    pub duration: Option<u64>,
    /// What follows the value, such as `(Required key not available)` or `(flags O_RDWR)`.
    pub note: &'a [u8],
}

/// The value that a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned<'a> {
    /// Success.
    Number(Number<'a>),
    /// An error, by its name. An unknown one is `errno N`.
    Error(&'a [u8]),
    /// `?`: the call did not return, or strace did not learn what it returned.
    Unknown,
    /// `? ERESTARTSYS`: interrupted. The kernel repeats the call or makes it fail with `EINTR`.
    Restart(&'a [u8]),
    /// Anything else.
    Other(&'a [u8]),
}

impl<'a> Outcome<'a> {
    /// Reads what follows the closing parenthesis.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Outcome<'a>> {
        let text = text.trim_ascii().strip_prefix(b"=")?.trim_ascii_start();
        let (text, duration) = duration(text);
        let (returned, note) = returned(text)?;
        let note = note.trim_ascii();
        // `(INJECTED)`, `(INJECTED: args)`, `(DELAYED)`. The letters are rare in errors' descriptions.
        let flag = |rare: u8, name: &[u8]| {
            memchr::memchr(rare, note).is_some() && memchr::memmem::find(note, name).is_some()
        };
        let (injected, delayed) = (flag(b'J', b"(INJECTED"), flag(b'Y', b"(DELAYED"));
        Some(Outcome { returned, injected, delayed, duration, note })
    }
}

fn returned(text: &[u8]) -> Option<(Returned<'_>, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"?") {
        let rest = rest.trim_ascii_start();
        let length = rest.iter().take_while(|byte| is_word(**byte)).count();
        return Some(match length {
            0 => (Returned::Unknown, rest),
            _ => (Returned::Restart(&rest[..length]), &rest[length..]),
        });
    }
    let Some((number, rest)) = Number::prefix(text) else {
        let length = text.iter().take_while(|byte| **byte != b' ').count();
        return (length > 0).then(|| (Returned::Other(&text[..length]), &text[length..]));
    };
    let note = rest.trim_ascii_start();
    if number.long() == -1 {
        if let Some(inner) = note.strip_prefix(b"(errno ") {
            let end = memchr::memchr(b')', inner)?;
            return Some((Returned::Error(&note[1..7 + end]), &inner[end + 1..]));
        }
        let length = note.iter().take_while(|byte| is_word(**byte)).count();
        if note.first() == Some(&b'E') {
            return Some((Returned::Error(&note[..length]), &note[length..]));
        }
    }
    Some((Returned::Number(number), rest))
}

/// Splits a final ` <0.000163>`.
fn duration(text: &[u8]) -> (&[u8], Option<u64>) {
    let split = || {
        let inner = text.strip_suffix(b">")?;
        let open = memchr::memrchr(b'<', inner)?;
        let nanos = nanoseconds(&inner[open + 1..])?;
        (open > 0 && text[open - 1] == b' ').then_some((&text[..open - 1], nanos))
    };
    match split() {
        Some((text, nanos)) => (text, Some(nanos)),
        None => (text, None),
    }
}

/// Seconds with an optional fraction, as nanoseconds.
pub(crate) fn nanoseconds(text: &[u8]) -> Option<u64> {
    let (seconds, length) = crate::scan::number::<u64>(text)?;
    let fraction = match &text[length..] {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let (value, length) = crate::scan::number::<u64>(digits)?;
            if length != digits.len() {
                return None;
            }
            value * 10u64.pow(9 - length as u32)
        }
        _ => return None,
    };
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction)
}
