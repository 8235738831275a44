//! Thread and process keyrings: who has them, and what goes when nobody does.

use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::state::{Class, KeyIx, Loss, Own, ProcIx, Step, TaskIx, Which};
use crate::tasks::keys;
use crate::text::{Part, Text, say};
use strace::Place;

impl Explainer {
    /// Adds a step to a story. Equal steps after each other are one with a count.
    pub(crate) fn tell(
        &mut self,
        key: KeyIx,
        text: Text,
        place: Place,
        rules: &'static [&'static str],
    ) {
        const MOST: usize = 200;
        let story = &mut self.state.key_mut(key).story;
        if let Some(step) = story.iter_mut().rev().take(4).find(|step| step.text == text) {
            step.count += 1;
        } else if story.len() < MOST {
            story.push(Step { text, place, rules, count: 1 });
        }
    }

    pub(crate) fn hold(&mut self, ring: KeyIx, task: TaskIx) {
        let key = self.state.key_mut(ring);
        key.had_by += 1;
        key.holders.push(task);
    }

    /// A task no longer has a keyring.
    pub(crate) fn let_loose(&mut self, ring: KeyIx, task: TaskIx) {
        self.state.key_mut(ring).holders.retain(|holder| *holder != task);
    }

    /// The kernel creates the absent thread or process keyring of a task.
    pub(crate) fn create_own(&mut self, task: TaskIx, which: Which, place: Place) -> KeyIx {
        let ring = self.state.add_key(which.class(), Some((place, task)));
        self.rings.push(ring);
        // It asked whether the keyring exists in order to create it.
        for nth in self.probes.remove(&task).unwrap_or_default() {
            self.findings.take_back(nth);
        }
        let user = self.state.task(task).users[0];
        self.state.key_mut(ring).user = user;
        self.take_own(task, which, ring);
        let rules: &[&str] = match which {
            Which::Thread => &["thread.birth.asker"],
            Which::Process => &["process.birth.asker"],
        };
        let text = say("created for {} by its own call", [Part::Task(task)]);
        self.tell(ring, text, place, rules);
        if which == Which::Process {
            self.is_second(task, ring, place);
        }
        ring
    }

    /// A task turns out to have this keyring.
    pub(crate) fn take_own(&mut self, task: TaskIx, which: Which, ring: KeyIx) {
        if let Own::Is(before) = self.state.task(task).own(which) {
            self.let_loose(before, task);
        }
        *self.state.task_mut(task).own_mut(which) = Own::Is(ring);
        if !self.state.key(ring).holders.contains(&task) {
            self.hold(ring, task);
        }
    }

    /// Another thread of the process has another process keyring.
    fn is_second(&mut self, task: TaskIx, ring: KeyIx, place: Place) {
        let proc = self.state.task(task).proc;
        let others = self.state.proc(proc).tasks.iter();
        let other = others
            .filter(|other| **other != task)
            .find_map(|other| Some((*other, self.state.task(*other).process.key()?)));
        let Some((other, first)) = other.filter(|(_, first)| *first != ring) else { return };
        let made = self.state.key(first).made.map(|(place, _)| place);
        let born = self.state.task(task).born;
        let text = match (born, made) {
            (Some(born), Some(made)) if born < made => say(
                "{} has existed since {}. {} created its process keyring later, at {}, and only threads created after that share it. \
                 So this call of {} silently created a second process keyring: each thread sees its own keys only",
                [
                    Part::Task(task),
                    Part::At(born),
                    Part::Task(other),
                    Part::At(made),
                    Part::Task(task),
                ],
            ),
            _ => say(
                "{} has no part in the process keyring of {}, so this call silently created a second process keyring: each thread sees \
                 its own keys only",
                [Part::Task(task), Part::Task(other)],
            ),
        };
        let places: Vec<Place> = [Some(place), made, born].into_iter().flatten().collect();
        let about = About { proc: Some(proc), ..About::default() };
        self.findings.add(Kind::SecondRing, Which::Process, about, text, &places);
    }

    /// The keys that only this keyring keeps, although no task has it: no keyrings, nothing that is revoked.
    pub(crate) fn only_in(&self, ring: KeyIx) -> Vec<KeyIx> {
        let (mut found, mut todo, mut seen) = (Vec::new(), vec![ring], vec![ring]);
        while let Some(ring) = todo.pop() {
            for link in self.state.key(ring).links.iter().copied() {
                let key = self.state.key(link);
                if seen.contains(&link) || self.state.is_kept(link) {
                    continue;
                }
                seen.push(link);
                if !key.links.is_empty() || key.complete && self.is_keyring(link) {
                    todo.push(link);
                } else if !self.is_keyring(link)
                    && key.revoked.is_none()
                    && key.invalidated.is_none()
                {
                    found.push(link);
                }
            }
        }
        found
    }

    pub(crate) fn is_keyring(&self, key: KeyIx) -> bool {
        let key = self.state.key(key);
        match (key.class, key.name) {
            (Class::Key, Some((kind, _))) => self.state.name(kind).0 == b"keyring",
            (Class::Key | Class::Unknown, _) => false,
            _ => true,
        }
    }

    /// Marks a keyring and all that went with it.
    fn mark_lost(&mut self, ring: KeyIx, place: Place, loss: Loss) {
        let pinned = std::mem::take(&mut self.state.key_mut(ring).pinned);
        let (mut todo, mut seen) = (vec![ring], vec![ring]);
        while let Some(at) = todo.pop() {
            self.state.key_mut(at).lost.get_or_insert((place, loss));
            for link in self.state.key(at).links.clone() {
                if seen.contains(&link) || self.state.is_kept(link) {
                    continue;
                }
                seen.push(link);
                todo.push(link);
                let text = say("it ended with the {}, which alone kept it", [Part::Key(at)]);
                let rules: &[&str] = match self.state.key(ring).class {
                    Class::Thread => &["thread.end.keys"],
                    _ => &["process.end.keys"],
                };
                self.tell(link, text, place, rules);
            }
        }
        self.state.key_mut(ring).pinned = pinned;
    }

    /// The only thread that had a keyring ends, but its process runs on.
    pub(crate) fn lost_with_thread(
        &mut self,
        task: TaskIx,
        which: Which,
        ring: KeyIx,
        place: Place,
    ) {
        if self.state.is_kept(ring) && self.state.key(ring).pinned == 0 {
            let text = say("{} ended; another keyring links to it", [Part::Task(task)]);
            self.tell(ring, text, place, &["keyring.link.outlives-process"]);
            return;
        }
        let rules: &[&str] = match which {
            Which::Thread => &["thread.end"],
            Which::Process => &["process.end", "process.end.worker"],
        };
        let pinned = self.pinning_file(ring);
        let keys = self.only_in_pinned(ring);
        let proc = self.state.task(task).proc;
        let is_main = self.state.proc(proc).pid == self.state.task(task).pid;
        let text = match (pinned.is_some(), is_main) {
            (true, _) => "{}, the last thread that had it, ended; an open file keeps it",
            (_, true) => {
                "{}, the last thread that had it, ended; the kernel keeps it until the process is reaped"
            }
            _ => "{}, the last thread that had it, ended: the kernel destroys it",
        };
        self.tell(ring, say(text, [Part::Task(task)]), place, rules);
        if pinned.is_none() {
            self.mark_lost(ring, place, Loss::Ended(task));
        }
        if let Some(file) = pinned {
            self.pinned_by_file(which, ring, &keys, file, place);
        } else if !is_main {
            let unused = |key: &&KeyIx| which == Which::Process || !self.state.key(**key).used;
            if let Some(first) = keys.iter().find(unused).copied() {
                self.ended_with_thread(task, which, ring, (first, keys.len()), place);
            }
        }
    }

    fn ended_with_thread(
        &mut self,
        task: TaskIx,
        which: Which,
        ring: KeyIx,
        (first, number): (KeyIx, usize),
        place: Place,
    ) {
        let text = say(
            "{} was the only thread that had the {}. With it ended {} in that keyring ({}), although the process runs on",
            [Part::Task(task), Part::Key(ring), Part::Word(keys(number)), Part::Key(first)],
        );
        let made = self.state.key(first).made.map(|(place, _)| place);
        let places: Vec<Place> = [Some(place), made].into_iter().flatten().collect();
        let about = About { key: Some(ring), ..About::default() };
        self.findings.add(Kind::ThreadEnded, which, about, text, &places);
        if self.state.key(ring).had_by > 1 {
            let proc = self.state.task(task).proc;
            self.unneeded.entry(proc).or_default().push(self.findings.last);
        }
    }

    /// The process of a keyring ends.
    pub(crate) fn lost_with_process(
        &mut self,
        proc: ProcIx,
        task: TaskIx,
        which: Which,
        ring: KeyIx,
        place: Place,
    ) {
        let file = self.pinning_file(ring);
        if self.state.is_kept(ring) && file.is_none() {
            let text = say("{} ended; another keyring links to it", [Part::Proc(proc)]);
            self.tell(ring, text, place, &["keyring.link.outlives-process"]);
            return;
        }
        let rules: &[&str] = match which {
            Which::Thread => &["thread.end.exit"],
            Which::Process => &["process.end.exit"],
        };
        let text = match file {
            Some(_) => "{} ended; a file that another process has open keeps it",
            None => "{} ended: the kernel destroys it",
        };
        let lost = self.only_in_pinned(ring);
        self.tell(ring, say(text, [Part::Proc(proc)]), place, rules);
        if file.is_none() {
            self.mark_lost(ring, place, Loss::Ended(task));
        }
        if let Some(file) = file {
            self.pinned_by_file(which, ring, &lost, file, place);
            return;
        }
        let by_it = |key: &&KeyIx| {
            let key = self.state.key(**key);
            let made = key.made.is_some_and(|(_, by)| self.state.task(by).proc == proc);
            made && !key.used && key.timeout.is_none_or(|(_, seconds)| seconds > 60)
        };
        let unused: Vec<KeyIx> = lost.iter().filter(by_it).copied().collect();
        let (Some(first), None) = (unused.first(), self.state.proc(proc).may_use) else { return };
        let text = say(
            "{} put {} into its own {} ({}) and ended. The log shows no use of it before, and after the end of the process no program can have it",
            [Part::Proc(proc), Part::Word(keys(unused.len())), Part::Key(ring), Part::Key(*first)],
        );
        let made = self.state.key(*first).made.map(|(place, _)| place);
        let places: Vec<Place> = [made, Some(place)].into_iter().flatten().collect();
        let about = About { key: Some(ring), ..About::default() };
        self.findings.add(Kind::ExitsAtOnce, which, about, text, &places);
    }

    /// [`Explainer::only_in`] for a keyring that only a file or a program pins.
    fn only_in_pinned(&mut self, ring: KeyIx) -> Vec<KeyIx> {
        let pinned = std::mem::take(&mut self.state.key_mut(ring).pinned);
        let found = self.only_in(ring);
        self.state.key_mut(ring).pinned = pinned;
        found
    }

    /// What pinned a keyring goes.
    pub(crate) fn unpin(&mut self, ring: KeyIx, text: Text, place: Place) {
        let key = self.state.key_mut(ring);
        key.pinned = key.pinned.saturating_sub(1);
        if !self.state.is_kept(ring) {
            self.tell(ring, text, place, &["process.execve.again", "keyring.pin.file"]);
            self.mark_lost(ring, place, Loss::Unpinned);
        }
    }
}
