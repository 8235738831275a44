//! The sentences below a call, one for each change of state. They are also the text alternative of the
//! lanes.

use super::rows::{Row, Story, is_own, kind_words, slot};
use drawing::list;
use model::follow::{Holder, Kind, Life, Place, Slot, State, Unusable};
use std::fmt;

/// A sentence. Keys and tasks are their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A key is created: what it is, of which task, in which keyring.
    Created {
        key: String,
        kind: Kind,
        owner: Option<String>,
        within: Option<String>,
    },
    /// A task starts: the keyrings it shares, those that are new, the kinds it has no keyring of.
    Starts {
        task: String,
        shares: Vec<String>,
        new: Vec<Kind>,
        lacks: Vec<Kind>,
    },
    /// Keys are in another place than before.
    Moved {
        keys: Vec<String>,
        to: To,
    },
    /// A file or mapping refers to keyrings besides their tasks.
    Holds {
        by: String,
        keys: Vec<String>,
    },
    /// A key cannot be used any more. One that is not in its place will be destroyed.
    Unusable {
        key: String,
        why: Unusable,
        in_place: bool,
    },
    /// A task loses a keyring that others have.
    NoLonger {
        task: String,
        key: String,
    },
    HasNo {
        task: String,
        kind: Kind,
    },
    StillExists {
        key: String,
    },
    Has {
        task: String,
        key: String,
        others: Vec<String>,
    },
}

/// Where keys are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Only these refer to them.
    Held(Vec<String>),
    /// These tasks reach them again.
    Reach(Vec<String>),
    Loose,
    Uncertain,
    Destroyed,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Created { key, kind, owner, within } => {
                write!(f, "{key} is created")?;
                match (owner, within) {
                    (_, Some(within)) => write!(f, ", a {} in {within}.", kind_words(*kind)),
                    (Some(owner), None) => write!(f, ": {owner}’s {}.", kind_words(*kind)),
                    (None, None) => f.write_str("."),
                }
            }
            Note::Starts { task, .. } => write!(f, "{task} starts{}.", self.manner()),
            Note::Moved { keys, to } => moved_sentence(f, keys, to),
            Note::Holds { by, keys } => {
                // Other names are those of tasks and files.
                let by = match by.strip_prefix("the ") {
                    Some(rest) => format!("The {rest}"),
                    None => by.replacen("a socket", "A socket", 1),
                };
                write!(f, "{by} holds {} as well.", list(keys))
            }
            Note::Unusable { key, why, in_place } => {
                let why = match why {
                    Unusable::Revoked => "is revoked",
                    Unusable::Expired => "has expired",
                    Unusable::Invalidated => "is invalidated",
                    Unusable::Unknown => "may have expired",
                };
                let then = if *in_place { "in its place, and" } else { "soon destroyed, and" };
                write!(f, "{key} {why}: {then} unusable.")
            }
            Note::NoLonger { task, key } => write!(f, "{task} no longer has {key}."),
            Note::HasNo { task, kind } => write!(f, "{task} has no {}.", kind_words(*kind)),
            Note::StillExists { key } => write!(f, "{key} still exists."),
            Note::Has { task, key, others } => match others.as_slice() {
                [] => write!(f, "{task} has {key}."),
                [other] => write!(f, "{task} has {key}, as {other} has."),
                others => write!(f, "{task} has {key}, as {} have.", list(others)),
            },
        }
    }
}

fn moved_sentence(f: &mut fmt::Formatter<'_>, keys: &[String], to: &To) -> fmt::Result {
    let (names, are) = (list(keys), are(keys));
    match to {
        To::Held(by) => write!(f, "{names} {are} out of reach, held by {}.", list(by)),
        To::Reach(tasks) => write!(f, "{names} {are} in reach of {} again.", list(tasks)),
        To::Loose => write!(f, "Nothing holds {names} any more."),
        To::Uncertain => write!(f, "{names} may be destroyed by now."),
        To::Destroyed => write!(f, "{names} {are} destroyed."),
    }
}

impl Note {
    /// How a task starts; empty for other notes.
    pub(super) fn manner(&self) -> String {
        let Note::Starts { shares, new, lacks, .. } = self else { return String::new() };
        let mut out = String::new();
        if !shares.is_empty() {
            out += &format!(", sharing {}", list(shares));
        }
        for kind in new {
            out += &format!(", with a new {}", kind_words(*kind));
        }
        match lacks.as_slice() {
            [] => out,
            [kind] => out + ", without a " + kind_words(*kind),
            _ => out + ", with neither keyring",
        }
    }
}

pub(super) fn are(names: &[String]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}

/// The sentences below a row.
pub(super) fn of(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let mut notes = created(story, row);
    notes.extend(row.started.iter().map(|task| starts(story, row, *task)));
    notes.extend(moved(story, row));
    notes.extend(holds(story, row));
    notes.extend(spoiled(story, row));
    notes.extend(lost(story, row));
    if notes.is_empty() {
        notes.extend(observed(story, row));
    }
    notes
}

fn created(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let keys = row.created.iter().copied().filter(|key| story.drawn.contains(key));
    let after = story.after(row);
    keys.map(|key| {
        let kind = story.kind(key);
        let within = story
            .drawn
            .iter()
            .find(|ring| after.keys.get(**ring).is_some_and(|ring| ring.links.contains(&key)));
        let within = within.filter(|_| !is_own(kind)).map(|ring| story.label(*ring));
        let is_named = after.keys[key].name.is_some();
        let has_owner = is_named && (is_own(kind) || kind == Kind::Session);
        let owner = story.owner(key).filter(|_| has_owner).map(str::to_owned);
        Note::Created { key: story.label(key), kind, owner, within }
    })
    .collect()
}

