//! The tasks that exist at each step of a program, and what they can do.

use crate::Operation;
use crate::operation::Runs;
use crate::program::{TaskAction, TaskProgram, TaskStep};

/// Most tasks of a program.
pub(crate) const MOST_TASKS: usize = 8;

/// The tasks of a program as its steps create and end them.
#[derive(Clone, Debug)]
pub(crate) struct TaskStates {
    tasks: Vec<TaskState>,
    processes: Vec<ProcessState>,
    has_begun: bool,
    /// Whether the program begins with a session keyring.
    has_session: bool,
}

#[derive(Clone, Copy, Debug)]
struct TaskState {
    process: usize,
    alive: bool,
    /// It can make its process exit; a thread of the C library ends alone.
    can_exit: bool,
    /// Who traces it. It stays so after its end, until it is reaped.
    tracer: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
struct ProcessState {
    parent: usize,
    has_file: bool,
    /// It may not be able to start this executable: another user may lack the permission, and
    /// `/proc/self/exe` works only while the main thread lives.
    stuck: bool,
    /// The user namespace of the program in which it is, by the process that entered it.
    namespace: Option<usize>,
    /// It has the notification pipe.
    has_pipe: bool,
    /// The request for which the kernel started it, until it ends.
    request: Option<Request>,
}

/// A request that has not returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// The task that waits for it.
    pub(crate) by: u8,
    /// The destination.
    pub(crate) to: i32,
}

/// The process of `main`. It never exits, never calls execve and never changes its user, because it
/// observes the end of the whole program.
const FIRST: usize = 0;

impl TaskStates {
    /// `main` alone.
    pub(crate) fn new() -> TaskStates {
        TaskStates {
            tasks: vec![TaskState { process: FIRST, alive: true, can_exit: false, tracer: None }],
            processes: vec![ProcessState {
                parent: FIRST,
                has_file: false,
                stuck: false,
                namespace: None,
                has_pipe: false,
                request: None,
            }],
            has_begun: false,
            has_session: true,
        }
    }

    /// After these steps.
    pub(crate) fn after(steps: &[TaskStep]) -> TaskStates {
        let mut states = TaskStates::new();
        steps.iter().for_each(|step| _ = states.take(*step));
        states
    }

    /// The numbers of the tasks that are alive.
    pub(crate) fn alive(&self) -> impl Iterator<Item = u8> {
        self.tasks.iter().zip(0..).filter(|(task, _)| task.alive).map(|(_, nth)| nth)
    }

    /// The numbers of all tasks.
    pub(crate) fn all(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.tasks.len() as u8
    }

    /// The number of a task's process.
    pub(crate) fn process(&self, task: u8) -> usize {
        self.tasks[usize::from(task)].process
    }

    /// Whether a task's process has the notification pipe.
    pub(crate) fn has_pipe(&self, task: u8) -> bool {
        self.processes[self.process(task)].has_pipe
    }

    /// The request that a task's process handles.
    pub(crate) fn request(&self, task: u8) -> Option<Request> {
        self.processes[self.process(task)].request
    }

    /// The task that handles a request which has not returned; there is at most one.
    pub(crate) fn handler(&self) -> Option<u8> {
        self.alive().find(|task| self.request(*task).is_some())
    }

    /// Whether a task waits for its request.
    fn waits(&self, task: usize) -> bool {
        self.processes
            .iter()
            .any(|process| process.request.is_some_and(|it| usize::from(it.by) == task))
    }

    /// The kernel started no program for the last request.
    pub(crate) fn no_handler(&mut self) {
        if let Some(task) = self.handler() {
            self.end(self.process(task), None);
        }
    }

    /// The task that reaps a task's process: one of the parent process, or else `main`, which adopts
    /// orphans.
    pub(crate) fn reaper(&self, task: u8) -> u8 {
        if self.request(task).is_some() {
            return 0;
        }
        let parent = self.processes[self.process(task)].parent;
        let of_parent = || self.alive().filter(|other| self.process(*other) == parent);
        let free = of_parent().find(|other| !self.waits((*other).into()));
        free.or_else(|| of_parent().next()).unwrap_or(0)
    }

    /// Takes a step; returns whether it was possible.
    pub(crate) fn take(&mut self, step: TaskStep) -> bool {
        let possible = self.is_possible(step);
        if possible {
            self.apply(step);
        }
        possible
    }

