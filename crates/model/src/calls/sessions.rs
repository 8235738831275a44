//! Session keyrings, the default destination, user keyrings, persistent keyrings.

use crate::laws::{Fact, Kind, LINK, Place, SEARCH};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Stop};
use crate::search::Ref;
use crate::world::{Id, Life, NO_ID, NewKey, Type, UserKeyrings};
use trace::Value;

impl Run<'_> {
    /// Kernel: `keyctl_set_reqkey_keyring`.
    pub(super) fn set_reqkey_keyring(&mut self) -> Gives {
        let setting = match self.arg(0)? {
            Value::Int(number) => *number,
            Value::Word(word) => match word.as_str() {
                "KEY_REQKEY_DEFL_NO_CHANGE" => -1,
                "KEY_REQKEY_DEFL_DEFAULT" => 0,
                "KEY_REQKEY_DEFL_THREAD_KEYRING" => 1,
                "KEY_REQKEY_DEFL_PROCESS_KEYRING" => 2,
                "KEY_REQKEY_DEFL_SESSION_KEYRING" => 3,
                "KEY_REQKEY_DEFL_USER_KEYRING" => 4,
                "KEY_REQKEY_DEFL_USER_SESSION_KEYRING" => 5,
                "KEY_REQKEY_DEFL_GROUP_KEYRING" => 6,
                "KEY_REQKEY_DEFL_REQUESTOR_KEYRING" => 7,
                _ => return self.expected(0, "a default destination"),
            },
            _ => return self.expected(0, "a default destination"),
        };
        let before = self.cred().destination;
        if setting == -1 {
            return Ok(Given::Int(before));
        }
        if !matches!(setting, 0..=5 | 7) && self.law(Fact::ReqkeyUnknown) {
            return Err(Stop::Errno("EINVAL"));
        }
        let named = match setting {
            1 => Some(Kind::Thread),
            2 => Some(Kind::Process),
            _ => None,
        };
        for kind in Kind::ALL {
            let makes = if named == Some(kind) {
                self.law(Fact::ReqkeyMakes)
            } else {
                !self.law(Fact::ReqkeyOthersMakeNone)
            };
            match self.own(kind) {
                None if makes => {
                    self.make(kind)?;
                }
                Some(key) if named == Some(kind) && !self.law(Fact::ReqkeyIgnoresState) => {
                    if let Some(errno) = self.unsound(key) {
                        return Err(Stop::Errno(errno));
                    }
                }
                _ => {}
            }
        }
        let mut cred = self.cred().clone();
        cred.destination = setting;
        self.commit(self.task, cred);
        Ok(Given::Int(if self.law(Fact::ReqkeyOld) { before } else { setting }))
    }

    /// Kernel: `join_session_keyring`.
    pub(super) fn join_session_keyring(&mut self) -> Gives {
        let name = self.text(0)?.map(str::to_owned);
        if name.as_deref().is_some_and(|name| name.starts_with('.')) {
            return Err(Stop::Errno("EPERM"));
        }
        let mut cred = self.cred().clone();
        if !self.law(Fact::JoinMakes)
            && let Some(session) = cred.session
        {
            return Ok(Given::Key(session));
        }
        let found = match &name {
            Some(name) if self.law(Fact::JoinFinds) => self.joinable(name),
            _ => None,
        };
        let key = match found {
            Some(key) => key,
            None => {
                let (description, perm) = match &name {
                    Some(name) => (name.as_str(), 0x3f13_0000),
                    None => ("_ses", 0x3f03_0000),
                };
                if !self.has_room(cred.uid, 1, description.len() as i64 + 1) {
                    return Err(Stop::Errno("EDQUOT"));
                }
                self.new_key(NewKey::keyring(description, cred.uid, cred.gid, perm))
            }
        };
        cred.session = Some(key);
        if !self.law(Fact::JoinKeepsOthers) {
            cred.thread = None;
            cred.process = None;
        }
        let mut tasks = vec![self.task];
        if !self.law(Fact::JoinIsOwn) {
            tasks = self.world.threads(self.world.tasks[self.task].group);
        }
        for task in tasks {
            let mut own = self.world.cred(task).clone();
            own.session = Some(key);
            if task == self.task {
                own = cred.clone();
            }
            self.commit(task, own);
        }
        Ok(Given::Key(key))
    }

    /// A keyring that can be joined by its name. Kernel: `find_keyring_by_name`.
    fn joinable(&mut self, name: &str) -> Option<usize> {
        let cred = self.cred().clone();
        let mut all = Vec::new();
        for key in self.world.present() {
            let is = self.key(key);
            if is.kind != Type::Keyring || *is.description != *name || is.space != cred.space {
                continue;
            }
            if is.revoked {
                continue;
            }
            let may = self.permits(Ref { key, possessed: false }, SEARCH);
            if (may || !self.law(Fact::JoinNeedsSearch)) && self.is_there(key) {
                all.push(key);
            }
        }
        match all.len() {
            0 => None,
            several => {
                let nth = self.fate.choose(several);
                Some(all[nth])
            }
        }
    }

    /// Gives the parent the caller's session keyring. Kernel: `keyctl_session_to_parent`.
    pub(super) fn session_to_parent(&mut self) -> Gives {
        if let Some(key) = self.cred().session {
            if let Some(errno) = self.unsound(key) {
                return Err(Stop::Errno(errno));
            }
            self.need(Ref { key, possessed: true }, LINK)?;
        }
        let group = self.world.tasks[self.task].group;
        let Some(parent) = self.world.groups[group].parent else {
            return Err(Stop::Errno("EPERM"));
        };
        if !self.world.is_alone(parent) || self.world.tasks[parent].life != Life::Runs {
            return Err(Stop::Errno("EPERM"));
        }
        let (own, other) = (self.cred().clone(), self.world.cred(parent).clone());
        if own.session == other.session {
            return Ok(Given::Int(0));
        }
        let same = |a: [Id; 3], of: Id| a.iter().all(|id| *id == of);
        let same_user = same([other.uid, other.euid, other.suid], own.euid)
            && same([other.gid, other.egid, other.sgid], own.egid);
        let session_uid = |cred: &crate::world::Cred| cred.session.map(|key| self.key(key).uid);
        let sessions = [session_uid(&own), session_uid(&other)];
        let owned = sessions.iter().flatten().all(|uid| *uid == own.euid);
        if !same_user || !owned {
            return Err(Stop::Errno("EPERM"));
        }
        let mut cred = other;
        if self.law(Fact::ToParent) {
            cred.session = own.session;
        }
        if !self.law(Fact::ToParentKeepsOthers) {
            cred.thread = None;
            cred.process = None;
        }
        self.commit(parent, cred);
        Ok(Given::Int(0))
    }

    /// `@u` and `@us` of the caller, made when they are first needed. Kernel:
    /// `look_up_user_keyrings`.
    pub(crate) fn user_keyrings(&mut self) -> UserKeyrings {
        let (uid, space) = (self.cred().uid, self.cred().space);
        let known = |known: &&UserKeyrings| known.space == space && known.uid == uid;
        if let Some(known) = self.world.user_keyrings.iter().find(known) {
            return *known;
        }
        let mut make = |name: &str| self.new_key(NewKey::keyring(name, uid, NO_ID, 0x1f3f_0000));
        let (user, session) = (make("_uid"), make("_uid_ses"));
        self.put_link(session, user);
        let made = UserKeyrings { space, uid, user, session };
        self.world.user_keyrings.add(made);
        made
    }

    /// Kernel: `keyctl_get_persistent`.
    pub(super) fn get_persistent(&mut self) -> Gives {
        let uid = self.id(0)?;
        let destination = self.named(1)?;
        let cred = self.cred().clone();
        if uid != NO_ID && !self.world.has_user(cred.space, uid) {
            return Err(Stop::Errno("EINVAL"));
        }
        let uid = if uid == NO_ID { cred.uid } else { uid };
        let own = uid == cred.uid || uid == cred.euid;
        if !own && !self.is_capable() && self.law(Fact::PersistentOfOther) {
            return Err(Stop::Errno("EPERM"));
        }
        if destination == Named::None && !self.law(Fact::PersistentDestination) {
            return Ok(Given::Any);
        }
        let at = self.lookup(&destination, Place::GetPersistent)?;
        let is_known = |known: &&(_, _, _)| (known.0, known.1) == (cred.space, uid);
        let known = self.world.persistent.iter().find(is_known).map(|known| known.2);
        let key = match known {
            Some(key) => key,
            None => {
                let mut new = NewKey::keyring("_persistent", uid, NO_ID, 0x1f03_0000);
                new.payer = None;
                let key = self.new_key(new);
                self.world.persistent.add((cred.space, uid, key));
                key
            }
        };
        let found = Ref { key, possessed: true };
        self.need(found, LINK)?;
        if self.law(Fact::PersistentIsLinked) {
            self.link(at.key, key)?;
        }
        Ok(Given::Key(key))
    }

    /// A keyring to put what is made in, where no authority was assumed: none. Kernel:
    /// `keyctl_instantiate_key_common`, `keyctl_reject_key`.
    pub(super) fn instantiate(&mut self, keyring: usize) -> Gives {
        let named = self.named(keyring)?;
        if !self.law(Fact::InstantiateNeedsAuthority) {
            self.lookup(&named, Place::LinkKeyring)?;
            let key = self.named(0)?;
            self.lookup_or_make(&key, Place::Update, true)?;
        }
        Err(Stop::Errno("EPERM"))
    }

    /// Kernel: `keyctl_assume_authority`.
    pub(super) fn assume_authority(&mut self) -> Gives {
        match self.named(0)? {
            Named::None => Ok(Given::Int(0)),
            Named::Serial(_) => Err(self.fail(Fact::AuthorityOfNone, "ENOKEY")),
            _ => Err(self.fail(Fact::AuthorityOfSpecial, "EINVAL")),
        }
    }
}
