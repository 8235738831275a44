//! What no correct kernel answers, by the model. The log is a trace of a world that the model does not know: of keys that
//! others may use it knows nothing, and refuses nothing.

mod event;

use crate::act::{Birth, KeyArg, KeyCall};
use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::onlooker::{Onlooker, Refused};
use crate::op::Op;
use crate::state::{KeyIx, Own, TaskIx, Which};
use crate::text::{Part, Text, say};
use event::Meaning;
use strace::Place;
use trace::{Event, Outcome, Value};

/// The number of refusals for which the model looks for reasons.
const MOST_EXPLAINED: u32 = 32;

/// The model, as it follows a log.
#[derive(Debug)]
pub(crate) struct Judged {
    judge: Box<dyn Onlooker>,
    explained: u32,
    /// The number of calls about keys that were not judged.
    pub(crate) unjudged: u64,
    /// Whether the log shows how tasks are created.
    shows_creation: bool,
    suspects: Vec<Suspect>,
}

impl Judged {
    pub(crate) fn new(judge: Box<dyn Onlooker>) -> Judged {
        let suspects = Vec::new();
        Judged { judge, explained: 0, unjudged: 0, shows_creation: false, suspects }
    }
}

/// A refusal that is a fault unless the rest of the log shows otherwise.
#[derive(Clone, Debug)]
struct Suspect {
    fault: Fault,
    /// The keys of other tasks. Two tasks may race, and the log have their lines in the other order.
    of_others: Vec<KeyIx>,
    /// A keyring may be shared with threads that the log does not show.
    needs_creation: bool,
}

/// A line that no correct kernel produces.
#[derive(Clone, Debug)]
struct Fault {
    task: TaskIx,
    call: &'static str,
    which: Which,
    text: Text,
    rules: Vec<String>,
    places: Vec<Place>,
}

/// A task as the model calls it.
fn name(task: TaskIx) -> String {
    format!("t{}", task.0)
}

fn did(task: TaskIx, call: &str, args: Vec<Value>, outcome: Outcome) -> Event {
    Event { task: name(task), call: call.to_owned(), args, outcome }
}

impl Explainer {
    /// A task has begun a program, and nothing else is known of it.
    pub(crate) fn model_appears(&mut self, task: TaskIx) {
        self.judged.judge.appears(&name(task));
    }

    /// A task created another one; `None` if the log does not show as what.
    pub(crate) fn model_created(&mut self, creator: TaskIx, task: TaskIx, birth: Option<Birth>) {
        self.judged.shows_creation = true;
        let is_process = birth.is_some_and(|birth| !birth.thread);
        let call = if is_process { "fork" } else { "pthread_create" };
        self.model_did(did(creator, call, vec![], Outcome::Returned(Value::Word(name(task)))));
        if birth.is_none() {
            self.model_loses(task);
        }
    }

    pub(crate) fn model_executed(&mut self, task: TaskIx) {
        let args = vec![Value::word("self")];
        self.model_did(did(task, "execve", args, Outcome::Returned(Value::Int(0))));
    }

    pub(crate) fn model_ended(&mut self, task: TaskIx, with_process: bool) {
        let call = if with_process { "exit" } else { "pthread_exit" };
        self.model_did(did(task, call, vec![], Outcome::Nothing));
    }

    pub(crate) fn model_loses(&mut self, task: TaskIx) {
        self.judged.judge.loses(&name(task));
    }

    /// Something about tasks, which no log shows wrongly.
    fn model_did(&mut self, event: Event) {
        if self.judged.judge.event(event, false).is_err() {
            self.judged.judge.forgets();
        }
    }

    /// Reports a call that no correct kernel answers like this.
    pub(crate) fn is_fault(&mut self, task: TaskIx, call: &KeyCall, place: Place) -> bool {
        let event = match event::of(task, call) {
            Meaning::Event(event) => event,
            Meaning::Nothing => return false,
            Meaning::Unknown => {
                self.not_judged(task);
                return false;
            }
        };
        if !self.judged.judge.knows(&event.task) {
            self.judged.unjudged += 1;
            return false;
        }
        let (observed, explains) = (event.outcome.clone(), self.judged.explained < MOST_EXPLAINED);
        let Err(refused) = self.judged.judge.event(event, explains) else { return false };
        let Refused { allowed: Some(allowed), mistake, rules } = refused else {
            self.not_judged(task);
            return false;
        };
        self.judged.explained += 1;
        self.judged.judge.forgets();
        let of_others = self.keys_of_others(task, call);
        if !of_others.is_empty() && call.got.ok().is_none() {
            // Another task may have ended the key just now.
            return false;
        }
        let needs_creation = !self.judged.shows_creation
            && call.op != Op::GetKeyringId
            && self.state.task(task).process != Own::Absent;
        let since = self.decided(task, call);
        let fault = Fault {
            task,
            call: call.op.name(),
            which: self.concerned(task, call),
            text: self.told(task, call, &observed, &allowed, mistake),
            rules,
            places: [Some(place), since].into_iter().flatten().collect(),
        };
        if of_others.is_empty() && !needs_creation {
            self.convict(fault);
            return true;
        }
        self.judged.suspects.push(Suspect { fault, of_others, needs_creation });
        false
    }

