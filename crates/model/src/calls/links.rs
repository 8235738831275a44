//! Links between keyrings and keys: link, unlink, move, clear, restrict.

use super::add::A_LINK;
use crate::laws::{Fact, Place};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::search::Ref;
use crate::world::{Content, KeyId, Left, Type};
use std::sync::Arc;
use trace::Value;

/// How many keyrings deep a tree may be that is linked.
const DEPTH: usize = 6;

/// `KEYCTL_MOVE_EXCL`.
const EXCLUSIVE: i64 = 1;

impl Run<'_> {
    pub(super) fn keyctl_link(&mut self) -> Gives {
        let (key, keyring) = (self.named(0)?, self.named(1)?);
        self.link_named(&key, &keyring)?;
        Ok(Given::Int(0))
    }

    /// Kernel: `keyctl_keyring_link`.
    pub(super) fn link_named(&mut self, key: &Named, keyring: &Named) -> Step {
        let keyring = self.lookup(keyring, Place::LinkKeyring)?;
        let key = self.lookup(key, Place::LinkKey)?;
        self.link(keyring.key, key.key)
    }

    /// Links a key. Kernel: `key_link`.
    pub(super) fn link(&mut self, keyring: KeyId, key: KeyId) -> Step {
        self.takes_links(keyring)?;
        let (kind, description) = self.index(key);
        self.begin_link(keyring, &kind, &description)?;
        self.check_link(keyring, key)?;
        self.put_link(keyring, key);
        Ok(())
    }

    fn is_keyring(&mut self, keyring: KeyId) -> Step {
        if self.key(keyring).kind == Type::Keyring {
            return Ok(());
        }
        Err(self.fail(Fact::NotAKeyring, "ENOTDIR"))
    }

    fn takes_links(&mut self, keyring: KeyId) -> Step {
        self.is_keyring(keyring)?;
        if self.key(keyring).revoked { Err(Stop::Errno("EKEYREVOKED")) } else { Ok(()) }
    }

    /// What a keyring knows a key by: its type and description.
    fn index(&self, key: KeyId) -> (Type, Arc<str>) {
        let key = self.key(key);
        (key.kind.clone(), key.description.clone())
    }

    /// Finds the link that a new one takes the place of; without one, there has to be room. Kernel:
    /// `__key_link_begin`.
    pub(super) fn begin_link(
        &mut self,
        keyring: KeyId,
        kind: &Type,
        description: &str,
    ) -> Step<Option<KeyId>> {
        let same = self.linked_like(keyring, kind, description);
        if same.is_none() {
            self.room_for_link(keyring)?;
        }
        Ok(same)
    }

    /// Whether a keyring takes this key at all. Kernel: `__key_link_check_restriction`,
    /// `__key_link_check_live_key`.
    fn check_link(&mut self, keyring: KeyId, key: KeyId) -> Step {
        if self.key(keyring).restricted && self.law(Fact::LinkRestricted) {
            return Err(Stop::Errno("EPERM"));
        }
        if self.key(key).kind == Type::Keyring {
            self.no_cycle(keyring, key, 0)?;
        }
        Ok(())
    }

    /// Whether a keyring is in the tree of another. Kernel: `keyring_detect_cycle`.
    fn no_cycle(&mut self, keyring: KeyId, tree: KeyId, depth: usize) -> Step {
        if tree == keyring {
            return if self.law(Fact::LinkCycle) { Err(Stop::Errno("EDEADLK")) } else { Ok(()) };
        }
        if self.key(tree).revoked || self.key(tree).invalidated {
            return Ok(());
        }
        let links = self.key(tree).links().to_vec();
        if links.contains(&keyring) && self.law(Fact::LinkCycle) {
            return Err(Stop::Errno("EDEADLK"));
        }
        for link in links {
            if self.key(link).kind != Type::Keyring {
                continue;
            }
            if depth >= DEPTH {
                return if self.law(Fact::LinkDepth) { Err(Stop::Errno("ELOOP")) } else { Ok(()) };
            }
            self.no_cycle(keyring, link, depth + 1)?;
        }
        Ok(())
    }

    /// The key of this type and description that a keyring links. A key that the collector is to
    /// take out may be out already.
    pub(super) fn linked_like(
        &mut self,
        keyring: KeyId,
        kind: &Type,
        description: &str,
    ) -> Option<KeyId> {
        let key = self.noted_like(keyring, kind, description)?;
        if self.is_still_linked(keyring, key) { Some(key) } else { None }
    }

    /// The same of what the model has noted, be it still linked or not.
    fn noted_like(&self, keyring: KeyId, kind: &Type, description: &str) -> Option<KeyId> {
        let like = |key: &KeyId| {
            self.key(*key).kind == *kind && *self.key(*key).description == *description
        };
        self.key(keyring).links().iter().copied().find(like)
    }

    /// The collector takes invalidated keys out of keyrings, in its own time.
    pub(crate) fn is_still_linked(&mut self, keyring: KeyId, key: KeyId) -> bool {
        if !self.key(key).invalidated || self.key(keyring).invalidated {
            return true;
        }
        let is_out = self.either();
        if is_out {
            self.take_link(keyring, key);
        }
        !is_out
    }

    /// Another link has to fit the quota of the keyring's user.
    pub(super) fn room_for_link(&mut self, keyring: KeyId) -> Step {
        let Some(payer) = self.key(keyring).payer else { return Ok(()) };
        if self.has_room(payer, 0, A_LINK) || !self.law(Fact::LinkEdquot) {
            return Ok(());
        }
        Err(Stop::Errno("EDQUOT"))
    }

    /// Links a key in the place of one that is like it.
    pub(super) fn put_link(&mut self, keyring: KeyId, key: KeyId) {
        let (kind, description) = self.index(key);
        if self.law(Fact::LinkDisplaces)
            && let Some(before) = self.noted_like(keyring, &kind, &description)
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

    /// Takes a link out.
    pub(crate) fn take_link(&mut self, keyring: KeyId, key: KeyId) {
        if let Content::Links(links) = &mut self.world.keys.edit(keyring).content {
            links.retain(|link| *link != key);
        }
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

    /// Takes all links out.
    pub(super) fn empty(&mut self, keyring: KeyId) {
        for key in self.key(keyring).links().to_vec() {
            self.take_link(keyring, key);
        }
        if self.key(keyring).crowded {
            self.world.keys.edit(keyring).crowded = false;
            if let Some(payer) = self.key(keyring).payer {
                self.set_left(payer, Left::default());
            }
        }
    }

    pub(super) fn keyctl_unlink(&mut self) -> Gives {
        let (key, keyring) = (self.named(0)?, self.named(1)?);
        // Kernel: `keyctl_keyring_unlink`. The key itself is not looked at.
        let keyring = self.lookup(&keyring, Place::UnlinkKeyring)?;
        let key = self.lookup(&key, Place::UnlinkKey)?;
        self.is_keyring(keyring.key)?;
        let (kind, description) = self.index(key.key);
        let mut link = self.linked_like(keyring.key, &kind, &description);
        if link.is_some_and(|link| link != key.key) && !self.law(Fact::UnlinkByName) {
            link = None;
        }
        let Some(link) = link else {
            return Err(self.fail(Fact::UnlinkMissing, "ENOENT"));
        };
        self.take_link(keyring.key, link);
        Ok(Given::Int(0))
    }

    pub(super) fn keyctl_move(&mut self) -> Gives {
        let (key, from, to) = (self.named(0)?, self.named(1)?, self.named(2)?);
        let flags = match self.arg(3)? {
            Value::Word(word) if word == "KEYCTL_MOVE_EXCL" => EXCLUSIVE,
            _ => self.int(3)?,
        };
        self.move_named(&key, &from, &to, flags)?;
        Ok(Given::Int(0))
    }

    /// Kernel: `keyctl_keyring_move`, `key_move`.
    pub(super) fn move_named(&mut self, key: &Named, from: &Named, to: &Named, flags: i64) -> Step {
        if flags & !EXCLUSIVE != 0 && self.law(Fact::MoveFlags) {
            return Err(Stop::Errno("EINVAL"));
        }
        let key = self.lookup(key, Place::MoveKey)?;
        let from = self.lookup(from, Place::MoveFrom)?;
        let to = self.lookup(to, Place::MoveTo)?;
        if from.key == to.key && self.law(Fact::MoveSame) {
            return Ok(());
        }
        self.move_link(key, from.key, to.key, flags & EXCLUSIVE != 0)
    }

    fn move_link(&mut self, key: Ref, from: KeyId, to: KeyId, exclusive: bool) -> Step {
        self.is_keyring(from)?;
        self.takes_links(to)?;
        let (kind, description) = self.index(key.key);
        let Some(link) = self.linked_like(from, &kind, &description) else {
            return Err(self.fail(Fact::MoveMissing, "ENOENT"));
        };
        let there = self.begin_link(to, &kind, &description)?;
        if there.is_some() && exclusive && self.law(Fact::MoveExclusive) {
            return Err(Stop::Errno("EEXIST"));
        }
        self.check_link(to, key.key)?;
        if self.law(Fact::MoveUnlinks) {
            self.take_link(from, link);
        }
        self.put_link(to, key.key);
        Ok(())
    }

    pub(super) fn keyctl_clear(&mut self) -> Gives {
        let named = self.named(0)?;
        self.clear_named(&named)?;
        Ok(Given::Int(0))
    }

    /// Kernel: `keyctl_keyring_clear`.
    pub(super) fn clear_named(&mut self, named: &Named) -> Step {
        let keyring = self.lookup(named, Place::Clear)?;
        self.is_keyring(keyring.key)?;
        if self.law(Fact::ClearEmpties) {
            self.empty(keyring.key);
        }
        Ok(())
    }

    /// Only without a type: then the keyring takes nothing any more. Kernel: `keyring_restrict`.
    pub(super) fn restrict_keyring(&mut self) -> Gives {
        let named = self.named(0)?;
        let keyring = self.lookup(&named, Place::Restrict)?;
        self.is_keyring(keyring.key)?;
        if self.key(keyring.key).restricted && self.law(Fact::RestrictOnce) {
            return Err(Stop::Errno("EEXIST"));
        }
        self.world.keys.edit(keyring.key).restricted = true;
        Ok(Given::Int(0))
    }
}
