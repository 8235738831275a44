//! Whose line a line without a pid is. On standard error, strace writes `[pid N]` only while more than one task lives.

use std::collections::BTreeSet;

use crate::line::{Body, Line};

/// The task of a log that names no pid: the first task until strace names it, and it keeps this id afterwards.
pub const UNNAMED: u32 = 0;

/// The living tasks, as far as the log shows them.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    living: BTreeSet<u32>,
    /// Tasks that called exit(2) but whose end is not reported yet.
    leaving: BTreeSet<u32>,
    /// The pid of [`UNNAMED`].
    first: Option<u32>,
    /// The result of a call that creates a task.
    expected: Option<u32>,
    last: Option<u32>,
}

impl Tasks {
    /// The task of a line. `pending` returns the name of the call that a task has not finished.
    pub fn of<'p>(&mut self, line: &Line<'_>, pending: impl Fn(u32) -> Option<&'p [u8]>) -> u32 {
        let task = match line.pid {
            Some(pid) => self.named(pid, line, &pending),
            None => self.only(line, &pending),
        };
        self.living.insert(task);
        self.last = Some(task);
        task
    }

    fn named<'p>(
        &mut self,
        pid: u32,
        line: &Line<'_>,
        pending: &impl Fn(u32) -> Option<&'p [u8]>,
    ) -> u32 {
        if self.first == Some(pid) {
            return UNNAMED;
        }
        if self.living.contains(&pid) || !self.living.contains(&UNNAMED) || self.first.is_some() {
            return pid;
        }
        // The unnamed task, or a child that was not announced (-q)?
        let returns = matches!(line.body, Body::Resumed { .. });
        let creating = pending(UNNAMED).is_some_and(creates_task);
        if self.expected == Some(pid) || (creating && !returns) {
            return pid;
        }
        self.first = Some(pid);
        UNNAMED
    }

    fn only<'p>(&self, line: &Line<'_>, pending: &impl Fn(u32) -> Option<&'p [u8]>) -> u32 {
        let fits = |task: u32| match line.body {
            Body::Resumed { name, .. } => pending(task) == Some(name),
            Body::Superseded(by) => task != by,
            Body::Exited(_) | Body::Killed { .. } => true,
            _ => !self.leaving.contains(&task),
        };
        let mut candidates = self.living.iter().copied().filter(|task| fits(*task));
        match (candidates.next(), candidates.next()) {
            (Some(task), None) => task,
            (Some(UNNAMED), Some(_)) => UNNAMED,
            (Some(task), Some(_)) => self.last.filter(|last| fits(*last)).unwrap_or(task),
            (None, _) => match self.living.first() {
                Some(task) if self.living.len() == 1 => *task,
                // Whatever died last without a report.
                _ => self.last.unwrap_or(UNNAMED),
            },
        }
    }

    pub fn attached(&mut self, pid: u32) {
        if self.first != Some(pid) {
            self.living.insert(pid);
        }
    }

    /// A call that creates a task returned its pid.
    pub fn expect(&mut self, child: u32) {
        self.expected = Some(child);
    }

    pub fn leaving(&mut self, task: u32) {
        self.leaving.insert(task);
    }

    pub fn ended(&mut self, task: u32) {
        self.living.remove(&task);
        self.leaving.remove(&task);
        if task == UNNAMED {
            self.first = None;
        }
    }

    /// The pid of [`UNNAMED`], if the log has named it.
    pub fn first(&self) -> Option<u32> {
        self.first
    }
}

/// Whether a call creates a task.
pub(crate) fn creates_task(name: &[u8]) -> bool {
    matches!(name, b"clone" | b"clone2" | b"clone3" | b"fork" | b"vfork")
}
