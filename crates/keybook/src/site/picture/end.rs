//! What stands below a picture: who has what in the end.

use super::lanes::{Lane, Lanes};
use super::notes::{are, holders, tasks};
use super::rows::{Story, is_own, kind_words, slot};
use drawing::list;
use model::follow::{Kind, Life, Place, Slot, State};
use std::ops::Range;

/// More owners of one keyring each than these are counted, not named.
const MOST_NAMED: usize = 3;

/// Who has what after the last of these rows.
pub(super) fn summary(story: &Story<'_>, lanes: &Lanes, range: &Range<usize>) -> String {
    let Some(last) = story.rows[range.clone()].last() else { return String::new() };
    let state = story.after(last);
    let mut clauses = owners(story, lanes, state);
    clauses.extend(lacking(story, lanes, state));
    clauses.extend(elsewhere(story, lanes, state));
    clauses.join("; ")
}

/// Which tasks have which keyrings, those that the same tasks have together.
fn owners(story: &Story<'_>, lanes: &Lanes, state: &State) -> Vec<String> {
    let mut groups: Vec<(Vec<usize>, Vec<String>)> = Vec::new();
    for key in lanes.keys.iter().copied().filter(|key| is_own(story.kind(*key))) {
        let has = |task: &usize| state.tasks[*task].own.keyrings().any(|own| own == key);
        let runs = |task: &usize| state.tasks[*task].life == Life::Runs;
        let who: Vec<usize> = (0..state.tasks.len()).filter(runs).filter(has).collect();
        let is_named = story.last().keys[key].name.is_some();
        let kind = || format!("a {}", kind_words(story.kind(key)));
        let label = if is_named || who.len() > 1 { story.label(key) } else { kind() };
        match groups.iter_mut().find(|(others, _)| *others == who) {
            _ if who.is_empty() => {}
            Some((_, labels)) => labels.push(label),
            None => groups.push((who, vec![label])),
        }
    }
    let is_one_each = |group: &(Vec<usize>, Vec<String>)| group.0.len() == 1 && group.1.len() == 1;
    let alike = groups.iter().filter(|group| is_one_each(group)).count();
    let counted = alike > MOST_NAMED;
    let shown = groups.iter().filter(|group| !counted || !is_one_each(group));
    let mut clauses: Vec<String> = shown
        .map(|(who, labels)| {
            let has = if who.len() == 1 { "has" } else { "share" };
            format!("{} {has} {}", list(&tasks(state, who)), list(labels))
        })
        .collect();
    if counted {
        let others = if clauses.is_empty() { "tasks" } else { "others" };
        clauses.push(format!("{alike} {others} have one each"));
    }
    clauses
}

/// The running tasks without a keyring of the kinds that are drawn.
fn lacking(story: &Story<'_>, lanes: &Lanes, state: &State) -> Option<String> {
    let drawn = |kind: &Kind| lanes.keys.iter().any(|key| story.kind(*key) == *kind);
    let kinds: Vec<Kind> = [Kind::Thread, Kind::Process].into_iter().filter(drawn).collect();
    let lacks = |task: &&model::follow::Task| {
        let has_no = |kind: &Kind| slot(task.own, *kind) == Slot::Empty;
        task.life == Life::Runs
            && kinds.iter().all(has_no)
            && lanes.position(&Lane::Task(task.name.clone())).is_some()
    };
    let without = state.tasks.iter().filter(lacks).map(|task| task.name.clone());
    let without: Vec<String> = without.collect();
    if without.is_empty() {
        return None;
    }
    let has = if without.len() == 1 { "has" } else { "have" };
    match kinds.as_slice() {
        [] => None,
        [kind] => Some(format!("{} {has} no {}", list(&without), kind_words(*kind))),
        _ => Some(format!("{} {has} neither keyring", list(&without))),
    }
}

/// Where a key is, and what holds it there.
type Fate = (Place, Vec<String>);

/// The keys that no running task reaches, those with the same fate together.
fn elsewhere(story: &Story<'_>, lanes: &Lanes, state: &State) -> Vec<String> {
    let mut groups: Vec<(Fate, Vec<String>)> = Vec::new();
    for key in &lanes.keys {
        let Some(is) = state.keys.get(*key).filter(|key| key.place != Place::Reachable) else {
            continue;
        };
        let fate = (is.place, holders(&is.held_by));
        match groups.iter_mut().find(|(other, _)| *other == fate) {
            Some((_, keys)) => keys.push(story.label(*key)),
            None => groups.push((fate, vec![story.label(*key)])),
        }
    }
    let clause = |((place, by), keys): (Fate, Vec<String>)| {
        let (names, are) = (list(&keys), are(&keys));
        match place {
            Place::Reachable => String::new(),
            Place::Held => format!("{names} {are} out of reach, held by {}", list(&by)),
            Place::Loose => format!("nothing holds {names}"),
            Place::Destroyed => format!("{names} {are} destroyed"),
            Place::Unknown => format!("{names} may be destroyed"),
        }
    };
    groups.into_iter().map(clause).collect()
}
