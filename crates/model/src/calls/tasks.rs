//! Tasks: how they are created, execute other programs, and end.

use crate::laws::{Fact, Law, OwnFact, OwnKeyring, ProcessCall};
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::world::{
    Cred, CredId, Group, GroupId, Holds, Interpreter, Key, KeyId, Life, Mapped, Memory, MemoryId,
    Space, TableId, Task, TaskId, Tracer, UserKeyrings,
};
use trace::Errno::*;
use trace::Value;

impl<'a> Run<'a> {
    /// Creates a process. Kernel: `copy_creds`.
    pub(super) fn new_process(&mut self) -> Prediction {
        let flags = match self.event.args.first() {
            Some(Value::Word(flags)) => flags,
            _ => "",
        };
        let has = |flag: &str| flags.split('|').any(|one| one == flag);
        let call = match self.event.call.as_str() {
            "fork" => ProcessCall::Fork,
            "vfork" => ProcessCall::Vfork,
            "posix_spawn" => ProcessCall::PosixSpawn,
            _ if has("CLONE_NEWUSER") => ProcessCall::CloneNewuser,
            "clone3" => ProcessCall::Clone3,
            _ if has("CLONE_VM") => ProcessCall::CloneVm,
            _ => ProcessCall::Clone,
        };
        let name = self.new_name();
        if self.is_unknown() && self.world.is_full() {
            return Ok(Predicted::word(name));
        }
        let mut cred = self.process_cred(call);
        if has("CLONE_NEWUSER") {
            self.new_namespace(&mut cred);
        }
        let own = self.world.groups[self.group()].clone();
        let memory = if has("CLONE_VM") || call == ProcessCall::Vfork || self.is_unknown() {
            own.memory
        } else {
            let memory = self.world.memories[own.memory].copy();
            self.world.memories.add(memory)
        };
        let files = if has("CLONE_FILES") || self.is_unknown() {
            own.files
        } else {
            let files = self.world.tables[own.files].clone();
            self.world.tables.add(files)
        };
        let reaped_at_once = matches!(call, ProcessCall::Vfork | ProcessCall::CloneVm);
        let (leader, parent) = (self.world.tasks.next(), Some(self.task));
        let group = Group { leader, parent, call: Some(call), memory, files, reaped_at_once };
        let task = self.add_process(name, cred, group);
        if call == ProcessCall::PosixSpawn {
            self.begin_program(task, false, Interpreter::ByPath);
        }
        Ok(Predicted::word(name))
    }

    /// The credentials of a new process.
    fn process_cred(&mut self, call: ProcessCall) -> Cred {
        let mut cred = self.cred().clone();
        let is_thread = !self.is_main_thread();
        let is_child = self.world.groups[self.group()].call.is_some();
        for keyring in OwnKeyring::ALL {
            let law = match call {
                ProcessCall::Fork if is_thread => {
                    Law::Own(OwnFact::NotInheritedFromThread, keyring)
                }
                ProcessCall::Fork if is_child => Law::Own(OwnFact::NotInheritedFromChild, keyring),
                _ => Law::NotInherited(call, keyring),
            };
            if self.law(law) {
                *cred.own_mut(keyring) = None;
            }
        }
        if cred.authority.is_some() && !self.law(Fact::AuthorityIsInherited) {
            cred.authority = None;
        }
        self.keep(&mut cred, Fact::SessionIsInherited, Fact::DestinationIsInherited);
        cred
    }

    /// Keeps the session keyring and the default destination, each by a law.
    fn keep(&mut self, cred: &mut Cred, session: Fact, destination: Fact) {
        if !self.law(session) {
            let new = Key::keyring("_ses", cred.user.real, cred.group.real, 0x3f03_0000);
            cred.session = Some(self.new_key(new));
        }
        if !self.law(destination) {
            cred.destination = 0;
        }
    }

    pub(super) fn add_process(&mut self, name: &str, cred: Cred, group: Group) -> TaskId {
        let cred = self.world.creds.add(cred);
        let group = self.world.groups.add(group);
        self.world.add_task(Task { name: name.into(), group, cred, life: Life::Runs, tracer: None })
    }

