//! Users and groups of a task, and the thread keyring that follows them.
//!
//! Kernel: `commit_creds`, `key_fsuid_changed`, `key_fsgid_changed`.

use crate::laws::Fact;
use crate::run::{Given, Gives, Run, Stop};
use crate::world::{Cred, Id, NO_ID, TaskId};

impl Run<'_> {
    pub(super) fn setresuid(&mut self) -> Gives {
        let ids = [self.id(0)?, self.id(1)?, self.id(2)?];
        let all = if self.event.call == "setresuid" {
            self.law(Fact::GlibcSetsAll)
        } else {
            !self.law(Fact::SystemCallSetsOne)
        };
        let before = self.cred().clone();
        self.may_take(&before, ids, true)?;
        for task in self.threads_or_one(all) {
            let before = self.world.cred(task).clone();
            let mut cred = before.clone();
            let [real, effective, saved] = ids;
            cred.uid = if real == NO_ID { cred.uid } else { real };
            cred.euid = if effective == NO_ID { cred.euid } else { effective };
            cred.suid = if saved == NO_ID { cred.suid } else { saved };
            cred.fsuid = cred.euid;
            self.follow(task, &before, cred);
        }
        Ok(Given::Int(0))
    }

    pub(super) fn setresgid(&mut self) -> Gives {
        let ids = [self.id(0)?, self.id(1)?, self.id(2)?];
        let before = self.cred().clone();
        self.may_take(&before, ids, false)?;
        let all = self.law(Fact::GlibcSetsAll);
        for task in self.threads_or_one(all) {
            let before = self.world.cred(task).clone();
            let mut cred = before.clone();
            let [real, effective, saved] = ids;
            cred.gid = if real == NO_ID { cred.gid } else { real };
            cred.egid = if effective == NO_ID { cred.egid } else { effective };
            cred.sgid = if saved == NO_ID { cred.sgid } else { saved };
            cred.fsgid = cred.egid;
            self.follow(task, &before, cred);
        }
        Ok(Given::Int(0))
    }

    pub(super) fn set_filesystem_id(&mut self) -> Gives {
        let id = self.id(0)?;
        let before = self.cred().clone();
        let is_user = self.event.call == "setfsuid";
        let own = if is_user {
            [before.uid, before.euid, before.suid, before.fsuid]
        } else {
            [before.gid, before.egid, before.sgid, before.fsgid]
        };
        let may = own.contains(&id) || self.is_capable();
        // The kernel tells no error: its caller sees that nothing has changed.
        if !may || !self.is_mapped(&before, id, is_user) {
            return Err(Stop::Errno("EPERM"));
        }
        let mut cred = before.clone();
        if is_user {
            cred.fsuid = id;
        } else {
            cred.fsgid = id;
        }
        self.follow(self.task, &before, cred);
        Ok(Given::Int(0))
    }

    fn threads_or_one(&self, all: bool) -> Vec<TaskId> {
        if all { self.world.threads(self.world.tasks[self.task].group) } else { vec![self.task] }
    }

    fn is_mapped(&self, cred: &Cred, id: Id, is_user: bool) -> bool {
        if is_user {
            self.world.has_user(cred.space, id)
        } else {
            self.world.has_group(cred.space, id)
        }
    }

    /// Only a capable task may take ids that it does not have.
    fn may_take(&mut self, cred: &Cred, ids: [Id; 3], are_users: bool) -> Result<(), Stop> {
        let own = if are_users {
            [cred.uid, cred.euid, cred.suid]
        } else {
            [cred.gid, cred.egid, cred.sgid]
        };
        for id in ids.into_iter().filter(|id| *id != NO_ID) {
            if !self.is_mapped(cred, id, are_users) {
                return Err(Stop::Errno("EINVAL"));
            }
            if !own.contains(&id) && !self.is_capable() {
                return Err(Stop::Errno("EPERM"));
            }
        }
        Ok(())
    }

    /// Has root's capabilities: they go and come with the effective user. Those in another user
    /// namespace than the first are of no use there, as it maps only ids that its tasks have. Kernel:
    /// `cap_task_fix_setuid`.
    pub(super) fn is_capable(&mut self) -> bool {
        let (space, euid) = (self.cred().space, self.cred().euid);
        space == 0 && (euid == 0 || !self.law(Fact::RootGivesUp)) && self.is_root()
    }

    /// Whether `UID` is root, which the trace shows sooner or later.
    fn is_root(&mut self) -> bool {
        if self.world.config.root.is_none() {
            self.world.config.root = Some(!self.either());
        }
        self.world.config.root == Some(true)
    }

    /// The thread keyring goes to another filesystem user or group.
    fn follow(&mut self, task: TaskId, before: &Cred, cred: Cred) {
        let only_change = self.law(Fact::FollowsOnlyChange);
        let changed_user = cred.fsuid != before.fsuid || !only_change;
        let changed_group = cred.fsgid != before.fsgid || !only_change;
        if let Some(key) = cred.thread {
            if changed_user && self.law(Fact::ThreadFollowsUser) {
                self.world.keys.edit(key).uid = cred.fsuid;
            }
            if changed_group && self.law(Fact::ThreadFollowsGroup) {
                self.world.keys.edit(key).gid = cred.fsgid;
            }
            if cred.uid != before.uid && !self.law(Fact::FollowsOnlyFilesystem) {
                self.world.keys.edit(key).uid = cred.uid;
            }
        }
        if let Some(key) = cred.process
            && (changed_user || changed_group)
            && !self.law(Fact::ProcessDoesNotFollow)
        {
            let key = self.world.keys.edit(key);
            key.uid = cred.fsuid;
            key.gid = cred.fsgid;
        }
        self.commit(task, cred);
    }
}
