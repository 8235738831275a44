//! Where the boxes of a state are: three columns, of which the second and third are ordered by the mean
//! height of what refers to their boxes. Lengths are in units of the drawing, which is 360 wide.

use crate::keyrings;
use model::follow::{Holder, Life, Own, Place, State};

/// Below the headings.
pub(super) const TOP: f64 = 26.0;
/// The height of a task.
pub(super) const TASK: f64 = 30.0;
/// The height of credentials, and of their two slots within.
const CRED: f64 = 62.0;
pub(super) const SLOTS: [f64; 2] = [30.0, 48.0];
/// The height of a keyring, of a line in it, and of a key in it.
const KEYRING: f64 = 40.0;
const LINE: f64 = 15.0;
pub(super) const KEY: f64 = 23.0;

/// A task, or something else that refers to credentials.
pub(super) struct Referrer {
    pub(super) name: String,
    /// A running task; others are dashed.
    pub(super) runs: bool,
    pub(super) is_task: bool,
    pub(super) cred: usize,
    pub(super) own: Own,
    pub(super) is_new: bool,
    pub(super) y: f64,
}

/// A box for credentials or a keyring: its number, and whether it is new.
pub(super) struct Block {
    pub(super) nth: usize,
    pub(super) own: Own,
    pub(super) is_new: bool,
    /// The middle that it has if there is room.
    wanted: f64,
    pub(super) y: f64,
    pub(super) height: f64,
}

pub(super) struct Layout {
    pub(super) referrers: Vec<Referrer>,
    /// The frames of the processes: top and height.
    pub(super) processes: Vec<(f64, f64)>,
    pub(super) creds: Vec<Block>,
    pub(super) keyrings: Vec<Block>,
    pub(super) height: f64,
}

impl Layout {
    pub(super) fn of(state: &State, before: Option<&State>) -> Layout {
        let (mut referrers, processes, bottom) = referrers(state, before);
        let mut creds = creds(&referrers, before);
        let low = stack(&mut creds, 14.0);
        let mut keyrings = blocks(state, before, &creds);
        let lowest = stack(&mut keyrings, 12.0);
        let height = (bottom.max(low).max(lowest) + 4.0).max(120.0);
        referrers.iter_mut().for_each(|it| it.y = it.y.round());
        Layout { referrers, processes, creds, keyrings, height }
    }
}

/// The first column: the tasks of each process in a frame, then what else refers to credentials.
fn referrers(state: &State, before: Option<&State>) -> (Vec<Referrer>, Vec<(f64, f64)>, f64) {
    let (mut all, mut frames, mut y) = (Vec::new(), Vec::new(), TOP);
    let live = |nth: &usize| matches!(state.tasks[*nth].life, Life::Runs | Life::Zombie);
    let tasks: Vec<usize> = (0..state.tasks.len()).filter(live).collect();
    let mut processes: Vec<usize> = tasks.iter().map(|nth| state.tasks[*nth].main_thread).collect();
    processes.sort_unstable();
    processes.dedup();
    for process in processes {
        let top = y;
        y += 20.0;
        for nth in tasks.iter().filter(|nth| state.tasks[**nth].main_thread == process) {
            let task = &state.tasks[*nth];
            all.push(Referrer {
                name: task.name.clone(),
                runs: task.life == Life::Runs,
                is_task: true,
                cred: task.cred,
                own: task.own,
                is_new: before.is_some_and(|before| *nth >= before.tasks.len()),
                y,
            });
            y += 38.0;
        }
        frames.push((top, y - top + 2.0));
        y += 14.0;
    }
    for holding in &state.holders {
        let name = match &holding.by {
            Holder::Zombie(_) | Holder::User => continue,
            Holder::Traced(_) => "tracee",
            Holder::Program(_) => "program",
            Holder::Mapped(name) => name,
            Holder::File => "file",
            Holder::Socket => "socket",
            Holder::Mount => "mount",
        };
        all.push(Referrer {
            name: name.to_owned(),
            runs: false,
            is_task: false,
            cred: holding.cred,
            own: holding.own,
            is_new: before.is_some_and(|before| !before.holders.contains(holding)),
            y,
        });
        y += 38.0;
    }
    (all, frames, y)
}

/// The credentials to which something refers.
fn creds(referrers: &[Referrer], before: Option<&State>) -> Vec<Block> {
    let is_old = |cred: usize, before: &State| {
        before.tasks.iter().any(|task| task.cred == cred)
            || before.holders.iter().any(|held| held.cred == cred)
    };
    let mut creds: Vec<Block> = Vec::new();
    for by in referrers {
        if creds.iter().any(|cred| cred.nth == by.cred) {
            continue;
        }
        let others = referrers.iter().filter(|other| other.cred == by.cred);
        creds.push(Block {
            nth: by.cred,
            own: by.own,
            is_new: before.is_some_and(|before| !is_old(by.cred, before)),
            wanted: mean(others.map(|other| other.y + TASK / 2.0)).unwrap_or(TOP),
            y: TOP,
            height: CRED,
        });
    }
    creds
}

/// The thread and process keyrings that exist, and those that were destroyed since `before`.
fn blocks(state: &State, before: Option<&State>, creds: &[Block]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for nth in keyrings(state) {
        let key = &state.keys[nth];
        let existed =
            |before: &State| before.keys.get(nth).is_some_and(|key| key.place != Place::Destroyed);
        if key.place == Place::Destroyed && !before.is_some_and(existed) {
            continue;
        }
        let from = creds.iter().flat_map(|cred| {
            let slots = [cred.own.thread, cred.own.process].into_iter().zip(SLOTS);
            slots.filter(|(slot, _)| slot.keyring() == Some(nth)).map(|(_, at)| cred.y + at)
        });
        let lines = if is_plain(key.place) { 0.0 } else { LINE };
        let below = blocks.last().map_or(TOP, |last| last.wanted + last.height);
        blocks.push(Block {
            nth,
            own: Own::default(),
            is_new: before.is_some_and(|before| nth >= before.keys.len()),
            wanted: mean(from).unwrap_or(below),
            y: TOP,
            height: KEYRING + lines + KEY * keys(state, nth).len() as f64,
        });
    }
    blocks
}

/// The keys in a keyring that still exist.
pub(super) fn keys(state: &State, keyring: usize) -> Vec<usize> {
    let exists = |key: &usize| state.keys[*key].place != Place::Destroyed;
    let links = if exists(&keyring) { state.keys[keyring].links.as_slice() } else { &[] };
    links.iter().copied().filter(exists).collect()
}

/// A keyring without a line that says what holds it.
pub(super) fn is_plain(place: Place) -> bool {
    matches!(place, Place::Reachable | Place::Destroyed)
}

/// Puts the boxes of a column below each other, near where each wants to be; returns the end.
fn stack(blocks: &mut [Block], gap: f64) -> f64 {
    blocks.sort_by(|one, other| one.wanted.total_cmp(&other.wanted));
    let mut y = TOP;
    for block in blocks {
        block.y = y.max(block.wanted - block.height / 2.0).round();
        y = block.y + block.height + gap;
    }
    y
}

fn mean(all: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = all.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
    if count > 0.0 { Some(sum / count) } else { None }
}
