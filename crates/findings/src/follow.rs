//! Following a log: which task an event belongs to, and in which order events are taken.

use crate::act::Act;
use crate::act::{Birth, Got};
use crate::found::Findings;
use crate::judged::Judged;
use crate::onlooker::Onlooker;
use crate::state::{State, TaskIx};
use std::collections::{HashMap, VecDeque};
use strace::{Event, Order, Place, Secrets, What};

/// Follows the events of one run of strace, and explains them.
#[derive(Debug)]
pub struct Explainer {
    pub(crate) state: State,
    pub(crate) findings: Findings,
    pub(crate) secrets: Secrets,
    pub(crate) key_calls: u64,
    /// Whether a call about keys succeeded: the kernel has keys.
    pub(crate) key_calls_succeeded: bool,
    /// Whether the log shows a call that opens or closes a file.
    pub(crate) shows_files: bool,
    /// The thread and process keyrings that were created in the log, oldest first.
    pub(crate) rings: Vec<crate::state::KeyIx>,
    pub(crate) judged: Judged,
    /// Findings about an absent keyring that its task may have asked for to create it, by task.
    pub(crate) probes: HashMap<TaskIx, Vec<usize>>,
    /// Findings about a keyring that threads shared and that ended with the last of them, by process: for a process that
    /// makes no more call about keys they mean nothing.
    pub(crate) unneeded: HashMap<crate::state::ProcIx, Vec<usize>>,
    /// How many keys of the caller existed when its quota was first used up.
    pub(crate) keys_at_quota: Option<i64>,
    pub(crate) order: Option<Order>,
    /// Calls that create a task and have not returned.
    creating: Vec<(TaskIx, Option<Birth>, Place)>,
    /// Tasks that appeared while one such call had not returned, with its caller.
    guessed: Vec<(TaskIx, TaskIx)>,
    /// Events of tasks whose creation the log has not shown yet.
    held: VecDeque<Step>,
    /// Whether the log begins with the start of a program: every later task is created in it.
    begins: bool,
}

/// An event, owned.
#[derive(Clone, Debug)]
struct Step {
    pid: u32,
    place: Place,
    what: StepWhat,
}

#[derive(Clone, Debug)]
enum StepWhat {
    Act(Act),
    Creating(Option<Birth>),
    Ended,
    SupersededBy(u32),
    Detached,
    Attached,
}

/// The number of events that wait for the creation of their task. If it does not show by then, the log lacks such calls.
const MOST_HELD: usize = 100;

impl Explainer {
    /// An explainer before the first event. `order`: in which order the lines of the run happened. `model` judges the calls.
    pub fn new(order: Order, model: Box<dyn Onlooker>) -> Explainer {
        Explainer {
            state: State::default(),
            findings: Findings::default(),
            secrets: Secrets::default(),
            key_calls: 0,
            key_calls_succeeded: false,
            shows_files: false,
            rings: Vec::new(),
            judged: Judged::new(model),
            probes: HashMap::new(),
            unneeded: HashMap::new(),
            keys_at_quota: None,
            order: Some(order),
            creating: Vec::new(),
            guessed: Vec::new(),
            held: VecDeque::new(),
            begins: false,
        }
    }

    /// The number of calls about keys so far.
    pub fn key_calls(&self) -> u64 {
        self.key_calls
    }

    /// Takes the next event.
    pub fn event(&mut self, event: &Event<'_>) {
        let what = match event.what {
            What::Entered(call) => {
                if !matches!(call.name, b"clone" | b"clone2" | b"clone3" | b"fork" | b"vfork") {
                    return;
                }
                match Act::of(&call) {
                    Some(Act::Create(birth, _)) => StepWhat::Creating(birth),
                    _ => return,
                }
            }
            What::Call(call) => {
                self.secrets.add_call(&call);
                match Act::of(&call) {
                    Some(act) => {
                        self.key_calls += u64::from(matches!(act, Act::Key(_)));
                        StepWhat::Act(act)
                    }
                    None => return,
                }
            }
            What::Exited(_) | What::Killed { .. } => StepWhat::Ended,
            What::SupersededBy(by) => StepWhat::SupersededBy(by),
            What::Attached { .. } => StepWhat::Attached,
            What::Detached => StepWhat::Detached,
            What::Signal { .. } | What::Stopped(_) | What::Mode(_) => return,
        };
        self.step(Step { pid: event.task, place: event.first, what });
    }

    /// Text with what the log shows of payloads masked.
    pub fn masked(&self, text: &str) -> String {
        let masked = crate::text::without_secrets(text.as_bytes(), &self.secrets);
        String::from_utf8_lossy(&masked).into_owned()
    }

