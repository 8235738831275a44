//! The state: what a kernel knows of tasks, credentials, keyrings and keys.
//!
//! ```text
//! task ── cred ── thread keyring ── links ── keys
//!   │       ├──── process keyring
//! group     └──── session keyring
//!   ├── memory (the program's file, mapped files) ── cred
//!   └── open files ── cred
//! ```

use crate::store::Store;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub(crate) type KeyId = usize;
pub(crate) type CredId = usize;
pub(crate) type TaskId = usize;
pub(crate) type GroupId = usize;
pub(crate) type SpaceId = usize;

/// A user or group id by its name in the trace: `UID` is 0, `UID2` is 1.
pub(crate) type Id = u32;

/// No id: the group of `@u`, and the argument that changes nothing.
pub(crate) const NO_ID: Id = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Keyring,
    User,
    Logon,
}

impl Type {
    /// `None` if the kernel has no such type, or none that this model knows.
    pub(crate) fn named(name: &str) -> Option<Type> {
        match name {
            "keyring" => Some(Type::Keyring),
            "user" => Some(Type::User),
            "logon" => Some(Type::Logon),
            _ => None,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Type::Keyring => "keyring",
            Type::User => "user",
            Type::Logon => "logon",
        }
    }
}

/// When a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Never,
    /// So many seconds after some moment in the trace. A trace is shorter than five minutes, so a
    /// key with more of them does not expire in it; one with less may at any time.
    In(u32),
    Passed,
}

/// What is in a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Links(Vec<KeyId>),
    Payload(Arc<str>),
    /// The payload was given up by a revocation.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its name in the trace, once it has been told.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: Type,
    pub(crate) description: Arc<str>,
    pub(crate) uid: Id,
    pub(crate) gid: Id,
    pub(crate) perm: u32,
    /// The user whose quota it counts for.
    pub(crate) payer: Option<Id>,
    /// What it counts there, in bytes.
    pub(crate) bytes: i64,
    pub(crate) content: Content,
    pub(crate) expiry: Expiry,
    pub(crate) revoked: bool,
    pub(crate) invalidated: bool,
    /// An upcall ended without a payload; who finds the key gets this error.
    pub(crate) negative: Option<&'static str>,
    /// Takes no more links.
    pub(crate) restricted: bool,
    /// It links more keys than the trace tells.
    pub(crate) crowded: bool,
    /// The collector has ended it.
    pub(crate) gone: bool,
    /// The user namespace in which it can be joined by its name.
    pub(crate) space: SpaceId,
}

impl Key {
    pub(crate) fn links(&self) -> &[KeyId] {
        match &self.content {
            Content::Links(links) => links,
            Content::Payload(_) | Content::Nothing => &[],
        }
    }
}

/// What a new key is made of.
pub(crate) struct NewKey {
    pub(crate) kind: Type,
    pub(crate) description: String,
    pub(crate) content: Content,
    pub(crate) uid: Id,
    pub(crate) gid: Id,
    pub(crate) perm: u32,
    pub(crate) payer: Option<Id>,
}

impl NewKey {
    /// The key, which counts so many bytes.
    pub(crate) fn key(self, bytes: i64, space: SpaceId) -> Key {
        Key {
            name: None,
            kind: self.kind,
            description: self.description.as_str().into(),
            uid: self.uid,
            gid: self.gid,
            perm: self.perm,
            payer: self.payer,
            bytes,
            content: self.content,
            expiry: Expiry::Never,
            revoked: false,
            invalidated: false,
            negative: None,
            restricted: false,
            crowded: false,
            gone: false,
            space,
        }
    }

    /// An empty keyring.
    pub(crate) fn keyring(description: &str, uid: Id, gid: Id, perm: u32) -> NewKey {
        NewKey {
            kind: Type::Keyring,
            description: description.to_owned(),
            content: Content::Links(Vec::new()),
            uid,
            gid,
            perm,
            payer: Some(uid),
        }
    }
}

