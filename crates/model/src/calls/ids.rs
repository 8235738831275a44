//! The users and groups of a task, and the thread keyring that follows them.
//!
//! Kernel: `commit_creds`, `key_fsuid_changed`, `key_fsgid_changed`.

use crate::laws::Fact;
use crate::run::{Attempt, Run, Stop};
use crate::world::{Capabilities, Cred, Expiry, Id, Key, NO_ID, SpaceId, TaskId};
use trace::Errno::*;

impl Run<'_> {
    pub(super) fn setresid(&mut self, are_users: bool) -> Attempt {
        let ids = [self.id(0)?, self.id(1)?, self.id(2)?];
        self.may_take(ids, are_users)?;
        let all = self.sets_all();
        for task in self.threads_or_one(all) {
            let mut cred = self.world.cred(task).clone();
            let own = cred.ids(are_users);
            let before = *own;
            for (own, id) in
                [&mut own.real, &mut own.effective, &mut own.saved].into_iter().zip(ids)
            {
                *own = if id == NO_ID { *own } else { id };
            }
            // Where no id changes, Linux 6.3 and newer leave the filesystem id too.
            let is_same = *own == before && ids[1] == NO_ID;
            if own.filesystem == own.effective || !is_same || self.either() {
                own.filesystem = own.effective;
            }
            self.commit_and_follow(task, cred);
        }
        Ok(())
    }

    /// Whether the call changes all threads: glibc has every thread make the system call.
    fn sets_all(&mut self) -> bool {
        match self.event.call.starts_with("syscall_") {
            true => !self.law(Fact::SystemCallSetsOne),
            false => self.law(Fact::GlibcSetsAll),
        }
    }

    pub(super) fn set_filesystem_id(&mut self) -> Attempt {
        let (id, is_user) = (self.id(0)?, self.event.call == "setfsuid");
        let mut cred = self.cred().clone();
        let may = cred.ids(is_user).all().contains(&id) || self.is_capable();
        // The kernel returns no error: the recording crate sees that nothing has changed.
        if id == NO_ID || !may || !self.is_mapped(id, is_user) {
            return Err(Stop::Errno(EPERM));
        }
        cred.ids(is_user).filesystem = id;
        self.commit_and_follow(self.task, cred);
        Ok(())
    }

    /// The caller, or all running threads of its process.
    pub(crate) fn threads_or_one(&self, all: bool) -> Vec<TaskId> {
        if all { self.world.threads(self.group()) } else { vec![self.task] }
    }

    fn is_mapped(&self, id: Id, is_user: bool) -> bool {
        let space = self.cred().space;
        if is_user { self.world.has_user(space, id) } else { self.world.has_group(space, id) }
    }

    /// Whether the caller may take ids: those it doesn't have require a capability.
    fn may_take(&mut self, ids: [Id; 3], are_users: bool) -> Attempt {
        let own = self.cred().clone().ids(are_users).all();
        for id in ids.into_iter().filter(|id| *id != NO_ID) {
            if !self.is_mapped(id, are_users) {
                return Err(Stop::Errno(EINVAL));
            }
            if !own[..3].contains(&id) && !self.is_capable() {
                return Err(Stop::Errno(EPERM));
            }
        }
        Ok(())
    }

    /// Whether the caller has root's capabilities. Those in another than the initial user namespace have
    /// no effect, as it maps only ids that its tasks have. Kernel: `cap_task_fix_setuid`.
    pub(super) fn is_capable(&mut self) -> bool {
        let (space, euid) = (self.cred().space, self.cred().user.effective);
        let of_this_user = match self.cred().capabilities {
            Capabilities::OfUser | Capabilities::Kept => euid == 0 || !self.law(Fact::RootGivesUp),
            Capabilities::All => true,
            Capabilities::Dropped => false,
        };
        space == SpaceId::FIRST && of_this_user && self.is_root()
    }

    /// Drops all capabilities, or raises the permitted ones.
    pub(super) fn capset(&mut self) -> Attempt {
        let mut cred = self.cred().clone();
        cred.capabilities = match (self.word_or_text(0)?, cred.capabilities) {
            ("none", _) => Capabilities::Dropped,
            (_, Capabilities::Kept) => Capabilities::All,
            (_, other) => other,
        };
        self.commit(self.task, cred);
        Ok(())
    }

    /// Of the options of prctl(2), one concerns credentials.
    pub(super) fn prctl(&mut self) -> Attempt {
        if self.word_or_text(0)? == "PR_SET_MM_MAP" {
            return self.replace_exe_file();
        }
        let mut cred = self.cred().clone();
        if self.word_or_text(0)? == "PR_SET_KEEPCAPS" && cred.capabilities == Capabilities::OfUser {
            cred.capabilities = Capabilities::Kept;
            self.commit(self.task, cred);
        }
        Ok(())
    }

    pub(super) fn setgroups(&mut self) -> Attempt {
        let groups = (0..self.event.args.len()).map(|nth| self.id(nth));
        let groups: Vec<Id> = groups.collect::<Result<_, _>>()?;
        if !self.is_capable() {
            return Err(Stop::Errno(EPERM));
        }
        let all = self.sets_all();
        for task in self.threads_or_one(all) {
            let mut cred = self.world.cred(task).clone();
            cred.groups = groups.as_slice().into();
            self.commit(task, cred);
        }
        Ok(())
    }

    /// Whether `UID` is root, which the trace has yet to show at first.
    fn is_root(&mut self) -> bool {
        if self.world.config.root.is_none() {
            self.world.config.root = Some(!self.either());
        }
        self.world.config.root == Some(true)
    }

    /// Commits credentials; the thread keyring gets their filesystem user and group.
    fn commit_and_follow(&mut self, task: TaskId, cred: Cred) {
        let before = self.world.cred(task).clone();
        let only_change = self.law(Fact::FollowsOnlyChange);
        let changed_user = cred.user.filesystem != before.user.filesystem || !only_change;
        let changed_group = cred.group.filesystem != before.group.filesystem || !only_change;
        let unusable = |key: &Key| key.revoked || key.invalidated || key.expiry == Expiry::Passed;
        if let Some(key) = cred.thread
            && (!unusable(&self.world.keys[key]) || self.law(Fact::UnusableFollows))
        {
            let follows = match &*self.event.call {
                "setfsuid" => Fact::ThreadFollowsFsuid,
                _ => Fact::ThreadFollowsUser,
            };
            if changed_user && self.law(follows) {
                self.world.keys.edit(key).uid = cred.user.filesystem;
            }
            if changed_group && self.law(Fact::ThreadFollowsGroup) {
                self.world.keys.edit(key).gid = cred.group.filesystem;
            }
            if cred.user.real != before.user.real && !self.law(Fact::FollowsOnlyFilesystem) {
                self.world.keys.edit(key).uid = cred.user.real;
            }
        }
        if let Some(key) = cred.process
            && (changed_user || changed_group)
            && !self.law(Fact::ProcessDoesNotFollow)
        {
            let key = self.world.keys.edit(key);
            key.uid = cred.user.filesystem;
            key.gid = cred.group.filesystem;
        }
        self.commit(task, cred);
    }
}
