//! The events of a step, as a trace of it shows them: what the model is asked instead of the kernel.

use crate::argument::{NO_PIPE, Slot, id};
use crate::operation::{Call, FAR_TOO_LONG, TOO_LONG};
use crate::program::{REQUESTED, TaskAction, TaskStep};
use crate::task_states::{Request, TaskStates};
use crate::{Operation, TaskProgram};
use trace::{Event, Outcome, Value};

/// An event of a step.
pub(crate) enum StepEvent {
    /// Its outcome is up to the kernel; the one here means nothing.
    Asked(Event),
    /// The same, unless the event before failed.
    Then(Event),
    /// It has one outcome only.
    Certain(Event),
}

/// The events of a step in these states. `names` are those of all tasks, the one that it creates included.
pub(crate) fn events(step: TaskStep, states: &TaskStates, names: &[String]) -> Vec<StepEvent> {
    let by = names[usize::from(step.task)].as_str();
    let new = names.last().map_or("", String::as_str);
    let creates = |call: &str, args: Vec<Value>| {
        StepEvent::Certain(event(by, call, args, returned(Value::word(new))))
    };
    let exits =
        |task: &str| StepEvent::Certain(event(task, "exit", vec![Value::Int(0)], Outcome::Nothing));
    let word = |word: &str| vec![Value::word(word)];
    let do_it = |operation: Operation, by: &str| {
        let mut event = operation.event(by);
        if operation.call == Call::Watch && states.has_pipe(step.task) {
            event.args[1] = Value::word("pipe");
        }
        StepEvent::Asked(event)
    };
    match step.action {
        TaskAction::Do(operation) if operation.call == Call::Collect => {
            let waits = || StepEvent::Certain(operation.event(by));
            vec![waits(), waits()]
        }
        TaskAction::Do(operation) if operation.call == Call::Expire => expires(operation.event(by)),
        TaskAction::Do(operation) => vec![do_it(operation, by)],
        TaskAction::Vfork(operation) => {
            vec![creates("vfork", vec![]), do_it(operation, new), exits(new)]
        }
        TaskAction::CloneVm(operation) => {
            vec![creates("clone", word("CLONE_VM")), do_it(operation, new), exits(new)]
        }
        TaskAction::Upcall(to) => vec![
            StepEvent::Certain(request(by, "upcall", to, new)),
            StepEvent::Asked(event(new, "key_to_instantiate", vec![], Outcome::Nothing)),
        ],
        TaskAction::Fork => vec![creates("fork", vec![])],
        TaskAction::Clone => vec![creates("clone", word("CLONE_FS"))],
        TaskAction::Clone3 => vec![creates("clone3", vec![Value::Int(0)])],
        TaskAction::CloneNewuser => vec![creates("clone", word("CLONE_NEWUSER"))],
        TaskAction::Thread => vec![creates("pthread_create", vec![])],
        TaskAction::Spawn => vec![creates("posix_spawn", word("self"))],
        TaskAction::Exec => {
            let done = event(by, "execve", word("self"), returned(Value::Int(0)));
            vec![StepEvent::Certain(done)]
        }
        TaskAction::Exit if let Some(Request { by: requestor, to }) = states.request(step.task) => {
            let requestor = &names[usize::from(requestor)];
            vec![exits(by), StepEvent::Asked(request(requestor, "request_key", to, new))]
        }
        TaskAction::Exit => {
            let reaper = &names[usize::from(states.reaper(step.task))];
            let reaped = event(reaper, "waitpid", word(by), returned(Value::word(by)));
            vec![exits(by), StepEvent::Certain(reaped)]
        }
        TaskAction::ExitThread
        | TaskAction::Open
        | TaskAction::Close
        | TaskAction::Trace(_)
        | TaskAction::Reap(_)
        | TaskAction::BeginWithoutSession
        | TaskAction::NotificationPipe
        | TaskAction::EnterNamespace => vec![StepEvent::Certain(around(step.action, by, names))],
    }
}

/// A request that a program handles: its beginning, which returns the name of the program, or its end.
fn request(by: &str, call: &str, to: i32, answer: &str) -> Event {
    let to = Slot::Destination.values(to);
    let args = REQUESTED.into_iter().map(Value::text).chain(to).collect();
    event(by, call, args, returned(Value::word(answer)))
}

