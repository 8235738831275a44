//! Key arguments: finding or creating the key, then checking its state and the permission.
//!
//! Kernel: `lookup_user_key`.

use crate::laws::{Accepts, Fact, KeySlot, Law, OwnFact, OwnKeyring, Permission};
use crate::run::{Attempt, Run, Stop};
use crate::search::{Ref, Wanted};
use crate::world::{Content, Cred, Key, KeyId, KeyType, TaskId, World};
use trace::Errno::*;
use trace::Value;

/// A key argument as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyArg {
    Own(OwnKeyring),
    Session,
    User,
    UserSession,
    Group,
    Authority,
    Requestor,
    /// A serial number; `None` if the trace has not named its key.
    Serial(Option<KeyId>),
    /// Below the special ids.
    Invalid,
    /// `0`: no keyring, where one may be left out.
    None,
}

/// A key argument as a number.
fn number_arg(number: i32) -> KeyArg {
    match number {
        1.. => KeyArg::Serial(None),
        0 => KeyArg::None,
        -1 => KeyArg::Own(OwnKeyring::Thread),
        -2 => KeyArg::Own(OwnKeyring::Process),
        -3 => KeyArg::Session,
        -4 => KeyArg::User,
        -5 => KeyArg::UserSession,
        -6 => KeyArg::Group,
        -7 => KeyArg::Authority,
        -8 => KeyArg::Requestor,
        _ => KeyArg::Invalid,
    }
}

