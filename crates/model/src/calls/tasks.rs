//! Tasks: how they begin, become other programs, and end.

use crate::laws::{Fact, Kind, Law, Way};
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::world::{Cred, CredId, Group, Life, Memory, Space, Task, TaskId};
use trace::Value;

/// `main`.
const FIRST: TaskId = 0;

impl Run<'_> {
    /// A process of its own. Kernel: `copy_creds`.
    pub(super) fn new_process(&mut self) -> Gives {
        let flags = match self.event.args.first() {
            Some(Value::Word(flags)) => flags.clone(),
            _ => String::new(),
        };
        let has = |flag: &str| flags.split('|').any(|one| one == flag);
        let way = match self.event.call.as_str() {
            "fork" => Way::Fork,
            "vfork" => Way::Vfork,
            "posix_spawn" => Way::PosixSpawn,
            _ if has("CLONE_NEWUSER") => Way::CloneNewuser,
            "clone3" => Way::Clone3,
            _ if has("CLONE_VM") => Way::CloneVm,
            _ => Way::Clone,
        };
        let name = self.told()?;
        let mut cred = self.process_cred(way)?;
        if has("CLONE_NEWUSER") {
            self.new_namespace(&mut cred);
        }
        let own = self.world.groups[self.world.tasks[self.task].group].clone();
        let memory = if has("CLONE_VM") || way == Way::Vfork {
            own.memory
        } else {
            let memory = self.world.memories[own.memory].clone();
            self.world.memories.add(memory)
        };
        let files = if has("CLONE_FILES") {
            own.files
        } else {
            let files = self.world.tables[own.files].clone();
            self.world.tables.add(files)
        };
        let reaped_at_once = matches!(way, Way::Vfork | Way::CloneVm);
        let task = self.add_process(
            &name,
            cred,
            Group {
                leader: self.world.tasks.len(),
                parent: Some(self.task),
                memory,
                files,
                reaped_at_once,
            },
        );
        if way == Way::PosixSpawn {
            self.begin_program(task, false)?;
        }
        Ok(Given::Word(name))
    }

    /// The credentials that a new process begins with.
    fn process_cred(&mut self, way: Way) -> Step<Cred> {
        let mut cred = self.cred().clone();
        if self.law(Law::NotInherited(way, Kind::Thread)) {
            cred.thread = None;
        }
        if self.law(Law::NotInherited(way, Kind::Process)) {
            cred.process = None;
        }
        self.inherit(&mut cred)?;
        Ok(cred)
    }

    /// What every new process has from its parent.
    fn inherit(&mut self, cred: &mut Cred) -> Step {
        if !self.law(Fact::SessionIsInherited) {
            let new = crate::world::NewKey::keyring("_ses", cred.uid, cred.gid, 0x3f03_0000);
            cred.session = Some(self.new_key(new));
        }
        if !self.law(Fact::DestinationIsInherited) {
            cred.destination = 0;
        }
        Ok(())
    }

    pub(super) fn add_process(&mut self, name: &str, cred: Cred, group: Group) -> TaskId {
        let cred = self.world.creds.add(cred);
        let group = self.world.groups.add(group);
        self.world.add_task(Task { name: name.into(), group, cred, life: Life::Runs, tracer: None })
    }

    /// Another thread of the caller's process.
    pub(super) fn new_thread(&mut self) -> Gives {
        let name = self.told()?;
        let before = self.cred().clone();
        let mut cred = before.clone();
        let mut is_shared = before.thread.is_none();
        if before.thread.is_some() && self.law(Fact::ThreadKeyringForNewThread) {
            if self.law(Fact::ThreadKeyringIsOwn) {
                cred.thread = Some(self.new_keyring_of(Kind::Thread, &before)?);
            }
        } else if before.thread.is_some() {
            cred.thread = None;
        } else if !self.law(Fact::NoThreadKeyringForNewThread) {
            is_shared = false;
            cred.thread = Some(self.new_keyring_of(Kind::Thread, &before)?);
        }
        if !self.law(Fact::ThreadSharesProcessKeyring) {
            is_shared = false;
            cred.process = None;
        }
        let cred = if is_shared { self.cred_id() } else { self.world.creds.add(cred) };
        let group = self.world.tasks[self.task].group;
        let name_of = name.as_str().into();
        self.world.add_task(Task { name: name_of, group, cred, life: Life::Runs, tracer: None });
        Ok(Given::Word(name))
    }

    /// Kernel: `begin_new_exec`, `prepare_exec_creds`.
    pub(super) fn execve(&mut self) -> Gives {
        if self.word_or_text(0)? == "self" {
            self.begin_program(self.task, true)?;
            return Ok(Given::Int(0));
        }
        self.failed_execve()
    }

    pub(super) fn fexecve(&mut self) -> Gives {
        self.failed_execve()
    }

    fn word_or_text(&self, nth: usize) -> Step<String> {
        match self.arg(nth)? {
            Value::Word(text) | Value::Text(text) => Ok(text.clone()),
            _ => self.expected(nth, "a path"),
        }
    }

    /// Why a file cannot be executed is the file's affair.
    fn failed_execve(&mut self) -> Gives {
        if !self.law(Fact::FailedExecveChangesNothing) {
            let mut cred = self.cred().clone();
            cred.thread = None;
            cred.process = None;
            self.commit(self.task, cred);
        }
        let nth = self.fate.choose(3);
        Err(Stop::Errno(["ENOENT", "EACCES", "ENOEXEC"][nth]))
    }

    /// A task becomes another program: the only one of its process. It loses its thread and process
    /// keyring; posix_spawn(3) saw to that before.
    fn begin_program(&mut self, task: TaskId, loses: bool) -> Step {
        let opener: CredId = self.world.tasks[task].cred;
        let mut cred = self.world.creds[opener].clone();
        if loses && self.law(Fact::ExecveDropsThread) {
            cred.thread = None;
        }
        if loses && self.law(Fact::ExecveDropsProcess) {
            cred.process = None;
        }
        if !self.law(Fact::ExecveKeepsSession) {
            let new = crate::world::NewKey::keyring("_ses", cred.uid, cred.gid, 0x3f03_0000);
            cred.session = Some(self.new_key(new));
        }
        if !self.law(Fact::ExecveKeepsDestination) {
            cred.destination = 0;
        }
        cred.suid = cred.euid;
        cred.fsuid = cred.euid;
        cred.sgid = cred.egid;
        cred.fsgid = cred.egid;

        let group = self.world.tasks[task].group;
        // The executable stays open for as long as the program runs, and was opened by the old one.
        let program = if self.law(Fact::ExecveHoldsOld) { Some(opener) } else { None };
        let memory = self.world.memories.add(Memory { program, mapped: Vec::new() });
        let kept = self.world.tables[self.world.groups[group].files].iter();
        let kept = kept.filter(|file| file.outlives_execve).cloned().collect();
        let files = self.world.tables.add(kept);
        for other in self.world.live() {
            if other != task && self.world.tasks[other].group == group {
                let life =
                    if self.law(Fact::ExecveEndsOthers) { Life::Reaped } else { Life::Zombie };
                self.world.set_life(other, life);
            }
        }
        let of_group = self.world.groups.edit(group);
        of_group.leader = task;
        of_group.memory = memory;
        of_group.files = files;
        self.commit(task, cred);
        self.leave_children();
        Ok(())
    }

    /// Ends the whole process.
    pub(super) fn exit(&mut self) -> Gives {
        self.end_process(self.world.tasks[self.task].group);
        self.leave_children();
        Ok(Given::Nothing)
    }

    /// The children of a task that has ended are those of another thread of its process from then
    /// on, and else the first task's, which reaps all that nobody else can. Kernel:
    /// `find_new_reaper`.
    fn leave_children(&mut self) {
        for task in self.world.live() {
            let child = self.world.tasks[task].group;
            if let Some(parent) = self.world.groups[child].parent
                && self.world.tasks[parent].life != Life::Runs
            {
                let threads = self.world.threads(self.world.tasks[parent].group);
                let reaper = threads.first().copied().unwrap_or(FIRST);
                self.world.groups.edit(child).parent = Some(reaper);
            }
        }
    }

    fn end_process(&mut self, group: usize) {
        let leader = self.world.groups[group].leader;
        for task in self.world.threads(group) {
            if task != leader {
                self.end_thread(task);
            }
        }
        if self.world.tasks[leader].life != Life::Reaped {
            let stays = !self.world.groups[group].reaped_at_once && self.law(Fact::ZombieHolds);
            self.world.set_life(leader, if stays { Life::Zombie } else { Life::Reaped });
        }
    }

    fn end_thread(&mut self, task: TaskId) {
        let life = if self.law(Fact::EndedThreadDoesNotHold) { Life::Reaped } else { Life::Zombie };
        self.world.set_life(task, life);
    }

    /// Ends one thread. The leader stays as a zombie until the others have ended too.
    pub(super) fn pthread_exit(&mut self) -> Gives {
        let group = self.world.tasks[self.task].group;
        if self.world.groups[group].leader != self.task {
            self.end_thread(self.task);
        } else {
            let life = if self.law(Fact::LeaderHolds) { Life::Zombie } else { Life::Reaped };
            self.world.set_life(self.task, life);
        }
        self.leave_children();
        Ok(Given::Nothing)
    }

    /// A child of the caller's process by its name, the youngest first.
    fn child(&self, name: &str) -> Option<usize> {
        let own = self.world.tasks[self.task].group;
        let is_child = |task: &TaskId| {
            let task = &self.world.tasks[*task];
            let parent = self.world.groups[task.group].parent;
            let is_mine = parent.is_some_and(|parent| self.world.tasks[parent].group == own);
            &*task.name == name && is_mine
        };
        let found = self.world.live().into_iter().rev().find(is_child);
        found.map(|task| self.world.tasks[task].group)
    }

    /// Reaps a child that has ended.
    pub(super) fn waitpid(&mut self) -> Gives {
        let name = self.word_or_text(0)?;
        let Some(group) = self.child(&name).filter(|group| self.world.is_over(*group)) else {
            // Already no more than a name, in a wrong model.
            return if self.wrong.is_some() { Ok(Given::Word(name)) } else { Err(Stop::Never) };
        };
        let life = if self.law(Fact::ReapedDoesNotHold) { Life::Reaped } else { Life::Zombie };
        for task in self.world.live() {
            if self.world.tasks[task].group == group {
                self.world.set_life(task, life);
            }
        }
        Ok(Given::Word(name))
    }

    /// SIGKILL, which ends the process.
    pub(super) fn kill(&mut self) -> Gives {
        let name = self.word_or_text(0)?;
        match self.child(&name) {
            Some(group) => {
                self.end_process(group);
                self.leave_children();
            }
            None => return self.expected(0, "a child"),
        }
        Ok(Given::Int(0))
    }

    /// The traced task refers to the credentials of its tracer.
    pub(super) fn ptrace(&mut self) -> Gives {
        let name = self.word_or_text(1)?;
        let Some(task) = self.world.task(&name) else {
            return self.expected(1, "a task");
        };
        let cred = self.cred_id();
        if self.law(Fact::TracerHolds) {
            self.world.tasks.edit(task).tracer = Some(cred);
        }
        Ok(Given::Int(0))
    }

    /// Takes the caller's process into a new user namespace. Kernel: `unshare_userns`.
    pub(super) fn unshare(&mut self) -> Gives {
        if !self.word_or_text(0)?.split('|').any(|flag| flag == "CLONE_NEWUSER") {
            return Ok(Given::Int(0));
        }
        if !self.world.is_alone(self.task) && self.law(Fact::NamespaceNeedsSingle) {
            return Err(Stop::Errno("EINVAL"));
        }
        self.leave_namespace();
        Ok(Given::Int(0))
    }

    fn leave_namespace(&mut self) {
        let mut cred = self.cred().clone();
        self.new_namespace(&mut cred);
        if !self.law(Fact::NamespaceKeeps) {
            cred.thread = None;
            cred.process = None;
        }
        self.commit(self.task, cred);
    }

    fn new_namespace(&mut self, cred: &mut Cred) {
        cred.space = self.world.spaces.add(Space { mapped: Some((Vec::new(), Vec::new())) });
    }

    pub(super) fn enter_user_namespace(&mut self) -> Gives {
        self.leave_namespace();
        let (uid, gid) = (self.cred().uid, self.cred().gid);
        self.map_ids(uid, gid);
        Ok(Given::Nothing)
    }

    pub(super) fn map_own_ids(&mut self) -> Gives {
        let (uid, gid) = (self.id(0)?, self.id(1)?);
        self.map_ids(uid, gid);
        Ok(Given::Nothing)
    }

    fn map_ids(&mut self, uid: u32, gid: u32) {
        let space = self.cred().space;
        if let Some((users, groups)) = &mut self.world.spaces.edit(space).mapped {
            users.push(uid);
            groups.push(gid);
        }
    }
}
