//! Links between keyrings and keys: link, unlink, move, clear, restrict.

use super::add::A_LINK;
use crate::laws::{Fact, KeySlot};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Run, Stop};
use crate::search::Ref;
use crate::world::{Content, KeyId, KeyType, Left};
use std::sync::Arc;
use trace::Errno::*;
use trace::Value;

/// The depth of keyrings in a tree that may be linked.
const DEPTH: usize = 6;

/// What KEYCTL_RESTRICT_KEYRING allows, beside a type.
#[derive(Clone, Copy)]
enum Restriction<'a> {
    None,
    Text(&'a str),
    /// Keys with a signature that this key verifies, or one of this keyring.
    By(Option<KeyId>),
}

/// `KEYCTL_MOVE_EXCL`.
const EXCLUSIVE: i64 = 1;

impl<'a> Run<'a> {
    pub(super) fn keyctl_link(&mut self) -> Attempt {
        let (key, keyring) = (self.key_arg(0)?, self.key_arg(1)?);
        self.link_args(key, keyring)
    }

    /// Kernel: `keyctl_keyring_link`.
    pub(super) fn link_args(&mut self, key: KeyArg, keyring: KeyArg) -> Attempt {
        if !self.law(Fact::LinkTargetFirst) {
            self.lookup(key, KeySlot::LinkKey)?;
        }
        let keyring = self.lookup(keyring, KeySlot::LinkKeyring)?;
        let key = self.lookup(key, KeySlot::LinkKey)?;
        self.link(keyring.key, key.key)
    }

    /// Links a key. Kernel: `key_link`.
    pub(super) fn link(&mut self, keyring: KeyId, key: KeyId) -> Attempt {
        self.takes_links(keyring)?;
        if self.is_open(keyring) || self.is_open(key) {
            self.refuse_restricted(keyring)?;
            self.may_fail()?;
            self.put_link(keyring, key);
            return Ok(());
        }
        let (kind, description) = self.index(key);
        if !self.law(Fact::CycleLast) && self.key(key).kind == KeyType::Keyring {
            self.no_cycle(keyring, key, 0)?;
        }
        let there = self.begin_link(keyring, kind, &description)?;
        if there == Some(key)
            && self.key(keyring).restricted.is_some()
            && !self.law(Fact::RestrictedSame)
        {
            return Ok(());
        }
        if let Err(stop) = self.check_link(keyring, key) {
            if let Some(there) = there
                && there != key
                && !self.law(Fact::LinkFailsWhole)
            {
                self.take_link(keyring, there);
            }
            return Err(stop);
        }
        self.put_link(keyring, key);
        Ok(())
    }

    /// Fails where a keyring accepts no links. Kernel: `__key_link_check_restriction`.
    pub(super) fn refuse_restricted(&mut self, keyring: KeyId) -> Attempt {
        match self.key(keyring).restricted {
            Some(EPERM) => self.refuse_if(true, Fact::LinkRestricted, EPERM),
            Some(errno) => Err(self.fail(Fact::RestrictByErrno, errno)),
            None => {
                let mut above = self.world.present().into_iter();
                let is_below = above.any(|key| {
                    let key = self.key(key);
                    key.restricted.is_some() && key.links().contains(&keyring)
                });
                self.fail_first_if(is_below, Fact::RestrictsOne, EPERM)
            }
        }
    }

    /// A restriction concerns new links only.
    fn may_lose_links(&mut self, keyring: KeyId) -> Attempt {
        let is_restricted = self.key(keyring).restricted.is_some();
        self.fail_first_if(is_restricted, Fact::RestrictedLoses, EPERM)
    }

    pub(super) fn is_keyring(&mut self, keyring: KeyId) -> Attempt {
        if self.key(keyring).kind == KeyType::Keyring {
            return Ok(());
        }
        Err(self.fail(Fact::NotAKeyring, ENOTDIR))
    }

    pub(super) fn takes_links(&mut self, keyring: KeyId) -> Attempt {
        self.is_keyring(keyring)?;
        if self.key(keyring).revoked { Err(Stop::Errno(EKEYREVOKED)) } else { Ok(()) }
    }

    /// The index of a key in a keyring: its type and description.
    fn index(&self, key: KeyId) -> (KeyType, Arc<str>) {
        let key = self.key(key);
        (key.kind, key.description.clone())
    }

    /// Finds the link that a new one replaces; without one the quota has to have room. Kernel:
    /// `__key_link_begin`.
    pub(super) fn begin_link(
        &mut self,
        keyring: KeyId,
        kind: KeyType,
        description: &str,
    ) -> Attempt<Option<KeyId>> {
        let same = self.linked_like(keyring, kind, description);
        if same.is_none() || !self.law(Fact::ReplacedIsPaid) {
            self.room_for_link(keyring)?;
        }
        Ok(same)
    }