impl Run<'_> {
    /// A key argument.
    pub(crate) fn key_arg(&self, nth: usize) -> Attempt<KeyArg> {
        Ok(match self.arg(nth)? {
            // The kernel's parameter is a C int.
            Value::Int(number) => number_arg(*number as i32),
            Value::Word(word) => {
                self.key_word(word).map_or_else(|| self.expected(nth, "a key"), Ok)?
            }
            _ => return self.expected(nth, "a key"),
        })
    }

    /// The same from a word, as keyctl(1) accepts it too.
    pub(crate) fn key_word(&self, word: &str) -> Option<KeyArg> {
        Some(match word {
            "@t" => KeyArg::Own(OwnKeyring::Thread),
            "@p" => KeyArg::Own(OwnKeyring::Process),
            "@s" => KeyArg::Session,
            "@u" => KeyArg::User,
            "@us" => KeyArg::UserSession,
            "@g" => KeyArg::Group,
            "@a" => KeyArg::Authority,
            "KEY_SPEC_REQUESTOR_KEYRING" => KeyArg::Requestor,
            "0" => KeyArg::None,
            _ => {
                let number = word.strip_prefix('K')?;
                number.parse::<u32>().ok()?;
                KeyArg::Serial(self.world.named(word))
            }
        })
    }

    /// A key by its serial number, and whether the caller possesses it.
    pub(crate) fn reference(&mut self, key: KeyId) -> Ref {
        let cred = self.cred().clone();
        let possessed =
            self.law(Fact::Possession) && self.search_all(&cred, &Wanted::Key(key)).is_ok();
        Ref { key, possessed }
    }

    /// Whether a key that nothing refers to is destroyed.
    pub(crate) fn unlinked_goes(&mut self, key: KeyId) -> bool {
        self.law(match self.key(key).kind {
            KeyType::Keyring => Fact::UnlinkedKeyringGoes,
            KeyType::User | KeyType::Logon | KeyType::Encrypted | KeyType::Authority => {
                Fact::UnlinkedGoes
            }
        })
    }

    /// Whether a key exists. Without a reference it may have been destroyed.
    pub(crate) fn exists(&mut self, key: KeyId) -> bool {
        if self.key(key).gone {
            return false;
        }
        if !self.unlinked_goes(key) || self.is_held(key) || self.outlives_namespace(key) {
            return true;
        }
        let is_gone = self.either();
        if is_gone {
            self.collect(key);
        }
        !is_gone
    }

    /// Whether a key in the keyrings of users exists in a wrong model although their user namespace has ended. Kernel:
    /// `key_free_user_ns`.
    fn outlives_namespace(&mut self, key: KeyId) -> bool {
        let (holders, all) = (self.world.holders(), self.world.all_spaces());
        self.world.lasting_spaces(&holders).len() < all.len()
            && self.world.held_with(&holders, &all).contains(&key)
            && !self.law(Fact::UserKeyringsEnd)
    }

    /// A key by its serial number, if it exists.
    fn existing(&mut self, key: KeyId) -> Option<Ref> {
        if self.is_unknown() {
            // What a task possesses exists: usually nothing else has to be searched.
            let found = self.reference(key);
            return (found.possessed || self.exists(key)).then_some(found);
        }
        if self.exists(key) { Some(self.reference(key)) } else { None }
    }

    /// The thread or process keyring of the caller.
    pub(crate) fn own(&self, keyring: OwnKeyring) -> Option<KeyId> {
        self.cred().of(keyring)
    }

    /// The keyring of another task that a wrong model takes for the caller's absent one.
    fn another(&mut self, keyring: OwnKeyring) -> Option<KeyId> {
        let of_sibling = !self.law(Law::Own(OwnFact::NotOfSibling, keyring));
        let of_child = !self.law(Law::Own(OwnFact::NotOfChild, keyring));
        if !of_sibling && !of_child {
            return None;
        }
        let own = self.group();
        let is_it = |task: &TaskId| {
            let group = self.world.tasks[*task].group;
            let parent = self.world.groups[group].parent;
            let is_child = parent.is_some_and(|parent| self.world.tasks[parent].group == own);
            (of_sibling && group == own) || (of_child && is_child)
        };
        let mut others = self.world.live().into_iter().filter(is_it);
        others.find_map(|task| self.world.cred(task).of(keyring))
    }

    /// The keyring of the parent that a wrong model takes for the one to create.
    fn of_parent(&mut self, keyring: OwnKeyring) -> Option<KeyId> {
        let parent = self.world.groups[self.group()].parent?;
        let key = self.world.cred(parent).of(keyring)?;
        if self.law(Law::Own(OwnFact::NotOfParent, keyring)) { None } else { Some(key) }
    }

    /// The keyring of the task whose request the caller handles with assumed authority.
    fn of_requestor(&self, keyring: OwnKeyring) -> Option<KeyId> {
        self.world.creds[self.cred().authority?.requestor].of(keyring)
    }

    /// Creates the thread or process keyring of the caller for an argument.
    ///
    /// Kernel: `install_thread_keyring_to_cred`, `install_process_keyring_to_cred`.
    pub(crate) fn create_own(&mut self, keyring: OwnKeyring, slot: KeySlot) -> Attempt<KeyId> {
        let cred = self.cred().clone();
        let key = self.new_keyring_of(keyring, &cred)?;
        let other = match keyring {
            OwnKeyring::Thread => OwnKeyring::Process,
            OwnKeyring::Process => OwnKeyring::Thread,
        };
        let for_creator = match self.is_main_thread() {
            true => OwnFact::OfMainThreadOnly,
            false => OwnFact::OfThreadOnly,
        };
        let for_all = !self.law(Law::Own(for_creator, keyring));
        for task in self.threads_or_one(for_all) {
            self.install(task, keyring, key);
        }
        let group = self.world.groups[self.group()].clone();
        if let (Some(call), Some(parent)) = (group.call, group.parent)
            && !self.law(Law::NotPassedUp(call, keyring))
        {
            self.install(parent, keyring, key);
        }
        let one = match slot {
            KeySlot::GetKeyringId if group.call.is_some() => {
                Law::Own(OwnFact::CreatesOneInChild, keyring)
            }
            KeySlot::GetKeyringId => Law::Own(OwnFact::CreatesOneByFlag, keyring),
            _ => Law::CreatesOne(slot),
        };
        if self.own(other).is_none() && !self.law(one) {
            let key = self.new_keyring_of(other, &cred)?;
            self.install(self.task, other, key);
        }
        Ok(key)
    }

    /// Makes a keyring the thread or process keyring of a task.
    fn install(&mut self, task: TaskId, keyring: OwnKeyring, key: KeyId) {
        let mut cred = self.world.cred(task).clone();
        *cred.own_mut(keyring) = Some(key);
        self.commit(task, cred);
    }

    /// Creates a thread or process keyring for credentials.
    pub(crate) fn new_keyring_of(&mut self, keyring: OwnKeyring, cred: &Cred) -> Attempt<KeyId> {
        let name = match keyring {
            OwnKeyring::Thread if self.law(Fact::NameOfThreadKeyring) => "_tid",
            OwnKeyring::Thread => "_tid.1",
            OwnKeyring::Process if self.law(Fact::NameOfProcessKeyring) => "_pid",
            OwnKeyring::Process => "_pid.1",
        };
        let uid = if self.law(Fact::OwnerOfNew) { cred.user.real } else { cred.user.effective };
        let gid = if self.law(Fact::GroupOfNew) { cred.group.real } else { cred.group.effective };
        let perm = if self.law(Fact::MaskOfNew) { 0x3f01_0000 } else { 0x3f3f_0000 };
        if !self.has_room(uid, 1, 1) && !self.law(Fact::NewOverrunsQuota) {
            return Err(Stop::Errno(EDQUOT));
        }
        let mut new = Key::keyring(name, uid, gid, perm);
        if !self.law(Fact::NewCounts) {
            new.payer = None;
        }
        if !self.law(Fact::NewIsEmpty)
            && let Some(session) = cred.session
        {
            new.content = Content::Links(vec![session]);
        }
        Ok(self.new_key(new))
    }

    /// Resolves a key argument: finds or creates the key, then checks its state and the permission.
    pub(crate) fn lookup(&mut self, arg: KeyArg, slot: KeySlot) -> Attempt<Ref> {
        self.lookup_or_create(arg, slot, slot.creates())
    }

    /// The same where the caller decides whether an absent keyring is created.
    pub(crate) fn lookup_or_create(
        &mut self,
        arg: KeyArg,
        slot: KeySlot,
        creates: bool,
    ) -> Attempt<Ref> {
        let found = self.find(arg, slot, creates)?;
        if self.is_open(found.key) {
            self.may_fail()?;
            return Ok(found);
        }
        let accepts = slot.accepts();
        if self.key(found.key).constructing
            && accepts != Accepts::Partial
            && slot != KeySlot::UnlinkKey
        {
            // It waits until the key is instantiated.
            return Err(Stop::Never);
        }
        if accepts != Accepts::Any {
            if let Some(errno) = self.invalid(found.key)
                && self.law(Law::Sound(slot))
            {
                if let KeyArg::Own(keyring) = arg
                    && creates
                    && !self.law(Fact::UnsoundIsKept)
                {
                    let key = self.create_own(keyring, slot)?;
                    return Ok(Ref { key, possessed: true });
                }
                return Err(Stop::Errno(errno));
            }
            if let Some(errno) = self.key(found.key).negative
                && accepts == Accepts::Valid
            {
                return Err(Stop::Errno(errno));
            }
        }
        let permitted = slot.needs().iter().any(|needs| self.permits(found, *needs));
        if slot.needs().is_empty() || permitted || !self.law(Law::Needs(slot)) {
            return Ok(found);
        }
        Err(self.fail(Law::PermissionErrno(slot), EACCES))
    }

    fn find(&mut self, arg: KeyArg, slot: KeySlot, creates: bool) -> Attempt<Ref> {
        let possessed = self.law(Fact::SpecialIdPossesses);
        let authority = self.cred().authority;
        let key = match arg {
            KeyArg::Own(keyring)
                if let Some(key) = self.of_requestor(keyring)
                    && !self.law(Fact::OwnIdsWithAuthority) =>
            {
                key
            }
            KeyArg::Own(keyring) => match self.own(keyring).or_else(|| self.another(keyring)) {
                Some(key) => key,
                None if creates == self.law(Law::Creates(slot)) => match self.of_parent(keyring) {
                    Some(key) => key,
                    None => self.create_own(keyring, slot)?,
                },
                None => return Err(self.fail(Law::AbsentErrno(slot), ENOKEY)),
            },
            KeyArg::Session => self.session_keyring(creates)?,
            KeyArg::User if self.is_unknown() => self.user_keyrings().user,
            KeyArg::UserSession if self.is_unknown() => self.user_keyrings().session,
            KeyArg::User => self.usable_user_keyrings()?.user,
            KeyArg::UserSession => self.usable_user_keyrings()?.session,
            KeyArg::Authority | KeyArg::Requestor if self.is_unknown() => World::OUTSIDE,
            KeyArg::Serial(None) if self.is_unknown() => World::OUTSIDE,
            KeyArg::Serial(Some(key)) if self.is_open(key) => key,
            KeyArg::Group => return Err(self.fail(Fact::GroupIdUnknown, EINVAL)),
            KeyArg::Authority | KeyArg::Requestor => match authority {
                Some(authority) if arg == KeyArg::Authority => authority.key,
                Some(authority) if self.key(authority.key).revoked => {
                    return Err(Stop::Errno(EKEYREVOKED));
                }
                Some(authority) if self.law(Fact::RequestorId) => authority.destination,
                Some(authority) => authority.target,
                None => return Err(self.fail(Fact::NoAuthority, ENOKEY)),
            },
            KeyArg::Invalid | KeyArg::None => {
                return Err(self.fail(Fact::SpecialIdUnknown, EINVAL));
            }
            KeyArg::Serial(Some(key)) => match self.existing(key) {
                Some(found) => return Ok(found),
                None => return Err(self.fail(Fact::GoneErrno, ENOKEY)),
            },
            KeyArg::Serial(None) => return Err(self.fail(Fact::GoneErrno, ENOKEY)),
        };
        Ok(Ref { key, possessed })
    }

    /// The same, where the authorization key of a key under construction stands in for the permission. Kernel:
    /// `key_get_instantiation_authkey`.
    pub(crate) fn lookup_authorized(&mut self, arg: KeyArg, slot: KeySlot) -> Attempt<Ref> {
        match (self.lookup(arg, slot), arg) {
            (Err(Stop::Errno(EACCES)), KeyArg::Serial(Some(key)))
                if self.authority_of(key).is_some() && self.law(Fact::AuthorizationStandsIn) =>
            {
                Ok(Ref { key, possessed: false })
            }
            (found, _) => found,
        }
    }

    /// The session keyring of the caller. One without gets the user session keyring, or a new keyring if the
    /// call creates keyrings.
    pub(crate) fn session_keyring(&mut self, creates: bool) -> Attempt<KeyId> {
        let session = self.cred().session;
        match session {
            Some(key) if !creates || !self.world.is_of_user(key) => {
                if creates && self.key(key).revoked && !self.law(Fact::RevokedSessionStays) {
                    return self.new_session_keyring(None);
                }
                Ok(key)
            }
            Some(_) if self.law(Fact::NoSessionCreates) => self.new_session_keyring(None),
            _ => {
                let of_user = match self.is_unknown() {
                    true => self.user_keyrings().session,
                    false => self.usable_user_keyrings()?.session,
                };
                let law = if creates { Fact::NoSessionCreates } else { Fact::NoSessionFinds };
                if creates == self.law(law) {
                    return self.new_session_keyring(None);
                }
                let mut cred = self.cred().clone();
                cred.session = Some(of_user);
                self.commit(self.task, cred);
                Ok(of_user)
            }
        }
    }

    /// Whether a key may be read: by permission, or because the caller possesses it.
    pub(crate) fn may_read(&mut self, at: Ref) -> bool {
        self.permits(at, Permission::Read) || (at.possessed && self.law(Fact::ReadOfPossessed))
    }
}
