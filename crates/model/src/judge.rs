//! Judging: every path that a kernel may take, compared with what was observed.

use crate::calls;
use crate::choices::Choices;
use crate::laws::{Law, Laws};
use crate::run::{Predicted, Prediction, Run, Stop};
use crate::world::{KeyId, World};
use crate::{Refusal, Why, wrong};
use std::hash::Hasher;
use std::ops::ControlFlow::{self, Break, Continue};
use trace::{Event, Outcome, Trace, Value};

/// The number of worlds that are kept where several explain a trace.
const MOST_WORLDS: usize = 64;

/// The number of paths through one event that are tried.
const MOST_TRIES: usize = 20_000;

/// The number of outcomes that are named, in a refusal and elsewhere.
pub const MOST_NAMED: usize = 8;

/// A judge of one trace, event by event.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The worlds in which all events so far happened.
    pub(crate) worlds: Vec<World>,
    pub(crate) seen: usize,
    pub(crate) wrong: Option<Law>,
    /// The laws that the last event depended on, and those of all events.
    pub(crate) last: Laws,
    pub(crate) asked: Laws,
    /// The number of paths through events that were tried.
    pub(crate) tried: u64,
}

/// The first task of a trace in which another task of this name creates `main`.
const STARTER: &str = "starter";

impl Default for Judge {
    fn default() -> Judge {
        Judge::new()
    }
}

impl Judge {
    /// A judge before the first event: `main` alone, with a new session keyring and nothing else. The
    /// trace will show whether `main` is root.
    pub fn new() -> Judge {
        Judge::of(vec![World::new()])
    }

    pub(crate) fn of(worlds: Vec<World>) -> Judge {
        let (last, asked) = (Laws::default(), Laws::default());
        Judge { worlds, seen: 0, wrong: None, last, asked, tried: 0 }
    }

    /// A judge with the wrong model in which this law does not hold.
    pub fn wrong(law: Law) -> Judge {
        Judge { wrong: Some(law), ..Judge::new() }
    }

    /// Judges the next event.
    ///
    /// # Errors
    ///
    /// If no correct kernel shows this event after those before, or the model does not know the call. The
    /// judge is then unchanged.
    pub fn event(&mut self, event: &Event) -> Result<(), Box<Refusal>> {
        self.last = Laws::default();
        let judged = self.judge(event);
        self.asked.join(&self.last);
        judged
    }

    pub(crate) fn judge(&mut self, event: &Event) -> Result<(), Box<Refusal>> {
        if self.seen == 0 && event.task == STARTER {
            self.worlds.iter_mut().for_each(|world| world.rename_first(STARTER));
        }
        let mut after: Vec<World> = Vec::new();
        let mut unexplained = None;
        let is_last = self.worlds.len() == 1;
        let is_unknown = self.is_unknown();
        let (mut tries, mut too_many) = (0, false);
        for world in &mut self.worlds {
            let tried =
                every_path(world, self.wrong, &mut self.last, event, |world, choices, is| {
                    tries += 1;
                    let fits = fits(world, choices, &is, &event.outcome);
                    match is {
                        Err(Stop::NotUnderstood(expected)) => {
                            unexplained = Some(Why::NotUnderstood(expected));
                        }
                        Err(Stop::Unknown(expected)) => unexplained = Some(Why::Unknown(expected)),
                        _ => {}
                    }
                    if fits && is_last && after.is_empty() && choices.is_only() {
                        // The usual case: nothing to choose, and nothing to take back.
                        world.begin();
                        return Break(());
                    }
                    if fits && !after.iter().any(|other| other.is_like(world)) {
                        too_many |= after.len() >= MOST_WORLDS;
                        if after.len() < MOST_WORLDS {
                            after.push(world.clone());
                        }
                    }
                    Continue(())
                });
            if tried.is_break() {
                self.seen += 1;
                return Ok(());
            }
        }
        self.tried += tries as u64;
        too_many |= tries >= MOST_TRIES;
        if is_unknown && too_many {
            let why = Why::Unknown("an event that leaves fewer possibilities".to_owned());
            return Err(Box::new(Refusal { nth: self.seen, event: event.clone(), why }));
        }
        if after.is_empty() {
            let why = unexplained.unwrap_or_else(|| Why::Outcome {
                allowed: self.allowed(event),
                laws: vec![],
                rules: vec![],
            });
            return Err(Box::new(Refusal { nth: self.seen, event: event.clone(), why }));
        }
        after.iter_mut().for_each(World::begin);
        self.worlds = after;
        self.seen += 1;
        Ok(())
    }

    /// Leaves out an event, as if it changed nothing.
    pub fn pass_over(&mut self) {
        self.seen += 1;
    }

