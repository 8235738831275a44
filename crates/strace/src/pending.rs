//! Calls that have not returned.

use std::collections::HashMap;

use crate::event::{End, Place};
use crate::line::Time;
use crate::lines::LONGEST_LINE;

/// How often a call's text may continue on another line. strace needs two lines; more than that is not strace's.
const MOST_PARTS: u32 = 8;

/// A call, as far as it is written.
#[derive(Debug)]
pub(crate) struct Pending {
    pub name: Vec<u8>,
    /// What was written after the opening parenthesis.
    pub text: Vec<u8>,
    pub place: Place,
    pub time: Option<Time>,
    pub entered_by: u32,
    pub end: End,
    pub headless: bool,
    parts: u32,
}

impl Pending {
    pub fn new() -> Pending {
        Pending {
            name: Vec::new(),
            text: Vec::new(),
            place: Place::default(),
            time: None,
            entered_by: 0,
            end: End::Unfinished,
            headless: false,
            parts: 0,
        }
    }

    /// Begins another call with the same buffers.
    pub fn begin(&mut self, name: &[u8], place: Place, time: Option<Time>, task: u32) {
        self.name.clear();
        self.name.extend_from_slice(name);
        self.text.clear();
        (self.place, self.time, self.entered_by) = (place, time, task);
        (self.end, self.headless, self.parts) = (End::Unfinished, false, 0);
    }

    /// Whether the call has several parts.
    pub fn continues(&self) -> bool {
        self.parts > 1
    }

    /// Adds a part of the call's text. Returns whether the call is still of a reasonable size.
    pub fn add(&mut self, text: &[u8]) -> bool {
        self.parts += 1;
        self.text.extend_from_slice(text);
        self.parts <= MOST_PARTS && self.text.len() <= 2 * LONGEST_LINE
    }
}

/// The calls that have not returned, by task.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    by_task: HashMap<u32, Pending>,
}

impl Calls {
    pub fn name(&self, task: u32) -> Option<&[u8]> {
        self.by_task.get(&task).map(|pending| &*pending.name)
    }

    pub fn insert(&mut self, task: u32, pending: Pending) {
        self.by_task.insert(task, pending);
    }

    pub fn get(&self, task: u32) -> Option<&Pending> {
        self.by_task.get(&task)
    }

    pub fn take(&mut self, task: u32) -> Option<Pending> {
        self.by_task.remove(&task)
    }

    /// The call with this name that this task resumes. After a thread's execve(2) it is the thread's.
    pub fn resume(&mut self, task: u32, name: &[u8]) -> Option<Pending> {
        if self.name(task) != Some(name) {
            let renamed =
                |pending: &Pending| pending.end == End::PidChanged(task) && pending.name == name;
            let (&thread, _) = self.by_task.iter().find(|(_, pending)| renamed(pending))?;
            return self.by_task.remove(&thread);
        }
        self.by_task.remove(&task)
    }

    /// The thread `by` takes the id of this task.
    pub fn rename(&mut self, by: u32, task: u32) {
        if let Some(pending) = self.by_task.remove(&by) {
            self.by_task.insert(task, pending);
        }
    }

    /// Takes the call that was entered first.
    pub fn take_first(&mut self) -> Option<(u32, Pending)> {
        let (&task, _) = self.by_task.iter().min_by_key(|(_, pending)| pending.place)?;
        self.by_task.remove_entry(&task)
    }
}