/// A set of credentials. Like the kernel's it never changes: who changes its own gets another set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cred {
    pub(crate) uid: Id,
    pub(crate) euid: Id,
    pub(crate) suid: Id,
    pub(crate) fsuid: Id,
    pub(crate) gid: Id,
    pub(crate) egid: Id,
    pub(crate) sgid: Id,
    pub(crate) fsgid: Id,
    pub(crate) space: SpaceId,
    pub(crate) thread: Option<KeyId>,
    pub(crate) process: Option<KeyId>,
    pub(crate) session: Option<KeyId>,
    /// The default destination of request_key(2).
    pub(crate) destination: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Runs,
    /// Ended, and not reaped: it still refers to its credentials.
    Zombie,
    Reaped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) name: Arc<str>,
    pub(crate) group: GroupId,
    pub(crate) cred: CredId,
    pub(crate) life: Life,
    /// The credentials of the task that traces it.
    pub(crate) tracer: Option<CredId>,
}

/// A process: the tasks that are threads of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) leader: TaskId,
    pub(crate) parent: Option<TaskId>,
    pub(crate) memory: usize,
    pub(crate) files: usize,
    /// Its maker waits for its end, and reaps it without an event that tells so.
    pub(crate) reaped_at_once: bool,
}

/// What is in the memory of a process and refers to the credentials that opened it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) program: Option<CredId>,
    pub(crate) mapped: Vec<(Arc<str>, CredId)>,
}

/// An open file, by the credentials it refers to: of who opened it, and of who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) opener: Option<CredId>,
    pub(crate) peer: Option<CredId>,
    pub(crate) outlives_execve: bool,
}

/// A user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// The users and groups that have a number in it; in the first one all have.
    pub(crate) mapped: Option<(Vec<Id>, Vec<Id>)>,
}

/// What a user has left. `None` is plenty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) keys: Option<i64>,
    pub(crate) bytes: Option<i64>,
}

/// `@u` and `@us` of a user in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserKeyrings {
    pub(crate) space: SpaceId,
    pub(crate) uid: Id,
    pub(crate) user: KeyId,
    pub(crate) session: KeyId,
}

/// What the trace does not say at its beginning and shows later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `UID` is root, with all capabilities.
    pub(crate) root: Option<bool>,
    /// `CONFIG_KEY_DH_OPERATIONS`.
    pub(crate) dh: Option<bool>,
    /// The first thing that was listened with.
    pub(crate) listener: Option<CredId>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) keys: Store<Key>,
    /// The keys that are not known to be gone.
    present: Store<KeyId>,
    pub(crate) creds: Store<Cred>,
    pub(crate) tasks: Store<Task>,
    /// The tasks that were not reaped.
    live: Store<TaskId>,
    pub(crate) groups: Store<Group>,
    pub(crate) memories: Store<Memory>,
    pub(crate) tables: Store<Vec<File>>,
    pub(crate) spaces: Store<Space>,
    pub(crate) left: Store<(Id, Left)>,
    pub(crate) user_keyrings: Store<UserKeyrings>,
    pub(crate) persistent: Store<(SpaceId, Id, KeyId)>,
    /// Files on their way through a socket, and whether they have been taken.
    pub(crate) sent: Store<(File, bool)>,
    /// Connections that wait to be accepted, by the client's credentials.
    pub(crate) waiting: Store<(CredId, bool)>,
    pub(crate) config: Config,
    config_before: Config,
    /// Where a key of this name was last; not more than a hint after something was taken back.
    by_name: HashMap<Arc<str>, KeyId>,
}

/// Does the same with every store of a world.
macro_rules! each_store {
    ($world:ident, $act:ident) => {
        $world.keys.$act();
        $world.present.$act();
        $world.creds.$act();
        $world.tasks.$act();
        $world.live.$act();
        $world.groups.$act();
        $world.memories.$act();
        $world.tables.$act();
        $world.spaces.$act();
        $world.left.$act();
        $world.user_keyrings.$act();
        $world.persistent.$act();
        $world.sent.$act();
        $world.waiting.$act();
    };
}

