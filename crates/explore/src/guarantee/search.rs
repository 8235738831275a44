//! A guarantee in the model: every program of a few steps, and long random ones.

use super::{Counterexample, Guarantee};
use crate::events::{StepEvent, events};
use crate::program::TaskStep;
use crate::task_states::TaskStates;
use model::{Judge, Law};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use trace::Event;

/// What a search has tried.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Programs, each with every answer that the model allows.
    pub programs: u64,
    /// Different states in which every task was asked, of a search.
    pub states: u64,
    /// A program that breaks the guarantee, if one does; of a search, a shortest one.
    pub broken: Option<Counterexample>,
}

/// A program so far, with one answer to each of its calls.
#[derive(Clone)]
struct Place {
    judge: Judge,
    states: TaskStates,
    names: Vec<String>,
    events: Vec<Event>,
}

/// Why a search ends.
enum End {
    Broken(Counterexample),
    /// The model does not know a call, or the table is not valid.
    Invalid(String),
}

impl End {
    /// What was tried until then.
    fn after(self, tried: Tried) -> Result<Tried, String> {
        match self {
            End::Broken(found) => Ok(Tried { broken: Some(found), ..tried }),
            End::Invalid(why) => Err(why),
        }
    }
}

impl Guarantee {
    /// Follows every program of up to `steps` steps after the beginning; equal states are followed once. With a law, in the wrong
    /// model without it.
    ///
    /// # Errors
    ///
    /// If the model does not know a call, or the beginning is not possible.
    pub fn search(&self, steps: usize, wrong: Option<Law>) -> Result<Tried, String> {
        let begin = self.begin(wrong)?;
        let mut tried = Tried::default();
        // The shorter ones first, so that a counterexample is a shortest one.
        for length in 0..=steps {
            let mut search =
                Search { guarantee: self, asked: HashSet::new(), known: HashMap::new() };
            let programs = begin.iter().map(|place| search.follow(place, length));
            match programs.sum::<Result<u64, End>>() {
                Ok(programs) => {
                    tried = Tried { programs, states: search.asked.len() as u64, broken: None }
                }
                Err(end) => return end.after(tried),
            }
        }
        Ok(tried)
    }

    /// Follows this number of random programs of up to `steps` steps; the same seed yields the same programs.
    ///
    /// # Errors
    ///
    /// If the model does not know a call, or the beginning is not possible.
    pub fn wander(&self, programs: u64, steps: usize, seed: u64) -> Result<Tried, String> {
        let begin = self.begin(None)?;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut tried = Tried::default();
        while tried.programs < programs {
            tried.programs += 1;
            let place = begin[random.usize(..begin.len())].clone();
            if let Err(end) = self.walk(place, steps, &mut random) {
                return end.after(tried);
            }
        }
        Ok(tried)
    }

    /// Follows one random program.
    fn walk(&self, mut place: Place, steps: usize, random: &mut fastrand::Rng) -> Result<(), End> {
        for _ in 0..steps {
            let Some(step) = random.choice(self.choices(&place.states).collect::<Vec<_>>()) else {
                break;
            };
            let mut after = self.after(&place, step)?;
            if !after.is_empty() {
                place = after.swap_remove(random.usize(..after.len()));
                self.ask(&place)?;
            }
        }
        Ok(())
    }

    fn begin(&self, wrong: Option<Law>) -> Result<Vec<Place>, String> {
        let judge = wrong.map_or_else(Judge::new, Judge::wrong);
        let (states, names) = (TaskStates::new(), vec!["main".to_owned()]);
        let mut places = vec![Place { judge, states, names, events: vec![] }];
        for step in &self.begin.steps {
            let mut after = Vec::new();
            for place in &places {
                after.extend(place.after(*step)?);
            }
            places = after;
        }
        if places.is_empty() { Err("its beginning is not possible".to_owned()) } else { Ok(places) }
    }

