//! Open files, as far as they keep keyrings of their openers.

use crate::act::FileAct;
use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::state::{File, KeyIx, ProcIx, TaskIx, Which};
use crate::tasks::keys;
use crate::text::{Part, say};
use strace::Place;

impl Explainer {
    pub(crate) fn file(&mut self, task: TaskIx, act: FileAct, place: Place) {
        self.shows_files = true;
        let proc = self.state.task(task).proc;
        match act {
            FileAct::Open { fds, path, close_on_exec } => {
                let rings: Vec<KeyIx> = Which::BOTH
                    .iter()
                    .filter_map(|which| self.state.task(task).own(*which).key())
                    .collect();
                for fd in fds {
                    self.close(proc, fd, place);
                    if rings.is_empty() {
                        // Such a file keeps nothing.
                        continue;
                    }
                    let path = path.as_ref().map(|path| self.state.intern(path));
                    let rings = rings.clone();
                    let file = File { path, opened: (place, task), rings, close_on_exec };
                    self.opened(proc, fd, file);
                }
            }
            FileAct::Dup { from, to, close_on_exec } => {
                if from == to {
                    return;
                }
                self.close(proc, to, place);
                if let Some(file) = self.state.proc(proc).files.get(&from).cloned() {
                    self.opened(proc, to, File { close_on_exec, ..file });
                }
            }
            FileAct::Close(first, last) => {
                let files = self.state.proc(proc).files.keys().copied();
                let mut fds: Vec<i32> = files.filter(|fd| (first..=last).contains(fd)).collect();
                fds.sort_unstable();
                fds.into_iter().for_each(|fd| self.close(proc, fd, place));
            }
        }
    }

    fn opened(&mut self, proc: ProcIx, fd: i32, file: File) {
        file.rings.iter().for_each(|ring| self.state.key_mut(*ring).pinned += 1);
        self.state.proc_mut(proc).files.insert(fd, file);
    }

    fn close(&mut self, proc: ProcIx, fd: i32, place: Place) {
        let Some(file) = self.state.proc_mut(proc).files.remove(&fd) else { return };
        for ring in file.rings {
            let text = say("the last file that kept it was closed: the kernel destroys it", []);
            self.unpin(ring, text, place);
        }
    }

    pub(crate) fn close_on_exec(&mut self, task: TaskIx, place: Place) {
        let proc = self.state.task(task).proc;
        let files = &self.state.proc(proc).files;
        let closed: Vec<i32> =
            files.iter().filter(|(_, file)| file.close_on_exec).map(|(fd, _)| *fd).collect();
        closed.into_iter().for_each(|fd| self.close(proc, fd, place));
    }

    pub(crate) fn close_all(&mut self, proc: ProcIx, place: Place) {
        let mut fds: Vec<i32> = self.state.proc(proc).files.keys().copied().collect();
        fds.sort_unstable();
        fds.into_iter().for_each(|fd| self.close(proc, fd, place));
    }

    /// A file that keeps a keyring.
    pub(crate) fn pinning_file(&self, ring: KeyIx) -> Option<(ProcIx, i32, File)> {
        if self.state.key(ring).pinned == 0 {
            return None;
        }
        self.state.procs().find_map(|proc| {
            let files = self.state.proc(proc).files.iter();
            let (fd, file) =
                files.filter(|(_, file)| file.rings.contains(&ring)).min_by_key(|(fd, _)| **fd)?;
            Some((proc, *fd, file.clone()))
        })
    }

    pub(crate) fn pinned_by_file(
        &mut self,
        which: Which,
        ring: KeyIx,
        secrets: &[KeyIx],
        (proc, fd, file): (ProcIx, i32, File),
        place: Place,
    ) {
        let Some(first) = secrets.first() else { return };
        let what = match file.path {
            Some(path) => Part::Name(path),
            None => Part::Word("without a path".to_owned()),
        };
        let text = say(
            "the last thread that had {} has ended, but {} has a file open that {} opened at {} (descriptor {}, {}). An open file keeps the \
             keyrings of its opener: until it is closed, the kernel keeps {} ({}) that nobody can use",
            [
                Part::The(ring),
                Part::Proc(proc),
                Part::Task(file.opened.1),
                Part::At(file.opened.0),
                Part::Number(i64::from(fd)),
                what,
                Part::Word(keys(secrets.len())),
                Part::Key(*first),
            ],
        );
        let about = About { key: Some(ring), ..About::default() };
        self.findings.add(Kind::PinnedByFile, which, about, text, &[place, file.opened.0]);
    }
}
