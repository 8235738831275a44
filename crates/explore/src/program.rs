//! Programs: which task does what, in which order.

use crate::Operation;
use crate::argument::KeyType;

/// A program of tasks and calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskProgram {
    /// Its steps, executed one after another.
    pub steps: Vec<TaskStep>,
}

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskStep {
    /// The task: 0 is `main`, the others are numbered in the order of their creation.
    pub task: u8,
    /// What the task does.
    pub action: TaskAction,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskAction {
    /// Executes an operation on keys.
    Do(Operation),
    /// Creates a process by fork(2).
    Fork,
    /// Creates a process by clone(2) with `CLONE_FS`.
    Clone,
    /// Creates a process by clone3(2) without flags.
    Clone3,
    /// Creates a process in a new user namespace, which maps no ids: clone(2) with `CLONE_NEWUSER`.
    CloneNewuser,
    /// Creates a thread.
    Thread,
    /// Creates a process that runs this executable: posix_spawn(3).
    Spawn,
    /// Creates a process by vfork(2), which executes this operation and exits.
    Vfork(Operation),
    /// Creates a process by clone(2) with `CLONE_VM`, which executes this operation and exits.
    CloneVm(Operation),
    /// Starts this executable again: execve(2).
    Exec,
    /// Ends its process by exit(2); a task of the parent reaps it.
    Exit,
    /// Ends the thread alone.
    ExitThread,
    /// Opens a file; a process has at most one.
    Open,
    /// Closes that file.
    Close,
    /// Traces the task with this number, of a child process: ptrace(2).
    Trace(u8),
    /// Reaps this traced thread, which has ended.
    Reap(u8),
    /// Begins without a session keyring. Only `main` can, first of all, and then enters a user namespace.
    BeginWithoutSession,
    /// Moves its process to a new user namespace, which has its own user keyrings.
    EnterNamespace,
    /// Creates a notification pipe for the watches of the program. Only `main` can, and once.
    NotificationPipe,
    /// Requests a key, with a special id as destination. The call returns when the program has ended that the kernel
    /// starts for it, as a new task.
    Upcall(i32),
}

/// The actions without an operation: the word in the text of a program, and how often random programs
/// have it, where 100 stands for all operations together.
pub(crate) const SIMPLE: [(&str, u32, TaskAction); 14] = [
    ("fork", 9, TaskAction::Fork),
    ("clone", 1, TaskAction::Clone),
    ("clone3", 1, TaskAction::Clone3),
    ("clone_newuser", 1, TaskAction::CloneNewuser),
    ("pthread_create", 9, TaskAction::Thread),
    ("posix_spawn", 1, TaskAction::Spawn),
    ("execve", 2, TaskAction::Exec),
    ("exit", 4, TaskAction::Exit),
    ("pthread_exit", 4, TaskAction::ExitThread),
    ("open", 2, TaskAction::Open),
    ("close", 2, TaskAction::Close),
    ("enter_user_namespace", 1, TaskAction::EnterNamespace),
    ("begin_without_session_keyring", 0, TaskAction::BeginWithoutSession),
    ("notification_pipe", 0, TaskAction::NotificationPipe),
];

/// The type, description and callout information of a request that a program handles.
pub(crate) const REQUESTED: [&str; 3] = ["user", "requested", "callout"];

impl TaskAction {
    /// The type of the key that it returns, if it returns one and the key is new.
    pub(crate) fn returns(&self) -> Option<KeyType> {
        match self {
            TaskAction::Upcall(_) => Some(KeyType::User),
            action => action.operation().and_then(Operation::returns),
        }
    }

    /// The first part of the name of the task that it creates, if it creates one.
    pub(crate) fn creates(&self) -> Option<&'static str> {
        use TaskAction::{Clone, Clone3, CloneNewuser, CloneVm, Fork, Spawn, Thread, Vfork};
        match self {
            Fork | Clone | Clone3 | CloneNewuser | Spawn | Vfork(_) | CloneVm(_) => Some("child"),
            Thread => Some("thread"),
            TaskAction::Upcall(_) => Some("program"),
            _ => None,
        }
    }

    /// The other task that it concerns.
    pub(crate) fn target(&self) -> Option<u8> {
        match self {
            TaskAction::Trace(task) | TaskAction::Reap(task) => Some(*task),
            _ => None,
        }
    }

    /// The same action on another task, if it concerns one.
    pub(crate) fn with_target(self, task: u8) -> TaskAction {
        match self {
            TaskAction::Trace(_) => TaskAction::Trace(task),
            TaskAction::Reap(_) => TaskAction::Reap(task),
            other => other,
        }
    }

    /// Its operation on keys.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match self {
            TaskAction::Do(operation)
            | TaskAction::Vfork(operation)
            | TaskAction::CloneVm(operation) => Some(operation),
            _ => None,
        }
    }

    /// The same action with another operation, if it has one.
    pub(crate) fn with_operation(self, operation: Operation) -> TaskAction {
        match self {
            TaskAction::Do(_) => TaskAction::Do(operation),
            TaskAction::Vfork(_) => TaskAction::Vfork(operation),
            TaskAction::CloneVm(_) => TaskAction::CloneVm(operation),
            other => other,
        }
    }
}

impl TaskProgram {
    /// The names of its tasks, by number.
    pub(crate) fn names(&self) -> Vec<String> {
        let created = self.steps.iter().filter_map(|step| step.action.creates());
        let created = created.zip(1..).map(|(prefix, nth)| format!("{prefix}{nth}"));
        std::iter::once("main".to_owned()).chain(created).collect()
    }

    /// The program without one of its steps, without the tasks that are then never created, and
    /// without the steps that are then impossible.
    pub(crate) fn without(&self, nth: usize) -> TaskProgram {
        let mut steps: Vec<TaskStep> = Vec::new();
        // Tasks that are left out, by their numbers in this program.
        let mut left_out: Vec<u8> = Vec::new();
        let mut newest = 0;
        for (other, step) in self.steps.iter().enumerate() {
            let creates = step.action.creates().is_some();
            newest += u8::from(creates);
            let target = step.action.target();
            if other == nth
                || [Some(step.task), target]
                    .into_iter()
                    .flatten()
                    .any(|task| left_out.contains(&task))
            {
                left_out.extend(creates.then_some(newest));
                continue;
            }
            let now =
                |task: u8| task - left_out.iter().filter(|other| **other < task).count() as u8;
            let action = step.action.with_target(target.map_or(0, now));
            steps.push(TaskStep { task: now(step.task), action });
        }
        TaskProgram { steps }.possible()
    }
}
