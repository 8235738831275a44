//! A world that a trace shows only in part.
//!
//! A trace that begins in the middle has tasks, keys and serial numbers that appear from nowhere, and neighbors that it
//! never shows. Certain is only what is one task's alone: its thread and process keyring from its first program on, and
//! the keys that no keyring of another leads to. Such keys are in [`World::keys`], with all their links. Everything
//! else is [`World::OUTSIDE`]: one key that stands for all of these, of which every question has every answer.
//!
//! A key of one task's alone that gets a link in a keyring of others, or a mask that permits others something, is from then
//! on like all keys outside. A keyring that several threads share keeps its identity, and nothing else.

use crate::store::Idx;
use crate::world::{
    Cred, CredId, Group, GroupId, Key, KeyId, Life, Memory, MemoryId, Space, TableId, Task, TaskId,
    UNKNOWN_DESTINATION, World,
};
use std::collections::{BTreeSet, HashMap};
use std::mem;

/// The number of tasks that are followed at once. Of further ones nothing is known.
const MOST_TASKS: usize = 256;

impl World {
    /// In an unknown world: all keys that are not known to be one task's alone.
    pub(crate) const OUTSIDE: KeyId = KeyId::FIRST;

    /// A world of which nothing is known.
    pub(crate) fn unknown() -> World {
        let mut world = World::default();
        world.config.unknown = true;
        let space = world.spaces.add(Space { parent: None, mapped: None });
        world.add_key(Key { open: true, crowded: true, space, ..Key::default() });
        world.memories.add(Memory::default());
        world.tables.add(Vec::new());
        world.begin();
        world
    }

    /// A task with neither a thread nor a process keyring, of which nothing else is known.
    pub(crate) fn appear(&mut self, name: &str) {
        if self.is_full() {
            return;
        }
        let cred = Cred {
            session: Some(World::OUTSIDE),
            destination: UNKNOWN_DESTINATION,
            ..Cred::default()
        };
        let cred = self.creds.add(cred);
        let (memory, files) = (MemoryId::FIRST, TableId::FIRST);
        let leader = self.tasks.next();
        let group =
            Group { leader, parent: None, call: None, memory, files, reaped_at_once: false };
        let group = self.groups.add(group);
        self.add_task(Task { name: name.into(), group, cred, life: Life::Runs, tracer: None });
    }

    /// Of a task nothing is known from here on.
    pub(crate) fn lose(&mut self, task: TaskId) {
        let cred = self.cred(task).clone();
        let own = [cred.thread, cred.process];
        own.into_iter().flatten().for_each(|key| self.share(key));
        self.set_life(task, Life::Reaped);
    }

    /// Whether no further task is followed.
    pub(crate) fn is_full(&self) -> bool {
        self.live().len() >= MOST_TASKS
    }

    /// Others may use a key from here on, and all to which its links lead.
    pub(crate) fn share(&mut self, key: KeyId) {
        let mut todo = vec![key];
        while let Some(key) = todo.pop() {
            if self.keys[key].open || self.keys[key].gone {
                continue;
            }
            let shared = self.keys.edit(key);
            todo.extend(shared.take_links());
            (shared.open, shared.crowded) = (true, true);
            for keyring in self.present() {
                if self.keys[keyring].links().contains(&key) {
                    let keyring = self.keys.edit(keyring);
                    keyring.drop_link(key);
                    keyring.crowded = true;
                }
            }
            if !self.is_own(key) {
                self.end_key(key);
            }
        }
    }

    /// Whether a key is the thread or process keyring of a task.
    fn is_own(&self, key: KeyId) -> bool {
        self.live().into_iter().any(|task| {
            let cred = self.cred(task);
            [cred.thread, cred.process].contains(&Some(key))
        })
    }

    /// What a keyring links is known no more.
    pub(crate) fn forget_links(&mut self, keyring: KeyId) {
        for key in self.keys[keyring].links().to_vec() {
            self.share(key);
        }
        self.keys.edit(keyring).crowded = true;
    }

