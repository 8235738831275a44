//! The tasks that exist at each step of a program, and what they can do.

use crate::operation::Runs;
use crate::program::{TaskAction, TaskProgram, TaskStep};

/// Most tasks of a program.
pub(crate) const MOST_TASKS: usize = 8;

/// The tasks of a program as its steps create and end them.
#[derive(Clone, Debug)]
pub(crate) struct TaskStates {
    tasks: Vec<TaskState>,
    processes: Vec<ProcessState>,
}

#[derive(Clone, Copy, Debug)]
struct TaskState {
    process: usize,
    alive: bool,
    /// It can make its process exit; a thread of the C library ends alone.
    can_exit: bool,
}

#[derive(Clone, Copy, Debug)]
struct ProcessState {
    parent: usize,
    has_file: bool,
    /// It may not be able to start this executable: another user may lack the permission, and
    /// `/proc/self/exe` works only while the main thread lives.
    stuck: bool,
}

/// The process of `main`. It never exits, never calls execve and never changes its user, because it
/// observes the end of the whole program.
const FIRST: usize = 0;

impl TaskStates {
    /// `main` alone.
    pub(crate) fn new() -> TaskStates {
        TaskStates {
            tasks: vec![TaskState { process: FIRST, alive: true, can_exit: false }],
            processes: vec![ProcessState { parent: FIRST, has_file: false, stuck: false }],
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

    /// The number of a task's process.
    pub(crate) fn process(&self, task: u8) -> usize {
        self.tasks[usize::from(task)].process
    }

    /// The task that reaps a task's process: one of the parent process, or else `main`, which adopts
    /// orphans.
    pub(crate) fn reaper(&self, task: u8) -> u8 {
        let parent = self.processes[self.process(task)].parent;
        self.alive().find(|other| self.process(*other) == parent).unwrap_or(0)
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
        let Some(&TaskState { process, alive: true, can_exit }) = self.tasks.get(usize::from(task))
        else {
            return false;
        };
        let ProcessState { has_file, stuck, .. } = self.processes[process];
        let room = self.tasks.len() < MOST_TASKS;
        match action {
            TaskAction::Do(operation) => match operation.row().runs {
                Runs::Anywhere | Runs::Slow => true,
                Runs::NotInMain | Runs::ChangesIds => process != FIRST,
            },
            TaskAction::Fork | TaskAction::Clone | TaskAction::Clone3 | TaskAction::Thread => room,
            TaskAction::Spawn => room && !stuck,
            TaskAction::Vfork(operation) | TaskAction::CloneVm(operation) => {
                room && operation.fits_shared_memory()
            }
            TaskAction::Exec => process != FIRST && !stuck,
            TaskAction::Exit => process != FIRST && can_exit,
            TaskAction::ExitThread => task != 0,
            TaskAction::Open => !has_file,
            TaskAction::Close => has_file,
        }
    }

    fn apply(&mut self, TaskStep { task, action }: TaskStep) {
        let TaskState { process, can_exit, .. } = self.tasks[usize::from(task)];
        let new = TaskState { process, alive: true, can_exit: true };
        let state = &mut self.processes[process];
        match action {
            TaskAction::Do(operation) => {
                state.stuck |= operation.row().runs == Runs::ChangesIds;
            }
            TaskAction::Fork | TaskAction::Clone | TaskAction::Clone3 | TaskAction::Spawn => {
                // Files are opened close-on-exec.
                let has_file = state.has_file && action != TaskAction::Spawn;
                let child = ProcessState { parent: process, has_file, stuck: state.stuck };
                self.tasks.push(TaskState { process: self.processes.len(), ..new });
                self.processes.push(child);
            }
            TaskAction::Thread => self.tasks.push(TaskState { can_exit: false, ..new }),
            // The child has exited already.
            TaskAction::Vfork(_) | TaskAction::CloneVm(_) => {
                self.tasks.push(TaskState { process: FIRST, alive: false, can_exit: false });
            }
            TaskAction::Exec => {
                state.has_file = false;
                self.end(process);
                self.tasks[usize::from(task)] = new;
            }
            TaskAction::Exit => self.end(process),
            TaskAction::ExitThread => {
                state.stuck |= can_exit;
                self.tasks[usize::from(task)].alive = false;
            }
            TaskAction::Open => state.has_file = true,
            TaskAction::Close => state.has_file = false,
        }
    }

    /// Ends all tasks of a process.
    fn end(&mut self, process: usize) {
        for task in self.tasks.iter_mut().filter(|task| task.process == process) {
            task.alive = false;
        }
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
