//! Lines of bounded length.

use std::io::{BufRead, Result};

/// The longest line that is kept, in bytes: 1 MiB.
pub const LONGEST_LINE: usize = 1 << 20;

/// Reads the next line into `line`, without its newline, and cuts it after [`LONGEST_LINE`] bytes. Returns `None` at the
/// end of the input, otherwise whether the line was cut.
pub(crate) fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<Option<LineEnd>> {
    line.clear();
    let mut end = LineEnd { cut: false, newline: false };
    let mut empty = true;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok((!empty).then_some(end));
        }
        empty = false;
        let newline = memchr::memchr(b'\n', chunk);
        let length = newline.unwrap_or(chunk.len());
        let kept = length.min(LONGEST_LINE - line.len());
        line.extend_from_slice(&chunk[..kept]);
        end.cut |= kept < length;
        input.consume(length + usize::from(newline.is_some()));
        if newline.is_some() {
            end.newline = true;
            return Ok(Some(end));
        }
    }
}

/// How a line ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineEnd {
    /// It is longer than [`LONGEST_LINE`].
    pub cut: bool,
    /// A newline follows it.
    pub newline: bool,
}

/// Removes the codes of `strace --color` and a final carriage return. strace escapes both within strings.
pub fn without_colors(line: &mut Vec<u8>) {
    while line.last() == Some(&b'\r') {
        line.pop();
    }
    let Some(mut at) = memchr::memchr(0x1b, line) else { return };
    let mut kept = at;
    while at < line.len() {
        match color_length(&line[at..]) {
            Some(length) => at += length,
            None => {
                line[kept] = line[at];
                kept += 1;
                at += 1;
            }
        }
    }
    line.truncate(kept);
}

/// The length of the ANSI sequence at the beginning: `ESC [ … letter`.
pub(crate) fn color_length(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"\x1b[")?;
    let length = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'?')).count();
    rest.get(length).is_some_and(u8::is_ascii_alphabetic).then_some(length + 3)
}
