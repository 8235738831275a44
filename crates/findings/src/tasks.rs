//! Tasks begin, change their program and end.

use crate::act::{Birth, RawName};
use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::state::{Class, KeyIx, Loss, NameIx, Own, ProcIx, Task, TaskIx, Which};
use crate::text::{Part, say};
use strace::Place;

impl Explainer {
    /// A task of which nothing is known, but perhaps that it has just begun a program.
    pub(crate) fn appear(&mut self, pid: u32, begins: bool) -> TaskIx {
        let proc = self.state.add_proc(pid);
        let session = self.state.add_key(Class::Session, None);
        let own = if begins { Own::Absent } else { Own::Unknown };
        let task = self.state.add_task(Task {
            pid,
            proc,
            born: None,
            known: begins,
            thread: own,
            process: own,
            session,
            users: [None; 3],
            users_changed: None,
            reqkey: None,
            seccomp: None,
            ended: None,
            dropped: Vec::new(),
            superseded: false,
            missed: None,
        });
        if begins {
            self.model_appears(task);
        }
        task
    }

    /// A task creates another.
    pub(crate) fn birth(
        &mut self,
        creator: TaskIx,
        pid: u32,
        birth: Option<Birth>,
        place: Place,
    ) -> TaskIx {
        let is_thread = birth.is_some_and(|birth| birth.thread);
        let of = self.state.task(creator).clone();
        let own = if birth.is_some() { Own::Absent } else { Own::Unknown };
        let proc = if is_thread { of.proc } else { self.state.add_proc(pid) };
        let mut task = Task {
            pid,
            proc,
            born: Some(place),
            known: birth.is_some(),
            thread: own,
            process: own,
            ended: None,
            dropped: Vec::new(),
            missed: None,
            ..of.clone()
        };
        if is_thread {
            task.process = of.process;
            task.known = of.known;
            if of.thread == Own::Unknown {
                task.thread = Own::Unknown;
            }
        } else {
            let had = [of.thread.key(), of.process.key()];
            let parent = self.state.proc(of.proc);
            let (program, files) = (parent.program, parent.files.clone());
            for file in files.values() {
                file.rings.iter().for_each(|ring| self.state.key_mut(*ring).pinned += 1);
            }
            let new = self.state.proc_mut(proc);
            (new.program, new.files) = (program, files);
            new.parent = Some((creator, place, had));
        }
        let task = self.state.add_task(task);
        self.model_created(creator, task, birth);
        if is_thread {
            self.inherit(creator, task, place);
        }
        task
    }

    /// What a new thread has from its creator.
    fn inherit(&mut self, creator: TaskIx, task: TaskIx, place: Place) {
        if let Own::Is(ring) = self.state.task(creator).process {
            self.hold(ring, task);
            let text = say("{} shares it from its creation on", [Part::Task(task)]);
            self.tell(ring, text, place, &["process.threads.after"]);
        }
        if let Own::Is(of_creator) = self.state.task(creator).thread {
            let ring = self.state.add_key(Class::Thread, Some((place, task)));
            self.state.task_mut(task).thread = Own::Is(ring);
            self.rings.push(ring);
            self.hold(ring, task);
            let text = say(
                "the kernel created it for {}, whose creator had {}",
                [Part::Task(task), Part::The(of_creator)],
            );
            self.tell(ring, text, place, &["thread.threads.after"]);
        }
    }

    /// A task that has already been seen turns out to be created by this call.
    pub(crate) fn born_before(
        &mut self,
        child: TaskIx,
        creator: TaskIx,
        birth: Option<Birth>,
        place: Place,
    ) {
        let of = self.state.task(creator).clone();
        let task = self.state.task_mut(child);
        task.born = Some(place);
        // What it did before is not known.
        self.model_created(creator, child, birth.filter(|birth| !birth.thread));
        self.model_loses(child);
        let task = self.state.task_mut(child);
        let Some(birth) = birth else { return };
        if birth.thread {
            let old = task.proc;
            task.proc = of.proc;
            self.state.proc_mut(old).tasks.clear();
            let proc = self.state.proc_mut(of.proc);
            proc.tasks.push(child);
            proc.threads += 1;
        } else {
            let proc = task.proc;
            let had = [of.thread.key(), of.process.key()];
            self.state.proc_mut(proc).parent = Some((creator, place, had));
        }
    }

    /// Thread `by` has become the main thread by execve(2); all others have ended.
    pub(crate) fn supersede(&mut self, main: TaskIx, by: u32, place: Place) {
        let Some(thread) = self.state.by_pid.remove(&by) else { return };
        let pid = self.state.task(main).pid;
        if thread == main {
            return;
        }
        self.end_task(main, place);
        self.state.task_mut(thread).pid = pid;
        self.state.by_pid.insert(pid, thread);
        // strace 6.1 shows a failure here, but execve(2) ends threads only when it succeeds.
        self.execve(thread, None, place);
        self.state.task_mut(thread).superseded = true;
    }

    /// execve(2) returned.
    pub(crate) fn execve_returned(
        &mut self,
        task: TaskIx,
        path: Option<&RawName>,
        succeeded: bool,
        place: Place,
    ) {
        if std::mem::take(&mut self.state.task_mut(task).superseded) {
            let proc = self.state.task(task).proc;
            self.state.proc_mut(proc).program = self.program(proc, path);
        } else if succeeded {
            self.execve(task, path, place);
        }
    }