/// The events of a key that expires: its timeout is set, and then it is waited for.
fn expires(set: Event) -> Vec<StepEvent> {
    let key = set.args.iter().take(1).cloned().collect();
    let wait = event(&set.task, "wait_until", key, Outcome::Nothing);
    vec![StepEvent::Asked(set), StepEvent::Then(wait)]
}

/// The event of an action that concerns what is around keys.
fn around(action: TaskAction, by: &str, names: &[String]) -> Event {
    let name = |task: u8| Value::word(&names[usize::from(task)]);
    let done = returned(Value::Int(0));
    match action {
        TaskAction::ExitThread => event(by, "pthread_exit", vec![], Outcome::Nothing),
        TaskAction::Open => {
            event(by, "open", vec![Value::text("/dev/null")], returned(Value::word("file")))
        }
        TaskAction::Close => event(by, "close", vec![Value::word("file")], done),
        TaskAction::Trace(task) => {
            event(by, "ptrace", vec![Value::word("PTRACE_SEIZE"), name(task)], done)
        }
        TaskAction::Reap(task) => {
            let args = vec![name(task), Value::word("__WALL")];
            event(by, "waitpid", args, returned(name(task)))
        }
        TaskAction::NotificationPipe => {
            let ends = Value::List(vec![Value::word("file"), Value::word("file")]);
            event(by, "notification_pipe", vec![], returned(ends))
        }
        TaskAction::BeginWithoutSession => event(by, "begin_without_session_keyring", vec![], done),
        _ => event(by, "enter_user_namespace", vec![], Outcome::Nothing),
    }
}

fn event(task: &str, call: &str, args: Vec<Value>, outcome: Outcome) -> Event {
    Event { task: task.to_owned(), call: call.to_owned(), args, outcome }
}

fn returned(value: Value) -> Outcome {
    Outcome::Returned(value)
}

impl Operation {
    /// Its call by a task, without an outcome.
    pub(crate) fn event(&self, task: &str) -> Event {
        let mut args: Vec<Value> =
            self.args().flat_map(|(slot, number)| self.values(slot, number)).collect();
        let (name, fixed) = self.fixed();
        for (place, value) in fixed {
            args.insert(place, value);
        }
        event(task, name, args, Outcome::Nothing)
    }

    /// An argument as a trace shows it, and the memory of which it is the length.
    fn values(&self, slot: Slot, number: i32) -> Vec<Value> {
        let memory = match self.call {
            Call::AddUnmapped | Call::UpdateUnmapped | Call::ReadNull => "NULL",
            Call::ReadUnmapped => "unmapped",
            _ => return slot.values(number),
        };
        match slot {
            Slot::Size => vec![buffer(memory, slot.parsed(number), "bytes")],
            slot => slot.values(number),
        }
    }

    /// The name of its call, and the arguments that are always the same, each at its place.
    fn fixed(&self) -> (&'static str, Vec<(usize, Value)>) {
        let text = |text: &str| Value::text(text);
        let word = |word: &str| Value::word(word);
        let unchanged = || Value::Int(-1);
        match self.call {
            Call::AddKey => ("add_key", vec![(0, text("user")), (2, text("payload"))]),
            Call::AddKeyring => ("add_key", vec![(0, text("keyring")), (2, word("NULL"))]),
            Call::AddNamed => ("add_key", vec![(0, text("keyring")), (2, word("NULL"))]),
            Call::AddLogon => ("add_key", vec![(0, text("logon")), (2, text("payload"))]),
            Call::AddLong => ("add_key", vec![(0, text("user")), (2, bytes(TOO_LONG))]),
            Call::AddHuge => ("add_key", vec![(0, text("user")), (2, bytes(FAR_TOO_LONG))]),
            Call::ExecveFails => ("execve", vec![(0, text("/nothing"))]),
            Call::AddOdd | Call::AddUnmapped => ("add_key", vec![]),
            Call::Request | Call::RequestAny => ("request_key", vec![(2, word("NULL"))]),
            Call::SearchAny => ("keyctl_search", vec![]),
            Call::Update => ("keyctl_update", vec![(1, text("new"))]),
            Call::UpdateEmpty => ("keyctl_update", vec![(1, text(""))]),
            Call::UpdateUnmapped => ("keyctl_update", vec![]),
            Call::ReadShort | Call::ReadUnmapped | Call::ReadNull => ("keyctl_read", vec![]),
            Call::RestrictTo => ("keyctl_restrict_keyring", vec![(2, text("x"))]),
            Call::Instantiate => ("keyctl_instantiate", vec![(1, text("payload"))]),
            Call::InstantiateUnmapped => {
                ("keyctl_instantiate_iov", vec![(1, buffer("unmapped", 1, "pieces"))])
            }
            Call::Negate => ("keyctl_negate", vec![(1, Value::Int(1))]),
            Call::Reject => ("keyctl_reject", vec![(1, Value::Int(1)), (2, word("ENOKEY"))]),
            Call::Pkey => ("keyctl_pkey_query", vec![(1, text(""))]),
            Call::Expire => ("keyctl_set_timeout", vec![(1, Value::Int(1))]),
            Call::SetUsers => ("syscall_setresuid", vec![]),
            Call::SetGroups => ("syscall_setresgid", vec![]),
            Call::Supplementary => ("syscall_setgroups", vec![]),
            Call::Watch => ("keyctl_watch_key", vec![(1, Value::Int(NO_PIPE.into()))]),
            Call::Restrict => {
                ("keyctl_restrict_keyring", vec![(1, word("NULL")), (2, word("NULL"))])
            }
            Call::JoinSession => ("keyctl_join_session_keyring", vec![(0, word("NULL"))]),
            Call::BecomeOther => {
                ("syscall_setresuid", [0, 1, 2].map(|nth| (nth, word("UID2"))).into())
            }
            Call::Effective => ("syscall_setresuid", vec![(0, unchanged()), (2, unchanged())]),
            Call::Read | Call::Payload => ("keyctl_read", vec![]),
            Call::Describe => ("keyctl_describe", vec![]),
            Call::Security => ("keyctl_get_security", vec![]),
            _ => (self.name(), vec![]),
        }
    }
}

