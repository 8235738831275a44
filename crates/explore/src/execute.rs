//! Executes the steps of a program with real tasks.

use crate::Operation;
use crate::argument::{Ids, KeyType, NO_PIPE, Slot};
use crate::operation::{Call, CallResult, Encoded, call_result, perform};
use crate::program::{REQUESTED, TaskAction, TaskProgram, TaskStep};
use crate::task_states::{MOST_TASKS, TaskStates};
use keyrings::{
    CLONE_FS, CLONE_NEWUSER, Checked, Descriptor, KeySerial, NO_FLAGS, NO_KEYRING, Plain, SELF,
    Task,
};
use std::fmt::Write;

/// A step as it was executed: with the keys that it really used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedStep {
    /// The step.
    pub step: TaskStep,
    /// The errno of its call, or 0.
    pub errno: i32,
    /// The number of the key that its call returned, from 0, if no call returned that key before.
    pub new_key: Option<u8>,
}

/// A program that is being executed.
struct Execution {
    states: TaskStates,
    /// By number; `None` for `main` and for children of vfork, which never take orders.
    tasks: Vec<Option<Task>>,
    /// The keys that calls returned, in the order of their first appearance.
    keys: Vec<(KeySerial, KeyType)>,
    /// The open file of each process.
    files: Vec<Option<Descriptor>>,
    ids: Ids,
    /// The key that a program is to instantiate, until it is. Most calls would wait for it.
    constructing: Option<KeySerial>,
}

/// Executes a program; the calling task is its `main`. A step whose key does not exist yet is
/// skipped. Returns a log for [`read`].
///
/// # Errors
///
/// If a task cannot be created or does not finish its step.
pub(crate) fn execute(program: &TaskProgram) -> Checked<String> {
    let mut execution = Execution {
        states: TaskStates::new(),
        tasks: vec![None],
        keys: Vec::new(),
        files: vec![None],
        ids: Ids::here(),
        constructing: None,
    };
    let mut log = String::new();
    let mut note = |executed| {
        if let Some(ExecutedStep { step, errno, new_key }) = executed {
            let new_key = new_key.map_or(-1, i32::from);
            let _ = writeln!(log, "{} {errno} {new_key} {}", step.task, step.action);
        }
    };
    for step in &program.steps {
        note(execution.step(*step)?);
    }
    // A request returns.
    if let Some(task) = execution.states.handler() {
        note(execution.step(TaskStep { task, action: TaskAction::Exit })?);
    }
    Ok(log)
}

/// Reads the log of [`execute`].
pub(crate) fn read(log: &str) -> Option<Vec<ExecutedStep>> {
    let line = |line: &str| {
        let mut parts = line.splitn(4, ' ');
        let task: u8 = parts.next()?.parse().ok()?;
        let errno = parts.next()?.parse().ok()?;
        let new_key: i32 = parts.next()?.parse().ok()?;
        let action = parts.next()?.parse().ok()?;
        let step = TaskStep { task, action };
        Some(ExecutedStep { step, errno, new_key: u8::try_from(new_key).ok() })
    };
    log.lines().filter(|line| !line.is_empty()).map(line).collect()
}

const NOTHING: CallResult = (0, NO_KEYRING);

/// The name of a task. The task that creates it forms the name, because an order carries only
/// numbers.
fn name(prefix: &str, number: usize) -> String {
    format!("{prefix}{number}")
}

/// Has a child execute an operation in the caller's memory. `new` is the child's number.
fn in_shared_memory((order, new): ((Encoded, Ids), usize), vfork: bool) -> Checked<CallResult> {
    let mut result = NOTHING;
    let body = || {
        result = perform(order)?;
        Ok(())
    };
    let name = name("child", new);
    if vfork { keyrings::vfork(&name, body) } else { keyrings::clone_vm(NO_FLAGS, &name, body) }?;
    Ok(result)
}

impl Execution {
    /// Has a task execute an order with these values and waits until it is done.
    fn run<A: Plain, R: Plain>(
        &self,
        task: u8,
        values: A,
        order: fn(A) -> Checked<R>,
    ) -> Checked<R> {
        match self.tasks[usize::from(task)] {
            Some(task) => task.run_with(values, order),
            None => order(values),
        }
    }

    /// The place of a key that a call returned, by its number in the program; `None` for another key,
    /// or if no call has returned one.
    fn place(&self, number: i32) -> Option<usize> {
        usize::try_from(number - 1).ok()?.checked_rem(self.keys.len())
    }

