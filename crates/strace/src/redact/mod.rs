//! Masks the secrets of a log, and changes nothing else.

mod mask;
mod secrets;
mod table;
mod walk;

use std::io::{BufRead, Result, Seek, Write};

use mask::Mask;
pub use secrets::{Secrets, WINDOW};
use table::Kind;
use walk::{PartKind, Walk};

use crate::lines::{color_length, read_line};
use crate::string::units;

/// What is masked besides secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    /// Descriptions, paths and all other strings, too. Equal strings stay equal, others stay different.
    pub names: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// All lines.
    pub lines: u64,
    /// Strings, annotations and dumps of which at least a part was masked.
    pub masked: u64,
    /// Lines that are not strace's: their strings are masked, and parts of secrets.
    pub unparsed: u64,
    /// Lines longer than [`crate::LONGEST_LINE`]: what exceeds it is left out.
    pub cut: u64,
}

/// Copies a log with its secrets masked.
///
/// Reads the log twice. The first time it collects payloads, callouts and what keyctl(2) returned of them. The second time
/// it masks these, hex dumps, and the data of read(2), write(2), execve(2) and their like; and in all other strings each part
/// of [`WINDOW`] or more successive bytes of a secret. A masked string has one `*` for each byte that it stood for, and keeps
/// the mark that strace cut it; everything else stays byte for byte.
///
/// # Errors
///
/// Those of reading, going back to the beginning, and writing.
pub fn redact(
    input: &mut (impl BufRead + Seek),
    output: &mut impl Write,
    options: Redaction,
) -> Result<Redacted> {
    let mut secrets = Secrets::default();
    let mut walk = Walk::default();
    let (mut line, mut parts) = (Vec::new(), Vec::new());
    let (mut plain, mut places) = (Vec::new(), Vec::new());
    input.rewind()?;
    while read_line(input, &mut line)?.is_some() {
        without_colors(&line, &mut plain, &mut places);
        walk.parts(&plain, &mut parts);
        collect(&plain, &parts, &mut secrets);
    }
    input.rewind()?;
    let mut mask = Mask::new(secrets, options);
    let mut walk = Walk::default();
    let mut done = Redacted::default();
    while let Some(end) = read_line(input, &mut line)? {
        without_colors(&line, &mut plain, &mut places);
        walk.parts(&plain, &mut parts);
        let mut written = 0;
        for part in &parts {
            for (start, end, text) in mask.part(&plain, *part) {
                if start == end {
                    continue;
                }
                output.write_all(&line[written..places[start]])?;
                output.write_all(&text)?;
                written = places[end - 1] + 1;
                done.masked += 1;
            }
        }
        output.write_all(&line[written..])?;
        if end.newline {
            output.write_all(b"\n")?;
        }
        done.lines += 1;
        done.cut += u64::from(end.cut);
    }
    done.unparsed = walk.unparsed;
    output.flush()?;
    Ok(done)
}

/// Adds what a line shows of secrets. The strings of one argument are one secret in pieces.
fn collect(text: &[u8], parts: &[walk::Part], secrets: &mut Secrets) {
    let mut secret = Vec::new();
    for part in parts {
        if part.what == PartKind::Str(Kind::Secret) {
            let bytes = units(&text[part.start..part.end]).map(|(byte, _)| byte);
            let from = secret.len();
            secret.extend(bytes);
            secrets.add(&secret[from..]);
        }
    }
    secrets.add(&secret);
}

/// Copies a line without colors, and notes where each byte stood.
fn without_colors(line: &[u8], plain: &mut Vec<u8>, places: &mut Vec<usize>) {
    plain.clear();
    places.clear();
    let mut at = 0;
    while at < line.len() {
        match color_length(&line[at..]) {
            Some(length) => at += length,
            None => {
                plain.push(line[at]);
                places.push(at);
                at += 1;
            }
        }
    }
    while plain.last() == Some(&b'\r') {
        plain.pop();
    }
}