    /// Creates a thread of the caller's process.
    pub(super) fn new_thread(&mut self) -> Prediction {
        let name = self.new_name();
        if self.is_unknown() && !self.shares_with_thread() {
            return Ok(Predicted::word(name));
        }
        let before = self.cred().clone();
        let mut cred = before.clone();
        let mut is_shared = before.thread.is_none();
        let is_first = self.world.threads(self.group()).len() == 1;
        if before.thread.is_some() && self.law(Fact::ThreadKeyringForNewThread) {
            let is_own = match is_first {
                true => Fact::ThreadKeyringIsOwn,
                false => Fact::LaterThreadIsOwn,
            };
            if self.law(is_own) {
                cred.thread = Some(self.new_keyring_of(OwnKeyring::Thread, &before)?);
            }
        } else if before.thread.is_some() {
            cred.thread = None;
        } else if !self.law(Fact::NoThreadKeyringForNewThread) {
            is_shared = false;
            cred.thread = Some(self.new_keyring_of(OwnKeyring::Thread, &before)?);
        }
        let shares = match before.thread {
            _ if !self.is_main_thread() => Fact::ThreadOfThreadShares,
            _ if !is_first => Fact::LaterThreadShares,
            Some(_) => Fact::ThreadKeepsProcessKeyring,
            None => Fact::ThreadSharesProcessKeyring,
        };
        if !self.law(shares) {
            is_shared = false;
            cred.process = None;
        }
        if !self.law(Fact::SessionOfNewThread) {
            is_shared = false;
            let new = Key::keyring("_ses", cred.user.real, cred.group.real, 0x3f03_0000);
            cred.session = Some(self.new_key(new));
        }
        let cred = if is_shared { self.cred_id() } else { self.world.creds.add(cred) };
        let group = self.group();
        self.world.add_task(Task {
            name: name.into(),
            group,
            cred,
            life: Life::Runs,
            tracer: None,
        });
        Ok(Predicted::word(name))
    }

    /// Kernel: `begin_new_exec`, `prepare_exec_creds`.
    pub(super) fn execve(&mut self) -> Attempt {
        let path = self.word_or_text(0)?;
        if path == "foreign" {
            let unknown = self.is_unknown().then_some(Interpreter::ByPath);
            let known = self.interpreter().or(unknown);
            let interpreter = known.ok_or(Stop::Errno(ENOEXEC))?;
            self.begin_program(self.task, true, interpreter);
            return Ok(());
        }
        if path == "self" {
            self.begin_program(self.task, true, Interpreter::ByPath);
            if self.event.args.len() > 1 {
                let owner = self.id(1)?;
                let mut cred = self.cred().clone();
                let user = &mut cred.user;
                (user.effective, user.saved, user.filesystem) = (owner, owner, owner);
                self.commit(self.task, cred);
            }
            return Ok(());
        }
        self.failed_execve()
    }

    pub(super) fn fexecve(&mut self) -> Attempt {
        self.failed_execve()
    }