    /// Feeds what the judge knows to a hasher: of two judges that differ in what they allow later, the hashes most likely
    /// differ.
    pub fn fingerprint(&self, hasher: &mut impl Hasher) {
        self.worlds.iter().for_each(|world| world.fingerprint(hasher));
    }

    /// Judges several events.
    ///
    /// # Errors
    ///
    /// The first event that no correct kernel shows.
    pub fn events(&mut self, events: &[Event]) -> Result<(), Box<Refusal>> {
        events.iter().try_for_each(|event| self.event(event))
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.worlds.first().is_some_and(World::is_unknown)
    }

    /// The worlds in which all events so far happened.
    pub(crate) fn worlds(&self) -> &[World] {
        &self.worlds
    }

    /// A judge for each of these worlds.
    pub(crate) fn apart(&self) -> impl Iterator<Item = Judge> {
        self.worlds.iter().map(|world| Judge { worlds: vec![world.clone()], ..self.clone() })
    }

    /// Whether an event so far depended on a law.
    pub fn has_asked(&self, law: Law) -> bool {
        self.asked.has(law)
    }

    /// Whether the last event depended on a law.
    pub fn has_just_asked(&self, law: Law) -> bool {
        self.last.has(law)
    }

    /// The outcomes of this event that a correct kernel may show now, at most eight.
    pub fn allowed(&self, event: &Event) -> Vec<Outcome> {
        let mut all = Vec::new();
        for world in &self.worlds {
            let (mut world, mut laws) = (world.clone(), Laws::default());
            let _ = every_path(&mut world, self.wrong, &mut laws, event, |world, _, is| {
                if let Some(outcome) = outcome(world, &is)
                    && !all.contains(&outcome)
                    && all.len() < MOST_NAMED
                {
                    all.push(outcome);
                }
                Continue(())
            });
        }
        all
    }
}

/// What the model says about a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A correct kernel may show it.
    Allowed,
    /// No correct kernel shows it.
    Refused(Box<Refusal>),
    /// The model does not know some of its calls.
    Unknown {
        /// The positions of these calls in the trace, from 0.
        calls: Vec<usize>,
        /// The position of the first event that no correct kernel shows unless one of these calls
        /// changed something. The events after it are not judged.
        until: Option<usize>,
    },
}

impl Verdict {
    /// The refusal of a refused trace.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Verdict::Refused(refusal) => Some(*refusal),
            Verdict::Allowed | Verdict::Unknown { .. } => None,
        }
    }
}

/// Judges a whole trace. For a refused one, the verdict lists the laws of which one does not hold for the
/// kernel that showed it, and the rules that `table` lists for them.
///
/// A call that the model does not know may have changed anything, unless it failed or concerns neither keys nor
/// tasks nor files, as getpid(2). The events after it are judged as if it had changed nothing; the first one that this does not explain is unknown too.
pub fn judge(trace: &Trace, table: &wrong::Table) -> Verdict {
    let mut judge = Judge::new();
    let (mut calls, mut until) = (Vec::new(), None);
    let mut may_have_changed = false;
    for (nth, event) in trace.events().iter().enumerate() {
        let Err(refusal) = judge.event(event) else { continue };
        if let Why::Unknown(_) = refusal.why {
            calls.push(nth);
            let concerns_keys = !calls::CONCERN_NO_KEY.contains(&event.call.as_str());
            may_have_changed |= concerns_keys && event.outcome.errno_name().is_none();
            judge.pass_over();
        } else if may_have_changed {
            until = Some(nth);
            break;
        } else {
            let mut known = trace.events()[..=nth].to_vec();
            for passed_over in calls.iter().rev() {
                known.remove(*passed_over);
            }
            return Verdict::Refused(explained(refusal, &known, &judge, table));
        }
    }
    if calls.is_empty() { Verdict::Allowed } else { Verdict::Unknown { calls, until } }
}

/// The refusal with the laws and rules that explain it.
fn explained(
    mut refusal: Box<Refusal>,
    up_to: &[Event],
    judge: &Judge,
    table: &wrong::Table,
) -> Box<Refusal> {
    if let Why::Outcome { laws, rules, .. } = &mut refusal.why {
        let decided = Law::all().filter(|law| judge.has_asked(*law));
        *laws = decided.filter(|law| wrong::allows(*law, up_to)).collect();
        table.most_telling_first(laws);
        *rules = table.rules(laws);
    }
    refusal
}

/// Takes a world along every path through an event until `visit` ends it. The world is then as `visit`
/// left it, and else as before.
pub(crate) fn every_path(
    world: &mut World,
    wrong: Option<Law>,
    asked: &mut Laws,
    event: &Event,
    mut visit: impl FnMut(&mut World, &mut Choices, Prediction) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut choices = Choices::default();
    for _ in 0..MOST_TRIES {
        let predicted = path(world, wrong, asked, event, &mut choices);
        visit(world, &mut choices, predicted)?;
        world.undo();
        if !choices.next() {
            break;
        }
    }
    Continue(())
}

