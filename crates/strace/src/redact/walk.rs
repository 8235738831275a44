//! Finds what must be looked at in each line: strings with their kinds, annotations, hex dumps.

use std::collections::HashMap;

use super::table::{Kind, Position};
use crate::line::is_nameless_rest;
use crate::line::{Body, Line, split_message};
use crate::outcome::Outcome;
use crate::reader::continues;
use crate::scan::{Ending, Scanner, Token, string_at};

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub start: usize,
    pub end: usize,
    pub what: PartKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// The contents of a string.
    Str(Kind),
    /// What annotates a descriptor or a pid, such as `/dev/null<char 1:3>`.
    Annotation,
    /// A line of a stack, a comment, another message.
    Plain,
    /// Text that is not strace's. All of it is masked if a quote has no partner.
    Foreign,
    /// The bytes of a hex dump.
    Dump,
}

/// Goes through a log line by line.
#[derive(Default)]
pub(crate) struct Walk {
    pending: HashMap<u32, Position>,
    /// A message of strace interrupted the previous line here.
    held: Option<(u32, Position)>,
    /// The task whose call the previous line left unfinished.
    unfinished: Option<u32>,
    pub unparsed: u64,
}

impl Walk {
    /// The parts of the next line, which has no colors.
    pub fn parts(&mut self, text: &[u8], parts: &mut Vec<Part>) {
        parts.clear();
        if let Some(task) = self.unfinished.take()
            && is_nameless_rest(text)
            && let Some(position) = self.pending.remove(&task)
        {
            self.call(task, position, text, 0..text.len(), parts);
            return;
        }
        if let Some((task, position)) = self.held.take()
            && continues(text)
        {
            let end = split_message(text).map_or(text.len(), |(head, _)| head);
            self.call(task, position, text, 0..end, parts);
            return;
        }
        let mut end = text.len();
        let mut line = Line::parse(text);
        if let Some((head @ 1.., _)) = split_message(text) {
            end = head;
            line = Line::parse(&text[..head]);
        }
        // The line's pid, or one that no task has.
        let task = line.pid.unwrap_or(0);
        let start = |rest: &[u8]| end - rest.len();
        match line.body {
            Body::Call { name, text: rest } => {
                self.call(task, Position::start(name), text, start(rest)..end, parts);
            }
            Body::Resumed { name, text: rest } => {
                let position = self.resume(task, name);
                self.call(task, position, text, start(rest)..end, parts);
            }
            Body::Unknown => {
                self.unparsed += 1;
                parts.push(Part { start: 0, end: text.len(), what: PartKind::Foreign });
            }
            Body::Skipped => match dump(text) {
                Some(start) => parts.push(Part { start, end: text.len(), what: PartKind::Dump }),
                None => parts.push(Part { start: 0, end: text.len(), what: PartKind::Plain }),
            },
            _ => {}
        }
    }

    /// The position at which a call goes on.
    fn resume(&mut self, task: u32, name: &[u8]) -> Position {
        for task in [task, 0] {
            if self.pending.get(&task).is_some_and(|position| position.is(name)) {
                return self.pending.remove(&task).expect("just found");
            }
        }
        // On standard error, the line that began it may have had another form.
        let mut others = self.pending.iter().filter(|(_, position)| position.is(name));
        match (others.next(), others.next()) {
            (Some((&task, _)), None) => self.pending.remove(&task).expect("just found"),
            _ => Position::unknown(name),
        }
    }

    fn call(
        &mut self,
        task: u32,
        mut position: Position,
        text: &[u8],
        range: std::ops::Range<usize>,
        parts: &mut Vec<Part>,
    ) {
        let interrupted = range.end < text.len();
        let text = &text[..range.end];
        let mut scanner = Scanner::new(text, range.start);
        scanner.depth = position.depth;
        let mut argument = range.start;
        loop {
            match scanner.next() {
                Token::Comma(at) => {
                    position.ends(&text[argument..at]);
                    position.next_argument();
                    argument = at + 1;
                }
                Token::Str(span) => {
                    let kind = position.kind(field(&text[range.start..span.start - 1]));
                    parts.push(Part {
                        start: span.start,
                        end: span.end,
                        what: PartKind::Str(kind),
                    });
                }
                Token::Annotation { start, end } => {
                    parts.push(Part { start, end, what: PartKind::Annotation });
                }
                Token::End { ending, at, next } => {
                    position.ends(&text[argument..at]);
                    position.depth = scanner.depth;
                    match ending {
                        Ending::Open if interrupted => self.held = Some((task, position)),
                        Ending::Closed if Outcome::parse(&text[next..]).is_some() => {
                            result(text, next, parts);
                        }
                        // Broken, perhaps by what the program printed: `write(1, "secret\n", 7secret`.
                        Ending::Open | Ending::Closed => {
                            self.unparsed += 1;
                            parts.clear();
                            let what = PartKind::Foreign;
                            parts.push(Part { start: 0, end: text.len(), what });
                        }
                        Ending::Unfinished => {
                            self.pending.insert(task, position);
                            self.unfinished = Some(task);
                        }
                        _ => {}
                    }
                    return;
                }
            }
        }
    }
}

/// Strings and annotations in a result: `3</home/alice>`.
fn result(text: &[u8], from: usize, parts: &mut Vec<Part>) {
    let mut scanner = Scanner::new(text, from);
    loop {
        match scanner.next() {
            Token::Str(span) => parts.push(Part {
                start: span.start,
                end: span.end,
                what: PartKind::Str(Kind::Other),
            }),
            Token::Annotation { start, end } => {
                parts.push(Part { start, end, what: PartKind::Annotation });
            }
            Token::Comma(_) => {}
            Token::End { at, .. } if at < text.len() && at >= scanner.at => scanner.at = at + 1,
            Token::End { .. } => return,
        }
    }
}

/// The name before `="`.
fn field(before: &[u8]) -> &[u8] {
    let Some(named) = before.strip_suffix(b"=") else { return b"" };
    let length = named.iter().rev().take_while(|byte| crate::scan::is_word(**byte)).count();
    &named[named.len() - length..]
}

/// Where the bytes of a hex dump begin: ` | 00000  68 65 6c 6c 6f  hello |`.
fn dump(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b" | ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    (digits > 0 && rest[digits..].starts_with(b"  ")).then_some(3 + digits + 2)
}

/// The strings of text that is not strace's, or `None` if a quote has no partner.
pub(crate) fn strings(text: &[u8]) -> Option<Vec<(usize, usize)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(quote) = memchr::memchr(b'"', &text[at..]) {
        let span = string_at(text, at + quote);
        if !span.closed {
            return None;
        }
        found.push((span.start, span.end));
        at = span.end + 1;
    }
    Some(found)
}