impl World {
    /// `main` alone, with a new session keyring and nothing else.
    pub(crate) fn new() -> World {
        let config = Config { root: None, dh: None, listener: None };
        let mut world = World {
            keys: Store::default(),
            present: Store::default(),
            creds: Store::default(),
            tasks: Store::default(),
            live: Store::default(),
            groups: Store::default(),
            memories: Store::default(),
            tables: Store::default(),
            spaces: Store::default(),
            left: Store::default(),
            user_keyrings: Store::default(),
            persistent: Store::default(),
            sent: Store::default(),
            waiting: Store::default(),
            config,
            config_before: config,
            by_name: HashMap::new(),
        };
        let space = world.spaces.add(Space { mapped: None });
        let session = NewKey::keyring("_ses", 0, 0, 0x3f03_0000).key(5, space);
        let session = world.add_key(session);
        let cred = world.creds.add(Cred {
            uid: 0,
            euid: 0,
            suid: 0,
            fsuid: 0,
            gid: 0,
            egid: 0,
            sgid: 0,
            fsgid: 0,
            space,
            thread: None,
            process: None,
            session: Some(session),
            destination: 0,
        });
        world.memories.add(Memory::default());
        world.tables.add(Vec::new());
        let group = world.groups.add(Group {
            leader: 0,
            parent: None,
            memory: 0,
            files: 0,
            reaped_at_once: false,
        });
        let name = "main".into();
        world.add_task(Task { name, group, cred, life: Life::Runs, tracer: None });
        world.begin();
        world
    }

    /// From here on changes can be taken back.
    pub(crate) fn begin(&mut self) {
        self.config_before = self.config;
        each_store!(self, begin);
    }

    /// Takes back all changes since [`World::begin`].
    pub(crate) fn undo(&mut self) {
        self.config = self.config_before;
        each_store!(self, undo);
    }

    /// Whether this is the same state as another.
    pub(crate) fn is_like(&self, other: &World) -> bool {
        self.keys == other.keys
            && self.creds == other.creds
            && self.tasks == other.tasks
            && self.groups == other.groups
            && self.memories == other.memories
            && self.tables == other.tables
            && self.spaces == other.spaces
            && self.left == other.left
            && self.user_keyrings == other.user_keyrings
            && self.persistent == other.persistent
            && self.sent == other.sent
            && self.waiting == other.waiting
            && self.config == other.config
    }

    pub(crate) fn add_key(&mut self, key: Key) -> KeyId {
        let key = self.keys.add(key);
        self.present.add(key);
        key
    }

    /// The collector has ended a key.
    pub(crate) fn end_key(&mut self, key: KeyId) {
        self.keys.edit(key).gone = true;
        self.present.take_out(|present| *present == key);
    }

    pub(crate) fn add_task(&mut self, task: Task) -> TaskId {
        let task = self.tasks.add(task);
        self.live.add(task);
        task
    }

    pub(crate) fn set_life(&mut self, task: TaskId, life: Life) {
        self.tasks.edit(task).life = life;
        if life == Life::Reaped {
            self.live.take_out(|live| *live == task);
        }
    }

    /// The keys that are not known to be gone, oldest first.
    pub(crate) fn present(&self) -> Vec<KeyId> {
        let mut present: Vec<KeyId> = self.present.iter().copied().collect();
        present.sort_unstable();
        present
    }

    /// The tasks that were not reaped, oldest first.
    pub(crate) fn live(&self) -> Vec<TaskId> {
        let mut live: Vec<TaskId> = self.live.iter().copied().collect();
        live.sort_unstable();
        live
    }

    /// The task that runs under this name; the youngest, should there be several.
    pub(crate) fn task(&self, name: &str) -> Option<TaskId> {
        let is = |task: &&TaskId| {
            let task = &self.tasks[**task];
            task.life == Life::Runs && &*task.name == name
        };
        self.live.iter().filter(is).max().copied()
    }

    pub(crate) fn cred(&self, task: TaskId) -> &Cred {
        &self.creds[self.tasks[task].cred]
    }

    /// The key of this name in the trace.
    pub(crate) fn named(&self, name: &str) -> Option<KeyId> {
        let hint = *self.by_name.get(name)?;
        let is = |key: &Key| key.name.as_deref() == Some(name);
        let is_there = self.keys.get(hint).is_some_and(is);
        if is_there { Some(hint) } else { self.keys.iter().position(is) }
    }

    /// How many keys have names.
    pub(crate) fn names(&self) -> usize {
        self.keys.iter().filter(|key| key.name.is_some()).count()
    }