    /// The places after a step, if none of its events breaks the guarantee.
    fn after(&self, place: &Place, step: TaskStep) -> Result<Vec<Place>, End> {
        let after = place.after(step).map_err(End::Invalid)?;
        for next in &after {
            // A child of vfork observes during the step.
            let by = if next.names.len() > place.names.len() {
                next.names.len() - 1
            } else {
                usize::from(step.task)
            };
            let new = &next.events[place.events.len()..];
            if let Some(nth) = new.iter().position(|event| {
                event.task == next.names[by] && self.breaks(event, by as u8, &next.states)
            }) {
                return Err(End::Broken(next.events[..=place.events.len() + nth].to_vec()));
            }
        }
        Ok(after)
    }

    /// Asks every task what it must not observe.
    fn ask(&self, place: &Place) -> Result<(), End> {
        for (task, never) in self.questions(&place.states) {
            let asked = never.operation.event(&place.names[usize::from(task)]);
            let mut answers = place.answers(&asked).map_err(End::Invalid)?;
            if let Some(event) = answers.find(|event| never.is(&event.outcome)) {
                let events = place.events.iter().cloned().chain([event]);
                return Err(End::Broken(events.collect()));
            }
        }
        Ok(())
    }
}

impl Place {
    /// The places after a step, one for each answer; none if the step is not possible.
    fn after(&self, step: TaskStep) -> Result<Vec<Place>, String> {
        let mut next = self.clone();
        if !next.states.take(step) {
            return Ok(vec![]);
        }
        if let Some(prefix) = step.action.creates() {
            next.names.push(format!("{prefix}{}", self.names.len()));
        }
        let events = events(step, &self.states, &next.names);
        let mut places = vec![next];
        for one in events {
            let mut after = Vec::new();
            for place in places {
                let answers = match &one {
                    StepEvent::Certain(event) => vec![event.clone()],
                    StepEvent::Then(_) if place.has_just_failed() => {
                        after.push(place);
                        continue;
                    }
                    StepEvent::Asked(event) | StepEvent::Then(event) => {
                        place.answers(event)?.collect()
                    }
                };
                for event in answers {
                    let mut place = place.clone();
                    place.judge.event(&event).map_err(|refusal| {
                        format!("the model refuses `{}`: {:?}", refusal.event, refusal.why)
                    })?;
                    place.events.push(event);
                    after.push(place);
                }
            }
            places = after;
        }
        Ok(places)
    }

    fn has_just_failed(&self) -> bool {
        self.events.last().is_some_and(|event| event.outcome.errno_name().is_some())
    }

    /// A call with each answer that a correct kernel may give.
    fn answers<'a>(&self, call: &'a Event) -> Result<impl Iterator<Item = Event> + 'a, String> {
        let allowed = self.judge.allowed(call);
        if allowed.len() >= model::MOST_NAMED {
            return Err(format!("the model names only some of the answers to `{call}`"));
        }
        Ok(allowed.into_iter().map(|outcome| Event { outcome, ..call.clone() }))
    }

    /// Equal for places after which the same follows.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.judge.fingerprint(&mut hasher);
        format!("{:?}", self.states).hash(&mut hasher);
        hasher.finish()
    }
}

/// A depth-first search.
struct Search<'a> {
    guarantee: &'a Guarantee,
    /// The states in which the tasks were asked.
    asked: HashSet<u64>,
    /// The number of programs from a state, by the number of steps that are left.
    known: HashMap<(u64, usize), u64>,
}

impl Search<'_> {
    /// Follows all programs of up to `steps` steps from here; returns their number.
    fn follow(&mut self, place: &Place, steps: usize) -> Result<u64, End> {
        let state = place.fingerprint();
        if let Some(programs) = self.known.get(&(state, steps)) {
            return Ok(*programs);
        }
        if self.asked.insert(state) {
            self.guarantee.ask(place)?;
        }
        let mut programs = 1;
        if steps > 0 {
            for step in self.guarantee.choices(&place.states) {
                for next in self.guarantee.after(place, step)? {
                    programs += self.follow(&next, steps - 1)?;
                }
            }
        }
        self.known.insert((state, steps), programs);
        Ok(programs)
    }
}
