//! Session keyrings, the default destination, user keyrings, persistent keyrings.

use super::add::LONGEST_PAYLOAD;
use crate::laws::{Fact, KeySlot, OwnKeyring, Permission};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::search::Ref;
use crate::store::Idx;
use crate::world::{
    Expiry, Id, Ids, Key, KeyId, KeyType, Life, NO_ID, UNKNOWN_DESTINATION, UserKeyrings, World,
};
use trace::Errno::{self, *};
use trace::{Outcome, REQKEY_DEFAULTS, Value};

/// How long a persistent keyring lasts without being asked for, in seconds, unless an administrator has changed it.
const PERSISTENT: u32 = 3 * 24 * 3600;

impl Run<'_> {
    /// Kernel: `keyctl_set_reqkey_keyring`.
    pub(super) fn set_reqkey_keyring(&mut self) -> Prediction {
        let number = match self.arg(0)? {
            // The kernel's parameter is a C int.
            Value::Int(number) => Some(i64::from(*number as i32)),
            Value::Word(word) => {
                let nth = REQKEY_DEFAULTS.iter().position(|name| name == word);
                nth.map(|nth| nth as i64 - 1)
            }
            _ => None,
        };
        let Some(setting) = number else { return self.expected(0, "a default destination") };
        let before = self.cred().destination;
        // A program begins with the setting of the one before it.
        let old = |before| match before {
            UNKNOWN_DESTINATION => Predicted::Any,
            before => Predicted::Int(before),
        };
        if setting == -1 {
            return Ok(old(before));
        }
        self.refuse_if(!matches!(setting, 0..=5 | 7), Fact::ReqkeyUnknown, EINVAL)?;
        let named = match setting {
            1 => Some(OwnKeyring::Thread),
            2 => Some(OwnKeyring::Process),
            _ => None,
        };
        for keyring in OwnKeyring::ALL {
            let creates = if named == Some(keyring) {
                self.law(Fact::ReqkeyMakes)
            } else {
                !self.law(Fact::ReqkeyOthersMakeNone)
            };
            match self.own(keyring) {
                None if creates => drop(self.create_own(keyring, KeySlot::RequestKeyDestination)?),
                Some(key) if named == Some(keyring) && !self.law(Fact::ReqkeyIgnoresState) => {
                    self.need_valid(key)?;
                }
                _ => {}
            }
        }
        let for_all = !self.law(Fact::ReqkeyOfOneThread);
        for task in self.threads_or_one(for_all) {
            let mut cred = self.world.cred(task).clone();
            cred.destination = setting;
            self.commit(task, cred);
        }
        Ok(if self.law(Fact::ReqkeyOld) { old(before) } else { Predicted::Int(setting) })
    }

    /// Fails where a key is revoked, expired or invalidated.
    fn need_valid(&mut self, key: KeyId) -> Attempt {
        self.invalid(key).map_or(Ok(()), |errno| Err(Stop::Errno(errno)))
    }

    pub(super) fn join_session_keyring(&mut self) -> Prediction {
        let name = self.text(0)?;
        let has_dot = name.is_some_and(|name| name.starts_with('.'));
        self.refuse_if(has_dot, Fact::JoinWithDot, EPERM)?;
        if self.is_unknown() {
            if !self.law(Fact::JoinKeepsOthers) {
                let mut cred = self.cred().clone();
                cred.drop_own_keyrings();
                self.commit(self.task, cred);
            }
            let key = self.open_key_for(None)?;
            // 0 for the present session keyring.
            let is_again = self.event.outcome == Outcome::Returned(Value::Int(0));
            return Ok(if is_again { Predicted::Int(0) } else { key.into() });
        }
        if !self.law(Fact::JoinMakes)
            && let Some(session) = self.cred().session
        {
            return Ok(session.into());
        }
        let found = match name {
            Some(name) if self.law(Fact::JoinFinds) => self.joinable(name),
            _ => None,
        };
        match found {
            Some(key) if self.cred().session == Some(key) && self.law(Fact::JoinAgain) => {
                Ok(Predicted::Int(0))
            }
            Some(key) => {
                self.install_session(key);
                Ok(key.into())
            }
            None => Ok(self.new_session_keyring(name)?.into()),
        }
    }

    /// Creates a session keyring for the caller. Kernel: `join_session_keyring`,
    /// `install_session_keyring_to_cred`.
    pub(crate) fn new_session_keyring(&mut self, name: Option<&str>) -> Attempt<KeyId> {
        let cred = self.cred().clone();
        let (description, perm) = name.map_or(("_ses", 0x3f03_0000), |name| (name, 0x3f13_0000));
        // The first one may overrun the quota.
        let is_limited = cred.session.is_some() || name.is_some();
        if is_limited && !self.has_room(cred.user.real, 1, description.len() as i64 + 1) {
            return Err(Stop::Errno(EDQUOT));
        }
        let key = Key::keyring(description, cred.user.real, cred.group.real, perm);
        let key = self.new_key(key);
        self.install_session(key);
        Ok(key)
    }

    fn install_session(&mut self, key: KeyId) {
        let keeps_others = self.law(Fact::JoinKeepsOthers);
        let all = !self.law(Fact::JoinIsOwn);
        for task in self.threads_or_one(all) {
            let mut cred = self.world.cred(task).clone();
            cred.session = Some(key);
            if task == self.task && !keeps_others {
                cred.drop_own_keyrings();
            }
            self.commit(task, cred);
        }
    }

    /// A keyring that can be joined by its name. Kernel: `find_keyring_by_name`.
    fn joinable(&mut self, name: &str) -> Option<KeyId> {
        let cred = self.cred().clone();
        let mut all = Vec::new();
        for key in self.world.present() {
            let is = self.key(key);
            let has_name = is.kind == KeyType::Keyring && *is.description == *name;
            if !has_name || is.space != cred.space || is.revoked {
                continue;
            }
            if is.expiry == Expiry::Passed && !self.law(Fact::JoinExpired) {
                continue;
            }
            let may = self.permits(Ref { key, possessed: false }, Permission::Search);
            if (may || !self.law(Fact::JoinNeedsSearch)) && self.exists(key) {
                all.push(key);
            }
        }
        self.any_of(&all)
    }

    /// Gives the parent the caller's session keyring. Kernel: `keyctl_session_to_parent`.
    pub(super) fn session_to_parent(&mut self) -> Attempt {
        let key = self.session_keyring(false)?;
        self.need_valid(key)?;
        if self.law(Fact::ToParentLink) {
            self.need(Ref { key, possessed: true }, Permission::Link)?;
        }
        let group = self.group();
        let Some(parent) = self.world.groups[group].parent else {
            return Err(Stop::Errno(EPERM));
        };
        let runs = self.world.tasks[parent].life == Life::Runs;
        if !runs || (!self.world.is_alone(parent) && self.law(Fact::ToParentThreads)) {
            return Err(Stop::Errno(EPERM));
        }
        let (own, other) = (self.cred().clone(), self.world.cred(parent).clone());
        let same = |other: Ids, own: Ids| other.all()[..3].iter().all(|id| *id == own.effective);
        let same_ids = same(other.user, own.user) && same(other.group, own.group);
        if own.session == other.session && (same_ids || self.law(Fact::ToParentSame)) {
            return Ok(());
        }
        self.refuse_if(!same_ids, Fact::ToParentIds, EPERM)?;
        let mut sessions = [own.session, other.session].into_iter().flatten();
        let is_owned = sessions.all(|key| self.key(key).uid == own.user.effective);
        self.refuse_if(!is_owned, Fact::ToParentOwner, EPERM)?;
        let mut cred = other;
        if self.law(Fact::ToParent) {
            cred.session = own.session;
        }
        cred.authority = None;
        if !self.law(Fact::ToParentKeepsOthers) {
            cred.drop_own_keyrings();
        }
        self.commit(parent, cred);
        Ok(())
    }

    /// The trace begins without the session keyring that a program has otherwise.
    pub(super) fn begin_without_session_keyring(&mut self) -> Attempt {
        let mut cred = self.cred().clone();
        if let Some(session) = cred.session.take() {
            self.world.end_key(session);
        }
        self.commit(self.task, cred);
        Ok(())
    }

    /// The same as a special id finds them: both, or neither while one of them is unusable. One that is
    /// invalidated is replaced once the garbage collector has run.
    pub(crate) fn usable_user_keyrings(&mut self) -> Attempt<UserKeyrings> {
        let found = self.user_keyrings();
        let both = [found.user, found.session];
        let [user_goes, session_goes] = both.map(|key| self.key(key).invalidated);
        if (user_goes || session_goes) && self.either() {
            let user = if user_goes { self.new_user_keyring("_uid") } else { found.user };
            let mut session = found.session;
            if session_goes {
                session = self.new_user_keyring("_uid_ses");
                self.put_link(session, user);
            }
            let next = UserKeyrings { user, session, ..found };
            if let Some(nth) = self.world.user_keyrings.position(|known| *known == found) {
                *self.world.user_keyrings.edit(nth) = next;
            }
            return Ok(next);
        }
        for key in both {
            let at = Ref { key, possessed: true };
            let is_usable = self.invalid(key).is_none() && self.permits(at, Permission::Search);
            self.refuse_if(!is_usable, Fact::UserKeyringsOrNeither, ENOKEY)?;
        }
        Ok(found)
    }

    /// `@u` and `@us` of the caller, created on first use. Kernel: `look_up_user_keyrings`.
    pub(crate) fn user_keyrings(&mut self) -> UserKeyrings {
        let (uid, space) = (self.cred().user.real, self.cred().space);
        if self.is_unknown() {
            return UserKeyrings { space, uid, user: World::OUTSIDE, session: World::OUTSIDE };
        }
        let known = |known: &&UserKeyrings| known.space == space && known.uid == uid;
        let known = self.world.user_keyrings.iter().find(known).copied();
        if let Some(known) = known
            && self.law(Fact::UserKeyringsStay)
        {
            return known;
        }
        let [user, session] = ["_uid", "_uid_ses"].map(|name| self.new_user_keyring(name));
        self.put_link(session, user);
        let created = UserKeyrings { space, uid, user, session };
        self.world.user_keyrings.add(created);
        created
    }

    fn new_user_keyring(&mut self, name: &str) -> KeyId {
        let key = Key::keyring(name, self.cred().user.real, NO_ID, 0x1f3f_0000);
        self.new_key(Key { numbered: true, ..key })
    }

    /// Kernel: `keyctl_get_persistent`.
    pub(super) fn get_persistent(&mut self) -> Prediction {
        let uid = self.id(0)?;
        let destination = self.key_arg(1)?;
        let cred = self.cred().clone();
        if self.is_unknown() {
            // Whether the caller may have that user's, and whether the namespace maps the id.
            self.may_fail()?;
            let at = self.lookup(destination, KeySlot::GetPersistent)?;
            return Ok(Predicted::Key(self.open_key_for(Some(at.key))?));
        }
        if !self.is_configured(|config| &mut config.persistent) {
            return Err(Stop::Errno(EOPNOTSUPP));
        }
        if uid != NO_ID && !self.world.has_user(cred.space, uid) {
            return Err(Stop::Errno(EINVAL));
        }
        let uid = if uid == NO_ID { cred.user.real } else { uid };
        let own = uid == cred.user.real || uid == cred.user.effective;
        if !own && !self.is_capable() && self.law(Fact::PersistentOfOther) {
            return Err(Stop::Errno(EPERM));
        }
        if destination == KeyArg::None && !self.law(Fact::PersistentDestination) {
            return Ok(Predicted::Any);
        }
        let at = self.lookup(destination, KeySlot::GetPersistent)?;
        self.is_keyring(at.key)?;
        let key = self.persistent_keyring(uid);
        let found = Ref { key, possessed: true };
        self.need(found, Permission::Link)?;
        if self.law(Fact::PersistentIsLinked) {
            self.link(at.key, key)?;
        }
        self.world.keys.edit(key).expiry = Expiry::In(PERSISTENT);
        Ok(Predicted::Key(key))
    }

    /// The persistent keyring of a user. One that is revoked or invalidated is replaced. Kernel: `key_get_persistent`,
    /// `find_key_to_update`.
    fn persistent_keyring(&mut self, uid: Id) -> KeyId {
        let space = self.cred().space;
        let known = self.world.persistent.position(|known| (known.0, known.1) == (space, uid));
        let is_found = |nth: &Idx<_>| {
            let key = &self.world.keys[self.world.persistent[*nth].2];
            !key.revoked && !key.invalidated
        };
        if let Some(nth) = known.filter(is_found) {
            return self.world.persistent[nth].2;
        }
        let new = Key::keyring("_persistent", uid, NO_ID, 0x1f03_0000);
        let key = self.new_key(Key { payer: None, numbered: true, ..new });
        match known {
            Some(nth) => self.world.persistent.edit(nth).2 = key,
            None => drop(self.world.persistent.add((space, uid, key))),
        }
        key
    }

    /// Instantiates or rejects a key, which fails without assumed authority. Kernel:
    /// `keyctl_instantiate_key_common`, `keyctl_reject_key`.
    pub(super) fn instantiate(&mut self, keyring: usize) -> Prediction {
        let named = self.key_arg(keyring)?;
        if let Some(errno) = self.argument_error()?
            && self.law(Fact::InstantiateChecksFirst)
        {
            return Err(Stop::Errno(errno));
        }
        if let Some(authority) = self.cred().authority {
            return self.instantiate_by(authority, named);
        }
        if !self.law(Fact::InstantiateNeedsAuthority) {
            self.lookup(named, KeySlot::LinkKeyring)?;
            let key = self.key_arg(0)?;
            self.lookup_or_create(key, KeySlot::Update, true)?;
        }
        Err(Stop::Errno(EPERM))
    }

    /// The error for a payload or an errno that the kernel refuses before it looks for an authority.
    fn argument_error(&self) -> Attempt<Option<Errno>> {
        Ok(match (self.event.call.as_str(), self.arg(1)?) {
            ("keyctl_instantiate", _) if self.payload_len(1)? > LONGEST_PAYLOAD => Some(EINVAL),
            ("keyctl_instantiate_iov", Value::List(pieces)) => match pieces.as_slice() {
                [Value::Word(word), ..] if word == "unmapped" => Some(EFAULT),
                pieces => {
                    (pieces.iter().map(length).sum::<usize>() > LONGEST_PAYLOAD).then_some(EINVAL)
                }
            },
            ("keyctl_reject", _) => {
                let is_none = matches!(self.arg(2)?, Value::Word(word) if word == "UnknownErrno");
                is_none.then_some(EINVAL)
            }
            _ => None,
        })
    }

    /// Kernel: `keyctl_assume_authority`.
    pub(super) fn assume_authority(&mut self) -> Prediction {
        match self.key_arg(0)? {
            KeyArg::None => {
                if self.law(Fact::AuthorityIsGivenUp) {
                    self.assume(None);
                }
                Ok(Predicted::Int(0))
            }
            KeyArg::Serial(Some(key)) if let Some(authority) = self.authority_of(key) => {
                self.assume(Some(authority));
                Ok(Predicted::Key(authority.key))
            }
            KeyArg::Serial(_) => {
                let errno = self.errno_without_authority();
                Err(self.fail(Fact::AuthorityOfNone, errno))
            }
            _ => Err(self.fail(Fact::AuthorityOfSpecial, EINVAL)),
        }
    }
}

/// The length of a piece of a payload, in bytes.
fn length(piece: &Value) -> usize {
    match piece {
        Value::Text(text) => text.len(),
        Value::List(values) => match values.first() {
            Some(Value::Int(length)) => usize::try_from(*length).unwrap_or(0),
            _ => 0,
        },
        _ => 0,
    }
}
