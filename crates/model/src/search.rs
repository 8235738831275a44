//! What a task may do with a key, and the search through its keyrings.
//!
//! Kernel: `key_task_permission`, `keyring_search_rcu`, `search_process_keyrings_rcu`.

use crate::laws::{Fact, SEARCH};
use crate::run::{Run, Step};
use crate::world::{Cred, KeyId, NO_ID, Type};

/// A key as a task has it: whether it possesses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    pub(crate) key: KeyId,
    pub(crate) possessed: bool,
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
}