    /// The operation with keys that exist; `None` if it cannot be executed now.
    fn resolve(&self, operation: &Operation) -> Option<Operation> {
        let number =
            |number| if number > 0 { Some(self.place(number)? as i32 + 1) } else { Some(number) };
        let known = operation.with(number)?;
        let waits = |(nth, (slot, number)): (usize, (Slot, i32))| {
            let place = if slot.is_key() { self.place(number) } else { None };
            let key = place.map(|place| self.keys[place].0);
            key.is_some() && key == self.constructing && (nth > 0 || !known.accepts_partial())
        };
        if known.args().enumerate().any(waits) {
            return None;
        }
        let mut keys = known.args().filter(|(slot, _)| slot.is_key());
        let kind = |(_, number)| self.place(number).map(|place| self.keys[place].1);
        match known.call {
            // Only a keyring's payload is a list of keys.
            Call::Read | Call::Payload => {
                let is_user = keys.next().and_then(kind) == Some(KeyType::User);
                let call = if is_user { Call::Payload } else { Call::Read };
                Some(Operation { call, ..known })
            }
            _ if keys.any(|(slot, number)| slot == Slot::Returned && number <= 0) => None,
            _ => Some(known),
        }
    }

    /// Remembers a key that an action returned; returns its number, from 0, if it is new.
    fn remember(&mut self, action: &TaskAction, (_, key): CallResult) -> Option<u8> {
        if key == NO_KEYRING || self.keys.iter().any(|(known, _)| *known == key) {
            return None;
        }
        // A key that is named by its own serial number is known, so a new one has the declared type.
        self.keys.push((key, action.returns()?));
        Some((self.keys.len() - 1) as u8)
    }

    fn step(&mut self, TaskStep { task, action }: TaskStep) -> Checked<Option<ExecutedStep>> {
        let action = match action.operation() {
            None => action,
            Some(operation) => match self.resolve(operation) {
                Some(operation) => action.with_operation(operation),
                None => return Ok(None),
            },
        };
        let step = TaskStep { task, action };
        let before = self.states.clone();
        if !self.states.take(step) {
            return Ok(None);
        }
        let result = self.act(step, &before)?;
        let new_key = self.remember(&action, result);
        if result.0 == 0 && action.operation().is_some_and(|it| self.constructs(it)) {
            self.constructing = None;
        }
        Ok(Some(ExecutedStep { step, errno: result.0, new_key }))
    }

    fn act(
        &mut self,
        TaskStep { task, action }: TaskStep,
        before: &TaskStates,
    ) -> Checked<CallResult> {
        let new = self.tasks.len();
        debug_assert!(new <= MOST_TASKS);
        let process = before.process(task);
        match action {
            TaskAction::Do(operation) => {
                return self.run(task, self.encode(task, operation), perform);
            }
            TaskAction::Vfork(operation) | TaskAction::CloneVm(operation) => {
                let values = (self.encode(task, operation), new);
                let result = match action {
                    TaskAction::Vfork(_) => {
                        self.run(task, values, |one| in_shared_memory(one, true))
                    }
                    _ => self.run(task, values, |one| in_shared_memory(one, false)),
                };
                self.tasks.push(None);
                return result;
            }
            TaskAction::Fork
            | TaskAction::Clone
            | TaskAction::Clone3
            | TaskAction::CloneNewuser
            | TaskAction::Spawn
            | TaskAction::Thread => self.create(task, action)?,
            TaskAction::Exec => {
                self.run(task, (), |()| Ok(keyrings::execve(SELF)?))?;
                self.files[process] = None;
            }
            TaskAction::Exit => return self.exit(task, before),
            TaskAction::ExitThread => {
                if let Some(ending) = self.tasks[usize::from(task)] {
                    ending.pthread_exit()?;
                }
            }
            TaskAction::Open => {
                let file = self.run(task, (), |()| Ok(keyrings::open("/dev/null")?))?;
                self.files[process] = Some(file);
            }
            TaskAction::Close => {
                if let Some(file) = self.files[process].take() {
                    self.run(task, file, |file| Ok(keyrings::close(file)?))?;
                }
            }
            TaskAction::Trace(target) | TaskAction::Reap(target) => {
                self.trace_or_reap(task, action, target)?;
            }
            // The stage has begun so.
            TaskAction::BeginWithoutSession => {}
            TaskAction::EnterNamespace => {
                self.run(task, (), |()| keyrings::enter_user_namespace())?;
            }
            TaskAction::NotificationPipe => {
                let (pipe, _) = keyrings::notification_pipe()?;
                self.ids.pipe = pipe.number()?;
            }
            TaskAction::Upcall(to) => return self.request(task, KeySerial(to)),
        }
        Ok(NOTHING)
    }

