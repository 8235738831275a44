//! What is written instead of a part of a line.

use std::collections::HashMap;

use super::Redaction;
use super::secrets::Secrets;
use super::table::{Kind, is_public_name, is_type};
use super::walk::{Part, PartKind, strings};
use crate::string::units;

/// A range of the line, and what is written instead.
type Edit = (usize, usize, Vec<u8>);

/// Masks parts of lines.
pub(crate) struct Mask {
    secrets: Secrets,
    options: Redaction,
    /// What stands for each name.
    names: HashMap<Vec<u8>, usize>,
}

impl Mask {
    pub fn new(secrets: Secrets, options: Redaction) -> Mask {
        Mask { secrets, options, names: HashMap::new() }
    }

    /// What changes in a part, in order.
    pub fn part(&mut self, text: &[u8], part: Part) -> Vec<Edit> {
        let (start, end) = (part.start, part.end);
        let content = &text[start..end];
        let masked = match part.what {
            PartKind::Str(Kind::Type) if is_type(&bytes(content)) => None,
            PartKind::Str(Kind::Type) => self.parts_of(content),
            PartKind::Str(Kind::Secret | Kind::Data) => {
                (!content.is_empty()).then(|| stars(units(content).count()))
            }
            PartKind::Str(Kind::Described) => {
                let name = described(content);
                return self.string(&content[name..], start + name);
            }
            PartKind::Str(Kind::Name | Kind::Other) => return self.string(content, start),
            PartKind::Annotation => return self.string(content, start),
            PartKind::Plain => self.parts_of(content),
            PartKind::Dump => Some(dump(content)),
            PartKind::Foreign => return self.foreign(content, start),
        };
        masked.map(|masked| (start, end, masked)).into_iter().collect()
    }

    /// A string that may hold a part of a secret.
    fn string(&mut self, raw: &[u8], start: usize) -> Vec<Edit> {
        let masked = if self.options.names { self.name(raw) } else { self.parts_of(raw) };
        masked.map(|masked| (start, start + raw.len(), masked)).into_iter().collect()
    }

    /// A string with the parts of secrets masked.
    fn parts_of(&self, raw: &[u8]) -> Option<Vec<u8>> {
        let covered = self.secrets.covered(&bytes(raw))?;
        let mut masked = Vec::with_capacity(raw.len());
        let mut at = 0;
        for ((_, length), covered) in units(raw).zip(covered) {
            match covered {
                true => masked.push(b'*'),
                false => masked.extend_from_slice(&raw[at..at + length]),
            }
            at += length;
        }
        Some(masked)
    }

    /// A name's number, as long as the name where it fits.
    fn name(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        let name = bytes(raw);
        if name.is_empty() || is_public_name(&name) {
            return self.parts_of(raw);
        }
        let length = name.len();
        let next = self.names.len() + 1;
        let number = *self.names.entry(name).or_insert(next);
        let mut masked = format!("n{number}").into_bytes();
        masked.resize(masked.len().max(length), b'*');
        Some(masked)
    }

    /// What a program printed: bytes as they are, or escaped.
    fn printed(&self, text: &[u8]) -> Option<Vec<u8>> {
        let Some(covered) = self.secrets.covered(text) else { return self.parts_of(text) };
        let masked = text.iter().zip(covered);
        let masked: Vec<u8> = masked.map(|(byte, hide)| if hide { b'*' } else { *byte }).collect();
        Some(self.parts_of(&masked).unwrap_or(masked))
    }

    /// Text that is not strace's: strings are masked, and parts of secrets.
    fn foreign(&self, text: &[u8], start: usize) -> Vec<Edit> {
        let Some(found) = strings(text) else {
            let masked = text.iter().map(|byte| if *byte == b' ' { b' ' } else { b'*' });
            return vec![(start, start + text.len(), masked.collect())];
        };
        let mut edits = Vec::new();
        let mut at = 0;
        for (from, to) in found {
            edits.extend(
                self.parts_of(&text[at..from]).map(|text| (start + at, start + from, text)),
            );
            edits.push((start + from, start + to, stars(units(&text[from..to]).count())));
            at = to;
        }
        let end = start + text.len();
        edits.extend(self.printed(&text[at..]).map(|text| (start + at, end, text)));
        edits
    }
}

fn stars(count: usize) -> Vec<u8> {
    vec![b'*'; count]
}

/// The bytes that a string stands for.
fn bytes(raw: &[u8]) -> Vec<u8> {
    units(raw).map(|(byte, _)| byte).collect()
}

/// Where the description begins in `type;uid;gid;permissions;description`.
fn described(raw: &[u8]) -> usize {
    let mut fields = 0;
    let mut at = 0;
    for (byte, length) in units(raw) {
        at += length;
        fields += u32::from(byte == b';');
        if fields == 4 {
            break;
        }
    }
    at
}

/// The width of the bytes in a hex dump: sixteen, with a space after each and one in the middle.
const HEX_WIDTH: usize = 49;

/// Hex digits become stars, and so does the text beside them.
fn dump(text: &[u8]) -> Vec<u8> {
    let end = text.len() - if text.ends_with(b" |") { 2 } else { 0 };
    let masked = text.iter().enumerate().map(|(at, byte)| match byte {
        b' ' if at <= HEX_WIDTH => b' ',
        _ if at >= end => *byte,
        _ => b'*',
    });
    masked.collect()
}
