//! The state: tasks, credentials, keyrings and keys.
//!
//! ```text
//! task ── cred ── thread keyring ── links ── keys
//!   │       ├──── process keyring
//! group     └──── session keyring
//!   ├── memory (the program's file, mapped files) ── cred
//!   └── open files ── cred
//! ```

use crate::laws::{OwnKeyring, ProcessCall};
use crate::store::{Idx, Store};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hasher;
use std::sync::Arc;
use trace::Errno;

pub(crate) type KeyId = Idx<Key>;
pub(crate) type CredId = Idx<Cred>;
pub(crate) type TaskId = Idx<Task>;
pub(crate) type GroupId = Idx<Group>;
pub(crate) type SpaceId = Idx<Space>;
pub(crate) type MemoryId = Idx<Memory>;
/// A table of open files.
pub(crate) type TableId = Idx<Vec<File>>;

/// A user or group id by its name in the trace: `UID` is 0, `UID2` is 1.
pub(crate) type Id = u32;

/// No id: the group of `@u`, and an argument that changes nothing.
pub(crate) const NO_ID: Id = u32::MAX;

/// A default destination of request_key(2) that the trace does not show.
pub(crate) const UNKNOWN_DESTINATION: i64 = -2;

/// The overflow id as an argument, which no namespace maps.
pub(crate) const UNMAPPED_ID: Id = NO_ID - 1;

/// The type of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyType {
    #[default]
    Keyring,
    User,
    Logon,
    Encrypted,
    /// The authority to instantiate a key.
    Authority,
}

impl KeyType {
    /// `None` for a type that this model doesn't know.
    pub(crate) fn named(name: &str) -> Option<KeyType> {
        match name {
            "keyring" => Some(KeyType::Keyring),
            "user" => Some(KeyType::User),
            "logon" => Some(KeyType::Logon),
            "encrypted" => Some(KeyType::Encrypted),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            KeyType::Keyring => "keyring",
            KeyType::User => "user",
            KeyType::Logon => "logon",
            KeyType::Encrypted => "encrypted",
            KeyType::Authority => ".request_key_auth",
        }
    }
}

/// When a key expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expiry {
    #[default]
    Never,
    /// After this number of seconds from some moment in the trace. A trace is shorter than five
    /// minutes: with more the key does not expire in it, with fewer it may expire at any time.
    In(u32),
    Passed,
}

/// The contents of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Links(Vec<KeyId>),
    Payload(Arc<str>),
    /// No payload: the key was revoked, or is negative.
    Nothing,
}

impl Default for Content {
    fn default() -> Content {
        Content::Links(Vec::new())
    }
}

