//! A log as events: halves of calls merged, lines without a pid attributed.

mod calls;
mod view;

use std::io::{BufRead, Result};

use crate::counts::Counts;
use crate::event::{End, Event, Place};
use crate::line::{Body, Line, Time, is_nameless_rest, split_message};
use crate::lines::LONGEST_LINE;
use crate::pending::{Calls, Pending};
use crate::source::{Order, Source, Sources};
use crate::tasks::Tasks;

/// Reads the events of a log. Memory grows with the tasks that live, not with lines.
pub struct Reader {
    sources: Sources,
    tasks: Tasks,
    calls: Calls,
    counts: Counts,
    /// The beginning of a line that a message of strace interrupted.
    held: Option<Held>,
    /// The task whose call the previous line left unfinished.
    unfinished: Option<u32>,
    /// Whether the current line must be read once more.
    again: Option<usize>,
    /// The text of the call that is returned, and where its arguments are.
    call: Pending,
    spans: Vec<(usize, usize)>,
    line: Vec<u8>,
}

struct Held {
    text: Vec<u8>,
    place: Place,
    task: u32,
}

/// An event whose texts are in the reader.
struct Found {
    task: u32,
    first: Place,
    last: Place,
    time: Option<Time>,
    what: Kind,
}

enum Kind {
    /// The line says it all, from this offset on.
    Line(usize),
    /// The call is among those that have not returned.
    Entered,
    Call(Ended),
}

/// How [`Reader::call`] ended, and where its result begins.
#[derive(Clone, Copy)]
struct Ended {
    end: End,
    outcome: Option<usize>,
}

impl Reader {
    /// Reads one log.
    pub fn new(input: impl BufRead + 'static) -> Reader {
        let source = Source::new(Box::new(input), 0, None);
        let sources = Sources::new(vec![source], Order::Log);
        Reader::of(sources.expect("nothing is read yet"))
    }

    pub(crate) fn of(sources: Sources) -> Reader {
        Reader {
            sources,
            tasks: Tasks::default(),
            calls: Calls::default(),
            counts: Counts::default(),
            held: None,
            unfinished: None,
            again: None,
            call: Pending::new(),
            spans: Vec::new(),
            line: Vec::new(),
        }
    }

    /// In which order the lines happened.
    pub fn order(&self) -> Order {
        self.sources.order
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The pid of [`crate::UNNAMED`], if the log has named it so far and the task lives.
    pub fn first_pid(&self) -> Option<u32> {
        self.tasks.first()
    }

    /// The next event, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Only those of the input. Lines that cannot be parsed are counted: [`Reader::counts`].
    #[expect(clippy::should_implement_trait, reason = "an event borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>> {
        loop {
            let nth = match self.again.take() {
                Some(nth) => Some(nth),
                None => self.read()?,
            };
            let found = match nth {
                Some(nth) => self.event(nth),
                None => match self.at_end() {
                    Some(found) => Some(found),
                    None => return Ok(None),
                },
            };
            if let Some(found) = found {
                return Ok(Some(self.view(found)));
            }
        }
    }

    /// Reads a line into `self.line`, and returns its file.
    fn read(&mut self) -> Result<Option<usize>> {
        let Some(nth) = self.sources.advance()? else { return Ok(None) };
        let source = &mut self.sources.all[nth];
        std::mem::swap(&mut self.line, &mut source.line);
        self.counts.lines += 1;
        self.counts.cut += u64::from(source.cut);
        Ok(Some(nth))
    }

    /// Calls that never returned, in the order in which they were entered.
    fn at_end(&mut self) -> Option<Found> {
        if let Some(held) = self.held.take() {
            self.counts.unparsed(&held.text, held.place);
        }
        let (task, pending) = self.calls.take_first()?;
        Some(self.dangling(task, pending))
    }

    fn dangling(&mut self, task: u32, pending: Pending) -> Found {
        let (first, time, end) = (pending.place, pending.time, pending.end);
        self.call = pending;
        self.split();
        let what = Kind::Call(Ended { end, outcome: None });
        Found { task, first, last: first, time, what }
    }

    /// Interprets the current line.
    fn event(&mut self, nth: usize) -> Option<Found> {
        let place = self.sources.all[nth].place;
        let mut first = place;
        let mut held_by = None;
        if let Some(task) = self.unfinished.take()
            && is_nameless_rest(&self.line)
            && let Some(pending) = self.calls.take(task)
        {
            return self.rest(nth, task, pending, place);
        }
        if let Some(held) = self.held.take() {
            if continues(&self.line) && held.text.len() + self.line.len() <= 2 * LONGEST_LINE {
                self.line.splice(..0, held.text);
                first = held.place;
                held_by = Some(held.task);
            } else {
                self.counts.unparsed(&held.text, held.place);
            }
        }
        let text = std::mem::take(&mut self.line);
        let found = self.event_of(nth, &text, (first, place), held_by);
        self.line = text;
        found
    }