    /// Fails where a keyring doesn't accept a key. Kernel: `__key_link_check_restriction`,
    /// `__key_link_check_live_key`.
    fn check_link(&mut self, keyring: KeyId, key: KeyId) -> Attempt {
        self.refuse_restricted(keyring)?;
        if self.key(key).kind == KeyType::Keyring {
            self.no_cycle(keyring, key, 0)?;
        }
        Ok(())
    }

    /// Fails where a keyring is in the tree of another. Kernel: `keyring_detect_cycle`.
    fn no_cycle(&mut self, keyring: KeyId, tree: KeyId, depth: usize) -> Attempt {
        if tree == keyring {
            return if self.law(Fact::LinkCycle) { Err(Stop::Errno(EDEADLK)) } else { Ok(()) };
        }
        if self.key(tree).revoked || self.key(tree).invalidated {
            return Ok(());
        }
        if self.is_unknown() && self.key(tree).crowded {
            // Deeper than the trace shows.
            self.may_fail()?;
        }
        let links = self.key(tree).links().to_vec();
        self.refuse_if(links.contains(&keyring), Fact::LinkCycle, EDEADLK)?;
        for link in links {
            if self.key(link).kind != KeyType::Keyring {
                continue;
            }
            if depth >= DEPTH {
                return if self.law(Fact::LinkDepth) { Err(Stop::Errno(ELOOP)) } else { Ok(()) };
            }
            self.no_cycle(keyring, link, depth + 1)?;
        }
        Ok(())
    }

    /// The key of this type and description that a keyring links. The garbage collector may already have
    /// removed an invalidated one.
    pub(super) fn linked_like(
        &mut self,
        keyring: KeyId,
        kind: KeyType,
        description: &str,
    ) -> Option<KeyId> {
        let key = self.noted_like(keyring, kind, description)?;
        if self.is_still_linked(keyring, key) { Some(key) } else { None }
    }

    /// The same, whether the garbage collector has removed it or not.
    fn noted_like(&self, keyring: KeyId, kind: KeyType, description: &str) -> Option<KeyId> {
        let like = |key: &KeyId| {
            self.key(*key).kind == kind && *self.key(*key).description == *description
        };
        self.key(keyring).links().iter().copied().find(like)
    }

    /// Whether a keyring still links a key: the garbage collector removes invalidated keys at some time.
    pub(crate) fn is_still_linked(&mut self, keyring: KeyId, key: KeyId) -> bool {
        if self.key(keyring).invalidated || !self.is_collected_from_keyrings(key) {
            return true;
        }
        let is_out = self.either();
        if is_out {
            self.take_link(keyring, key);
        }
        !is_out
    }

    /// Whether the garbage collector removes a key from keyrings. A trace of minutes is too short for it to remove
    /// revoked and expired keys, but for one that begins in the middle.
    pub(crate) fn is_collected_from_keyrings(&mut self, key: KeyId) -> bool {
        let unsound = |run: &mut Self| run.key(key).revoked || run.is_expired(key);
        self.key(key).invalidated || (self.is_unknown() && unsound(self))
    }

    /// Fails where another link exceeds the quota of the keyring's user.
    pub(super) fn room_for_link(&mut self, keyring: KeyId) -> Attempt {
        let Some(payer) = self.key(keyring).payer else { return Ok(()) };
        if self.has_room(payer, 0, A_LINK) || !self.law(Fact::LinkEdquot) {
            return Ok(());
        }
        Err(Stop::Errno(EDQUOT))
    }

    /// Links a key, which replaces one of the same type and description.
    pub(super) fn put_link(&mut self, keyring: KeyId, key: KeyId) {
        if self.is_unknown() && !self.keeps_links_known(keyring, key) {
            return;
        }
        self.report(keyring, Fact::ReportsLinks, "linked", Some(key));
        let (kind, description) = self.index(key);
        if self.law(Fact::LinkDisplaces)
            && let Some(before) = self.noted_like(keyring, kind, &description)
        {
            self.take_link(keyring, before);
        }
        if self.key(keyring).links().contains(&key) {
            return;
        }
        if let Content::Links(links) = &mut self.world.keys.edit(keyring).content {
            links.push(key);
        }
        if !self.law(Fact::LinkHolds) {
            self.world.end_key(key);
        }
        self.count_links(keyring, 1);
    }

    /// Removes a link.
    pub(crate) fn take_link(&mut self, keyring: KeyId, key: KeyId) {
        self.world.keys.edit(keyring).drop_link(key);
        self.count_links(keyring, -1);
    }

    fn count_links(&mut self, keyring: KeyId, links: i64) {
        if let Some(payer) = self.key(keyring).payer
            && self.law(Fact::LinkCounts)
        {
            self.charge(payer, 0, links * A_LINK);
            self.world.keys.edit(keyring).bytes += links * A_LINK;
        }
    }