    fn is_possible(&self, TaskStep { task, action }: TaskStep) -> bool {
        let Some(&TaskState { process, alive: true, can_exit, .. }) =
            self.tasks.get(usize::from(task))
        else {
            return false;
        };
        let ProcessState { has_file, stuck, namespace, request, .. } = self.processes[process];
        if self.waits(task.into()) {
            return false;
        }
        let mut threads = self.tasks.iter().enumerate().filter(|(_, task)| task.process == process);
        let is_waited_in = threads.any(|(nth, _)| self.waits(nth));
        // It would not leave the user keyrings of others alone.
        if !self.has_session && namespace.is_none() && action != TaskAction::EnterNamespace {
            return false;
        }
        let is_traced = self.of(process).any(|task| task.tracer.is_some());
        // A signal stops a traced task, also the one that a child has ended.
        let room = self.tasks.len() < MOST_TASKS && !is_traced && request.is_none();
        match action {
            TaskAction::Do(operation) => self.can_do(process, &operation),
            TaskAction::Thread => self.tasks.len() < MOST_TASKS && request.is_none(),
            TaskAction::Fork | TaskAction::Clone | TaskAction::Clone3 => room,
            // Another user may not be mapped where it would have to be, and its executable not be found.
            TaskAction::CloneNewuser => room && !stuck && namespace.is_none(),
            TaskAction::Spawn => room && !stuck,
            TaskAction::Vfork(operation) | TaskAction::CloneVm(operation) => {
                room && operation.fits_shared_memory() && self.can_do(process, &operation)
            }
            // Where programs run one after another, one that the kernel started does not find its orders again.
            TaskAction::Exec => {
                process != FIRST && !stuck && !is_traced && !is_waited_in && request.is_none()
            }
            // The parent cannot reap it while a traced thread stays.
            TaskAction::Exit => {
                let keeps = |task: &TaskState| task.tracer.is_some() && !task.can_exit;
                let is_reaped = !self.waits(self.reaper(task).into());
                let is_free = can_exit && !is_waited_in && is_reaped;
                process != FIRST && is_free && !self.of(process).any(keeps)
            }
            TaskAction::ExitThread => task != 0 && request.is_none(),
            TaskAction::Open => !has_file,
            TaskAction::Close => has_file,
            TaskAction::Trace(target) => self.can_trace(process, target),
            TaskAction::Reap(target) => self.can_reap(process, target),
            TaskAction::BeginWithoutSession => !self.has_begun,
            TaskAction::NotificationPipe => task == 0 && !self.processes[FIRST].has_pipe,
            // `main` gives the order and then waits for the program. One request at a time, so that none waits for another.
            TaskAction::Upcall(to) => {
                room && task != 0 && to <= 0 && namespace.is_none() && self.handler().is_none()
            }
            TaskAction::EnterNamespace => {
                // The others would stay where they are, and from there nobody can kill tasks of other users. One
                // namespace is enough.
                let is_first = !self.has_begun || (!self.has_session && self.tasks.len() == 1);
                let is_alone = self.of(process).count() == 1;
                is_alone && !stuck && namespace.is_none() && (process != FIRST || is_first)
            }
        }
    }

    /// The tasks of a process that are alive, or traced.
    fn of(&self, process: usize) -> impl Iterator<Item = &TaskState> {
        let is = move |task: &&TaskState| {
            task.process == process && (task.alive || task.tracer.is_some())
        };
        self.tasks.iter().filter(is)
    }

    fn can_do(&self, process: usize, operation: &Operation) -> bool {
        let has_namespace = self.processes[process].namespace.is_some();
        let is_possible = match operation.row().runs {
            Runs::Anywhere | Runs::AtRandom | Runs::InNamespace | Runs::Slow => true,
            Runs::NotInMain | Runs::ChangesIds => process != FIRST,
        };
        is_possible && (has_namespace || !operation.is_of_namespace())
    }

    /// Whether tasks of a process can trace another one: of a child of theirs, which has no children whose end would stop it,
    /// and the same ids.
    fn can_trace(&self, process: usize, target: u8) -> bool {
        let Some(&TaskState { process: traced, alive: true, tracer: None, .. }) =
            self.tasks.get(usize::from(target))
        else {
            return false;
        };
        let (own, child) = (self.processes[process], self.processes[traced]);
        let has_children = |task: &TaskState| {
            task.alive && task.process != traced && self.processes[task.process].parent == traced
        };
        traced != process
            && traced != FIRST
            && child.parent == process
            && !own.stuck
            && !child.stuck
            // To trace a task that entered one requires capabilities outside.
            && own.namespace.is_none()
            && child.namespace.is_none()
            && !self.tasks.iter().any(has_children)
    }

