//! Permissions, and the search through keyrings.
//!
//! Kernel: `key_task_permission`, `keyring_search_rcu`, `search_process_keyrings_rcu`.

use crate::laws::{Fact, Permission};
use crate::run::{Attempt, Run};
use crate::world::{Cred, Expiry, KeyId, KeyType, NO_ID, UserKeyrings};
use trace::Errno::{self, *};

/// A key, and whether the caller possesses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    pub(crate) key: KeyId,
    pub(crate) possessed: bool,
}

/// The target of a search.
pub(crate) enum Wanted<'a> {
    /// This key, in any state.
    Key(KeyId),
    /// The authority to instantiate a key that has one already.
    Authority,
    /// A valid key of this type and description; the last says whether an expired one is skipped
    /// without noting its error.
    Like(KeyType, &'a str, bool),
}

/// The depth of a search.
const DEPTH: usize = 6;

impl Run<'_> {
    /// Whether a key permits something to the caller.
    pub(crate) fn permits(&mut self, at: Ref, needs: Permission) -> bool {
        let cred = self.cred().clone();
        self.permits_to(&cred, at, needs)
    }

    pub(crate) fn permits_to(&mut self, cred: &Cred, at: Ref, needs: Permission) -> bool {
        if self.is_unknown() {
            return self.permits_unknown(at, needs);
        }
        let key = self.key(at.key);
        let (uid, gid, perm) = (key.uid, key.gid, key.perm);
        let mut has = if uid == cred.user.filesystem {
            if self.law(Fact::OwnerMask) { perm >> 16 } else { perm }
        } else if gid != NO_ID && perm & 0x3f00 != 0 && cred.has_group(gid) {
            if self.law(Fact::GroupMask) { perm >> 8 } else { perm }
        } else if self.law(Fact::OtherMask) {
            perm
        } else {
            perm >> 16
        };
        if at.possessed && self.law(Fact::PossessorMask) {
            has |= perm >> 24;
        }
        has & 0x3f & needs as u32 != 0
    }

    /// Fails without a permission.
    pub(crate) fn need(&mut self, at: Ref, needs: Permission) -> Attempt {
        if self.permits(at, needs) { Ok(()) } else { Err(self.fail(Fact::PermissionErrno, EACCES)) }
    }

    /// Searches a tree of keyrings from its top.
    ///
    /// # Errors
    ///
    /// `EAGAIN` without a match, else what the matches fail with.
    pub(crate) fn search(
        &mut self,
        top: Ref,
        wanted: &Wanted<'_>,
        cred: &Cred,
    ) -> Result<Ref, Errno> {
        if self.is_open(top.key) {
            return self.search_open(wanted);
        }
        if self.key(top.key).kind != KeyType::Keyring {
            return Err(ENOTDIR);
        }
        if !self.permits_to(cred, top, Permission::Search) {
            return Err(EACCES);
        }
        let mut error = EAGAIN;
        if let Some(found) = self.candidate(top, wanted, cred, &mut error) {
            return Ok(found);
        }
        if error != EAGAIN {
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
        error: &mut Errno,
        depth: usize,
    ) -> Option<Ref> {
        if self.key(at.key).invalidated && self.law(Fact::InvalidatedIsNotSearched) {
            return None;
        }
        if self.key(at.key).expiry == Expiry::Passed && !self.law(Fact::ExpiredIsSearched) {
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
        if self.is_unknown() && self.key(at.key).crowded {
            match self.search_open(wanted) {
                Ok(found) => all.push(found),
                Err(EAGAIN) => {}
                Err(other) => *error = other,
            }
        }
        for key in links {
            let link = Ref { key, possessed: at.possessed };
            if self.key(key).kind != KeyType::Keyring {
                continue;
            }
            let deepest = if self.law(Fact::DepthOfSearch) { DEPTH } else { DEPTH + 1 };
            if depth >= deepest {
                continue;
            }
            if !self.permits_to(cred, link, Permission::Search)
                && self.law(Fact::PossessionNeedsSearch)
            {
                continue;
            }
            if let Some(found) = self.search_in(link, wanted, cred, error, depth + 1)
                && !all.contains(&found)
            {
                all.push(found);
            }
        }
        // A kernel may search sibling keyrings in any order.
        self.any_of(&all)
    }

    /// One of several, chosen by the kernel; `None` if there are none.
    pub(crate) fn any_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.choices.choose(all.len())].clone()) }
    }

    /// Whether the search depends on the garbage collector having removed a key from its keyring.
    fn may_matter(&mut self, key: KeyId, wanted: &Wanted<'_>) -> bool {
        let is = self.key(key);
        let is_wanted = match wanted {
            Wanted::Key(wanted) => *wanted == key,
            Wanted::Authority => false,
            Wanted::Like(kind, description, _) => {
                is.kind == *kind && *is.description == **description
            }
        };
        is_wanted && self.is_collected_from_keyrings(key)
    }

    /// Whether a key matches; notes the error of a match that may not be used.
    fn candidate(
        &mut self,
        at: Ref,
        wanted: &Wanted<'_>,
        cred: &Cred,
        error: &mut Errno,
    ) -> Option<Ref> {
        match wanted {
            Wanted::Key(key) if at.key != *key => return None,
            Wanted::Key(_) => {}
            Wanted::Authority => return None,
            Wanted::Like(kind, description, in_silence) => {
                if self.key(at.key).kind != *kind && self.law(Fact::SearchMatchesType) {
                    return None;
                }
                if *self.key(at.key).description != **description
                    && self.law(Fact::SearchMatchesDescription)
                {
                    return None;
                }
                if self.key(at.key).constructing && !self.law(Fact::ConstructionIsFound) {
                    return None;
                }
                if (self.key(at.key).invalidated && self.law(Fact::InvalidatedIsRefused))
                    || (self.key(at.key).revoked && self.law(Fact::RevokedIsRefused))
                {
                    *error = EKEYREVOKED;
                    return None;
                }
                if self.is_expired(at.key) && self.law(Fact::ExpiredIsRefused) {
                    if !in_silence {
                        *error = EKEYEXPIRED;
                    }
                    return None;
                }
            }
        }
        if !self.permits_to(cred, at, Permission::Search) {
            *error = EACCES;
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

    /// The user session keyring, if it exists and can be found. Kernel: `get_user_session_keyring_rcu`.
    fn user_session(&mut self, cred: &Cred) -> Option<KeyId> {
        let is_it = |of: &&UserKeyrings| of.space == cred.space && of.uid == cred.user.real;
        let key = self.world.user_keyrings.iter().find(is_it).map(|of| of.session)?;
        if self.is_unknown() {
            return Some(key);
        }
        let at = Ref { key, possessed: true };
        let is_usable =
            self.invalid(key).is_none() && self.permits_to(cred, at, Permission::Search);
        is_usable.then_some(key)
    }

    /// Searches the keyrings of credentials: thread, process, and session or user session.
    ///
    /// With the authority to instantiate a key, the requestor's keyrings follow.
    pub(crate) fn search_all(&mut self, cred: &Cred, wanted: &Wanted<'_>) -> Result<Ref, Errno> {
        let own = self.search_own(cred, wanted);
        let (Err(error), Some(authority), false) =
            (own, cred.authority, matches!(wanted, Wanted::Authority))
        else {
            return own;
        };
        let law = match wanted {
            Wanted::Key(_) => Fact::AuthorityPossesses,
            _ => Fact::AuthorityFinds,
        };
        let token = self.key(authority.key);
        if token.revoked || token.invalidated || !self.law(law) {
            return own;
        }
        let requestor = self.world.creds[authority.requestor].clone();
        let theirs = self.search_own(&requestor, wanted);
        match (error, theirs) {
            (_, Ok(found)) => Ok(found),
            (ENOKEY, _) | (_, Err(ENOKEY)) => Err(ENOKEY),
            (EACCES, theirs) => theirs,
            (own, _) => Err(own),
        }
    }

    fn search_own(&mut self, cred: &Cred, wanted: &Wanted<'_>) -> Result<Ref, Errno> {
        let session = cred.session.or_else(|| self.user_session(cred));
        let mut order = [
            (cred.thread, Fact::PossessionByThread),
            (cred.process, Fact::PossessionByProcess),
            (session, Fact::PossessionBySession),
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
                // A negative key takes precedence over no key.
                Err(EAGAIN) => missing = missing.or(Some(EAGAIN)),
                Err(ENOKEY) => missing = Some(ENOKEY),
                Err(other) => {
                    failed = Some(other);
                    if matches!(wanted, Wanted::Like(..)) && !self.law(Fact::FirstErrorYields) {
                        return Err(other);
                    }
                }
            }
        }
        if let Some(errno) = failed
            && !self.law(Fact::MissAfterUnsound)
        {
            return Err(errno);
        }
        Err(missing.or(failed).unwrap_or(EAGAIN))
    }
}
