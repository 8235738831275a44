//! The events of a step, as a trace of it shows them: what the model is asked instead of the kernel.

use crate::argument::{Slot, id};
use crate::operation::Call;
use crate::program::{TaskAction, TaskStep};
use crate::task_states::TaskStates;
use crate::{Operation, TaskProgram};
use trace::{Event, Outcome, Value};

/// An event of a step.
pub(crate) enum StepEvent {
    /// Its outcome is up to the kernel; the one here means nothing.
    Asked(Event),
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
    match step.action {
        TaskAction::Do(operation) if operation.call == Call::Collect => {
            let waits = || StepEvent::Certain(operation.event(by));
            vec![waits(), waits()]
        }
        TaskAction::Do(operation) => vec![StepEvent::Asked(operation.event(by))],
        TaskAction::Vfork(operation) => {
            vec![creates("vfork", vec![]), StepEvent::Asked(operation.event(new)), exits(new)]
        }
        TaskAction::CloneVm(operation) => vec![
            creates("clone", word("CLONE_VM")),
            StepEvent::Asked(operation.event(new)),
            exits(new),
        ],
        TaskAction::Fork => vec![creates("fork", vec![])],
        TaskAction::Clone => vec![creates("clone", word("CLONE_FS"))],
        TaskAction::Clone3 => vec![creates("clone3", vec![Value::Int(0)])],
        TaskAction::Thread => vec![creates("pthread_create", vec![])],
        TaskAction::Spawn => vec![creates("posix_spawn", word("self"))],
        TaskAction::Exec => {
            let done = event(by, "execve", word("self"), returned(Value::Int(0)));
            vec![StepEvent::Certain(done)]
        }
        TaskAction::Exit => {
            let reaper = &names[usize::from(states.reaper(step.task))];
            let reaped = event(reaper, "waitpid", word(by), returned(Value::word(by)));
            vec![exits(by), StepEvent::Certain(reaped)]
        }
        TaskAction::ExitThread => {
            vec![StepEvent::Certain(event(by, "pthread_exit", vec![], Outcome::Nothing))]
        }
        TaskAction::Open => {
            let path = vec![Value::text("/dev/null")];
            vec![StepEvent::Certain(event(by, "open", path, returned(Value::word("file"))))]
        }
        TaskAction::Close => {
            vec![StepEvent::Certain(event(by, "close", word("file"), returned(Value::Int(0))))]
        }
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
            self.args().flat_map(|(slot, number)| slot.values(number)).collect();
        let (name, fixed) = self.fixed();
        for (place, value) in fixed {
            args.insert(place, value);
        }
        event(task, name, args, Outcome::Nothing)
    }

    /// The name of its call, and the arguments that are always the same, each at its place.
    fn fixed(&self) -> (&'static str, Vec<(usize, Value)>) {
        let text = |text: &str| Value::text(text);
        let word = |word: &str| Value::word(word);
        let unchanged = || Value::Int(-1);
        match self.call {
            Call::AddKey => ("add_key", vec![(0, text("user")), (2, text("payload"))]),
            Call::AddKeyring => ("add_key", vec![(0, text("keyring")), (2, word("NULL"))]),
            Call::Request => ("request_key", vec![(2, word("NULL"))]),
            Call::Update => ("keyctl_update", vec![(1, text("new"))]),
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

impl Slot {
    /// An argument as a trace shows it; an owner is two.
    fn values(self, number: i32) -> Vec<Value> {
        let one = match self {
            Slot::Owner => return vec![id_value("UID", number), id_value("GID", number)],
            Slot::EffectiveId => id_value("UID", number),
            Slot::Type | Slot::Name => Value::text(self.word(number)),
            Slot::Mask => Value::Hex(number.cast_unsigned().into()),
            Slot::Create | Slot::Seconds => Value::Int(i64::from(number.cast_unsigned())),
            Slot::Exclusive if number == 0 => Value::Int(0),
            Slot::Exclusive => Value::word("KEYCTL_MOVE_EXCL"),
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

/// An id. `own` is the user's who began the program; after setresuid(2) a kernel shows another.
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
                let (StepEvent::Asked(event) | StepEvent::Certain(event)) = one;
                events_so_far.push(event);
            }
            states.take(*step);
        }
        events_so_far
    }
}
