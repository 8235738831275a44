//! Merges the parts of a call.

use super::{Ended, Found, Kind, Reader};
use crate::event::{End, Place};
use crate::outcome::{Outcome, Returned};
use crate::pending::Pending;
use crate::scan::{Ending, Scanner, Token};
use crate::tasks::creates_task;

impl Reader {
    /// Adds a part to the current call, which ends or waits for more. A line that was cut is not counted again.
    pub(super) fn part(
        &mut self,
        task: u32,
        arguments: &[u8],
        line: Option<&[u8]>,
        last: Place,
    ) -> Option<Found> {
        let fits = self.call.add(arguments);
        let Some(ended) = self.split().filter(|_| fits) else {
            if let Some(line) = line {
                self.counts.unparsed(line, last);
            }
            return None;
        };
        let (first, time) = (self.call.place, self.call.time);
        let what = match ended.end {
            End::Returned | End::Detached => {
                self.returned(task, ended);
                Kind::Call(ended)
            }
            End::Unfinished | End::PidChanged(_) => {
                self.call.end = ended.end;
                let continues = self.call.continues();
                let call = std::mem::replace(&mut self.call, Pending::new());
                self.calls.insert(task, call);
                self.unfinished = Some(task);
                if continues {
                    return None;
                }
                Kind::Entered
            }
        };
        Some(Found { task, first, last, time, what })
    }

    /// Learns from a call that returned which tasks live.
    fn returned(&mut self, task: u32, ended: Ended) {
        let creates = creates_task(&self.call.name);
        if !creates && !matches!(&*self.call.name, b"exit" | b"exit_group") {
            return;
        }
        let outcome = ended.outcome.and_then(|at| Outcome::parse(&self.call.text[at..]));
        match outcome.map(|outcome| outcome.returned) {
            Some(Returned::Number(number)) if creates => {
                let child = number.pid_of_strace().unwrap_or(number.bits as u32);
                self.tasks.expect(child);
                self.sources.created(child);
            }
            Some(Returned::Unknown) if !creates => self.tasks.leaving(task),
            _ => {}
        }
    }

    /// Finds the arguments of the current call. Without an end it is broken.
    pub(super) fn split(&mut self) -> Option<Ended> {
        let text = &self.call.text;
        self.spans.clear();
        let mut scanner = Scanner::new(text, 0);
        let mut start = 0;
        let (ending, at, next) = loop {
            match scanner.next() {
                Token::Comma(at) => {
                    self.spans.push((start, at));
                    start = at + 1;
                }
                Token::Str(_) | Token::Annotation { .. } => {}
                Token::End { ending, at, next } => break (ending, at, next),
            }
        };
        if start < at && !(text[start..at].trim_ascii().is_empty() && self.spans.is_empty()) {
            self.spans.push((start, at));
        }
        let (end, outcome) = match ending {
            Ending::Closed => {
                Outcome::parse(&text[next..])?;
                (End::Returned, Some(next))
            }
            Ending::Unfinished => (End::Unfinished, None),
            Ending::Detached => (End::Detached, None),
            Ending::PidChanged(pid) => (End::PidChanged(pid), None),
            Ending::Open => return None,
        };
        if end != End::Returned {
            self.call.text.truncate(at);
        }
        Some(Ended { end, outcome })
    }
}
