#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod layout;
mod svg;

pub use svg::state;

use model::follow;
use model::follow::{Kind, Life, Place, State};

/// The state in words.
pub fn sentences(state: &State) -> Vec<String> {
    let mut out = Vec::new();
    for nth in keyrings(state) {
        let key = &state.keys[nth];
        let name = key.name.as_deref().unwrap_or("A keyring");
        let kind = if key.kind == Kind::Thread { "thread" } else { "process" };
        let has = |task: &&follow::Task| {
            task.life == Life::Runs && task.own.keyrings().any(|own| own == nth)
        };
        let owners = state.tasks.iter().filter(has).map(|task| task.name.clone());
        let owners: Vec<String> = owners.collect();
        let holders: Vec<String> = key.held_by.iter().map(ToString::to_string).collect();
        out.push(match key.place {
            Place::Reachable if owners.is_empty() => format!("{name} is linked elsewhere."),
            Place::Reachable => {
                format!("{name} is the {kind} keyring of {}.", list(&owners))
            }
            Place::Held => format!("{name} is out of reach, held by {}.", list(&holders)),
            Place::Loose => format!("Nothing holds {name}."),
            Place::Destroyed => format!("{name} is destroyed."),
            Place::Unknown => format!("{name} may be destroyed."),
        });
    }
    let lacks =
        |task: &&follow::Task| task.life == Life::Runs && task.own == follow::Own::default();
    let without = state.tasks.iter().filter(lacks).map(|task| task.name.clone());
    let without: Vec<String> = without.collect();
    match without.as_slice() {
        [] => {}
        [task] => out.push(format!("{task} has neither keyring.")),
        tasks => out.push(format!("{} have neither keyring.", list(tasks))),
    }
    out
}

/// The thread and process keyrings, oldest first.
pub(crate) fn keyrings(state: &State) -> Vec<usize> {
    let is = |nth: &usize| matches!(state.keys[*nth].kind, Kind::Thread | Kind::Process);
    (0..state.keys.len()).filter(is).collect()
}

/// `K1`, `K1 and K2`, `K1, K2 and K3`.
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