fn starts(story: &Story<'_>, row: &Row<'_>, task: usize) -> Note {
    let (before, after) = (story.before(row), story.after(row));
    let own = after.tasks[task].own;
    let (mut shares, mut new, mut lacks) = (Vec::new(), Vec::new(), Vec::new());
    for kind in story.own_kinds() {
        match slot(own, kind) {
            Slot::Has(key) if key >= before.keys.len() => new.push(kind),
            Slot::Has(key) => shares.push(story.label(key)),
            Slot::Empty => lacks.push(kind),
            Slot::Unknown => {}
        }
    }
    Note::Starts { task: after.tasks[task].name.clone(), shares, new, lacks }
}

/// Keys whose place has changed, those with the same change in one sentence.
fn moved(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let after = story.after(row);
    let mut groups: Vec<(To, Vec<String>)> = Vec::new();
    for &key in &story.drawn {
        let (was, is) = (story.place(key, row.nth), story.place(key, row.nth + 1));
        let (Some(was), Some(is)) = (was, is) else { continue };
        let ends = story.ends_at(key, row);
        if !ends && (was == is || is == Place::Destroyed) {
            continue;
        }
        let state = &after.keys[key];
        let to = match is {
            Place::Held => To::Held(holders(&state.held_by)),
            Place::Reachable => To::Reach(tasks(after, &state.reached_by)),
            // The note about its invalidation says the same.
            Place::Loose if state.unusable == Some(Unusable::Invalidated) => continue,
            Place::Loose => To::Loose,
            Place::Unknown => To::Uncertain,
            Place::Destroyed => To::Destroyed,
        };
        match groups.iter_mut().find(|(other, _)| *other == to) {
            Some((_, keys)) => keys.push(story.label(key)),
            None => groups.push((to, vec![story.label(key)])),
        }
    }
    groups.into_iter().map(|(to, keys)| Note::Moved { keys, to }).collect()
}

/// Files and mappings that now refer to keyrings which tasks have.
fn holds(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let (before, after) = (story.before(row), story.after(row));
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    for &key in &story.drawn {
        let (Some(was), Some(is)) = (before.keys.get(key), after.keys.get(key)) else { continue };
        if is.place != Place::Reachable || !is_own(is.kind) {
            continue;
        }
        for holder in is.held_by.iter().filter(|holder| !was.held_by.contains(holder)) {
            match notes.iter_mut().find(|(by, _)| *by == holder.to_string()) {
                Some((_, keys)) => keys.push(story.label(key)),
                None => notes.push((holder.to_string(), vec![story.label(key)])),
            }
        }
    }
    notes.into_iter().map(|(by, keys)| Note::Holds { by, keys }).collect()
}

fn spoiled(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let (before, after) = (story.before(row), story.after(row));
    let spoiled = story.drawn.iter().filter_map(|&key| {
        let (was, is) = (before.keys.get(key)?.unusable, after.keys[key].unusable?);
        let is_new = was != Some(is) && is != Unusable::Unknown;
        let in_place = is != Unusable::Invalidated || after.keys[key].place != Place::Loose;
        is_new.then(|| Note::Unusable { key: story.label(key), why: is, in_place })
    });
    spoiled.collect()
}

/// Keyrings that a running task has lost and others have.
fn lost(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let (before, after) = (story.before(row), story.after(row));
    let mut notes = Vec::new();
    for (was, is) in before.tasks.iter().zip(&after.tasks) {
        let now: Vec<usize> = is.own.keyrings().collect();
        for key in was.own.keyrings().filter(|key| is.life == Life::Runs && !now.contains(key)) {
            let stays = story.place(key, row.nth) == story.place(key, row.nth + 1);
            if stays && story.drawn.contains(&key) {
                notes.push(Note::NoLonger { task: is.name.clone(), key: story.label(key) });
            }
        }
    }
    notes
}

/// What a call that changed nothing has shown.
fn observed(story: &Story<'_>, row: &Row<'_>) -> Vec<Note> {
    let after = story.after(row);
    let Some(caller) = row.caller else { return Vec::new() };
    let task = row.event.task.clone();
    let asks = row.event.call == "keyctl_get_keyring_ID";
    if row.failed() {
        let id = row.event.args.first().map(ToString::to_string);
        let kind = match id.as_deref() {
            Some("@t") if asks => Kind::Thread,
            Some("@p") if asks => Kind::Process,
            _ => return Vec::new(),
        };
        let is_absent = slot(after.tasks[caller].own, kind) == Slot::Empty;
        return if is_absent { vec![Note::HasNo { task, kind }] } else { Vec::new() };
    }
    let mut notes = Vec::new();
    for &key in row.saw.iter().filter(|key| story.drawn.contains(key)) {
        let has = |task: &usize| after.tasks[*task].own.keyrings().any(|own| own == key);
        let label = story.label(key);
        match after.keys[key].place {
            Place::Held | Place::Loose => notes.push(Note::StillExists { key: label }),
            _ if asks && has(&caller) => {
                let runs = |task: &usize| after.tasks[*task].life == Life::Runs;
                let others = (0..after.tasks.len()).filter(|task| *task != caller);
                let others: Vec<usize> = others.filter(runs).filter(has).collect();
                notes.push(Note::Has {
                    task: task.clone(),
                    key: label,
                    others: tasks(after, &others),
                });
            }
            _ => {}
        }
    }
    notes
}

pub(super) fn holders(holders: &[Holder]) -> Vec<String> {
    holders.iter().map(ToString::to_string).collect()
}

pub(super) fn tasks(state: &State, tasks: &[usize]) -> Vec<String> {
    tasks.iter().map(|task| state.tasks[*task].name.clone()).collect()
}
