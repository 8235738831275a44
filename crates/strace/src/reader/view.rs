//! An event, as a view of the reader's buffers.

use super::{Found, Kind, Reader};
use crate::event::{Call, End, Event, What};
use crate::line::{Body, Line};
use crate::outcome::Outcome;
use crate::pending::Pending;

impl Reader {
    pub(super) fn view(&self, found: Found) -> Event<'_> {
        let line = match found.what {
            Kind::Line(from) => Line::parse(&self.line[from..]),
            _ => Line::parse(&self.line),
        };
        let what = match found.what {
            Kind::Line(_) => what(line.body),
            Kind::Entered => {
                let pending = self.calls.get(found.task).expect("the call was entered just now");
                What::Entered(self.call_of(pending, pending.end, None))
            }
            Kind::Call(ended) => What::Call(self.call_of(&self.call, ended.end, ended.outcome)),
        };
        let (task, time) = (found.task, found.time);
        let Line { comm, since, .. } = line;
        Event { task, comm, time, since, first: found.first, last: found.last, what }
    }

    fn call_of<'a>(&'a self, call: &'a Pending, end: End, outcome: Option<usize>) -> Call<'a> {
        Call {
            name: &call.name,
            outcome: outcome.and_then(|at| Outcome::parse(&call.text[at..])),
            end,
            headless: call.headless,
            entered_by: call.entered_by,
            text: &call.text,
            spans: &self.spans,
        }
    }
}

/// A line that is an event on its own.
fn what(body: Body<'_>) -> What<'_> {
    match body {
        Body::Exited(status) => What::Exited(status),
        Body::Killed { signal, core } => What::Killed { signal, core },
        Body::Superseded(by) => What::SupersededBy(by),
        Body::Attached { threads, .. } => What::Attached { threads },
        Body::Detached(_) => What::Detached,
        Body::Signal { name, info } => What::Signal { name, info },
        Body::Stopped(signal) => What::Stopped(signal),
        Body::Mode { mode, .. } => What::Mode(mode),
        Body::Call { .. } | Body::Resumed { .. } | Body::Skipped | Body::Unknown => {
            unreachable!("only events that are one line come here")
        }
    }
}
