//! What a task may do with a key: permission, possession, the search through its keyrings, and what
//! stands in the place of a key.
//!
//! Kernel: `key_task_permission`, `keyring_search_rcu`, `search_process_keyrings_rcu`,
//! `lookup_user_key`.

use crate::laws::{Fact, Kind, Law, Place, READ, SEARCH};
use crate::run::{NewKey, Run, Step, Stop};
use crate::world::{Cred, KeyId, NO_ID, Type};
use trace::Value;

/// A key as a task has it: whether it possesses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    pub(crate) key: KeyId,
    pub(crate) possessed: bool,
}

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

/// What is searched for.
pub(crate) enum Wanted<'a> {
    /// This very key, whatever its state.
    Key(KeyId),
    /// The authority to make a key, which no task of this model has.
    Authority,
    /// Any sound key of this type and description; whether one that has expired is passed over in
    /// silence.
    Like(&'a Type, &'a str, bool),
}

/// How deep a search goes.
const DEPTH: usize = 6;

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

    /// Whether these credentials permit what is needed.
    pub(crate) fn permits(&mut self, at: Ref, needs: u32) -> bool {
        let cred = self.cred().clone();
        self.permits_to(&cred, at, needs)
    }

    pub(crate) fn permits_to(&mut self, cred: &Cred, at: Ref, needs: u32) -> bool {
        let key = self.key(at.key);
        let (uid, gid, perm) = (key.uid, key.gid, key.perm);
        let mut has = if uid == cred.fsuid {
            if self.law(Fact::OwnerMask) { perm >> 16 } else { perm }
        } else if gid != NO_ID && perm & 0x3f00 != 0 && gid == cred.fsgid {
            if self.law(Fact::GroupMask) { perm >> 8 } else { perm }
        } else if self.law(Fact::OtherMask) {
            perm
        } else {
            perm >> 16
        };
        if at.possessed && self.law(Fact::PossessorMask) {
            has |= perm >> 24;
        }
        has & 0x3f & needs == needs
    }

    /// The failure where a permission is missing.
    pub(crate) fn need(&mut self, at: Ref, needs: u32) -> Step {
        if self.permits(at, needs) {
            Ok(())
        } else {
            Err(self.fail(Fact::PermissionErrno, "EACCES"))
        }
    }

    /// Searches a tree of keyrings, from its top. `Err` is the error of the search: `EAGAIN` where
    /// nothing is like it.
    pub(crate) fn search(
        &mut self,
        top: Ref,
        wanted: &Wanted<'_>,
        cred: &Cred,
    ) -> Result<Ref, &'static str> {
        if self.key(top.key).kind != Type::Keyring {
            return Err("ENOTDIR");
        }
        if !self.permits_to(cred, top, SEARCH) {
            return Err("EACCES");
        }
        let mut error = "EAGAIN";
        if let Some(found) = self.candidate(top, wanted, cred, &mut error) {
            return Ok(found);
        }
        if error != "EAGAIN" {
            return Err(error);
        }
        let found = self.search_in(top, wanted, cred, &mut error, 0);
        found.ok_or(error)
    }

    fn search_in(
        &mut self,
        at: Ref,
        wanted: &Wanted<'_>,
        cred: &Cred,
        error: &mut &'static str,
        depth: usize,
    ) -> Option<Ref> {
        if self.key(at.key).invalidated && self.law(Fact::InvalidatedIsNotSearched) {
            return None;
        }
        if self.key(at.key).expiry == crate::world::Expiry::Passed
            && !self.law(Fact::ExpiredIsSearched)
        {
            return None;
        }
        let mut links = self.key(at.key).links().to_vec();
        links.retain(|link| !self.may_matter(*link, wanted) || self.is_still_linked(at.key, *link));
        for key in &links {
            let link = Ref { key: *key, possessed: at.possessed };
            if let Some(found) = self.candidate(link, wanted, cred, error) {
                return Some(found);
            }
        }
        let mut all = Vec::new();
        for key in links {
            let link = Ref { key, possessed: at.possessed };
            if self.key(key).kind != Type::Keyring {
                continue;
            }
            let deepest = if self.law(Fact::DepthOfSearch) { DEPTH } else { DEPTH + 1 };
            if depth >= deepest {
                continue;
            }
            if !self.permits_to(cred, link, SEARCH) && self.law(Fact::PossessionNeedsSearch) {
                continue;
            }
            if let Some(found) = self.search_in(link, wanted, cred, error, depth + 1)
                && !all.contains(&found)
            {
                all.push(found);
            }
        }
        // In which order a kernel looks into keyrings side by side is its own affair.
        match all.len() {
            0 => None,
            1 => all.pop(),
            several => {
                let nth = self.fate.choose(several);
                Some(all[nth])
            }
        }
    }

    /// Whether it makes a difference if the collector has taken a key out of its keyring.
    fn may_matter(&self, key: KeyId, wanted: &Wanted<'_>) -> bool {
        let is = self.key(key);
        is.invalidated
            && match wanted {
                Wanted::Key(wanted) => *wanted == key,
                Wanted::Authority => false,
                Wanted::Like(kind, description, _) => {
                    is.kind == **kind && *is.description == **description
                }
            }
    }

    /// Whether a key is what is wanted; notes the error if it almost is.
    fn candidate(
        &mut self,
        at: Ref,
        wanted: &Wanted<'_>,
        cred: &Cred,
        error: &mut &'static str,
    ) -> Option<Ref> {
        match wanted {
            Wanted::Key(key) => {
                if at.key != *key {
                    return None;
                }
            }
            Wanted::Authority => return None,
            Wanted::Like(kind, description, in_silence) => {
                if self.key(at.key).kind != **kind && self.law(Fact::SearchMatchesType) {
                    return None;
                }
                if *self.key(at.key).description != **description
                    && self.law(Fact::SearchMatchesDescription)
                {
                    return None;
                }
                if (self.key(at.key).invalidated && self.law(Fact::InvalidatedIsRefused))
                    || (self.key(at.key).revoked && self.law(Fact::RevokedIsRefused))
                {
                    *error = "EKEYREVOKED";
                    return None;
                }
                if self.is_expired(at.key) && self.law(Fact::ExpiredIsRefused) {
                    if !in_silence {
                        *error = "EKEYEXPIRED";
                    }
                    return None;
                }
            }
        }
        if !self.permits_to(cred, at, SEARCH) {
            *error = "EACCES";
            return None;
        }
        if matches!(wanted, Wanted::Like(..))
            && let Some(errno) = self.key(at.key).negative
        {
            *error = errno;
            return None;
        }
        Some(at)
    }

    /// Searches the keyrings of credentials: thread, process, session.
    pub(crate) fn search_all(
        &mut self,
        cred: &Cred,
        wanted: &Wanted<'_>,
    ) -> Result<Ref, &'static str> {
        let mut order = [
            (cred.thread, Fact::PossessionByThread),
            (cred.process, Fact::PossessionByProcess),
            (cred.session, Fact::PossessionBySession),
        ];
        if matches!(wanted, Wanted::Like(..)) {
            if !self.law(Fact::ThreadBeforeProcess) {
                order.swap(0, 1);
            }
            if !self.law(Fact::ProcessBeforeSession) {
                order.swap(1, 2);
            }
        }
        let mut missing = None;
        let mut failed = None;
        for (keyring, law) in order {
            let Some(key) = keyring else { continue };
            if matches!(wanted, Wanted::Key(_)) && !self.law(law) {
                continue;
            }
            match self.search(Ref { key, possessed: true }, wanted, cred) {
                Ok(found) => return Ok(found),
                // A negative key weighs more than none.
                Err("EAGAIN") => missing = missing.or(Some("EAGAIN")),
                Err("ENOKEY") => missing = Some("ENOKEY"),
                Err(other) => {
                    failed = Some(other);
                    if matches!(wanted, Wanted::Like(..)) && !self.law(Fact::FirstErrorYields) {
                        return Err(other);
                    }
                }
            }
        }
        if failed.is_some() && !self.law(Fact::MissAfterUnsound) {
            return Err(failed.unwrap_or("EAGAIN"));
        }
        Err(missing.or(failed).unwrap_or("EAGAIN"))
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
        let is_there = !self.either();
        if !is_there {
            self.collect(key);
        }
        is_there
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
        let bytes = name.len() as i64 + 1;
        if !self.has_room(uid, 1, bytes) && !self.law(Fact::NewOverrunsQuota) {
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
