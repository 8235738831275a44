//! Text from a log, safe to print.

use std::fmt::Write;

use crate::scan::string_at;

/// Text for people: control characters, invalid UTF-8 and characters that reorder text are escaped (`\x1b`,
/// `\u{202e}`), so that a log cannot move the cursor of the reader's terminal.
pub fn shown(text: &[u8]) -> String {
    let mut output = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\t' => output.push_str("\\t"),
                '\n' => output.push_str("\\n"),
                '\r' => output.push_str("\\r"),
                _ if char.is_ascii_control() => _ = write!(output, "\\x{:02x}", char as u32),
                _ if char.is_control() || is_invisible(char) => {
                    _ = write!(output, "\\u{{{:x}}}", char as u32);
                }
                _ => output.push(char),
            }
        }
        for byte in chunk.invalid() {
            _ = write!(output, "\\x{byte:02x}");
        }
    }
    output
}

/// Characters that change the direction of text, separate lines or have no width.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces the contents of all strings by `*`, and all of the text if a quote has no partner: inside and
/// outside cannot be told apart then.
pub fn without_strings(text: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(quote) = memchr::memchr(b'"', &text[at..]) {
        let span = string_at(text, at + quote);
        if !span.closed {
            return text.iter().map(|byte| if *byte == b' ' { b' ' } else { b'*' }).collect();
        }
        output.extend_from_slice(&text[at..span.start]);
        output.extend(std::iter::repeat_n(b'*', span.end - span.start));
        output.push(b'"');
        at = span.end + 1;
    }
    output.extend_from_slice(&text[at..]);
    output
}