    /// Gives a key its name in the trace; false if it has another, or the name is another's.
    pub(crate) fn name(&mut self, key: KeyId, name: &str) -> bool {
        if let Some(known) = &self.keys[key].name {
            return &**known == name;
        }
        if self.named(name).is_some() {
            return false;
        }
        let name: Arc<str> = name.into();
        self.by_name.insert(name.clone(), key);
        self.keys.edit(key).name = Some(name);
        true
    }

    /// Which keys something refers to for sure. The others are there until the collector comes.
    pub(crate) fn held(&self) -> BTreeSet<KeyId> {
        let mut todo: Vec<KeyId> = Vec::new();
        let hold = |cred: CredId, todo: &mut Vec<KeyId>| {
            let cred = &self.creds[cred];
            todo.extend([cred.thread, cred.process, cred.session].into_iter().flatten());
        };
        for id in self.live.iter() {
            let task = &self.tasks[*id];
            if self.is_orphan(*id) {
                continue;
            }
            hold(task.cred, &mut todo);
            task.tracer.into_iter().for_each(|cred| hold(cred, &mut todo));
            if task.life == Life::Runs {
                let group = &self.groups[task.group];
                let memory = &self.memories[group.memory];
                memory.program.into_iter().for_each(|cred| hold(cred, &mut todo));
                memory.mapped.iter().for_each(|(_, cred)| hold(*cred, &mut todo));
                for file in &self.tables[group.files] {
                    let creds = [file.opener, file.peer];
                    creds.into_iter().flatten().for_each(|cred| hold(cred, &mut todo));
                }
            }
        }
        for (file, _) in self.sent.iter().filter(|(_, taken)| !taken) {
            file.opener.into_iter().for_each(|cred| hold(cred, &mut todo));
        }
        for (client, _) in self.waiting.iter().filter(|(_, taken)| !taken) {
            hold(*client, &mut todo);
        }
        todo.extend(self.user_keyrings.iter().flat_map(|of| [of.user, of.session]));
        todo.extend(self.persistent.iter().map(|(_, _, key)| *key));
        let mut held = BTreeSet::new();
        while let Some(key) = todo.pop() {
            if !self.keys[key].gone && held.insert(key) {
                todo.extend(self.lasting_links(key));
            }
        }
        held
    }

    /// The links of a keyring without those that the collector is to take out.
    fn lasting_links(&self, keyring: KeyId) -> impl Iterator<Item = KeyId> {
        let keyring = &self.keys[keyring];
        let lasts = |link: &KeyId| keyring.invalidated || !self.keys[*link].invalidated;
        keyring.links().iter().copied().filter(lasts)
    }

    /// A zombie without a parent is reaped by init, in its own time.
    fn is_orphan(&self, task: TaskId) -> bool {
        let task = &self.tasks[task];
        let group = &self.groups[task.group];
        let parent = group.parent;
        task.life == Life::Zombie
            && self.is_over(task.group)
            && parent.is_none_or(|parent| self.is_over(self.tasks[parent].group))
    }

    /// No task of the process runs any more.
    pub(crate) fn is_over(&self, group: GroupId) -> bool {
        let runs = |task: &Task| task.group == group && task.life == Life::Runs;
        !self.live.iter().any(|task| runs(&self.tasks[*task]))
    }

    /// A task is the only one of its process; a leader that has ended counts.
    pub(crate) fn is_alone(&self, task: TaskId) -> bool {
        let group = self.tasks[task].group;
        self.live.iter().filter(|other| self.tasks[**other].group == group).count() == 1
    }

    /// The tasks of a process that run.
    pub(crate) fn threads(&self, group: GroupId) -> Vec<TaskId> {
        let runs = |task: &TaskId| {
            let task = &self.tasks[*task];
            task.group == group && task.life == Life::Runs
        };
        self.live().into_iter().filter(runs).collect()
    }

    /// Whether a user has a number in a namespace.
    pub(crate) fn has_user(&self, space: SpaceId, uid: Id) -> bool {
        let mapped = self.spaces[space].mapped.as_ref();
        mapped.is_none_or(|(users, _)| users.contains(&uid))
    }

    /// Whether a group has a number in a namespace.
    pub(crate) fn has_group(&self, space: SpaceId, gid: Id) -> bool {
        let mapped = self.spaces[space].mapped.as_ref();
        mapped.is_none_or(|(_, groups)| groups.contains(&gid))
    }
}