    fn event_of(
        &mut self,
        nth: usize,
        text: &[u8],
        (first, last): (Place, Place),
        held_by: Option<u32>,
    ) -> Option<Found> {
        let fixed = self.sources.all[nth].pid;
        let cut = self.sources.all[nth].cut;
        let mut from = 0;
        let mut line = Line::parse(text);
        if let Some((head @ 1.., message)) = split_message(text)
            && matches!(line.body, Body::Call { .. } | Body::Resumed { .. })
        {
            line = Line::parse(&text[..head]);
            let task = held_by.unwrap_or_else(|| self.task(fixed, &line));
            let head = text[..head].to_vec();
            self.held = Some(Held { text: head, place: first, task });
            line = Line::parse(message);
            from = text.len() - message.len();
        }
        match line.body {
            Body::Skipped => return None,
            Body::Unknown => {
                self.counts.unparsed(text, first);
                return None;
            }
            // These name their task, which is not the line's.
            Body::Attached { pid, .. } | Body::Detached(pid) | Body::Mode { pid, .. } => {
                if matches!(line.body, Body::Attached { .. }) {
                    self.tasks.attached(pid);
                }
                let task = if self.tasks.first() == Some(pid) { crate::UNNAMED } else { pid };
                return Some(Found {
                    task,
                    first: last,
                    last,
                    time: line.time,
                    what: Kind::Line(from),
                });
            }
            _ => {}
        }
        let task = held_by.unwrap_or_else(|| self.task(fixed, &line));
        match line.body {
            Body::Call { name, text: arguments } => {
                if let Some(pending) = self.calls.take(task) {
                    // Only a damaged log has a second call before the first one returned.
                    self.again = Some(nth);
                    return Some(self.dangling(task, pending));
                }
                self.call.begin(name, first, line.time, task);
                self.part(task, arguments, if cut { None } else { Some(text) }, last)
            }
            Body::Resumed { name, text: arguments } => {
                match self.calls.resume(task, name) {
                    Some(pending) => self.call = pending,
                    None => {
                        self.call.begin(name, first, line.time, task);
                        self.call.headless = true;
                    }
                }
                self.call.end = End::Unfinished;
                self.part(task, arguments, if cut { None } else { Some(text) }, last)
            }
            _ => self.simple(nth, task, &line, last),
        }
    }

    /// The line is the rest of the call that the previous line left unfinished.
    fn rest(&mut self, nth: usize, task: u32, pending: Pending, place: Place) -> Option<Found> {
        let text = std::mem::take(&mut self.line);
        let cut = self.sources.all[nth].cut;
        self.call = pending;
        self.call.end = End::Unfinished;
        let found = self.part(task, &text, if cut { None } else { Some(&text) }, place);
        self.line = text;
        found
    }

    /// An event that is one line, whole.
    fn simple(&mut self, nth: usize, task: u32, line: &Line<'_>, place: Place) -> Option<Found> {
        let ends = matches!(line.body, Body::Exited(_) | Body::Killed { .. } | Body::Superseded(_));
        if ends && let Some(pending) = self.calls.take(task) {
            self.again = Some(nth);
            return Some(self.dangling(task, pending));
        }
        match line.body {
            Body::Exited(_) | Body::Killed { .. } => self.tasks.ended(task),
            Body::Superseded(by) => {
                let by = if self.tasks.first() == Some(by) { crate::UNNAMED } else { by };
                self.tasks.ended(by);
                self.calls.rename(by, task);
            }
            _ => {}
        }
        Some(Found { task, first: place, last: place, time: line.time, what: Kind::Line(0) })
    }

    fn task(&mut self, fixed: Option<u32>, line: &Line<'_>) -> u32 {
        match fixed {
            Some(pid) => pid,
            None => self.tasks.of(line, |task| self.calls.name(task)),
        }
    }
}

/// Whether a line is the rest of one that a message interrupted.
pub(crate) fn continues(line: &[u8]) -> bool {
    matches!(line.first(), Some(b',' | b')' | b']' | b'}' | b'"'))
        || line.starts_with(b" =>")
        || line.starts_with(b" <")
        || matches!(Line::parse(line), Line { body: Body::Unknown, pid: None, .. })
}