impl Content {
    /// The length of a payload.
    pub(crate) fn len(&self) -> i64 {
        match self {
            Content::Payload(payload) => payload.len() as i64,
            Content::Links(_) | Content::Nothing => 0,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its name in the trace, once it has appeared there.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: KeyType,
    pub(crate) description: Arc<str>,
    pub(crate) uid: Id,
    pub(crate) gid: Id,
    pub(crate) perm: u32,
    /// The user whose quota is charged.
    pub(crate) payer: Option<Id>,
    /// The bytes charged there.
    pub(crate) bytes: i64,
    pub(crate) content: Content,
    pub(crate) expiry: Expiry,
    pub(crate) revoked: bool,
    pub(crate) invalidated: bool,
    /// The error that finding this negative key fails with.
    pub(crate) negative: Option<Errno>,
    /// It is under construction: a request created it, and nothing has instantiated it yet.
    pub(crate) constructing: bool,
    /// Accepts no more links: the error that they fail with.
    pub(crate) restricted: Option<Errno>,
    /// The keyring that its restriction names.
    pub(crate) trusts: Option<KeyId>,
    /// Its description has a number that no trace names.
    pub(crate) numbered: bool,
    /// It links keys that the trace does not show.
    pub(crate) crowded: bool,
    /// Others than the tasks of the trace may use it: nothing is known of it but which key it is.
    pub(crate) open: bool,
    /// The garbage collector has destroyed it.
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

    /// Changes each link.
    pub(crate) fn map_links(&mut self, map: impl Fn(KeyId) -> KeyId) {
        if let Content::Links(links) = &mut self.content {
            links.iter_mut().for_each(|link| *link = map(*link));
        }
    }

    pub(crate) fn take_links(&mut self) -> Vec<KeyId> {
        match &mut self.content {
            Content::Links(links) => std::mem::take(links),
            Content::Payload(_) | Content::Nothing => Vec::new(),
        }
    }

    pub(crate) fn drop_link(&mut self, key: KeyId) {
        if let Content::Links(links) = &mut self.content {
            links.retain(|link| *link != key);
        }
    }
}

impl Key {
    /// An empty keyring, charged to its owner.
    pub(crate) fn keyring(description: &str, uid: Id, gid: Id, perm: u32) -> Key {
        let description = description.into();
        Key { description, uid, gid, perm, payer: Some(uid), ..Key::default() }
    }
}

/// The user ids or the group ids of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) real: Id,
    pub(crate) effective: Id,
    pub(crate) saved: Id,
    pub(crate) filesystem: Id,
}

impl Ids {
    pub(crate) fn all(self) -> [Id; 4] {
        [self.real, self.effective, self.saved, self.filesystem]
    }
}

/// Credentials. As in the kernel they never change: a task that changes its own gets a new set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cred {
    pub(crate) user: Ids,
    pub(crate) group: Ids,
    pub(crate) space: SpaceId,
    pub(crate) thread: Option<KeyId>,
    pub(crate) process: Option<KeyId>,
    pub(crate) session: Option<KeyId>,
    /// The default destination of request_key(2).
    pub(crate) destination: i64,
    /// The authority to instantiate a key that the task has assumed.
    pub(crate) authority: Option<Authority>,
    pub(crate) capabilities: Capabilities,
    /// The supplementary groups.
    pub(crate) groups: Arc<[Id]>,
}

/// The authority to instantiate a key. Kernel: `struct request_key_auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// The key that stands for it.
    pub(crate) key: KeyId,
    pub(crate) target: KeyId,
    /// The credentials of the task that requested the key, and the keyring for it.
    pub(crate) requestor: CredId,
    pub(crate) destination: KeyId,
}

/// A request that has not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) requestor: TaskId,
    pub(crate) authority: Authority,
    /// The program that the kernel started for it.
    pub(crate) program: GroupId,
    /// The session keyring with which the program began, to which the request refers until the program has ended.
    pub(crate) session: KeyId,
    /// The program was killed.
    pub(crate) is_killed: bool,
}

/// The capabilities of a task in the initial user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Capabilities {
    /// All while the effective user is root.
    #[default]
    OfUser,
    /// As before, and they stay permitted when no user id is root's any more.
    Kept,
    /// All, for any user.
    All,
    /// None.
    Dropped,
}

impl Cred {
    /// Whether a group is the filesystem group or a supplementary one. Kernel: `in_group_p`.
    pub(crate) fn has_group(&self, gid: Id) -> bool {
        gid == self.group.filesystem || self.groups.contains(&gid)
    }

    /// The thread or process keyring.
    pub(crate) fn of(&self, keyring: OwnKeyring) -> Option<KeyId> {
        match keyring {
            OwnKeyring::Thread => self.thread,
            OwnKeyring::Process => self.process,
        }
    }

    /// The same, to change it.
    pub(crate) fn own_mut(&mut self, keyring: OwnKeyring) -> &mut Option<KeyId> {
        match keyring {
            OwnKeyring::Thread => &mut self.thread,
            OwnKeyring::Process => &mut self.process,
        }
    }

    /// The user ids or the group ids.
    pub(crate) fn ids(&mut self, are_users: bool) -> &mut Ids {
        if are_users { &mut self.user } else { &mut self.group }
    }