    /// A call may have changed any key of its caller.
    pub(crate) fn not_judged(&mut self, task: TaskIx) {
        self.judged.unjudged += 1;
        self.model_loses(task);
    }

    /// The keys of a call's arguments that another task created.
    fn keys_of_others(&self, task: TaskIx, call: &KeyCall) -> Vec<KeyIx> {
        let key = |arg: KeyArg| match arg {
            KeyArg::Serial(serial) => self.state.by_serial.get(&serial).copied(),
            _ => None,
        };
        let made_by = |key: &KeyIx| self.state.key(*key).made.map(|(_, by)| by);
        let all = [call.key, call.from, call.to].into_iter().filter_map(key);
        all.filter(|key| made_by(key).is_some_and(|by| by != task)).collect()
    }

    /// The keyring that a fault is about.
    fn concerned(&self, task: TaskIx, call: &KeyCall) -> Which {
        let named = [call.key, call.from, call.to].into_iter().find_map(KeyArg::which);
        let KeyArg::Serial(serial) = call.key else { return named.unwrap_or(Which::Process) };
        let key = self.state.by_serial.get(&serial).map(|key| self.state.key(*key).class);
        let own = key.and_then(|class| class.which());
        let has = |which: &Which| self.state.task(task).own(*which).key().is_some();
        own.or(named).or(Which::BOTH.into_iter().find(has)).unwrap_or(Which::Process)
    }

    /// Where the last thing happened that decides about the keys of a call.
    fn decided(&self, task: TaskIx, call: &KeyCall) -> Option<Place> {
        let key = match call.key {
            KeyArg::Serial(serial) => self.state.by_serial.get(&serial).copied(),
            arg => arg.which().and_then(|which| self.state.task(task).own(which).key()),
        };
        if let Some(key) = key.map(|key| self.state.key(key)) {
            let done = key.invalidated.or(key.revoked).or(key.made);
            return done.map(|(place, _)| place);
        }
        let task = self.state.task(task);
        self.state.proc(task.proc).execve.or(task.born)
    }

    fn told(
        &self,
        task: TaskIx,
        call: &KeyCall,
        observed: &Outcome,
        allowed: &[Outcome],
        mistake: Option<String>,
    ) -> Text {
        let allowed: Vec<String> =
            allowed.iter().map(|outcome| self.words_of(outcome, "another number")).collect();
        let allowed = match allowed.is_empty() {
            true => "nothing".to_owned(),
            false => allowed.join(", or "),
        };
        let mut parts = vec![
            Part::Task(task),
            Part::Word(call.op.name().to_owned()),
            Part::Word(self.words_of(observed, "a number")),
            Part::Word(allowed),
        ];
        let Some(mistake) = mistake else {
            return say("{}: {} = {}. Allowed there: {}", parts);
        };
        parts.push(Part::Word(mistake));
        say("{}: {} = {}. Allowed there: {}. This mistake of a kernel explains it: {}", parts)
    }

    /// An outcome as the log has it.
    fn words_of(&self, outcome: &Outcome, unknown: &str) -> String {
        match outcome {
            Outcome::Returned(Value::Word(key)) => {
                let serial = key.strip_prefix('K').and_then(|number| number.parse().ok());
                let is_known = |serial: &i32| self.state.by_serial.contains_key(serial);
                serial.filter(is_known).map_or(unknown.to_owned(), |serial| serial.to_string())
            }
            Outcome::Returned(value) => value.to_string(),
            Outcome::Nothing => "no outcome".to_owned(),
            failed => failed.to_string(),
        }
    }

    fn convict(&mut self, fault: Fault) {
        let Fault { task, call, which, text, rules, places } = fault;
        let about = About { task: Some(task), call: Some(call), ..About::default() };
        self.findings.add(Kind::KernelFault, which, about, text, &places);
        self.findings.explain(rules);
    }

    /// A key gets another link or mask: two tasks may have raced.
    pub(crate) fn may_have_raced(&mut self, key: KeyIx) {
        if !self.judged.suspects.is_empty() {
            let is_ring = self.is_keyring(key);
            let raced = |suspect: &Suspect| {
                !suspect.of_others.is_empty() && (is_ring || suspect.of_others.contains(&key))
            };
            self.judged.suspects.retain(|suspect| !raced(suspect));
        }
    }

    /// At the end of the log, what is left is a fault.
    pub(crate) fn convict_suspects(&mut self) {
        for suspect in std::mem::take(&mut self.judged.suspects) {
            if !suspect.needs_creation || self.judged.shows_creation {
                self.convict(suspect.fault);
            }
        }
    }
}
