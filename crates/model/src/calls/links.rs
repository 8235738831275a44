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

/// `KEYCTL_MOVE_EXCL`.
const EXCLUSIVE: i64 = 1;

impl Run<'_> {
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
            self.refuse_if(self.key(keyring).restricted, Fact::LinkRestricted, EPERM)?;
            self.may_fail()?;
            self.put_link(keyring, key);
            return Ok(());
        }
        let (kind, description) = self.index(key);
        if !self.law(Fact::CycleLast) && self.key(key).kind == KeyType::Keyring {
            self.no_cycle(keyring, key, 0)?;
        }
        self.begin_link(keyring, kind, &description)?;
        self.check_link(keyring, key)?;
        self.put_link(keyring, key);
        Ok(())
    }

    fn is_keyring(&mut self, keyring: KeyId) -> Attempt {
        if self.key(keyring).kind == KeyType::Keyring {
            return Ok(());
        }
        Err(self.fail(Fact::NotAKeyring, ENOTDIR))
    }

    fn takes_links(&mut self, keyring: KeyId) -> Attempt {
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
        self.refuse_if(self.key(keyring).restricted, Fact::LinkRestricted, EPERM)?;
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
        let there = self.begin_link(to, kind, &description)?;
        self.refuse_if(there.is_some() && exclusive, Fact::MoveExclusive, EEXIST)?;
        self.check_link(to, key.key)?;
        self.report(from, Fact::ReportsUnlinks, "unlinked", Some(link));
        if self.law(Fact::MoveUnlinks) {
            self.take_link(from, link);
        }
        self.put_link(to, key.key);
        Ok(())
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

    /// Only without a type: the keyring then accepts no links. Kernel: `keyring_restrict`.
    pub(super) fn restrict_keyring(&mut self) -> Attempt {
        let (kind, restriction) = (self.text(1)?, self.text(2)?);
        let keyring = self.lookup(self.key_arg(0)?, KeySlot::Restrict)?;
        if kind.is_some() != restriction.is_some() {
            return Err(Stop::Errno(EINVAL));
        }
        self.is_keyring(keyring.key)?;
        if self.is_open(keyring.key) {
            return Ok(());
        }
        // No type that this model knows has a restriction.
        if let Some(kind) = kind {
            if !self.law(Fact::RestrictByType) {
                self.world.keys.edit(keyring.key).restricted = true;
                return Ok(());
            }
            let unknown = KeyType::named(kind).is_none();
            return Err(Stop::Errno(if unknown { ENOKEY } else { ENOENT }));
        }
        self.refuse_if(self.key(keyring.key).restricted, Fact::RestrictOnce, EEXIST)?;
        self.world.keys.edit(keyring.key).restricted = true;
        Ok(())
    }
}
