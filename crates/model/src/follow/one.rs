//! One world as a state.

use super::{Holder, Holding, Key, Kind, Life, Own, Place, Slot, State, Task, Unusable};
use crate::world::{self, Expiry, Holds, KeyId, TaskId, World};
use std::collections::BTreeSet;

/// One world.
pub(super) fn state(world: &World) -> State {
    let keys: Vec<KeyId> = world.keys.ids().collect();
    let mut state = State {
        tasks: world.tasks.ids().map(|task| task_state(world, task)).collect(),
        keys: keys.iter().map(|key| key_state(world, *key)).collect(),
        holders: Vec::new(),
    };
    for task in world.live().into_iter().filter(|task| world.tasks[*task].life == world::Life::Runs)
    {
        let mut from = own_keyrings(world.cred(task));
        let (uid, space) = (world.cred(task).user.real, world.cred(task).space);
        let of_user = world.user_keyrings.iter().filter(|of| of.uid == uid && of.space == space);
        from.extend(of_user.flat_map(|of| [of.user, of.session]));
        for key in world.leads_to(from) {
            state.keys[key.nth()].reached_by.push(task.nth());
        }
    }
    for (holds, cred) in world.holders() {
        let Some(holder) = holder(world, holds) else { continue };
        let (nth, cred) = (cred.nth(), &world.creds[cred]);
        state.hold(&holder, &world.leads_to(own_keyrings(cred)));
        let held = Holding { by: holder, own: own(world, cred), cred: nth };
        if !state.holders.contains(&held) {
            state.holders.push(held);
        }
    }
    let of_users = world.registered(&world.lasting_spaces(&world.holders()));
    state.hold(&Holder::User, &world.leads_to(of_users));
    for (key, id) in state.keys.iter_mut().zip(keys) {
        key.place = match () {
            () if world.keys[id].gone => Place::Destroyed,
            () if !key.reached_by.is_empty() => Place::Reachable,
            () if !key.held_by.is_empty() => Place::Held,
            () => Place::Loose,
        };
    }
    state
}

impl State {
    fn hold(&mut self, holder: &Holder, keys: &BTreeSet<KeyId>) {
        for key in keys {
            let held_by = &mut self.keys[key.nth()].held_by;
            if !held_by.contains(holder) {
                held_by.push(holder.clone());
            }
        }
    }
}

fn task_state(world: &World, id: TaskId) -> Task {
    let task = &world.tasks[id];
    let life = match task.life {
        world::Life::Runs => Life::Runs,
        world::Life::Zombie if !world.is_orphan(id) => Life::Zombie,
        world::Life::Zombie | world::Life::Reaped => Life::Ended,
    };
    let own = if life == Life::Ended { Own::default() } else { own(world, world.cred(id)) };
    let main_thread = world.groups[task.group].leader.nth();
    Task { name: task.name.to_string(), life, own, cred: task.cred.nth(), main_thread }
}

fn key_state(world: &World, id: KeyId) -> Key {
    let key = &world.keys[id];
    let unusable = match () {
        () if key.invalidated => Some(Unusable::Invalidated),
        () if key.revoked => Some(Unusable::Revoked),
        () if key.expiry == Expiry::Passed => Some(Unusable::Expired),
        () => None,
    };
    let of = |own: fn(&world::Cred) -> Option<KeyId>| {
        world.creds.iter().any(|cred| own(cred) == Some(id))
    };
    let kind = match () {
        () if of(|cred| cred.thread) => Kind::Thread,
        () if of(|cred| cred.process) => Kind::Process,
        () if of(|cred| cred.session) => Kind::Session,
        () if key.kind == world::KeyType::Keyring => Kind::Keyring,
        () => Kind::Key,
    };
    let links = key.links().iter().map(|link| link.nth()).collect();
    Key {
        name: key.name.as_deref().map(str::to_owned),
        kind,
        place: Place::Unknown,
        reached_by: Vec::new(),
        held_by: Vec::new(),
        unusable,
        links,
    }
}

/// The name of a holder that is no running task.
fn holder(world: &World, holds: Holds) -> Option<Holder> {
    let name = |task: TaskId| world.tasks[task].name.to_string();
    Some(match holds {
        Holds::Task(task) if world.tasks[task].life == world::Life::Runs => return None,
        Holds::Task(task) => Holder::Zombie(name(task)),
        Holds::Traced(task) => Holder::Traced(name(task)),
        Holds::Program(task) => Holder::Program(name(task)),
        Holds::Mapped(name) => Holder::Mapped(name.to_string()),
        Holds::File => Holder::File,
        Holds::Socket => Holder::Socket,
        Holds::Mount => Holder::Mount,
    })
}

fn own_keyrings(cred: &world::Cred) -> Vec<KeyId> {
    [cred.thread, cred.process, cred.session].into_iter().flatten().collect()
}

fn own(world: &World, cred: &world::Cred) -> Own {
    let slot = |keyring: Option<KeyId>| match keyring {
        Some(key) if !world.keys[key].gone => Slot::Has(key.nth()),
        _ => Slot::Empty,
    };
    Own { thread: slot(cred.thread), process: slot(cred.process) }
}
