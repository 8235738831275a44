//! What concerns one key: read, describe, update, revoke, invalidate, and its attributes.

use crate::laws::{Fact, Place, SETATTR, WRITE};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::search::Wanted;
use crate::world::{Content, Expiry, Id, KeyId, NO_ID, Type};

/// The longest buffer that KEYCTL_READ fills at once, in bytes.
const PAGE: i64 = 4096;

impl Run<'_> {
    pub(super) fn keyctl_read(&mut self) -> Gives {
        let named = self.named(0)?;
        let key = self.readable(&named)?;
        if self.event.args.len() > 1 {
            let buffer = self.int(1)?;
            let (length, unit) = match &self.key(key).content {
                Content::Links(links) => (4 * links.len() as i64, 4),
                Content::Payload(payload) => (payload.len() as i64, 1),
                Content::Nothing => (0, 1),
            };
            // Of a longer one the kernel takes no more than it needs.
            if buffer % unit != 0 && buffer <= PAGE && self.law(Fact::ReadUnaligned) {
                return Err(Stop::Errno("EINVAL"));
            }
            let told = if self.law(Fact::ReadPartly) { length } else { length.min(buffer) };
            return Ok(Given::Int(told));
        }
        self.contents(key)
    }

    /// What is in a key that may be read.
    pub(super) fn contents(&mut self, key: KeyId) -> Gives {
        match self.key(key).content.clone() {
            Content::Links(links) => {
                if self.key(key).crowded {
                    return Ok(Given::Any);
                }
                let mut told = Vec::new();
                for link in links {
                    if self.is_still_linked(key, link) {
                        told.push(link);
                    }
                }
                if !self.law(Fact::ReadAsArray) {
                    told.clear();
                }
                Ok(Given::Keys(told))
            }
            Content::Payload(payload) => Ok(Given::Text(payload.to_string())),
            Content::Nothing => Err(Stop::Errno("EKEYREVOKED")),
        }
    }

    /// A key that the caller reads. Kernel: `keyctl_read_key`.
    pub(super) fn readable(&mut self, named: &Named) -> Step<KeyId> {
        let found = match self.lookup(named, Place::Read) {
            Ok(found) => found,
            Err(Stop::Errno(errno)) => {
                let told = if self.law(Fact::ReadAbsentErrno) { "ENOKEY" } else { "EPERM" };
                return Err(Stop::Errno(if errno == "ENOKEY" { errno } else { told }));
            }
            Err(other) => return Err(other),
        };
        if let Some(errno) = self.key(found.key).negative {
            return Err(Stop::Errno(errno));
        }
        if !self.may_read(found) {
            return Err(self.fail(Fact::PermissionErrno, "EACCES"));
        }
        if self.key(found.key).kind == Type::Logon && self.law(Fact::ReadOfLogon) {
            return Err(Stop::Errno("EOPNOTSUPP"));
        }
        if let Some(errno) = self.unsound(found.key)
            && self.law(Fact::ReadStateErrno)
        {
            return Err(Stop::Errno(errno));
        }
        Ok(found.key)
    }

    pub(super) fn keyctl_describe(&mut self) -> Gives {
        let named = self.named(0)?;
        let found = self.lookup(&named, Place::Describe)?;
        if self.event.args.len() > 1 {
            // Its length, which depends on the digits of the ids.
            return Ok(Given::Any);
        }
        Ok(Given::Text(self.description(found.key)))
    }

    pub(super) fn description(&mut self, key: KeyId) -> String {
        let (uid, gid) = self.shown_ids(key);
        let key = self.key(key);
        format!("{};{uid};{gid};{:08x};{}", key.kind.name(), key.perm, key.description)
    }

    /// Where no security module labels keys, a label is empty. Kernel: `keyctl_get_security`.
    pub(super) fn get_security(&mut self) -> Gives {
        let named = self.named(0)?;
        match self.lookup(&named, Place::GetSecurity) {
            Ok(_) if self.event.args.len() > 1 => Ok(Given::Int(1)),
            Ok(_) => Ok(Given::Text(String::new())),
            // Without permission it searches for the authority to make the key. There is none, but
            // the keyrings may not be searchable either.
            Err(Stop::Errno("EACCES")) if self.law(Fact::SecurityErrno) => {
                let cred = self.cred().clone();
                let errno = match self.search_all(&cred, &Wanted::Authority) {
                    Err("EACCES") => "EACCES",
                    _ => "ENOKEY",
                };
                Err(Stop::Errno(errno))
            }
            Err(other) => Err(other),
        }
    }

    /// Kernel: `keyctl_update_key`, `key_update`.
    pub(super) fn keyctl_update(&mut self) -> Gives {
        let named = self.named(0)?;
        let payload = self.text(1)?.unwrap_or_default().to_owned();
        let found = self.lookup(&named, Place::Update)?;
        if self.key(found.key).kind == Type::Keyring {
            return Err(self.fail(Fact::UpdateType, "EOPNOTSUPP"));
        }
        if payload.is_empty() {
            return Err(Stop::Errno("EINVAL"));
        }
        if self.law(Fact::UpdatePayload) {
            self.update_payload(found.key, &payload)?;
        }
        Ok(Given::Int(0))
    }

    pub(super) fn keyctl_revoke(&mut self) -> Gives {
        let named = self.named(0)?;
        self.revoke_named(&named)?;
        Ok(Given::Int(0))
    }

    /// Kernel: `keyctl_revoke_key`, `key_revoke`.
    pub(super) fn revoke_named(&mut self, named: &Named) -> Step {
        debug_assert_eq!(Place::Revoke.asks().needs, [WRITE, SETATTR]);
        let found = self.lookup(named, Place::Revoke)?;
        self.world.keys.edit(found.key).revoked = true;
        if self.key(found.key).kind != Type::Keyring {
            let given_up = match &self.key(found.key).content {
                Content::Payload(payload) => payload.len() as i64,
                Content::Links(_) | Content::Nothing => 0,
            };
            if let Some(payer) = self.key(found.key).payer {
                self.charge(payer, 0, -given_up);
                self.world.keys.edit(found.key).bytes -= given_up;
            }
            self.world.keys.edit(found.key).content = Content::Nothing;
        } else if self.law(Fact::RevocationEmpties) {
            self.empty(found.key);
        }
        Ok(())
    }

    pub(super) fn keyctl_invalidate(&mut self) -> Gives {
        let named = self.named(0)?;
        self.invalidate_named(&named)?;
        Ok(Given::Int(0))
    }

    /// Kernel: `keyctl_invalidate_key`.
    pub(super) fn invalidate_named(&mut self, named: &Named) -> Step {
        let found = self.lookup(named, Place::Invalidate)?;
        self.world.keys.edit(found.key).invalidated = true;
        Ok(())
    }

    /// Kernel: `keyctl_chown_key`.
    pub(super) fn keyctl_chown(&mut self) -> Gives {
        let named = self.named(0)?;
        let (uid, gid) = (self.id(1)?, self.id(2)?);
        let cred = self.cred().clone();
        let is_mapped = (uid == NO_ID || self.world.has_user(cred.space, uid))
            && (gid == NO_ID || self.world.has_group(cred.space, gid));
        if !is_mapped && self.law(Fact::ChownUnmapped) {
            return Err(Stop::Errno("EINVAL"));
        }
        if uid == NO_ID && gid == NO_ID && self.law(Fact::ChownNothing) {
            return Ok(Given::Int(0));
        }
        let found = self.lookup(&named, Place::Chown)?;
        let key = self.key(found.key);
        let another_user = uid != NO_ID && uid != key.uid;
        let another_group = gid != NO_ID && gid != key.gid && gid != cred.fsgid && gid != cred.egid;
        if (another_user || another_group) && !self.is_capable() && self.law(Fact::ChownByRoot) {
            return Err(self.fail(Fact::PermissionErrno, "EACCES"));
        }
        if another_user {
            self.give(found.key, uid)?;
        }
        if gid != NO_ID && self.law(Fact::ChownSets) {
            self.world.keys.edit(found.key).gid = gid;
        }
        Ok(Given::Int(0))
    }

    fn give(&mut self, key: KeyId, uid: Id) -> Step {
        if let Some(payer) = self.key(key).payer
            && self.law(Fact::ChownMovesQuota)
        {
            let bytes = self.key(key).bytes;
            if !self.has_room(uid, 1, bytes) {
                return Err(Stop::Errno("EDQUOT"));
            }
            self.charge(payer, -1, -bytes);
            self.charge(uid, 1, bytes);
            self.world.keys.edit(key).payer = Some(uid);
        }
        if self.law(Fact::ChownSets) {
            self.world.keys.edit(key).uid = uid;
        }
        Ok(())
    }

    pub(super) fn keyctl_setperm(&mut self) -> Gives {
        let named = self.named(0)?;
        let mask = self.mask(1)?;
        self.setperm_named(&named, mask)?;
        Ok(Given::Int(0))
    }

    /// Kernel: `keyctl_setperm_key`.
    pub(super) fn setperm_named(&mut self, named: &Named, mask: u32) -> Step {
        if mask & !0x3f3f_3f3f != 0 && self.law(Fact::SetpermBits) {
            return Err(Stop::Errno("EINVAL"));
        }
        let found = self.lookup(named, Place::Setperm)?;
        let is_owner = self.key(found.key).uid == self.cred().fsuid;
        if !is_owner && !self.is_capable() && self.law(Fact::SetpermOwner) {
            return Err(self.fail(Fact::PermissionErrno, "EACCES"));
        }
        if self.law(Fact::SetpermSets) {
            self.world.keys.edit(found.key).perm = mask;
        }
        Ok(())
    }

    /// Kernel: `keyctl_set_timeout`.
    pub(super) fn set_timeout(&mut self) -> Gives {
        let named = self.named(0)?;
        let seconds = self.int(1)?;
        let Ok(seconds) = u32::try_from(seconds) else {
            return self.expected(1, "seconds");
        };
        let found = self.lookup(&named, Place::SetTimeout)?;
        let expiry = match seconds {
            0 if self.law(Fact::TimeoutZeroClears) => Expiry::Never,
            0 => Expiry::Passed,
            seconds => Expiry::In(seconds),
        };
        if self.law(Fact::TimeoutSets) {
            self.world.keys.edit(found.key).expiry = expiry;
        }
        Ok(Given::Int(0))
    }
}