    /// What execve(2) makes of ids and capabilities. Kernel: `cap_bprm_creds_from_file`.
    pub(crate) fn begin_program(&mut self) {
        for ids in [&mut self.user, &mut self.group] {
            (ids.saved, ids.filesystem) = (ids.effective, ids.effective);
        }
        self.capabilities = Capabilities::OfUser;
    }

    pub(crate) fn drop_own_keyrings(&mut self) {
        self.thread = None;
        self.process = None;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Runs,
    /// Ended and not yet reaped: it still refers to its credentials.
    Zombie,
    Reaped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) name: Arc<str>,
    pub(crate) group: GroupId,
    pub(crate) cred: CredId,
    pub(crate) life: Life,
    pub(crate) tracer: Option<Tracer>,
}

/// The tracer of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracer {
    pub(crate) task: TaskId,
    /// The credentials with which it began to trace; `None` if the traced task does not pin them.
    pub(crate) cred: Option<CredId>,
}

/// A process: a group of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) leader: TaskId,
    pub(crate) parent: Option<TaskId>,
    /// The call that created the process.
    pub(crate) call: Option<ProcessCall>,
    pub(crate) memory: MemoryId,
    pub(crate) files: TableId,
    /// Its creator waits for its end and reaps it, without an event in the trace.
    pub(crate) reaped_at_once: bool,
}

/// The files in the memory of a process, by the credentials that opened them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) program: Option<CredId>,
    pub(crate) mapped: Vec<Mapped>,
}

impl Memory {
    /// That of a new process. Kernel: `dup_mm`, which copies no context of asynchronous I/O.
    pub(crate) fn copy(&self) -> Memory {
        let mut copy = self.clone();
        copy.mapped.retain(|mapped| &*mapped.name != CONTEXT);
        copy
    }
}

/// The name of a context of asynchronous I/O.
pub(crate) const CONTEXT: &str = "context";

/// What the memory of a process holds, by its name in a trace, with the credentials it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) name: Arc<str>,
    /// What is written there stays in the process.
    pub(crate) is_private: bool,
    pub(crate) creds: Vec<CredId>,
}

/// An open file, by the credentials it refers to: those that opened it, those at the other end or behind it, and
/// those of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) opener: Option<CredId>,
    pub(crate) peer: Option<CredId>,
    /// The thread that a perf event measures, or that alone submits to an io_uring instance.
    pub(crate) thread: Option<TaskId>,
    pub(crate) outlives_execve: bool,
    /// It is `/dev/zero`, open for writing: a shared mapping maps another file.
    pub(crate) is_zero: bool,
    /// It is a loop device.
    pub(crate) is_loop: bool,
    /// It is an io_uring instance whose requests a thread of the kernel submits, as the opener.
    pub(crate) polls: bool,
    /// The credentials that were registered with it, an io_uring instance, by number.
    pub(crate) personalities: Vec<Option<CredId>>,
    /// The interpreter that was registered with it, binfmt_misc.
    pub(crate) interpreter: Option<Interpreter>,
}

/// The interpreter of a foreign file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interpreter {
    /// It is opened when a program begins.
    ByPath,
    /// It was opened at registration, with these credentials; `None` if it does not pin them.
    Opened(Option<CredId>),
}

/// An overlay, by the credentials that mounted it, in the mount namespace that was created with a user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) space: SpaceId,
    pub(crate) cred: CredId,
    pub(crate) is_mounted: bool,
}

/// What refers to credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A task that runs, or a zombie.
    Task(TaskId),
    /// A traced task, to the credentials of its tracer.
    Traced(TaskId),
    /// The file of the program that the process of this task executes.
    Program(TaskId),
    /// What the memory of a process holds.
    Mapped(Arc<str>),
    /// An open file.
    File,
    /// A socket with a file or a connection that nobody has received yet.
    Socket,
    /// A mounted overlay.
    Mount,
}

/// A user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// The namespace in which it was created; `None` for the initial one.
    pub(crate) parent: Option<SpaceId>,
    /// The users and groups that are mapped; `None` in the initial namespace, which maps all.
    pub(crate) mapped: Option<(Vec<Id>, Vec<Id>)>,
}