    /// Removes all links.
    pub(super) fn empty(&mut self, keyring: KeyId) {
        for key in self.key(keyring).links().to_vec() {
            self.take_link(keyring, key);
        }
        if self.key(keyring).crowded {
            self.world.keys.edit(keyring).crowded = false;
            if let Some(payer) = self.key(keyring).payer
                && !self.is_unknown()
            {
                self.set_left(payer, Left::default());
            }
        }
    }

    pub(super) fn keyctl_unlink(&mut self) -> Attempt {
        let (key, keyring) = (self.key_arg(0)?, self.key_arg(1)?);
        // Kernel: `keyctl_keyring_unlink`. The key's state is not checked.
        let keyring = self.lookup(keyring, KeySlot::UnlinkKeyring)?;
        let key = self.lookup(key, KeySlot::UnlinkKey)?;
        self.is_keyring(keyring.key)?;
        if self.is_open(keyring.key) {
            return Ok(());
        }
        if self.is_open(key.key) && self.may_link_open(keyring.key) {
            // It goes by its name, which the trace does not show.
            self.world.forget_links(keyring.key);
            return Ok(());
        }
        let (kind, description) = self.index(key.key);
        let mut link = self.linked_like(keyring.key, kind, &description);
        if link.is_none() && self.is_unknown() && self.key(keyring.key).crowded {
            return self.may_fail();
        }
        if link.is_some_and(|link| link != key.key) && !self.law(Fact::UnlinkByName) {
            link = None;
        }
        let Some(link) = link else {
            return Err(self.fail(Fact::UnlinkMissing, ENOENT));
        };
        self.may_lose_links(keyring.key)?;
        self.report(keyring.key, Fact::ReportsUnlinks, "unlinked", Some(link));
        self.take_link(keyring.key, link);
        Ok(())
    }

    pub(super) fn keyctl_move(&mut self) -> Attempt {
        let (key, from, to) = (self.key_arg(0)?, self.key_arg(1)?, self.key_arg(2)?);
        let flags = match self.arg(3)? {
            Value::Word(word) if word == "KEYCTL_MOVE_EXCL" => EXCLUSIVE,
            // The kernel's parameter is an unsigned int.
            _ => i64::from(self.int(3)? as u32),
        };
        self.move_args(key, from, to, flags)
    }

    /// Kernel: `keyctl_keyring_move`, `key_move`.
    pub(super) fn move_args(
        &mut self,
        key: KeyArg,
        from: KeyArg,
        to: KeyArg,
        flags: i64,
    ) -> Attempt {
        self.refuse_if(flags & !EXCLUSIVE != 0, Fact::MoveFlags, EINVAL)?;
        if !self.law(Fact::MoveInOrder) {
            self.lookup(to, KeySlot::MoveTo)?;
            self.lookup(from, KeySlot::MoveFrom)?;
        }
        let key = self.lookup(key, KeySlot::MoveKey)?;
        let from = self.lookup(from, KeySlot::MoveFrom)?;
        let to = self.lookup(to, KeySlot::MoveTo)?;
        if from.key == to.key && self.law(Fact::MoveSame) {
            return Ok(());
        }
        self.move_link(key, from.key, to.key, flags & EXCLUSIVE != 0)
    }

    fn move_link(&mut self, key: Ref, from: KeyId, to: KeyId, exclusive: bool) -> Attempt {
        self.is_keyring(from)?;
        self.takes_links(to)?;
        if self.is_unknown() && self.moves_unseen(key.key, from, to)? {
            return Ok(());
        }
        let (kind, description) = self.index(key.key);
        let Some(link) = self.linked_like(from, kind, &description) else {
            return Err(self.fail(Fact::MoveMissing, ENOENT));
        };
        if let Err(stop) = self.check_move(key.key, to, exclusive) {
            if !self.law(Fact::MoveFailsWhole) {
                self.take_link(from, link);
            }
            return Err(stop);
        }
        self.may_lose_links(from)?;
        self.report(from, Fact::ReportsUnlinks, "unlinked", Some(link));
        if self.law(Fact::MoveUnlinks) {
            self.take_link(from, link);
        }
        self.put_link(to, key.key);
        Ok(())
    }

    /// Fails where a keyring does not accept a key that is moved.
    fn check_move(&mut self, key: KeyId, to: KeyId, exclusive: bool) -> Attempt {
        let (kind, description) = self.index(key);
        let there = self.begin_link(to, kind, &description)?;
        if there.is_some() && exclusive {
            if self.key(to).restricted.is_some() && !self.law(Fact::MoveExclusiveFirst) {
                self.check_link(to, key)?;
            }
            self.refuse_if(true, Fact::MoveExclusive, EEXIST)?;
        }
        self.check_link(to, key)
    }

