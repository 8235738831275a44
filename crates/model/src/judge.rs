//! Judging: every way a kernel may take, held against what was observed.

use crate::errno;
use crate::fate::Fate;
use crate::laws::{Law, Laws};
use crate::run::{Given, Gives, Run, Stop};
use crate::world::World;
use crate::{Refusal, Why, wrong};
use trace::{Event, Outcome, Trace, Value};

/// How many worlds are kept that explain a trace equally well.
const MOST_WORLDS: usize = 64;

/// How many ways through one event are tried.
const MOST_TRIES: usize = 20_000;

/// How many outcomes a refusal names.
const MOST_NAMED: usize = 8;

/// A judge of one trace, event by event.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The worlds in which all events so far happened.
    worlds: Vec<World>,
    seen: usize,
    wrong: Option<Law>,
    /// The laws that the last event had to do with, and those of all events.
    last: Laws,
    asked: Laws,
}

impl Default for Judge {
    fn default() -> Judge {
        Judge::new()
    }
}

impl Judge {
    /// A judge before the first event: `main` alone, with a new session keyring and nothing else.
    /// Whether it is root, its trace will show.
    pub fn new() -> Judge {
        let worlds = vec![World::new()];
        Judge { worlds, seen: 0, wrong: None, last: Laws::default(), asked: Laws::default() }
    }

    /// A judge that takes for right what a kernel does for which this law does not hold.
    pub fn wrong(law: Law) -> Judge {
        Judge { wrong: Some(law), ..Judge::new() }
    }

    /// Judges the next event of a normalised trace.
    ///
    /// # Errors
    ///
    /// If no correct kernel gives this event after those before. The judge stays where it was.
    pub fn event(&mut self, event: &Event) -> Result<(), Box<Refusal>> {
        self.last = Laws::default();
        let judged = self.judge(event);
        self.asked.join(&self.last);
        judged
    }

    fn judge(&mut self, event: &Event) -> Result<(), Box<Refusal>> {
        let mut after: Vec<World> = Vec::new();
        let asked = &mut self.last;
        let mut not_understood = None;
        let last = self.worlds.len() == 1;
        for world in &mut self.worlds {
            let mut fate = Fate::default();
            for _ in 0..MOST_TRIES {
                let gives = attempt(world, &mut fate, self.wrong, asked, event);
                let fits = fits(world, &mut fate, &gives, &event.outcome);
                if let Err(Stop::NotUnderstood(expected)) = gives {
                    not_understood = Some(expected);
                }
                if fits && last && after.is_empty() && fate.is_only() {
                    // The usual case: nothing to choose, and nothing to take back.
                    world.begin();
                    self.seen += 1;
                    return Ok(());
                }
                if fits
                    && after.len() < MOST_WORLDS
                    && !after.iter().any(|other| other.is_like(world))
                {
                    after.push(world.clone());
                }
                world.undo();
                if !fate.next() {
                    break;
                }
            }
        }
        if after.is_empty() {
            let why = match not_understood {
                Some(expected) => Why::NotUnderstood(expected),
                None => Why::Outcome { allowed: self.allowed(event), laws: vec![], rules: vec![] },
            };
            return Err(Box::new(Refusal { nth: self.seen, event: event.clone(), why }));
        }
        after.iter_mut().for_each(World::begin);
        self.worlds = after;
        self.seen += 1;
        Ok(())
    }

    /// Judges the events of a normalised trace.
    ///
    /// # Errors
    ///
    /// The first that no correct kernel gives.
    pub fn events(&mut self, trace: &Trace) -> Result<(), Box<Refusal>> {
        trace.events.iter().try_for_each(|event| self.event(event))
    }

    /// Whether an event so far had to do with a law.
    pub fn has_asked(&self, law: Law) -> bool {
        self.asked.has(law)
    }

    /// Whether the last event had to do with a law.
    pub fn has_just_asked(&self, law: Law) -> bool {
        self.last.has(law)
    }

    /// The outcomes that a correct kernel may give now, the first few.
    pub fn allowed(&self, event: &Event) -> Vec<Outcome> {
        let mut all = Vec::new();
        for world in &self.worlds {
            let mut world = world.clone();
            let mut fate = Fate::default();
            for _ in 0..MOST_TRIES {
                let gives = attempt(&mut world, &mut fate, self.wrong, &mut Laws::default(), event);
                if let Some(outcome) = told(&world, &gives)
                    && !all.contains(&outcome)
                    && all.len() < MOST_NAMED
                {
                    all.push(outcome);
                }
                world.undo();
                if !fate.next() {
                    break;
                }
            }
        }
        all
    }
}