    /// Has a task end its process. A request that its program handled returns then.
    fn exit(&mut self, task: u8, before: &TaskStates) -> Checked<CallResult> {
        if let Some(ending) = self.tasks[usize::from(task)] {
            self.run(before.reaper(task), ending, Task::exit)?;
        }
        let Some(request) = before.request(task) else { return Ok(NOTHING) };
        self.constructing = None;
        self.answer(request.by)
    }

    /// Has a task request a key, for which the kernel starts a program.
    fn request(&mut self, task: u8, to: KeySerial) -> Checked<CallResult> {
        let Some(requestor) = self.tasks[usize::from(task)] else { return Ok(NOTHING) };
        let name = name("program", self.tasks.len());
        self.files.push(None);
        match keyrings::upcall(requestor, &name, REQUESTED, to) {
            Ok((program, key)) => {
                self.tasks.push(Some(program));
                self.constructing = Some(key);
                Ok((0, key))
            }
            // The call has returned without one.
            Err(_) => {
                self.tasks.push(None);
                self.states.no_handler();
                self.answer(task)
            }
        }
    }

    /// What the request of a task returned.
    fn answer(&self, task: u8) -> Checked<CallResult> {
        let Some(requestor) = self.tasks[usize::from(task)] else { return Ok(NOTHING) };
        Ok(call_result(keyrings::requested(requestor)?))
    }

    /// Whether an operation that succeeds instantiates the key that the program of a request is for.
    fn constructs(&self, operation: &Operation) -> bool {
        let first = operation.args().next().and_then(|(_, number)| self.place(number));
        let is_key = first.is_some_and(|place| Some(self.keys[place].0) == self.constructing);
        is_key && matches!(operation.call, Call::Instantiate | Call::Negate | Call::Reject)
    }

    /// Has a task trace another one, or reap it.
    fn trace_or_reap(&self, task: u8, action: TaskAction, target: u8) -> Checked {
        let Some(target) = self.tasks[usize::from(target)] else { return Ok(()) };
        match action {
            TaskAction::Trace(_) => {
                self.run(task, target, |target| Ok(keyrings::ptrace_seize(target)?))
            }
            _ => self.run(task, target, |target| Ok(keyrings::wait_for_traced(target)?)),
        }
    }

    /// Has a task create another one.
    fn create(&mut self, task: u8, action: TaskAction) -> Checked {
        let new = self.tasks.len();
        let created = match action {
            TaskAction::Thread => {
                self.run(task, new, |new| keyrings::pthread_create(&name("thread", new)))
            }
            TaskAction::Clone => {
                self.run(task, new, |new| keyrings::clone(CLONE_FS, &name("child", new)))
            }
            TaskAction::CloneNewuser => {
                let order = |new| keyrings::clone(CLONE_NEWUSER, &name("child", new));
                self.run(task, new, order)
            }
            TaskAction::Clone3 => {
                self.run(task, new, |new| keyrings::clone3(NO_FLAGS, &name("child", new)))
            }
            TaskAction::Spawn => {
                self.run(task, new, |new| keyrings::posix_spawn(&name("child", new)))
            }
            _ => self.run(task, new, |new| keyrings::fork(&name("child", new))),
        }?;
        self.tasks.push(Some(created));
        match action {
            TaskAction::Thread => {}
            TaskAction::Spawn => self.files.push(None),
            _ => {
                let inherited = self.files[self.states.process(task)].as_ref();
                self.files.push(inherited.map(Descriptor::handle));
            }
        }
        Ok(())
    }

    /// The operation of a task with serial numbers, and the ids of the program. Special ids are the same
    /// in a program and in a call.
    fn encode(&self, task: u8, operation: Operation) -> (Encoded, Ids) {
        let serial = |number| self.place(number).map_or(number, |place| self.keys[place].0.0);
        let found = operation.with(|number| Some(serial(number)));
        let mut ids = self.ids;
        if !self.states.has_pipe(task) {
            ids.pipe = NO_PIPE;
        }
        (found.unwrap_or(operation).encode(), ids)
    }
}
