//! Permissions, and the search through keyrings.
//!
//! Kernel: `key_task_permission`, `keyring_search_rcu`, `search_process_keyrings_rcu`.

use crate::laws::{Fact, Permission};
use crate::run::{Attempt, Run};
use crate::world::{Cred, Expiry, Id, KeyId, KeyType, NO_ID, UserKeyrings};
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
        let perm = self.key(at.key).perm;
        let mut has = self.granted_without_possession(cred, at.key);
        if at.possessed && self.law(Fact::PossessorMask) {
            let possessor = perm >> 24 & 0x3f;
            // The laws are asked only where they matter: most keys grant one class everything.
            let is_more = has & !possessor != 0;
            has = if is_more && !self.law(Fact::PossessorAdds) { 0 } else { has } | possessor;
        }
        has & needs as u32 != 0
    }

    /// The six bits that decide for a caller who does not possess a key.
    fn granted_without_possession(&mut self, cred: &Cred, key: KeyId) -> u32 {
        let (uid, perm) = (self.key(key).uid, self.key(key).perm);
        let [owner, group, others] = [16, 8, 0].map(|shift| perm >> shift & 0x3f);
        if self.is_owner(cred, uid) {
            let own = if self.law(Fact::OwnerMask) { owner } else { others };
            let write = own & Permission::Write as u32;
            let own = if write != 0 && !self.law(Fact::OwnerWrites) { own & !write } else { own };
            let is_more = (group | others) & !own != 0;
            return if is_more && !self.law(Fact::OwnerAlone) { own | group | others } else { own };
        }
        let is_member = self.is_member(cred, key);
        if is_member && group == 0 && others != 0 && !self.law(Fact::GroupEmpty) {
            return 0;
        }
        if is_member && group != 0 {
            let own = if self.law(Fact::GroupMask) { group } else { others };
            let is_more = others & !own != 0;
            return if is_more && !self.law(Fact::GroupAlone) { own | others } else { own };
        }
        if others != 0 && !self.law(Fact::OthersMask) {
            return 0;
        }
        if self.law(Fact::OtherMask) { others } else { owner }
    }

    fn is_owner(&mut self, cred: &Cred, uid: Id) -> bool {
        let (real, filesystem) = (cred.user.real == uid, cred.user.filesystem == uid);
        if real != filesystem && !self.law(Fact::OwnerIsFilesystem) { real } else { filesystem }
    }

    /// Whether a caller is in the group of a key.
    fn is_member(&mut self, cred: &Cred, key: KeyId) -> bool {
        let gid = self.key(key).gid;
        if gid == NO_ID {
            return false;
        }
        let (real, filesystem) = (cred.group.real == gid, cred.group.filesystem == gid);
        if real != filesystem && !self.law(Fact::GroupIsFilesystem) {
            return real;
        }
        let is_supplementary = !filesystem && cred.groups.contains(&gid);
        filesystem || (is_supplementary && self.law(Fact::GroupSupplementary))
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
                return self.nested_instead(&links, at, wanted, cred, depth).or(Some(found));
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

    /// What a wrong model finds in a nested keyring before a direct link.
    fn nested_instead(
        &mut self,
        links: &[KeyId],
        at: Ref,
        wanted: &Wanted<'_>,
        cred: &Cred,
        depth: usize,
    ) -> Option<Ref> {
        let is_keyring = |key: &&KeyId| self.key(**key).kind == KeyType::Keyring;
        let nested = links.iter().copied().find(|key| is_keyring(&key))?;
        if !matches!(wanted, Wanted::Like(..)) || depth > 0 || self.law(Fact::DirectFirst) {
            return None;
        }
        let nested = Ref { key: nested, possessed: at.possessed };
        self.search_in(nested, wanted, cred, &mut EAGAIN, DEPTH)
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

    /// The user keyrings, if they exist.
    fn keyrings_of_user(&self, cred: &Cred) -> Option<UserKeyrings> {
        let is_it = |of: &&UserKeyrings| of.space == cred.space && of.uid == cred.user.real;
        self.world.user_keyrings.iter().find(is_it).copied()
    }

    /// The session keyring, or else the user session keyring, if it exists and can be found. Kernel:
    /// `get_user_session_keyring_rcu`.
    fn session_to_search(&mut self, cred: &Cred) -> Option<KeyId> {
        if cred.session.is_some() {
            return cred.session;
        }
        let key = self.keyrings_of_user(cred)?.session;
        if self.is_unknown() {
            return Some(key);
        }
        let at = Ref { key, possessed: true };
        let is_usable =
            self.invalid(key).is_none() && self.permits_to(cred, at, Permission::Search);
        (is_usable && self.law(Fact::UserSessionIsSearched)).then_some(key)
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

    /// Whether it is the thread or process keyring of other credentials.
    fn is_of_another(&self, cred: &Cred, key: KeyId) -> bool {
        let has = |cred: &Cred| [cred.thread, cred.process].contains(&Some(key));
        !has(cred) && self.world.live().into_iter().any(|task| has(self.world.cred(task)))
    }

    fn search_own(&mut self, cred: &Cred, wanted: &Wanted<'_>) -> Result<Ref, Errno> {
        let mut order = [
            (cred.thread, Fact::PossessionByThread),
            (cred.process, Fact::PossessionByProcess),
            (self.session_to_search(cred), Fact::PossessionBySession),
        ];
        if matches!(wanted, Wanted::Like(..)) {
            if !self.law(Fact::ThreadBeforeProcess) {
                order.swap(0, 1);
            }
            if !self.law(Fact::ProcessBeforeSession) {
                order.swap(1, 2);
            }
        }
        let mut order = order.to_vec();
        if let Some(of_user) = self.keyrings_of_user(cred)
            && !self.law(Fact::UserKeyringNeedsLink)
        {
            order.push((Some(of_user.user), Fact::PossessionBySession));
        }
        let mut missing = None;
        let mut failed = None;
        for (keyring, law) in order {
            let Some(key) = keyring else { continue };
            if matches!(wanted, Wanted::Key(_)) && !self.law(law) {
                continue;
            }
            match self.search(Ref { key, possessed: true }, wanted, cred) {
                Ok(found)
                    if law == Fact::PossessionBySession
                        && matches!(wanted, Wanted::Key(_))
                        && self.is_of_another(cred, found.key)
                        && !self.law(Fact::PossessionOfOthers) => {}
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