    /// Learns the pid of the task that the log does not number.
    pub fn first_pid(&mut self, pid: Option<u32>) {
        self.state.first_pid = self.state.first_pid.or(pid);
    }

    /// Takes the events that still wait.
    pub(crate) fn release(&mut self) {
        self.begins = false;
        while let Some(step) = self.held.pop_front() {
            self.step(step);
        }
    }

    fn step(&mut self, step: Step) {
        let Some(task) = self.task_of(&step) else { return };
        let place = step.place;
        match step.what {
            StepWhat::Act(act) => self.act(task, act, place),
            StepWhat::Creating(birth) => self.creating.push((task, birth, place)),
            StepWhat::Ended => {
                self.end_task(task, place);
                if self.state.by_pid.get(&step.pid) == Some(&task) {
                    self.state.by_pid.remove(&step.pid);
                }
            }
            StepWhat::SupersededBy(by) => self.supersede(task, by, place),
            StepWhat::Detached => self.let_go(task),
            StepWhat::Attached => {}
        }
    }

    fn act(&mut self, task: TaskIx, act: Act, place: Place) {
        if self.state.task(task).ended.is_some() {
            return;
        }
        match act {
            Act::Key(call) => {
                let proc = self.state.task(task).proc;
                self.state.proc_mut(proc).asked = true;
                self.key_call(task, &call, place);
            }
            Act::Create(birth, got) => self.created(task, birth, &got, place),
            Act::Execve(path, got) => {
                let succeeded = got.ok().is_some_and(|result| result == 0);
                self.execve_returned(task, path.as_ref(), succeeded, place);
            }
            Act::Exit => self.end_task(task, place),
            Act::ExitGroup => {
                let proc = self.state.task(task).proc;
                // The caller last: its keyrings are what the others share.
                for other in self.state.proc(proc).tasks.clone() {
                    if other != task {
                        self.state.task_mut(other).ended = Some(place);
                    }
                }
                self.end_process(proc, task, place);
            }
            Act::Users(users, changes) => self.new_users(task, users, changes.then_some(place)),
            Act::File(file) => self.file(task, file, place),
            Act::Seccomp => self.state.task_mut(task).seccomp = Some(place),
            Act::MayUseKeys => {
                let proc = self.state.task(task).proc;
                self.state.proc_mut(proc).may_use = Some(place);
            }
        }
    }

    /// The task of an event, or `None` if it waits or means nothing.
    fn task_of(&mut self, step: &Step) -> Option<TaskIx> {
        if let Some(task) = self.state.by_pid.get(&step.pid) {
            return Some(*task);
        }
        if !matches!(step.what, StepWhat::Act(_) | StepWhat::Creating(_)) {
            // What ended here is not known, or strace attached to a task that does nothing yet.
            return None;
        }
        if !self.state.has_tasks() {
            let begins = matches!(&step.what, StepWhat::Act(Act::Execve(_, Got::Ok(_))));
            self.begins = begins;
            return Some(self.appear(step.pid, begins));
        }
        // The child of vfork(2) runs before the call returns; so may any other.
        if let [(creator, birth, place)] = self.creating[..] {
            self.creating.clear();
            let child = self.birth(creator, step.pid, birth, place);
            self.guessed.push((creator, child));
            return Some(child);
        }
        if self.begins {
            self.held.push_back(step.clone());
            if self.held.len() > MOST_HELD {
                self.release();
            }
            return None;
        }
        Some(self.appear(step.pid, false))
    }

    /// A call that creates a task returned.
    fn created(&mut self, task: TaskIx, birth: Option<Birth>, got: &Got, place: Place) {
        let entered = self.creating.iter().position(|(creator, ..)| *creator == task);
        let (birth, place) = match entered.map(|nth| self.creating.swap_remove(nth)) {
            Some((_, known, entered)) => (birth.or(known), entered),
            None => (birth, place),
        };
        let pid = got.ok().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        if let Some(nth) = self.guessed.iter().position(|(creator, _)| *creator == task) {
            let (_, child) = self.guessed.swap_remove(nth);
            if pid != Some(self.state.task(child).pid) {
                self.model_loses(child);
            }
        }
        let Some(pid) = pid else { return };
        match self.state.by_pid.get(&pid).copied() {
            Some(child) if self.state.task(child).born == Some(place) => {}
            Some(child) if self.state.task(child).born.is_none() && !self.begins => {
                self.born_before(child, task, birth, place);
            }
            _ => {
                self.birth(task, pid, birth, place);
            }
        }
        if self.held.iter().any(|step| step.pid == pid) {
            let (now, later) = self.held.drain(..).partition(|step| step.pid == pid);
            self.held = later;
            let now: VecDeque<Step> = now;
            now.into_iter().for_each(|step| self.step(step));
        }
    }
}
