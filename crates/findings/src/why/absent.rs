//! Why there is no thread or process keyring, or no key of this name in it.

use super::Failed;
use crate::follow::Explainer;
use crate::kind::Kind;
use crate::state::{KeyIx, Own, TaskIx, Which};
use crate::text::{Part, say};
use strace::Place;

impl Explainer {
    /// The caller has no such keyring. Explains it if somebody else has or had one that the caller may have meant. If the
    /// caller creates the keyring later, this is taken back: it only wanted to know.
    pub(crate) fn own_absent(&mut self, failed: &Failed<'_>, which: Which) -> bool {
        let explained = self.explain_absent(failed, which);
        if explained {
            let last = self.findings.last;
            self.probes.entry(failed.task).or_default().push(last);
        }
        explained
    }

    fn explain_absent(&mut self, failed: &Failed<'_>, which: Which) -> bool {
        let task = self.state.task(failed.task).clone();
        if task.own(which) != Own::Absent {
            return false;
        }
        let name = Part::Word(which.name().to_owned());
        let me = Part::Task(failed.task);
        if let Some((other, ring)) = self.sibling_with(failed.task, which) {
            let made = self.state.key(ring).made.map(|(place, _)| place);
            let older = task.born.zip(made).is_some_and(|(born, made)| born < made);
            match which {
                Which::Process => {
                    let text = if older || task.born.is_none() {
                        say(
                            "{} asks for its process keyring (@p), which does not exist. {} created one{}, but only threads created after that share it: {} is older",
                            [me.clone(), Part::Task(other), at(made), me],
                        )
                    } else {
                        say(
                            "{} asks for its process keyring (@p), which does not exist. {} created one{}, but the thread that created {} does not have it",
                            [me.clone(), Part::Task(other), at(made), me],
                        )
                    };
                    self.explain(
                        failed,
                        Kind::OlderThread,
                        (which, Some(ring)),
                        text,
                        &[made, task.born],
                    );
                }
                Which::Thread => {
                    let text = say(
                        "{} asks for its thread keyring (@t), which does not exist. {} has one, but a thread keyring is for one thread",
                        [me, Part::Task(other)],
                    );
                    self.explain(failed, Kind::OtherThread, (which, Some(ring)), text, &[made]);
                }
            }
            return true;
        }
        if let Some((_, ring, at)) = task.dropped.iter().rev().find(|(lost, ..)| *lost == which) {
            let text = say(
                "{} asks for its {}, which does not exist: its execve(2) at {} dropped the {}",
                [me, name, Part::At(*at), Part::Key(*ring)],
            );
            let (ring, at) = (*ring, *at);
            self.explain(failed, Kind::AfterExecve, (which, Some(ring)), text, &[Some(at)]);
            return true;
        }
        self.parent_had(failed, which) || self.earlier_process(failed, which)
    }

    /// Another living thread of the process with such a keyring.
    fn sibling_with(&self, task: TaskIx, which: Which) -> Option<(TaskIx, KeyIx)> {
        let proc = self.state.task(task).proc;
        let tasks = self.state.proc(proc).tasks.iter();
        tasks
            .filter(|other| **other != task)
            .find_map(|other| Some((*other, self.state.task(*other).own(which).key()?)))
    }

    /// The process was forked from one that had such a keyring.
    fn parent_had(&mut self, failed: &Failed<'_>, which: Which) -> bool {
        let proc = self.state.proc(self.state.task(failed.task).proc);
        let Some((parent, place, had)) = proc.parent else { return false };
        let Some(ring) = had[usize::from(which == Which::Process)] else { return false };
        let text = say(
            "{} asks for its {}, which does not exist: {} created it as a child process at {}, and a child does not inherit its parent's {}",
            [
                Part::Task(failed.task),
                Part::Word(which.name().to_owned()),
                Part::Task(parent),
                Part::At(place),
                Part::Key(ring),
            ],
        );
        self.explain(failed, Kind::ForkedChild, (which, Some(ring)), text, &[Some(place)]);
        true
    }

    /// Another process of the log had such a keyring, with something in it.
    fn earlier_process(&mut self, failed: &Failed<'_>, which: Which) -> bool {
        let own = self.state.task(failed.task).proc;
        let found = self.rings.iter().rev().take(LOOK_BACK).copied().find(|ring| {
            let key = self.state.key(*ring);
            let by = key.made.map(|(_, by)| self.state.task(by).proc);
            key.class == which.class()
                && by.is_some_and(|proc| proc != own && self.is_kin(proc, own))
        });
        let Some(ring) = found else { return false };
        let Some((made, by)) = self.state.key(ring).made else { return false };
        let end = self.state.key(ring).lost;
        let proc = self.state.task(by).proc;
        let ended = match end {
            Some((place, _)) => say_end(place),
            None => Part::Word(String::new()),
        };
        let text = say(
            "{} asks for its {}, which does not exist. The {} was created at {} for {}, and belongs to that process alone{}",
            [
                Part::Task(failed.task),
                Part::Word(which.name().to_owned()),
                Part::Key(ring),
                Part::At(made),
                Part::Proc(proc),
                ended,
            ],
        );
        let end = end.map(|(place, _)| place);
        self.explain(failed, Kind::OtherProcess, (which, Some(ring)), text, &[Some(made), end]);
        true
    }

    /// Whether two processes have a common parent, or one is the other's: steps of one job.
    fn is_kin(&self, a: crate::state::ProcIx, b: crate::state::ProcIx) -> bool {
        let parent =
            |proc| self.state.proc(proc).parent.map(|(task, ..)| self.state.task(task).proc);
        parent(a) == Some(b)
            || parent(b) == Some(a)
            || parent(a).is_some() && parent(a) == parent(b)
    }
}

/// The number of earlier keyrings that are looked at.
const LOOK_BACK: usize = 64;

/// ` at FILE:LINE`, or nothing.
fn at(place: Option<Place>) -> Part {
    place.map_or(Part::Word(String::new()), |place| Part::AtAs(" at ", place))
}

pub(super) fn say_end(place: Place) -> Part {
    Part::AtAs(", which ended at ", place)
}
