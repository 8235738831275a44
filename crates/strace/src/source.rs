//! The files of a run, and whose line comes next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufRead, Result};

use crate::event::Place;
use crate::line::{Line, Time};
use crate::lines::{read_line, without_colors};

/// In which order the lines of a run's files happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As written: there is one file.
    Log,
    /// By the times in the lines (`-ttt`).
    Time,
    /// Unknown. A task's lines follow the call that created it, and everything else of its file at once.
    Unknown,
}

/// One file.
pub(crate) struct Source {
    input: Box<dyn BufRead>,
    pub pid: Option<u32>,
    /// The next line, without colors.
    pub line: Vec<u8>,
    pub place: Place,
    pub cut: bool,
    time: u64,
    ended: bool,
    started: bool,
}

impl Source {
    pub fn new(input: Box<dyn BufRead>, file: usize, pid: Option<u32>) -> Source {
        Source {
            input,
            pid,
            line: Vec::new(),
            place: Place { file, line: 0 },
            cut: false,
            time: 0,
            ended: false,
            started: false,
        }
    }

    /// Reads the next line. Returns whether there is one.
    pub fn advance(&mut self) -> Result<bool> {
        match read_line(&mut *self.input, &mut self.line)? {
            None => self.ended = true,
            Some(end) => {
                self.place.line += 1;
                self.cut = end.cut;
                without_colors(&mut self.line);
            }
        }
        Ok(!self.ended)
    }

    /// Reads the next line and its time. A line without a time follows the one before it.
    fn advance_timed(&mut self) -> Result<bool> {
        let more = self.advance()?;
        if more && let Some(Time::Unix(nanos)) = Line::parse(&self.line).time {
            self.time = self.time.max(nanos);
        }
        Ok(more)
    }
}

/// All files of a run.
pub(crate) struct Sources {
    pub all: Vec<Source>,
    pub order: Order,
    /// Whose line is the earliest, if the order is known by time.
    heap: BinaryHeap<Reverse<(u64, usize)>>,
    /// The file that is read, above those that wait for it.
    stack: Vec<usize>,
    next_root: usize,
    current: Option<usize>,
}

impl Sources {
    pub fn new(all: Vec<Source>, order: Order) -> Result<Sources> {
        let mut sources = Sources {
            all,
            order,
            heap: BinaryHeap::new(),
            stack: Vec::new(),
            next_root: 0,
            current: None,
        };
        if order == Order::Time {
            for nth in 0..sources.all.len() {
                sources.push_timed(nth)?;
            }
        }
        Ok(sources)
    }

    fn push_timed(&mut self, nth: usize) -> Result<()> {
        if self.all[nth].advance_timed()? {
            self.heap.push(Reverse((self.all[nth].time, nth)));
        }
        Ok(())
    }

    /// Moves to the next line. Returns the file that has it.
    pub fn advance(&mut self) -> Result<Option<usize>> {
        if self.order == Order::Time {
            // The line that was current is used up only now.
            if let Some(nth) = self.current.take() {
                self.push_timed(nth)?;
            }
            self.current = self.heap.pop().map(|Reverse((_, nth))| nth);
            return Ok(self.current);
        }
        loop {
            let Some(&nth) = self.stack.last() else {
                while self.all.get(self.next_root).is_some_and(|source| source.started) {
                    self.next_root += 1;
                }
                if self.next_root == self.all.len() {
                    return Ok(None);
                }
                self.start(self.next_root);
                continue;
            };
            if self.all[nth].advance()? {
                return Ok(Some(nth));
            }
            self.stack.pop();
        }
    }

    fn start(&mut self, nth: usize) {
        self.all[nth].started = true;
        self.stack.push(nth);
    }

    /// A call created this task: its file is read now if the order is unknown.
    pub fn created(&mut self, pid: u32) {
        if self.order == Order::Unknown
            && let Ok(nth) = self.all.binary_search_by_key(&Some(pid), |source| source.pid)
            && !self.all[nth].started
        {
            self.start(nth);
        }
    }
}