    pub(super) fn keyctl_clear(&mut self) -> Attempt {
        let keyring = self.key_arg(0)?;
        self.clear_arg(keyring)
    }

    /// Kernel: `keyctl_keyring_clear`.
    pub(super) fn clear_arg(&mut self, keyring: KeyArg) -> Attempt {
        let found = self.lookup(keyring, KeySlot::Clear)?;
        self.is_keyring(found.key)?;
        if self.is_open(found.key) {
            return Ok(());
        }
        self.may_lose_links(found.key)?;
        self.report(found.key, Fact::ReportsClear, "cleared", None);
        if self.law(Fact::ClearEmpties) {
            self.empty(found.key);
        }
        if let KeyArg::Own(own) = keyring
            && !self.law(Fact::ClearKeeps)
        {
            self.create_own(own, KeySlot::Clear)?;
        }
        Ok(())
    }

    /// Without a type the keyring then accepts no links, with one those that the type allows. Kernel:
    /// `keyctl_restrict_keyring`, `keyring_restrict`.
    pub(super) fn restrict_keyring(&mut self) -> Attempt {
        let (kind, restriction) = (self.text(1)?, self.restriction()?);
        let keyring = self.lookup(self.key_arg(0)?, KeySlot::Restrict)?.key;
        let is_half = kind.is_some() == matches!(restriction, Restriction::None);
        if is_half && self.key(keyring).restricted.is_some() {
            self.fail_first_if(true, Fact::RestrictHalfFirst, EEXIST)?;
        }
        self.refuse_if(is_half, Fact::RestrictHalf, EINVAL)?;
        let kind = kind.map(|kind| self.type_name(Some(kind))).transpose()?;
        self.is_keyring(keyring)?;
        if self.is_open(keyring) {
            return Ok(());
        }
        if self.is_unknown() && kind.is_some() {
            // The trace does not show what the kernel has, nor which keyrings are restricted by which.
            self.may_fail()?;
            self.world.keys.edit(keyring).restricted = Some(EOPNOTSUPP);
            return Ok(());
        }
        let trusted = kind.map(|kind| self.trusted(kind, restriction)).transpose()?;
        let is_again = self.key(keyring).restricted.is_some();
        self.refuse_if(is_again, Fact::RestrictOnce, EEXIST)?;
        let is_cycle = trusted.is_some_and(|trusted| self.trusts(trusted, keyring));
        self.refuse_if(is_cycle, Fact::RestrictCycle, EDEADLK)?;
        let restricted = self.world.keys.edit(keyring);
        restricted.restricted = Some(if trusted.is_some() { EOPNOTSUPP } else { EPERM });
        if trusted.is_some() && self.law(Fact::RestrictHolds) {
            self.world.keys.edit(keyring).trusts = trusted;
        }
        Ok(())
    }

    fn restriction(&self) -> Attempt<Restriction<'a>> {
        match self.arg(2)? {
            Value::List(parts) => match parts.as_slice() {
                [Value::Word(form), Value::Word(key)] if form == "key_or_keyring" => {
                    match self.key_word(key) {
                        Some(KeyArg::Serial(key)) => Ok(Restriction::By(key)),
                        _ => self.expected(2, "a key"),
                    }
                }
                _ => self.expected(2, "a restriction"),
            },
            _ => Ok(self.text(2)?.map_or(Restriction::None, Restriction::Text)),
        }
    }

    /// The key that a restriction by a type names.
    fn trusted(&mut self, kind: &str, restriction: Restriction<'_>) -> Attempt<KeyId> {
        if kind == "asymmetric" && self.is_configured(|config| &mut config.asymmetric) {
            return match restriction {
                Restriction::By(Some(key)) if self.exists(key) => Ok(key),
                Restriction::By(_) => Err(Stop::Errno(ENOKEY)),
                Restriction::Text(text) if !text.starts_with("builtin") => {
                    if self.law(Fact::RestrictForm) {
                        Err(Stop::Errno(EINVAL))
                    } else {
                        Err(Stop::Never)
                    }
                }
                _ => Err(Stop::Unknown("a restriction to the kernel's own keys".to_owned())),
            };
        }
        // No other type has a restriction.
        let is_known = KeyType::named(kind).is_some_and(|kind| self.is_built(kind));
        let (law, errno) = match is_known {
            true => (Fact::RestrictNoMethod, ENOENT),
            false => (Fact::RestrictUnknownType, ENOKEY),
        };
        Err(self.fail(law, errno))
    }

    /// Whether a keyring is, or is restricted by, another, directly or not. Kernel:
    /// `keyring_detect_restriction_cycle`.
    fn trusts(&self, keyring: KeyId, other: KeyId) -> bool {
        let mut at = Some(keyring);
        while let Some(key) = at {
            if key == other {
                return true;
            }
            at = self.key(key).trusts;
        }
        false
    }
}