/// What is left of a user's quota; `None` where it is not known to be short.
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

/// A watch of a key, with the credentials of the task that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) key: KeyId,
    pub(crate) beginner: Option<CredId>,
}

/// What a watch has reported and nobody has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) key: KeyId,
    pub(crate) what: &'static str,
    pub(crate) other: Option<KeyId>,
}

/// Facts about the machine that a trace shows only as it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// The trace begins in the middle: there are tasks and keys that it does not show. See `unknown.rs`.
    pub(crate) unknown: bool,
    /// `UID` is root, with all capabilities.
    pub(crate) root: Option<bool>,
    /// `CONFIG_ASYMMETRIC_KEY_TYPE`.
    pub(crate) asymmetric: Option<bool>,
    /// `CONFIG_ENCRYPTED_KEYS`.
    pub(crate) encrypted: Option<bool>,
    /// `CONFIG_PERSISTENT_KEYRINGS`.
    pub(crate) persistent: Option<bool>,
    /// `CONFIG_KEY_DH_OPERATIONS`.
    pub(crate) dh: Option<bool>,
    /// `CONFIG_KEY_NOTIFICATIONS`.
    pub(crate) notifications: Option<bool>,
    /// There is a notification pipe.
    pub(crate) notifies: bool,
    /// The credentials of the listening socket.
    pub(crate) listener: Option<CredId>,
}