    pub(super) fn word_or_text(&self, nth: usize) -> Attempt<&'a str> {
        match self.arg(nth)? {
            Value::Word(text) | Value::Text(text) => Ok(text),
            _ => self.expected(nth, "a path"),
        }
    }

    /// The error depends on the file.
    fn failed_execve(&mut self) -> Attempt {
        if !self.law(Fact::FailedExecveChangesNothing) {
            let mut cred = self.cred().clone();
            cred.drop_own_keyrings();
            self.commit(self.task, cred);
        }
        let nth = self.choices.choose(3);
        Err(Stop::Errno([ENOENT, EACCES, ENOEXEC][nth]))
    }

    /// A task executes another program and is then the only one of its process. It loses its thread and
    /// process keyring, unless posix_spawn(3) has decided on them before.
    fn begin_program(&mut self, task: TaskId, loses: bool, interpreter: Interpreter) {
        let opener: CredId = self.world.tasks[task].cred;
        let mut cred = self.world.creds[opener].clone();
        if loses && self.drops(cred.thread, Fact::ExecveDropsThread) {
            cred.thread = None;
        }
        if loses && self.drops(cred.process, Fact::ExecveDropsProcess) {
            cred.process = None;
        }
        if cred.authority.is_some() && !self.law(Fact::ExecveKeepsAuthority) {
            cred.authority = None;
        }
        self.keep(&mut cred, Fact::ExecveKeepsSession, Fact::ExecveKeepsDestination);
        cred.begin_program();

        let group = self.world.tasks[task].group;
        if loses
            && let Some(parent) = self.world.groups[group].parent
            && !self.law(Fact::ExecveSparesParent)
        {
            let mut cred = self.world.cred(parent).clone();
            cred.drop_own_keyrings();
            self.commit(parent, cred);
        }
        let (program, mapped) = self.files_of_program(opener, interpreter);
        let (mut memory, mut files) = (MemoryId::FIRST, TableId::FIRST);
        if !self.is_unknown() {
            memory = self.world.memories.add(Memory { program, mapped });
            let kept = self.world.tables[self.world.groups[group].files].iter();
            let kept = kept.filter(|file| file.outlives_execve).cloned().collect();
            files = self.world.tables.add(kept);
        }
        for other in self.world.live() {
            if other != task && self.world.tasks[other].group == group {
                self.end(other, Fact::ExecveEndsOthers, Life::Reaped);
            }
        }
        let of_group = self.world.groups.edit(group);
        of_group.leader = task;
        of_group.memory = memory;
        of_group.files = files;
        self.commit(task, cred);
        self.reparent_children();
    }

    /// Who opened the executable of a new program, which stays open while the program runs, and what it maps beside.
    fn files_of_program(
        &mut self,
        caller: CredId,
        interpreter: Interpreter,
    ) -> (Option<CredId>, Vec<Mapped>) {
        if !self.law(Fact::ExecveHoldsOld) {
            return (None, Vec::new());
        }
        match interpreter {
            Interpreter::Opened(by) if self.law(Fact::InterpreterIsOpen) => {
                // The dynamic loader, if the interpreter has one, is opened for the caller.
                let (name, creds) = ("loader".into(), vec![caller]);
                let loader = Mapped { name, is_private: true, creds };
                (by, if self.either() { vec![loader] } else { Vec::new() })
            }
            _ => (Some(caller), Vec::new()),
        }
    }

    /// Whether a new program starts without this keyring of the old one.
    fn drops(&mut self, keyring: Option<KeyId>, law: Fact) -> bool {
        let is_unusable = keyring.is_some_and(|keyring| {
            let key = self.key(keyring);
            key.revoked || key.invalidated || self.is_expired(keyring)
        });
        self.law(if is_unusable { Fact::ExecveDropsUnusable } else { law })
    }

    /// Ends the whole process.
    pub(super) fn exit(&mut self) -> Prediction {
        if let Some(request) = self.own_request()
            && !self.key(request.authority.target).constructing
            && !self.law(Fact::RequestWaitsForEnd)
        {
            return Err(Stop::Never);
        }
        let (space, uid) = (self.cred().space, self.cred().user.real);
        let is_it = |of: &UserKeyrings| of.space == space && of.uid == uid;
        let have = self.world.user_keyrings.iter().any(is_it);
        if have && !self.law(Fact::UserKeyringsOutlive) {
            self.world.user_keyrings.take_out(is_it);
        }
        self.end_process(self.group());
        self.reparent_children();
        Ok(Predicted::Nothing)
    }

    /// The children of a task that has ended get another thread of its process as their parent, or
    /// `main`, which reaps all others. Kernel: `find_new_reaper`.
    fn reparent_children(&mut self) {
        for task in self.world.live() {
            let child = self.world.tasks[task].group;
            if let Some(parent) = self.world.groups[child].parent
                && self.world.tasks[parent].life != Life::Runs
            {
                let threads = self.world.threads(self.world.tasks[parent].group);
                let reaper = threads.first().copied().unwrap_or(TaskId::FIRST);
                self.world.groups.edit(child).parent = Some(reaper);
            }
        }
    }

    fn end_process(&mut self, group: GroupId) {
        let leader = self.world.groups[group].leader;
        for task in self.world.threads(group) {
            if task != leader {
                self.end_thread(task);
            }
        }
        if self.world.tasks[leader].life != Life::Reaped {
            if self.world.groups[group].reaped_at_once {
                self.world.set_life(leader, Life::Reaped);
            } else {
                self.end(leader, Fact::ZombieHolds, Life::Zombie);
            }
        }
    }

    /// Ends a thread other than the main thread, which is a zombie if it is traced. Kernel: `exit_notify`.
    fn end_thread(&mut self, task: TaskId) {
        if self.world.tasks[task].tracer.is_some() && self.law(Fact::TracedHolds) {
            self.world.set_life(task, Life::Zombie);
        } else {
            self.reap(task, self.thread_releases(task));
        }
    }

    /// Ends a task, which is then as a law requires.
    fn end(&mut self, task: TaskId, law: Fact, life: Life) {
        let other = if life == Life::Reaped { Life::Zombie } else { Life::Reaped };
        let life = if self.law(law) { life } else { other };
        // Who waits for the end of a task, and when, is unknown.
        let life = if self.is_unknown() { Life::Reaped } else { life };
        self.world.set_life(task, life);
    }

    /// The law by which an ended thread releases its keyrings.
    fn thread_releases(&self, task: TaskId) -> OwnFact {
        let (id, cred) = (self.world.tasks[task].cred, self.world.cred(task));
        if cred.thread.is_some() && cred.process.is_some() {
            return OwnFact::EndedThreadReleasesBoth;
        }
        let pins =
            |(holds, held): &(Holds, CredId)| *held == id && !matches!(holds, Holds::Task(_));
        match self.world.holders().iter().any(pins) {
            true => OwnFact::EndedThreadReleasesPinned,
            false => OwnFact::EndedThreadReleases,
        }
    }

    /// Removes a task. If a law does not hold for a keyring, the task still pins this one.
    pub(super) fn reap(&mut self, task: TaskId, law: OwnFact) {
        let mut cred = self.world.cred(task).clone();
        let mut life = Life::Reaped;
        for keyring in OwnKeyring::ALL {
            if cred.own_mut(keyring).is_some() && !self.law(Law::Own(law, keyring)) {
                life = Life::Zombie;
            } else {
                *cred.own_mut(keyring) = None;
            }
        }
        if life == Life::Zombie {
            cred.session = None;
            self.commit(task, cred);
        }
        self.world.set_life(task, life);
    }

    /// Ends one thread. The main thread stays as a zombie until the others have ended.
    pub(super) fn pthread_exit(&mut self) -> Prediction {
        let group = self.group();
        if self.world.groups[group].leader == self.task {
            self.end(self.task, Fact::LeaderHolds, Life::Zombie);
        } else {
            self.end_thread(self.task);
        }
        self.reparent_children();
        Ok(Predicted::Nothing)
    }

    /// The youngest child of the caller's process with this name.
    fn child(&self, name: &str) -> Option<GroupId> {
        let own = self.group();
        let is_child = |task: &TaskId| {
            let task = &self.world.tasks[*task];
            let parent = self.world.groups[task.group].parent;
            let is_mine = parent.is_some_and(|parent| self.world.tasks[parent].group == own);
            &*task.name == name && is_mine
        };
        let found = self.world.live().into_iter().rev().find(is_child);
        found.map(|task| self.world.tasks[task].group)
    }

    /// Reaps a child that has ended, or a traced thread.
    pub(super) fn waitpid(&mut self) -> Prediction {
        let name = self.word_or_text(0)?;
        if self.event.args.len() > 1 {
            return self.wait_for_traced(name);
        }
        let Some(group) = self.child(name).filter(|group| self.world.is_over(*group)) else {
            // In a wrong model it may be reaped already.
            return if self.wrong.is_some() { Ok(Predicted::word(name)) } else { Err(Stop::Never) };
        };
        for task in self.world.live() {
            if self.world.tasks[task].group == group {
                self.reap(task, OwnFact::ReapedReleases);
            }
        }
        Ok(Predicted::word(name))
    }

    /// Reaps a thread that has ended and that the caller's process traces. Kernel: `wait_task_zombie`.
    fn wait_for_traced(&mut self, name: &str) -> Prediction {
        let own = self.group();
        let is = |task: &TaskId| {
            let task = &self.world.tasks[*task];
            let tracer = task.tracer.map(|tracer| self.world.tasks[tracer.task].group);
            &*task.name == name && task.life == Life::Zombie && tracer == Some(own)
        };
        match self.world.live().into_iter().rev().find(is) {
            Some(task) => self.reap(task, OwnFact::ReapedReleases),
            // In a wrong model it may be reaped already.
            None if self.wrong.is_some() => {}
            None => return Err(Stop::Never),
        }
        Ok(Predicted::word(name))
    }

    /// SIGKILL ends the process.
    pub(super) fn kill(&mut self) -> Attempt {
        let name = self.word_or_text(0)?;
        let program = self.world.requests.position(|request| self.is_named(request.program, name));
        let group = match program {
            Some(nth) => {
                let request = self.world.requests.edit(nth);
                request.is_killed = true;
                request.program
            }
            None => match self.child(name) {
                Some(group) => group,
                None if self.is_unknown() => return Ok(()),
                None => return self.expected(0, "a child, or a program that handles a request"),
            },
        };
        self.end_process(group);
        self.reparent_children();
        Ok(())
    }

    fn is_named(&self, group: GroupId, name: &str) -> bool {
        *self.world.tasks[self.world.groups[group].leader].name == *name
    }

    /// A traced task refers to the credentials of its tracer.
    pub(super) fn ptrace(&mut self) -> Attempt {
        let name = self.word_or_text(1)?;
        let Some(task) = self.world.task(name) else {
            return self.expected(1, "a task");
        };
        let cred = self.law(Fact::TracerHolds).then(|| self.cred_id());
        self.world.tasks.edit(task).tracer = Some(Tracer { task: self.task, cred });
        Ok(())
    }

    /// Moves the caller's process to a new user namespace. Kernel: `unshare_userns`.
    pub(super) fn unshare(&mut self) -> Attempt {
        if !self.word_or_text(0)?.split('|').any(|flag| flag == "CLONE_NEWUSER") {
            return Ok(());
        }
        self.refuse_if(!self.world.is_alone(self.task), Fact::NamespaceNeedsSingle, EINVAL)?;
        self.leave_namespace();
        Ok(())
    }

    fn leave_namespace(&mut self) {
        let mut cred = self.cred().clone();
        self.new_namespace(&mut cred);
        if !self.law(Fact::NamespaceKeeps) {
            cred.drop_own_keyrings();
        }
        self.commit(self.task, cred);
    }

    fn new_namespace(&mut self, cred: &mut Cred) {
        cred.authority = None;
        let (parent, mapped) = (Some(cred.space), Some((Vec::new(), Vec::new())));
        cred.space = self.world.spaces.add(Space { parent, mapped });
    }

    pub(super) fn enter_user_namespace(&mut self) -> Prediction {
        self.leave_namespace();
        let (uid, gid) = (self.cred().user.real, self.cred().group.real);
        self.map_ids(uid, gid);
        Ok(Predicted::Nothing)
    }

    /// A new namespace, in which the caller is root, and a file of binfmt_misc there.
    pub(super) fn open_binfmt_misc(&mut self) -> Prediction {
        self.enter_as_root();
        self.open(false)
    }

    fn enter_as_root(&mut self) {
        self.leave_namespace();
        let (uid, gid) = (self.cred().user.effective, self.cred().group.effective);
        self.map_ids(uid, gid);
    }

    pub(super) fn enter_mount_namespace(&mut self) -> Prediction {
        self.enter_as_root();
        Ok(Predicted::Nothing)
    }

    pub(super) fn map_own_ids(&mut self) -> Prediction {
        let (uid, gid) = (self.id(0)?, self.id(1)?);
        self.map_ids(uid, gid);
        Ok(Predicted::Nothing)
    }

    fn map_ids(&mut self, uid: u32, gid: u32) {
        let space = self.cred().space;
        if let Some((users, groups)) = &mut self.world.spaces.edit(space).mapped {
            users.push(uid);
            groups.push(gid);
        }
    }
}