    /// A new program begins.
    fn execve(&mut self, task: TaskIx, path: Option<&RawName>, place: Place) {
        self.model_executed(task);
        let proc = self.state.task(task).proc;
        for other in self.state.proc(proc).tasks.clone() {
            if other != task {
                self.end_task(other, place);
                let pid = self.state.task(other).pid;
                if self.state.by_pid.get(&pid) == Some(&other) {
                    self.state.by_pid.remove(&pid);
                }
            }
        }
        for ring in std::mem::take(&mut self.state.proc_mut(proc).pinned) {
            let text = say("the next execve(2) of {} released it", [Part::Proc(proc)]);
            self.unpin(ring, text, place);
        }
        for which in Which::BOTH {
            if let Own::Is(ring) = self.state.task(task).own(which) {
                self.drop_by_execve(task, which, ring, place);
            }
            *self.state.task_mut(task).own_mut(which) = Own::Absent;
        }
        let program = self.program(proc, path);
        self.state.task_mut(task).known = true;
        let proc = self.state.proc_mut(proc);
        if std::mem::take(&mut proc.asked) {
            proc.former = proc.program;
        }
        proc.program = program;
        proc.execve = Some(place);
        proc.may_use = None;
        self.close_on_exec(task, place);
    }

    /// The program that a process executes from now on, unless its path does not name it.
    fn program(&mut self, proc: ProcIx, path: Option<&RawName>) -> Option<NameIx> {
        match path {
            Some((path, _)) if path == b"/proc/self/exe" => self.state.proc(proc).program,
            Some((path, _)) if path.is_empty() => None,
            path => path.map(|path| self.state.intern(path)),
        }
    }

    fn drop_by_execve(&mut self, task: TaskIx, which: Which, ring: KeyIx, place: Place) {
        let proc = self.state.task(task).proc;
        self.let_loose(ring, task);
        self.state.task_mut(task).dropped.push((which, ring, place));
        let rules: &[&str] = match which {
            Which::Thread => &["thread.execve", "thread.execve.lives-on"],
            Which::Process => &["process.execve", "process.execve.lives-on"],
        };
        let text = say(
            "{} called execve(2): the new program does not have it, but it stays in the kernel while that program runs",
            [Part::Task(task)],
        );
        self.tell(ring, text, place, rules);
        self.state.key_mut(ring).lost = Some((place, Loss::Execve(task)));
        let secrets = self.only_in(ring);
        self.state.key_mut(ring).pinned += 1;
        self.state.proc_mut(proc).pinned.push(ring);
        let Some(first) = secrets.first() else { return };
        let text = say(
            "{} called execve(2) while its {} held {} that no other keyring links to ({}). The new program cannot read what that \
             keyring holds, and the kernel keeps it as long as the program runs",
            [Part::Task(task), Part::Key(ring), Part::Word(keys(secrets.len())), Part::Key(*first)],
        );
        let made = self.state.key(*first).made.map(|(place, _)| place);
        let places: Vec<Place> = [Some(place), made].into_iter().flatten().collect();
        let about = About { key: Some(ring), ..About::default() };
        self.findings.add(Kind::SecretAfterExecve, which, about, text, &places);
    }

    /// A task ends.
    pub(crate) fn end_task(&mut self, task: TaskIx, place: Place) {
        if self.state.task(task).ended.is_some() {
            return;
        }
        let proc = self.state.task(task).proc;
        if self.state.proc(proc).tasks.len() == 1 {
            self.end_process(proc, task, place);
            return;
        }
        self.model_ended(task, false);
        self.state.task_mut(task).ended = Some(place);
        self.state.proc_mut(proc).tasks.retain(|other| *other != task);
        for which in Which::BOTH {
            if let Own::Is(ring) = self.state.task(task).own(which) {
                self.let_loose(ring, task);
                if self.state.key(ring).holders.is_empty() {
                    self.lost_with_thread(task, which, ring, place);
                }
            }
        }
    }

    /// The last task of a process ends, or all at once.
    pub(crate) fn end_process(&mut self, proc: ProcIx, last: TaskIx, place: Place) {
        let mut tasks = std::mem::take(&mut self.state.proc_mut(proc).tasks);
        if !tasks.contains(&last) {
            return;
        }
        tasks.retain(|task| *task != last);
        tasks.push(last);
        for nth in self.unneeded.remove(&proc).unwrap_or_default() {
            self.findings.take_back(nth);
        }
        self.model_ended(last, true);
        for ring in std::mem::take(&mut self.state.proc_mut(proc).pinned) {
            self.unpin(
                ring,
                say("it was destroyed after the end of {}", [Part::Proc(proc)]),
                place,
            );
        }
        self.close_all(proc, place);
        for task in tasks {
            self.state.task_mut(task).ended = Some(place);
            for which in Which::BOTH {
                if let Own::Is(ring) = self.state.task(task).own(which) {
                    self.let_loose(ring, task);
                    if self.state.key(ring).holders.is_empty() {
                        self.lost_with_process(proc, task, which, ring, place);
                    }
                }
            }
        }
    }

    /// strace let a task go: what it does from here on is unknown.
    pub(crate) fn let_go(&mut self, task: TaskIx) {
        self.model_loses(task);
        let pid = self.state.task(task).pid;
        self.state.by_pid.remove(&pid);
    }

    /// User ids, and where a call changed them.
    pub(crate) fn new_users(
        &mut self,
        task: TaskIx,
        users: [Option<u32>; 3],
        changed: Option<Place>,
    ) {
        let task = self.state.task_mut(task);
        for (known, new) in task.users.iter_mut().zip(users) {
            let Some(new) = new else { continue };
            let differs = known.map_or(new != 0, |known| known != new);
            if let Some(place) = changed.filter(|_| differs) {
                task.users_changed = Some(place);
            }
            *known = Some(new);
        }
    }
}

/// `1 key`, `2 keys`.
pub(crate) fn keys(number: usize) -> String {
    if number == 1 { "1 key".to_owned() } else { format!("{number} keys") }
}