/// Creates [`World`] and what is done with all its stores.
macro_rules! world {
    (
        state { $($(#[$doc:meta])* $store:ident: $thing:ty,)* }
        derived { $($(#[$derived_doc:meta])* $derived:ident: $index:ty,)* }
    ) => {
        /// The state.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct World {
            $($(#[$doc])* pub(crate) $store: Store<$thing>,)*
            $($(#[$derived_doc])* $derived: Store<$index>,)*
            pub(crate) config: Config,
            config_before: Config,
            /// Where a key of this name was last; only a hint after an undo.
            by_name: HashMap<Arc<str>, KeyId>,
        }

        impl World {
            /// From here on changes can be taken back.
            pub(crate) fn begin(&mut self) {
                self.config_before = self.config;
                $(self.$store.begin();)*
                $(self.$derived.begin();)*
            }

            /// Takes back all changes since [`World::begin`].
            pub(crate) fn undo(&mut self) {
                self.config = self.config_before;
                $(self.$store.undo();)*
                $(self.$derived.undo();)*
            }

            /// Feeds the state to a hasher: two states that differ most likely differ there.
            pub(crate) fn fingerprint(&self, hasher: &mut impl Hasher) {
                hasher.write(format!("{:?}", self.config).as_bytes());
                $(hasher.write(format!("{:?}", self.$store).as_bytes());)*
            }

            /// Whether nothing has changed since [`World::begin`].
            pub(crate) fn is_unchanged(&self) -> bool {
                self.config == self.config_before
                    $(&& self.$store.is_unchanged())*
                    $(&& self.$derived.is_unchanged())*
            }

            /// Whether this is the same state as another.
            pub(crate) fn is_like(&self, other: &World) -> bool {
                self.config == other.config $(&& self.$store == other.$store)*
            }
        }
    };
}

world! {
    state {
        keys: Key,
        creds: Cred,
        tasks: Task,
        groups: Group,
        memories: Memory,
        tables: Vec<File>,
        spaces: Space,
        left: (Id, Left),
        user_keyrings: UserKeyrings,
        watches: Watch,
        /// Oldest first.
        reports: Report,
        authorities: Authority,
        requests: Request,
        persistent: (SpaceId, Id, KeyId),
        /// Files on their way through a socket, and whether they have been received.
        sent: (File, bool),
        /// Connections by the client's credentials, and whether they have been accepted.
        waiting: (CredId, bool),
        /// System V segments, by the credentials that created them and the memory they were attached to first.
        segments: (CredId, MemoryId),
        mounts: Mount,
    }
    derived {
        /// The keys that are not known to be destroyed.
        present: KeyId,
        /// The tasks that were not reaped.
        live: TaskId,
    }
}

impl World {
    /// `main` alone, with a new session keyring and nothing else.
    pub(crate) fn new() -> World {
        let mut world = World::default();
        let space = world.spaces.add(Space { parent: None, mapped: None });
        let session = Key { bytes: 5, space, ..Key::keyring("_ses", 0, 0, 0x3f03_0000) };
        let session = Some(world.add_key(session));
        let cred = world.creds.add(Cred { space, session, ..Cred::default() });
        let memory = world.memories.add(Memory::default());
        let files = world.tables.add(Vec::new());
        let leader = world.tasks.next();
        let group =
            Group { leader, parent: None, call: None, memory, files, reaped_at_once: false };
        let group = world.groups.add(group);
        let name = "main".into();
        world.add_task(Task { name, group, cred, life: Life::Runs, tracer: None });
        world.begin();
        world
    }

    /// Names the first task.
    pub(crate) fn rename_first(&mut self, name: &str) {
        self.tasks.edit(TaskId::FIRST).name = name.into();
    }

    /// Whether a trace shows only a part of this world.
    pub(crate) fn is_unknown(&self) -> bool {
        cfg!(feature = "unknown") && self.config.unknown
    }

    pub(crate) fn add_key(&mut self, key: Key) -> KeyId {
        let key = self.keys.add(key);
        self.present.add(key);
        key
    }

    /// The garbage collector has destroyed a key.
    pub(crate) fn end_key(&mut self, key: KeyId) {
        let is_unknown = self.is_unknown();
        let ended = self.keys.edit(key);
        ended.gone = true;
        if is_unknown {
            // Its number may soon be another key's.
            ended.name = None;
        }
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
        if life != Life::Runs {
            self.end_tracing_by(task);
        }
    }

    /// What a task that has ended traced is traced no more, and threads that have ended are reaped.
    /// Kernel: `exit_ptrace`.
    fn end_tracing_by(&mut self, tracer: TaskId) {
        for task in self.live() {
            let traced = &self.tasks[task];
            if traced.tracer.is_none_or(|by| by.task != tracer) {
                continue;
            }
            let is_leader = self.groups[traced.group].leader == task;
            let is_over = traced.life == Life::Zombie && !is_leader;
            self.tasks.edit(task).tracer = None;
            if is_over {
                self.set_life(task, Life::Reaped);
            }
        }
    }

    /// The keys that are not known to be destroyed, oldest first.
    pub(crate) fn present(&self) -> Vec<KeyId> {
        let mut present: Vec<KeyId> = self.present.iter().copied().collect();
        present.sort_unstable_by(Ord::cmp);
        present
    }

    /// The tasks that were not reaped, oldest first.
    pub(crate) fn live(&self) -> Vec<TaskId> {
        let mut live: Vec<TaskId> = self.live.iter().copied().collect();
        live.sort_unstable_by(Ord::cmp);
        live
    }

    /// The running task with this name; of several the youngest.
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
        if is_there { Some(hint) } else { self.keys.position(is) }
    }

    /// The largest number in the name of a key. A trace also names numbers that are no key, so there may be fewer keys.
    pub(crate) fn names(&self) -> usize {
        let names = self.keys.iter().filter_map(|key| key.name.as_deref());
        let numbers = names.filter_map(|name| name.strip_prefix('K')?.parse::<u16>().ok());
        numbers.max().unwrap_or(0).into()
    }

    /// Names a key as the trace does; false if it has another name, or another key has this one.
    pub(crate) fn name(&mut self, key: KeyId, name: &str) -> bool {
        if self.is_unknown() {
            return self.name_unknown(key, name);
        }
        if let Some(known) = &self.keys[key].name {
            return &**known == name;
        }
        if self.named(name).is_some() {
            return false;
        }
        self.set_name(key, name);
        true
    }

    pub(crate) fn set_name(&mut self, key: KeyId, name: &str) {
        let name: Arc<str> = name.into();
        self.by_name.insert(name.clone(), key);
        self.keys.edit(key).name = Some(name);
    }

    /// Everything that certainly refers to credentials, and to which.
    pub(crate) fn holders(&self) -> Vec<(Holds, CredId)> {
        let mut all: Vec<(Holds, CredId)> = Vec::new();
        for id in self.live.iter().copied() {
            let task = &self.tasks[id];
            if self.is_orphan(id) {
                continue;
            }
            all.push((Holds::Task(id), task.cred));
            let tracer = task.tracer.and_then(|tracer| tracer.cred);
            all.extend(tracer.map(|cred| (Holds::Traced(id), cred)));
            if task.life == Life::Runs {
                let group = &self.groups[task.group];
                let memory = &self.memories[group.memory];
                all.extend(memory.program.map(|cred| (Holds::Program(group.leader), cred)));
                for Mapped { name, creds, .. } in &memory.mapped {
                    all.extend(creds.iter().map(|cred| (Holds::Mapped(name.clone()), *cred)));
                }
                let files = self.tables[group.files].iter();
                let creds = files.flat_map(|file| {
                    let of_thread = file.thread.map(|task| self.tasks[task].cred);
                    let own = [file.opener, file.peer, of_thread].into_iter();
                    let interpreter = match file.interpreter {
                        Some(Interpreter::Opened(by)) => by,
                        _ => None,
                    };
                    let registered = file.personalities.iter().copied().chain([interpreter]);
                    own.chain(registered).flatten()
                });
                all.extend(creds.map(|cred| (Holds::File, cred)));
            }
        }
        let beginners = self.watches.iter().filter_map(|watch| watch.beginner);
        all.extend(beginners.map(|cred| (Holds::File, cred)));
        let mounts = self.mounts.iter().filter(|mount| {
            let is_in = |task: &TaskId| self.cred(*task).space == mount.space;
            mount.is_mounted && self.live.iter().any(is_in)
        });
        all.extend(mounts.map(|mount| (Holds::Mount, mount.cred)));
        for (file, _) in self.sent.iter().filter(|(_, taken)| !taken) {
            all.extend(file.opener.map(|cred| (Holds::Socket, cred)));
        }
        let waiting = self.waiting.iter().filter(|(_, taken)| !taken);
        all.extend(waiting.map(|(client, _)| (Holds::Socket, *client)));
        all
    }

    /// The keys with a reference that is certain. Others exist until the garbage collector runs.
    pub(crate) fn held(&self) -> BTreeSet<KeyId> {
        let holders = self.holders();
        self.held_with(&holders, &self.lasting_spaces(&holders))
    }

    /// The same by these holders, where the users of these namespaces keep their keyrings.
    pub(crate) fn held_with(
        &self,
        holders: &[(Holds, CredId)],
        spaces: &[SpaceId],
    ) -> BTreeSet<KeyId> {
        let mut todo = self.registered(spaces);
        // The garbage collector takes an invalidated one out of the register.
        todo.retain(|key| !self.keys[*key].invalidated);
        for (_, cred) in holders {
            let cred = &self.creds[*cred];
            todo.extend([cred.thread, cred.process, cred.session].into_iter().flatten());
        }
        for request in self.requests.iter() {
            let Authority { key, target, destination, .. } = request.authority;
            todo.extend([key, target, destination]);
            if !self.is_over(request.program) {
                todo.push(request.session);
            }
        }
        self.leads_to(todo)
    }

    /// The keyrings of users in these namespaces.
    pub(crate) fn registered(&self, spaces: &[SpaceId]) -> Vec<KeyId> {
        let of_users = self.user_keyrings.iter();
        let of_users = of_users.flat_map(|of| [(of.space, of.user), (of.space, of.session)]);
        let all = of_users.chain(self.persistent.iter().map(|(space, _, key)| (*space, *key)));
        all.filter(|(space, _)| spaces.contains(space)).map(|(_, key)| key).collect()
    }

    /// The user namespaces of the trace, also those that have ended.
    pub(crate) fn all_spaces(&self) -> Vec<SpaceId> {
        self.spaces.ids().collect()
    }

    /// The user namespaces that certainly exist: the initial one, those in which one of these holders holds credentials,
    /// and those around them.
    pub(crate) fn lasting_spaces(&self, holders: &[(Holds, CredId)]) -> Vec<SpaceId> {
        let mut found = vec![SpaceId::FIRST];
        for (_, cred) in holders {
            let mut next = Some(self.creds[*cred].space);
            while let Some(space) = next.filter(|space| !found.contains(space)) {
                found.push(space);
                // An unknown world keeps credentials of namespaces that it has forgotten.
                next = self.spaces.get(space).and_then(|space| space.parent);
            }
        }
        found
    }

    /// These keys and all to which their links lead, if they are not known to be destroyed.
    pub(crate) fn leads_to(&self, mut todo: Vec<KeyId>) -> BTreeSet<KeyId> {
        let mut found = BTreeSet::new();
        while let Some(key) = todo.pop() {
            if !self.keys[key].gone && found.insert(key) {
                todo.extend(self.lasting_links(key));
                todo.extend(self.keys[key].trusts);
            }
        }
        found
    }

    /// The links of a keyring without those that the garbage collector will remove.
    fn lasting_links(&self, keyring: KeyId) -> impl Iterator<Item = KeyId> {
        let keyring = &self.keys[keyring];
        let lasts = |link: &KeyId| {
            let key = &self.keys[*link];
            let is_usable = !key.revoked && key.expiry == Expiry::Never;
            keyring.invalidated || (!key.invalidated && (is_usable || !self.is_unknown()))
        };
        keyring.links().iter().copied().filter(lasts)
    }

    /// Whether a key is or was `@u` or `@us` of a user, as `KEY_FLAG_UID_KEYRING` says. No other numbered key has such a name.
    pub(crate) fn is_of_user(&self, key: KeyId) -> bool {
        let key = &self.keys[key];
        key.numbered && ["_uid", "_uid_ses"].contains(&&*key.description)
    }

    /// A zombie without a parent, which init reaps at some time.
    pub(crate) fn is_orphan(&self, task: TaskId) -> bool {
        let task = &self.tasks[task];
        let group = &self.groups[task.group];
        let parent = group.parent;
        task.life == Life::Zombie
            && self.is_over(task.group)
            && parent.is_none_or(|parent| self.is_over(self.tasks[parent].group))
    }

    /// Whether no task of the process runs.
    pub(crate) fn is_over(&self, group: GroupId) -> bool {
        let runs = |task: &Task| task.group == group && task.life == Life::Runs;
        !self.live.iter().any(|task| runs(&self.tasks[*task]))
    }

    /// Whether a task is the only one of its process, a main thread that has ended included.
    pub(crate) fn is_alone(&self, task: TaskId) -> bool {
        let group = self.tasks[task].group;
        self.live.iter().filter(|other| self.tasks[**other].group == group).count() == 1
    }

    /// The running tasks of a process.
    pub(crate) fn threads(&self, group: GroupId) -> Vec<TaskId> {
        let runs = |task: &TaskId| {
            let task = &self.tasks[*task];
            task.group == group && task.life == Life::Runs
        };
        self.live().into_iter().filter(runs).collect()
    }

    /// What is mapped in a namespace; `None` if everything is, or nobody knows.
    fn mapped(&self, space: SpaceId) -> Option<&(Vec<Id>, Vec<Id>)> {
        self.spaces.get(space)?.mapped.as_ref()
    }

    /// Whether a user is mapped in a namespace.
    pub(crate) fn has_user(&self, space: SpaceId, uid: Id) -> bool {
        self.mapped(space).is_none_or(|(users, _)| users.contains(&uid))
    }

    /// Whether a group is mapped in a namespace.
    pub(crate) fn has_group(&self, space: SpaceId, gid: Id) -> bool {
        self.mapped(space).is_none_or(|(_, groups)| groups.contains(&gid))
    }
}