/// A payload that is too long for a trace.
fn bytes(length: usize) -> Value {
    Value::List(vec![Value::Int(length as i64), Value::word("bytes")])
}

/// Memory as an argument, by its length.
fn buffer(memory: &str, length: usize, unit: &str) -> Value {
    Value::List(vec![Value::word(memory), Value::Int(length as i64), Value::word(unit)])
}

impl Slot {
    /// An argument as a trace shows it; an owner is two.
    fn values(self, number: i32) -> Vec<Value> {
        let one = match self {
            Slot::Owner => return vec![id_value("UID", number), id_value("GID", number)],
            Slot::Uid => id_value("UID", number),
            Slot::Gid => id_value("GID", number),
            Slot::Groups if number == id::NO_CHANGE => return vec![],
            Slot::Groups => id_value("GID", number),
            Slot::OddType | Slot::OddName | Slot::OddPayload => {
                self.text_or_null(number).map_or_else(|| Value::word("NULL"), Value::text)
            }
            Slot::Type | Slot::AnyType | Slot::Name | Slot::Session => {
                Value::text(self.word(number))
            }
            Slot::Size => Value::Int(self.parsed(number)),
            Slot::Watch => Value::Int(self.parsed(number)),
            Slot::Mask => Value::Hex(number.cast_unsigned().into()),
            Slot::Create | Slot::Seconds => Value::Int(i64::from(number.cast_unsigned())),
            Slot::Flags if number == 1 => Value::word("KEYCTL_MOVE_EXCL"),
            Slot::Flags => Value::Int(i64::from(number)),
            Slot::Reqkey => {
                let place = usize::try_from(number + 1).ok();
                let name = place.and_then(|place| trace::REQKEY_DEFAULTS.get(place));
                name.map_or(Value::Int(i64::from(number)), |name| Value::word(*name))
            }
            _ if number == 0 => Value::Int(0),
            _ => Value::word(self.text(number)),
        };
        vec![one]
    }
}

/// An id. `own` is the user's who began the program.
fn id_value(word: &str, number: i32) -> Value {
    match number {
        id::OWN => Value::word(word),
        id::OTHER => Value::word(format!("{word}2")),
        _ => Value::Int(-1),
    }
}

impl TaskProgram {
    /// The events of the program. Their outcomes mean nothing.
    #[doc(hidden)]
    pub fn events_without_outcomes(&self) -> Vec<Event> {
        let mut states = TaskStates::new();
        let all = self.names();
        let mut known = 1;
        let mut events_so_far = Vec::new();
        for step in &self.steps {
            known += usize::from(step.action.creates().is_some());
            for one in events(*step, &states, &all[..known]) {
                let (StepEvent::Asked(event) | StepEvent::Then(event) | StepEvent::Certain(event)) =
                    one;
                events_so_far.push(event);
            }
            states.take(*step);
        }
        events_so_far
    }
}
