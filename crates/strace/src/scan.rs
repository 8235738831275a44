//! Walks the arguments of a call. Strings, comments and annotations are taken apart first, so that what stands in them
//! is never mistaken for syntax.

use memchr::{memchr2, memmem};

/// How the arguments of a call end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the closing parenthesis; the result follows it.
    Closed,
    /// `<unfinished ...>`: the rest is on a later line.
    Unfinished,
    /// `<detached ...>`: strace let the task go.
    Detached,
    /// `<pid changed to N ...>`: the rest is in the file of another pid.
    PidChanged(u32),
    /// The text ends in the middle.
    Open,
}

/// What the scanner finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A comma between two arguments, at this offset.
    Comma(usize),
    /// A string.
    Str(StrSpan),
    /// What stands between `<` and `>` after a descriptor or pid.
    Annotation { start: usize, end: usize },
    /// The arguments end at `at`; what follows them begins at `next`.
    End { ending: Ending, at: usize, next: usize },
}

/// Where the contents of a string stand, without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrSpan {
    pub start: usize,
    pub end: usize,
    /// Whether the closing quote exists.
    pub closed: bool,
}

/// The position in the text of a call's arguments.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    pub at: usize,
    /// The number of open brackets.
    pub depth: usize,
    /// Searches that failed once would fail again: each is made once, which keeps the scanner linear.
    no_comment_end: bool,
    no_annotation_end: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a [u8], at: usize) -> Scanner<'a> {
        Scanner { text, at, depth: 0, no_comment_end: false, no_annotation_end: false }
    }

    /// The next token. After [`Token::End`] the answer is `End` again.
    pub fn next(&mut self) -> Token {
        while let Some(&byte) = self.text.get(self.at) {
            if !SPECIAL[byte as usize] {
                self.at += 1;
                continue;
            }
            match byte {
                b'"' => return Token::Str(self.string()),
                b'(' | b'[' | b'{' => self.depth += 1,
                b')' if self.depth == 0 => {
                    return Token::End { ending: Ending::Closed, at: self.at, next: self.at + 1 };
                }
                b')' | b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth == 0 => {
                    self.at += 1;
                    return Token::Comma(self.at - 1);
                }
                b'/' => self.comment(),
                b'<' => {
                    if let Some(token) = self.angle() {
                        return token;
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        let end = self.text.len();
        Token::End { ending: Ending::Open, at: end, next: end }
    }

    fn string(&mut self) -> StrSpan {
        let span = string_at(self.text, self.at);
        self.at = span.end + usize::from(span.closed);
        span
    }

    /// Stops on the last byte of a comment.
    fn comment(&mut self) {
        if self.no_comment_end || self.text.get(self.at + 1) != Some(&b'*') {
            return;
        }
        match memmem::find(&self.text[self.at + 2..], b"*/") {
            Some(length) => self.at += 2 + length + 1,
            None => self.no_comment_end = true,
        }
    }

    /// Passes over `<…>`. A marker that ends the text is an end.
    fn angle(&mut self) -> Option<Token> {
        let (at, rest) = (self.at, &self.text[self.at..]);
        if let Some((ending, length)) = marker(rest) {
            self.at += length;
            let cut = ending != Ending::Unfinished || self.text[self.at..].trim_ascii().is_empty();
            // `<unfinished ...>) = ?`: another thread's execve cut the call short.
            return cut.then(|| {
                self.at = at;
                Token::End { ending, at: self.text[..at].trim_ascii_end().len(), next: at + length }
            });
        }
        if rest.starts_with(b"<<") {
            self.at += 2;
            return None;
        }
        self.at += 1;
        let annotates = at > 0 && (self.text[at - 1].is_ascii_alphanumeric());
        if (annotates || rest.starts_with(b"<... ")) && !self.no_annotation_end {
            match annotation_end(self.text, at) {
                Some(end) => {
                    self.at = end;
                    return annotates.then_some(Token::Annotation { start: at + 1, end: end - 1 });
                }
                None => self.no_annotation_end = true,
            }
        }
        None
    }
}

const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"\"()[]{},/<";
    let mut nth = 0;
    while nth < bytes.len() {
        table[bytes[nth] as usize] = true;
        nth += 1;
    }
    table
};

/// The string whose opening quote is at `quote`.
pub(crate) fn string_at(text: &[u8], quote: usize) -> StrSpan {
    let start = quote + 1;
    let mut at = start;
    while let Some(next) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += next;
        if text[at] == b'"' {
            return StrSpan { start, end: at, closed: true };
        }
        at += 2;
    }
    StrSpan { start, end: text.len(), closed: false }
}

/// A marker at the beginning of the text that says why a call is cut, and its length.
fn marker(text: &[u8]) -> Option<(Ending, usize)> {
    let ending = if text.starts_with(b"<unfinished ...") {
        Ending::Unfinished
    } else if text.starts_with(b"<detached ...") {
        Ending::Detached
    } else if let Some(rest) = text.strip_prefix(b"<pid changed to ") {
        Ending::PidChanged(number(rest)?.0)
    } else {
        return None;
    };
    let length = memchr::memchr(b'>', text)? + 1;
    Some((ending, length))
}

/// The offset after the annotation that begins at `at`: `<TCP:[a->b]>`, `</dev/null<char 1:3>>`.
pub(crate) fn annotation_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0;
    // A path may end in `-`. Only addresses have arrows, and they begin with the protocol.
    let address = text.get(at + 1) != Some(&b'/');
    loop {
        match text.get(at)? {
            b'<' => depth += 1,
            b'>' if address && text[at - 1] == b'-' => {}
            b'>' => depth -= 1,
            b'\\' => at += 1,
            b'"' => {
                let span = string_at(text, at);
                if !span.closed {
                    return None;
                }
                at = span.end;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The decimal number at the beginning of the text, and its number of digits.
pub(crate) fn number<T: TryFrom<u64>>(text: &[u8]) -> Option<(T, usize)> {
    let (value, length) = digits(text, 10)?;
    Some((T::try_from(value).ok()?, length))
}

/// The digits at the beginning of the text as a number, and how many they are. At least one is required.
pub(crate) fn digits(text: &[u8], base: u32) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut length = 0;
    while let Some(digit) = text.get(length).and_then(|byte| char::from(*byte).to_digit(base)) {
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
        length += 1;
    }
    (length > 0).then_some((value, length))
}

/// Whether a byte can stand in a name.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
