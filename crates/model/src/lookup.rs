//! What stands in the place of a key, made where the place makes it, and held against what the place
//! asks for.
//!
//! Kernel: `lookup_user_key`.

use crate::laws::{Fact, Kind, Law, Place, READ};
use crate::run::{Run, Step, Stop};
use crate::search::{Ref, Wanted};
use crate::world::{Cred, KeyId, NewKey};
use trace::Value;

/// What stands in the place of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Kind(Kind),
    Session,
    User,
    UserSession,
    Group,
    Authority,
    Requestor,
    /// A serial number, of a key that the trace has named or not.
    Serial(Option<KeyId>),
    /// No key's number: 0, or below the special ids.
    Invalid,
    /// `0`, where it means none.
    None,
}

impl Run<'_> {
    /// What stands in the place of a key.
    pub(crate) fn named(&self, nth: usize) -> Step<Named> {
        Ok(match self.arg(nth)? {
            Value::Int(0) => Named::None,
            Value::Int(_) => Named::Invalid,
            Value::Word(word) => {
                self.named_by(word).map_or_else(|| self.expected(nth, "a key"), Ok)?
            }
            _ => return self.expected(nth, "a key"),
        })
    }

    /// The same from a word, as keyctl(1) takes it too.
    pub(crate) fn named_by(&self, word: &str) -> Option<Named> {
        Some(match word {
            "@t" => Named::Kind(Kind::Thread),
            "@p" => Named::Kind(Kind::Process),
            "@s" => Named::Session,
            "@u" => Named::User,
            "@us" => Named::UserSession,
            "@g" => Named::Group,
            "@a" => Named::Authority,
            "KEY_SPEC_REQUESTOR_KEYRING" => Named::Requestor,
            "0" => Named::None,
            _ => {
                let number = word.strip_prefix('K')?;
                number.parse::<u32>().ok()?;
                Named::Serial(self.world.named(word))
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

    /// Whether a key is there. What nothing holds may be gone.
    pub(crate) fn is_there(&mut self, key: KeyId) -> bool {
        if self.key(key).gone {
            return false;
        }
        if !self.law(Fact::UnlinkedGoes) || self.is_held(key) {
            return true;
        }
        let is_gone = self.either();
        if is_gone {
            self.collect(key);
        }
        !is_gone
    }

    /// The thread or process keyring of the caller.
    pub(crate) fn own(&self, kind: Kind) -> Option<KeyId> {
        match kind {
            Kind::Thread => self.cred().thread,
            Kind::Process => self.cred().process,
        }
    }

    /// Makes the thread or process keyring of the caller.
    ///
    /// Kernel: `install_thread_keyring_to_cred`, `install_process_keyring_to_cred`.
    pub(crate) fn make(&mut self, kind: Kind) -> Step<KeyId> {
        let cred = self.cred().clone();
        let key = self.new_keyring_of(kind, &cred)?;
        let mut tasks = vec![self.task];
        if kind == Kind::Process && !self.law(Fact::OneForAsker) {
            tasks = self.world.threads(self.world.tasks[self.task].group);
        }
        for task in tasks {
            let mut cred = self.world.cred(task).clone();
            match kind {
                Kind::Thread => cred.thread = Some(key),
                Kind::Process => cred.process = Some(key),
            }
            self.commit(task, cred);
        }
        Ok(key)
    }

    /// A new thread or process keyring for credentials.
    pub(crate) fn new_keyring_of(&mut self, kind: Kind, cred: &Cred) -> Step<KeyId> {
        let name = match kind {
            Kind::Thread if self.law(Fact::NameOfThreadKeyring) => "_tid",
            Kind::Thread => "_tid.1",
            Kind::Process if self.law(Fact::NameOfProcessKeyring) => "_pid",
            Kind::Process => "_pid.1",
        };
        let uid = if self.law(Fact::OwnerOfNew) { cred.uid } else { cred.euid };
        let gid = if self.law(Fact::GroupOfNew) { cred.gid } else { cred.egid };
        let perm = if self.law(Fact::MaskOfNew) { 0x3f01_0000 } else { 0x3f3f_0000 };
        if !self.has_room(uid, 1, 1) && !self.law(Fact::NewOverrunsQuota) {
            return Err(Stop::Errno("EDQUOT"));
        }
        let mut new = NewKey::keyring(name, uid, gid, perm);
        if !self.law(Fact::NewCounts) {
            new.payer = None;
        }
        if !self.law(Fact::NewIsEmpty)
            && let Some(session) = cred.session
        {
            new.content = crate::world::Content::Links(vec![session]);
        }
        Ok(self.new_key(new))
    }

    /// What stands in a place, made if the place makes it, and held against what the place asks.
    ///
    /// Kernel: `lookup_user_key`.
    pub(crate) fn lookup(&mut self, named: &Named, place: Place) -> Step<Ref> {
        let creates = place.asks().creates;
        self.lookup_or_make(named, place, creates)
    }

    /// The same where the caller says whether an absent keyring is made.
    pub(crate) fn lookup_or_make(
        &mut self,
        named: &Named,
        place: Place,
        creates: bool,
    ) -> Step<Ref> {
        let found = self.find(named, place, creates)?;
        let asks = place.asks();
        if asks.sound {
            if let Some(errno) = self.unsound(found.key)
                && self.law(Law::Sound(place))
            {
                if let Named::Kind(kind) = named
                    && creates
                    && !self.law(Fact::UnsoundIsKept)
                {
                    let key = self.make(*kind)?;
                    return Ok(Ref { key, possessed: true });
                }
                return Err(Stop::Errno(errno));
            }
            if let Some(errno) = self.key(found.key).negative
                && !asks.partial
            {
                return Err(Stop::Errno(errno));
            }
        }
        let permitted = asks.needs.iter().any(|needs| self.permits(found, *needs));
        if asks.needs.is_empty() || permitted || !self.law(Law::Needs(place)) {
            return Ok(found);
        }
        Err(self.fail(Fact::PermissionErrno, "EACCES"))
    }

    fn find(&mut self, named: &Named, place: Place, creates: bool) -> Step<Ref> {
        let possessed = self.law(Fact::SpecialIdPossesses);
        let key = match named {
            Named::Kind(kind) => match self.own(*kind) {
                Some(key) => key,
                None => {
                    if creates == self.law(Law::Creates(place)) {
                        self.make(*kind)?
                    } else {
                        return Err(self.fail(Fact::AbsentErrno, "ENOKEY"));
                    }
                }
            },
            Named::Session => match self.cred().session {
                Some(key) => key,
                None => return Err(Stop::Errno("ENOKEY")),
            },
            Named::User => self.user_keyrings().user,
            Named::UserSession => self.user_keyrings().session,
            Named::Group => return Err(self.fail(Fact::GroupIdUnknown, "EINVAL")),
            Named::Authority | Named::Requestor => {
                return Err(self.fail(Fact::NoAuthority, "ENOKEY"));
            }
            Named::Invalid | Named::None => {
                return Err(self.fail(Fact::SpecialIdUnknown, "EINVAL"));
            }
            Named::Serial(None) => return Err(self.fail(Fact::GoneErrno, "ENOKEY")),
            Named::Serial(Some(key)) => {
                if !self.is_there(*key) {
                    return Err(self.fail(Fact::GoneErrno, "ENOKEY"));
                }
                return Ok(self.reference(*key));
            }
        };
        Ok(Ref { key, possessed })
    }

    /// Whether a key may be read: by permission, or because the caller possesses it.
    pub(crate) fn may_read(&mut self, at: Ref) -> bool {
        self.permits(at, READ) || (at.possessed && self.law(Fact::ReadOfPossessed))
    }
}