    /// Whether tasks of a process can reap a thread that one of them traces.
    fn can_reap(&self, process: usize, target: u8) -> bool {
        self.tasks.get(usize::from(target)).is_some_and(|traced| {
            let tracer = traced.tracer.map(|tracer| self.process(tracer));
            !traced.alive && !traced.can_exit && tracer == Some(process)
        })
    }

    fn apply(&mut self, TaskStep { task, action }: TaskStep) {
        let TaskState { process, can_exit, .. } = self.tasks[usize::from(task)];
        let new = TaskState { process, alive: true, can_exit: true, tracer: None };
        self.has_begun = true;
        let state = &mut self.processes[process];
        match action {
            TaskAction::Do(operation) => {
                state.stuck |= operation.row().runs == Runs::ChangesIds;
            }
            TaskAction::Fork
            | TaskAction::Clone
            | TaskAction::Clone3
            | TaskAction::CloneNewuser
            | TaskAction::Spawn => {
                // Files are opened close-on-exec.
                let is_same = action != TaskAction::Spawn;
                let (has_file, has_pipe) = (state.has_file && is_same, state.has_pipe && is_same);
                let mut child = ProcessState { parent: process, has_file, has_pipe, ..*state };
                if action == TaskAction::CloneNewuser {
                    (child.namespace, child.stuck) = (Some(self.processes.len()), true);
                }
                self.tasks.push(TaskState { process: self.processes.len(), ..new });
                self.processes.push(child);
            }
            TaskAction::Thread => self.tasks.push(TaskState { can_exit: false, ..new }),
            // The child has exited already.
            TaskAction::Vfork(_) | TaskAction::CloneVm(_) => {
                let ended = TaskState { process: FIRST, alive: false, can_exit: false, ..new };
                self.tasks.push(ended);
            }
            TaskAction::Exec => {
                (state.has_file, state.has_pipe) = (false, false);
                // It traces on, unlike the others.
                self.end(process, Some(task));
                self.tasks[usize::from(task)] = new;
            }
            TaskAction::Exit => self.end(process, None),
            TaskAction::ExitThread => {
                state.stuck |= can_exit;
                self.tasks[usize::from(task)].alive = false;
                self.end_tracing();
            }
            TaskAction::Open => state.has_file = true,
            TaskAction::Close => state.has_file = false,
            TaskAction::Trace(target) => self.tasks[usize::from(target)].tracer = Some(task),
            TaskAction::Reap(target) => self.tasks[usize::from(target)].tracer = None,
            TaskAction::BeginWithoutSession => self.has_session = false,
            TaskAction::EnterNamespace => state.namespace = Some(process),
            TaskAction::NotificationPipe => state.has_pipe = true,
            TaskAction::Upcall(to) => {
                // Its parent is the kernel.
                let parent = self.processes.len();
                let request = Some(Request { by: task, to });
                let (has_file, has_pipe, stuck, namespace) = (false, false, false, None);
                self.tasks.push(TaskState { process: parent, ..new });
                self.processes.push(ProcessState {
                    parent,
                    has_file,
                    stuck,
                    namespace,
                    has_pipe,
                    request,
                });
            }
        }
    }

    /// Tasks whose tracer has ended are traced no more.
    fn end_tracing(&mut self) {
        let alive: Vec<u8> = self.alive().collect();
        for task in &mut self.tasks {
            task.tracer = task.tracer.filter(|tracer| alive.contains(tracer));
        }
    }

    /// Ends all tasks of a process except one.
    fn end(&mut self, process: usize, except: Option<u8>) {
        let except = except.map(usize::from);
        for (nth, task) in self.tasks.iter_mut().enumerate() {
            if task.process != process || Some(nth) == except {
                continue;
            }
            task.alive = false;
            task.tracer = None;
        }
        if except.is_none() {
            self.processes[process].request = None;
        }
        self.end_tracing();
    }
}

impl TaskProgram {
    /// The program without the steps that are impossible: by tasks that have ended, for example.
    pub(crate) fn possible(mut self) -> TaskProgram {
        let mut states = TaskStates::new();
        self.steps.retain(|step| states.take(*step));
        self
    }
}