/// Takes a world along one path through an event.
pub(crate) fn path(
    world: &mut World,
    wrong: Option<Law>,
    asked: &mut Laws,
    event: &Event,
    choices: &mut Choices,
) -> Prediction {
    match world.task(&event.task) {
        Some(task) => Run { world, choices, wrong, asked, event, task }.call(),
        None => Err(Stop::NotUnderstood(format!("a task that runs, not `{}`", event.task))),
    }
}

/// Whether the outcome is as predicted; keys that it shows first get their names.
pub(crate) fn fits(
    world: &mut World,
    choices: &mut Choices,
    is: &Prediction,
    outcome: &Outcome,
) -> bool {
    match (is, outcome) {
        (Ok(Predicted::Nothing), Outcome::Nothing) => true,
        (Ok(predicted), Outcome::Returned(value)) => fits_value(world, choices, predicted, value),
        (Err(Stop::Errno(errno)), Outcome::Failed(observed)) => errno == observed,
        (Err(Stop::AsShown), _) => true,
        _ => false,
    }
}

fn fits_value(
    world: &mut World,
    choices: &mut Choices,
    predicted: &Predicted,
    value: &Value,
) -> bool {
    match (predicted, value) {
        (Predicted::Any, _) => true,
        (Predicted::Int(predicted), Value::Int(value)) => predicted == value,
        (Predicted::Text(predicted), Value::Text(value)) => predicted == value,
        (Predicted::Key(key), Value::Word(name)) => world.name(*key, name),
        (Predicted::Line(key), Value::Text(line)) => {
            line.strip_suffix('\n').is_some_and(|name| world.name(*key, name))
        }
        (Predicted::Word(predicted), Value::Word(value)) => predicted == value,
        // The overflow id.
        (Predicted::Word(predicted), Value::Int(value)) => *predicted == value.to_string(),
        (Predicted::List(predicted), Value::List(values)) => {
            predicted.len() == values.len()
                && predicted
                    .iter()
                    .zip(values)
                    .all(|(predicted, value)| fits_value(world, choices, predicted, value))
        }
        (Predicted::Keys(keys), Value::Set(values)) => fits_set(world, choices, keys, values),
        _ => false,
    }
}

/// Keys without a name get the names that are left over, in every order.
fn fits_set(world: &mut World, choices: &mut Choices, keys: &[KeyId], values: &[Value]) -> bool {
    if keys.len() != values.len() {
        return false;
    }
    let mut unnamed = keys.to_vec();
    let mut names = Vec::new();
    for value in values {
        let Value::Word(name) = value else { return false };
        match world.named(name) {
            Some(key) => {
                let Some(nth) = unnamed.iter().position(|other| *other == key) else {
                    return false;
                };
                unnamed.swap_remove(nth);
            }
            None => names.push(name),
        }
    }
    for name in names {
        let nth = choices.choose(unnamed.len());
        let key = unnamed.swap_remove(nth);
        if !world.name(key, name) {
            return false;
        }
    }
    true
}

/// A prediction as a trace shows it.
fn outcome(world: &World, predicted: &Prediction) -> Option<Outcome> {
    match predicted {
        Ok(Predicted::Nothing) => Some(Outcome::Nothing),
        Ok(predicted) => Some(Outcome::Returned(shown(world, &mut world.names(), predicted))),
        Err(Stop::Errno(errno)) => Some(Outcome::Failed(*errno)),
        Err(Stop::AsShown | Stop::Never | Stop::NotUnderstood(_) | Stop::Unknown(_)) => None,
    }
}

/// The same for a value; a key without a name gets the next one.
fn shown(world: &World, names: &mut usize, predicted: &Predicted) -> Value {
    let mut name = |key: KeyId| match &world.keys[key].name {
        Some(name) => name.to_string(),
        None => {
            *names += 1;
            format!("K{names}")
        }
    };
    match predicted {
        Predicted::Int(number) => Value::Int(*number),
        Predicted::Key(key) => Value::Word(name(*key)),
        Predicted::Keys(keys) => {
            let mut keys: Vec<String> = keys.iter().map(|key| name(*key)).collect();
            keys.sort_by_key(|name| (name.len(), name.clone()));
            Value::Set(keys.into_iter().map(Value::Word).collect())
        }
        Predicted::Text(text) => Value::text(text),
        Predicted::Word(word) => word.parse().map_or_else(|_| Value::word(word), Value::Int),
        Predicted::Line(key) => Value::text(format!("{}\n", name(*key))),
        Predicted::List(all) => {
            Value::List(all.iter().map(|one| shown(world, names, one)).collect())
        }
        Predicted::Any | Predicted::Nothing => Value::word("…"),
    }
}
