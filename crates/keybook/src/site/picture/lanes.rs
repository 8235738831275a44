//! Which lanes a piece of a trace has: tasks in the order of their start, then open files and mappings,
//! then keyrings, then keys, in the order of their creation.

use super::rows::{Row, Story, names};
use model::follow::{Holder, Life, Own, Place, State, Task};
use std::collections::BTreeSet;
use std::ops::Range;

/// With more tasks and files than these, keys have no lanes: the stripes beside the tasks remain.
pub(super) const MOST_TASKS: usize = 5;

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// All tasks of this name, one after another.
    Task(String),
    /// All files of this name: `file`, `mapping` or `library`.
    File(&'static str),
    /// The key at this position of the states.
    Key(usize),
}

const FILES: [&str; 3] = ["file", "mapping", "library"];

/// The lanes of the rows in a range.
pub(super) struct Lanes {
    /// Those that are drawn.
    pub(super) drawn: Vec<Lane>,
    /// The keys that the rows are about, drawn or not.
    pub(super) keys: Vec<usize>,
    /// Something happens in these rows.
    pub(super) are_worth: bool,
}

impl Lanes {
    pub(super) fn of(story: &Story<'_>, range: &Range<usize>) -> Lanes {
        let rows = &story.rows[range.clone()];
        let mut keys = story.drawn.clone();
        keys.retain(|key| rows.iter().any(|row| is_about(story, row, *key)));
        let mut drawn: Vec<Lane> = Vec::new();
        for row in &story.rows {
            for name in acting(story, row) {
                let lane = Lane::Task(name.to_owned());
                let is_here = || {
                    rows.iter().any(|row| acting(story, row).any(|other| other == name))
                        || rows.iter().any(|row| ended(story, row).any(|other| other == name))
                        || rows.iter().any(|row| has_one(story.after(row), name, &keys))
                };
                if !drawn.contains(&lane) && is_here() {
                    drawn.push(lane);
                }
            }
        }
        let tasks = drawn.len();
        let is_open = |name: &&str| {
            rows.iter().any(|row| {
                file(story.after(row), name).is_some() || file(story.before(row), name).is_some()
            })
        };
        drawn.extend(FILES.into_iter().filter(is_open).map(Lane::File));
        let changes = |key: &usize| {
            let at = |nth: usize| story.place(*key, nth);
            rows.iter().any(|row| at(row.nth).is_some() && at(row.nth) != at(row.nth + 1))
        };
        let are_worth = tasks > 1 || keys.iter().any(changes);
        if drawn.len() <= MOST_TASKS {
            drawn.extend(keys.iter().map(|key| Lane::Key(*key)));
        }
        Lanes { drawn, keys, are_worth: are_worth && story.is_known() }
    }

    /// The position of a lane.
    pub(super) fn position(&self, lane: &Lane) -> Option<usize> {
        self.drawn.iter().position(|other| other == lane)
    }

    /// The horizontal place of a lane.
    pub(super) fn x(&self, lane: &Lane) -> Option<String> {
        let nth = self.position(lane)? as f64;
        let percent = (nth + 0.5) * 100.0 / self.drawn.len() as f64;
        let rounded = format!("{percent:.2}");
        Some(rounded.trim_end_matches('0').trim_end_matches('.').to_owned() + "%")
    }

    pub(super) fn task_x(&self, name: &str) -> Option<String> {
        self.x(&Lane::Task(name.to_owned()))
    }
}

/// The names of the task that makes a call and of those that it starts.
fn acting<'a>(story: &'a Story<'_>, row: &'a Row<'_>) -> impl Iterator<Item = &'a str> {
    let started = row.started.iter().map(|task| story.after(row).tasks[*task].name.as_str());
    [row.event.task.as_str()].into_iter().chain(started)
}

/// The names of the tasks that end or are reaped in a row.
pub(super) fn ended<'a>(story: &'a Story<'_>, row: &'a Row<'_>) -> impl Iterator<Item = &'a str> {
    let both = story.before(row).tasks.iter().zip(&story.after(row).tasks);
    let ended = both.filter(|(was, is)| was.life != is.life && is.life != Life::Runs);
    ended.map(|(_, is)| is.name.as_str())
}

/// The task of this name: the youngest that has not ended.
pub(super) fn task<'a>(state: &'a State, name: &str) -> Option<&'a Task> {
    let is = |task: &&Task| task.name == name && task.life != Life::Ended;
    state.tasks.iter().rfind(is)
}

fn has_one(state: &State, name: &str, keys: &[usize]) -> bool {
    let own = task(state, name).map_or(Own::default(), |task| task.own);
    own.keyrings().any(|keyring| keys.contains(&keyring))
}

/// The keyrings of the files or mappings of a name; `None` if there is no such file.
pub(super) fn file(state: &State, name: &str) -> Option<BTreeSet<usize>> {
    let is = |holder: &Holder| match holder {
        Holder::File => name == "file",
        Holder::Mapped(mapped) => mapped == name,
        _ => false,
    };
    let all = state.holders.iter().filter(|it| is(&it.by)).map(|it| it.own);
    let all: Vec<Own> = all.collect();
    if all.is_empty() { None } else { Some(all.into_iter().flat_map(Own::keyrings).collect()) }
}

/// Whether a row is about a key: it names, creates or moves it, or starts a task that has it.
fn is_about(story: &Story<'_>, row: &Row<'_>, key: usize) -> bool {
    let after = story.after(row);
    let Some(is) = after.keys.get(key) else { return false };
    let was = story.before(row).keys.get(key);
    let starts = |task: &usize| after.tasks[*task].own.keyrings().any(|own| own == key);
    let moves = || {
        let changes = was.is_some_and(|was| was.unusable != is.unusable);
        let place = (story.place(key, row.nth), story.place(key, row.nth + 1));
        changes || (place.0 != place.1 && place.1 != Some(Place::Destroyed))
    };
    row.created.contains(&key)
        || row.saw.contains(&key)
        || row.started.iter().any(starts)
        || moves()
        || names(&row.event.request()).any(|name| is.name.as_deref() == Some(name))
}