    /// Names a key as a trace of an unknown world does. A number whose key nothing holds may be another key's by now.
    pub(crate) fn name_unknown(&mut self, key: KeyId, name: &str) -> bool {
        if let Some(known) = &self.keys[key].name {
            return &**known == name;
        }
        if let Some(other) = self.named(name) {
            if self.keys[other].open && key == World::OUTSIDE {
                return true;
            }
            if self.linked().contains(&other) {
                return false;
            }
            self.end_key(other);
        }
        if key != World::OUTSIDE {
            self.set_name(key, name);
        }
        true
    }

    /// The thread and process keyrings of all tasks, and all to which their links lead, in order.
    fn linked(&self) -> Vec<KeyId> {
        let (mut found, mut all) = (BTreeSet::new(), Vec::new());
        let live = self.live();
        let creds = live.iter().map(|task| self.cred(*task));
        let mut todo: Vec<KeyId> =
            creds.flat_map(|cred| [cred.thread, cred.process]).flatten().collect();
        while let Some(key) = todo.pop() {
            if found.insert(key) {
                all.push(key);
                todo.extend(self.keys[key].links());
            }
        }
        all
    }

    /// The number of things in this world, those that have ended included.
    pub(crate) fn size(&self) -> usize {
        self.keys.len() + self.creds.len() + self.tasks.len() + self.groups.len()
    }

    /// Drops what has ended. Worlds that are the same but for that are then alike.
    pub(crate) fn tidy(&mut self) {
        *self = Tidy::default().copy(self);
        self.begin();
    }
}

/// Copies what can still matter.
#[derive(Default)]
struct Tidy {
    keys: HashMap<usize, KeyId>,
    creds: HashMap<usize, CredId>,
    groups: HashMap<usize, GroupId>,
    tasks: HashMap<usize, TaskId>,
}

impl Tidy {
    fn copy(mut self, old: &World) -> World {
        let mut new = World::unknown();
        let live = old.live();
        let creds: BTreeSet<CredId> = live.iter().map(|task| old.tasks[*task].cred).collect();
        let kept = old.linked();
        self.keys.insert(World::OUTSIDE.nth(), World::OUTSIDE);
        for key in &kept {
            self.keys.insert(key.nth(), new.add_key(Key::default()));
        }
        for key in kept {
            let mut copy = old.keys[key].clone();
            let name = mem::take(&mut copy.name);
            copy.map_links(|link| self.keys[&link.nth()]);
            copy.trusts = None;
            let key = self.keys[&key.nth()];
            *new.keys.edit(key) = copy;
            name.iter().for_each(|name| new.set_name(key, name));
        }
        for id in creds {
            let mut cred = old.creds[id].clone();
            for key in [&mut cred.thread, &mut cred.process, &mut cred.session] {
                *key = key.and_then(|key| of(&self.keys, key));
            }
            self.creds.insert(id.nth(), new.creds.add(cred));
        }
        for (nth, task) in live.iter().enumerate() {
            self.tasks.insert(task.nth(), TaskId::at(nth));
        }
        for id in live {
            let task = old.tasks[id].clone();
            let group = match of(&self.groups, task.group) {
                Some(group) => group,
                None => {
                    let group = &old.groups[task.group];
                    let leader = of(&self.tasks, group.leader).unwrap_or(self.tasks[&id.nth()]);
                    let parent = group.parent.and_then(|parent| of(&self.tasks, parent));
                    new.groups.add(Group { leader, parent, ..group.clone() })
                }
            };
            self.groups.insert(task.group.nth(), group);
            let cred = self.creds[&task.cred.nth()];
            new.add_task(Task { group, cred, tracer: None, ..task });
        }
        new
    }
}

fn of<T>(map: &HashMap<usize, Idx<T>>, old: Idx<T>) -> Option<Idx<T>> {
    map.get(&old.nth()).copied()
}
