//! The state after a trace, drawn and in words.

use crate::judge::read;
use model::follow::{Key, Kind, Life, Place, State};
use serde::Serialize;

/// The state after a trace.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drawn {
    /// As SVG.
    pub svg: String,
    /// In words.
    pub sentences: Vec<String>,
    /// The tasks that run.
    pub tasks: Vec<String>,
    /// The tasks that have ended and are not reaped yet.
    pub zombies: Vec<String>,
    /// The keys that have a name.
    pub keys: Vec<NamedKey>,
    /// The number of events that a correct kernel shows, from the first on.
    pub events: usize,
}

/// A key or keyring.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NamedKey {
    /// Its name.
    pub name: String,
    /// Whether it is a keyring.
    pub is_keyring: bool,
    /// Whether it is destroyed.
    pub is_destroyed: bool,
}

/// Draws the state after the trace, or after the part of it that a correct kernel shows. What is new since the last event is
/// drawn as new. A text that is no trace is an empty one.
pub fn follow(text: &str) -> Drawn {
    let trace = read(text).map(|(trace, _)| trace).unwrap_or_default();
    let (events, states) = model::follow::last(&trace);
    let Some((state, before)) = states.split_last() else { return Drawn::default() };
    let sentences = drawing::sentences(state);
    let svg = drawing::state(state, before.last(), &drawing::escape(&sentences.join(" ")));
    let tasks = |life: Life| {
        let them = state.tasks.iter().filter(|task| task.life == life);
        them.map(|task| task.name.clone()).collect()
    };
    let (zombies, tasks) = (tasks(Life::Zombie), tasks(Life::Runs));
    Drawn { svg, sentences, tasks, zombies, keys: names(state), events }
}

fn names(state: &State) -> Vec<NamedKey> {
    let named = |key: &Key| {
        let (is_keyring, is_destroyed) = (key.kind != Kind::Key, key.place == Place::Destroyed);
        Some(NamedKey { name: key.name.clone()?, is_keyring, is_destroyed })
    };
    state.keys.iter().filter_map(named).collect()
}