/// Judges a whole normalised trace.
///
/// # Errors
///
/// The first event that no correct kernel gives, with the laws one of which does not hold for the
/// kernel that gave it.
pub fn judge(trace: &Trace) -> Result<(), Box<Refusal>> {
    let mut judge = Judge::new();
    let Err(mut refusal) = judge.events(trace) else { return Ok(()) };
    if let Why::Outcome { laws, rules, .. } = &mut refusal.why {
        let up_to = Trace { events: trace.events[..=refusal.nth].to_vec() };
        let decided = Law::all().filter(|law| judge.has_asked(*law));
        *laws = decided.filter(|law| wrong::gives(*law, &up_to)).collect();
        wrong::telling_first(laws);
        *rules = wrong::rules(laws);
    }
    Err(refusal)
}

/// One try of an event.
fn attempt(
    world: &mut World,
    fate: &mut Fate,
    wrong: Option<Law>,
    asked: &mut Laws,
    event: &Event,
) -> Gives {
    let Some(task) = world.task(&event.task) else {
        return Err(Stop::NotUnderstood(format!("a task that runs, not `{}`", event.task)));
    };
    Run { world, fate, wrong, asked, event, task }.call()
}

/// Whether the outcome is what the model gives; keys that it tells first get their names.
fn fits(world: &mut World, fate: &mut Fate, gives: &Gives, outcome: &Outcome) -> bool {
    match (gives, outcome) {
        (Ok(Given::Nothing), Outcome::Nothing) => true,
        (Ok(given), Outcome::Returned(value)) => fits_value(world, fate, given, value),
        (Err(Stop::Errno(errno)), Outcome::Failed { errno: observed, .. }) => errno == observed,
        _ => false,
    }
}

fn fits_value(world: &mut World, fate: &mut Fate, given: &Given, value: &Value) -> bool {
    match (given, value) {
        (Given::Any, _) => true,
        (Given::Int(given), Value::Int(value)) => given == value,
        (Given::Text(given), Value::Text(value)) => given == value,
        (Given::Key(key), Value::Word(name)) => world.name(*key, name),
        (Given::Line(key), Value::Text(line)) => {
            line.strip_suffix('\n').is_some_and(|name| world.name(*key, name))
        }
        (Given::Word(given), value) => *given == value.to_string(),
        (Given::List(given), Value::List(values)) => {
            given.len() == values.len()
                && given
                    .iter()
                    .zip(values)
                    .all(|(given, value)| fits_value(world, fate, given, value))
        }
        (Given::Keys(keys), Value::Set(values)) => fits_set(world, fate, keys, values),
        _ => false,
    }
}

/// Keys that have no name yet get those that are left over, in each order.
fn fits_set(world: &mut World, fate: &mut Fate, keys: &[usize], values: &[Value]) -> bool {
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
        let nth = fate.choose(unnamed.len());
        let key = unnamed.swap_remove(nth);
        if !world.name(key, name) {
            return false;
        }
    }
    true
}

/// What the model gives, as a trace tells it.
fn told(world: &World, gives: &Gives) -> Option<Outcome> {
    match gives {
        Ok(Given::Nothing) => Some(Outcome::Nothing),
        Ok(given) => Some(Outcome::Returned(told_value(world, &mut world.names(), given))),
        Err(Stop::Errno(name)) => {
            let words = errno::words(name).to_owned();
            Some(Outcome::Failed { errno: (*name).to_owned(), words })
        }
        Err(Stop::Never | Stop::NotUnderstood(_)) => None,
    }
}

/// The same of a value; a key without a name gets the next one.
fn told_value(world: &World, names: &mut usize, given: &Given) -> Value {
    let mut name = |key: usize| match &world.keys[key].name {
        Some(name) => name.to_string(),
        None => {
            *names += 1;
            format!("K{names}")
        }
    };
    match given {
        Given::Int(number) => Value::Int(*number),
        Given::Key(key) => Value::word(name(*key)),
        Given::Keys(keys) => {
            let mut keys: Vec<String> = keys.iter().map(|key| name(*key)).collect();
            keys.sort_by_key(|name| (name.len(), name.clone()));
            Value::Set(keys.into_iter().map(Value::Word).collect())
        }
        Given::Text(text) => Value::text(text.clone()),
        Given::Word(word) => Value::word(word.clone()),
        Given::Line(key) => Value::text(format!("{}\n", name(*key))),
        Given::List(all) => {
            Value::List(all.iter().map(|one| told_value(world, names, one)).collect())
        }
        Given::Any | Given::Nothing => Value::word("…"),
    }
}
