//! Operations on one key: read, describe, update, revoke, invalidate, and its attributes.

use crate::laws::{Fact, KeySlot, Law};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::search::Wanted;
use crate::world::{Content, Expiry, Id, KeyId, KeyType, NO_ID};
use trace::Errno::*;
use trace::Value;

/// The longest buffer that KEYCTL_READ fills at once, in bytes.
const PAGE: i64 = 4096;

/// The shortest text of an encrypted key, in bytes.
const SHORTEST_ENCRYPTED: i64 = 150;

/// The most digits of a user and a group id together.
const MOST_DIGITS: i64 = 20;

/// View permission of the possessor, the owner, the group and others.
const VIEW_OF_ANYONE: u32 = 0x0101_0101;

impl Run<'_> {
    pub(super) fn keyctl_read(&mut self) -> Prediction {
        self.buffer_comes_last()?;
        let key = self.readable(self.key_arg(0)?)?;
        if self.key(key).kind == KeyType::Encrypted {
            return self.read_encrypted(key);
        }
        if self.event.args.len() > 1 {
            let (buffer, is_mapped) = self.buffer(1)?;
            let mut links = self.key(key).links().to_vec();
            links.retain(|link| self.is_still_linked(key, *link));
            let (length, unit) = match &self.key(key).content {
                Content::Links(_) => (4 * links.len() as i64, 4),
                content => (content.len(), 1),
            };
            // Of a longer one the kernel uses only what it needs.
            let is_odd = buffer % unit != 0 && buffer <= PAGE && !self.is_open(key);
            self.refuse_if(is_odd, Fact::ReadUnaligned, EINVAL)?;
            if self.is_unknown() {
                return Ok(Predicted::Any);
            }
            let is_copied = (1..=buffer).contains(&length);
            self.refuse_if(is_copied && !is_mapped, Fact::ReadUnmapped, EFAULT)?;
            let shown = if self.law(Fact::ReadPartly) { length } else { length.min(buffer) };
            return Ok(Predicted::Int(shown));
        }
        self.contents(key)
    }

    /// The length of a buffer argument, in bytes, and whether it can be written.
    pub(super) fn buffer(&self, nth: usize) -> Attempt<(i64, bool)> {
        match self.arg(nth)? {
            Value::List(values) => match values.as_slice() {
                // Without a buffer the length does not matter.
                [Value::Word(null), ..] if null == "NULL" => Ok((0, true)),
                [Value::Word(_), Value::Int(length), Value::Word(_)] => Ok((*length, false)),
                _ => self.expected(nth, "a buffer"),
            },
            _ => Ok((self.int(nth)?, true)),
        }
    }

    /// A buffer is used only once the key has been found and may be read.
    fn buffer_comes_last(&mut self) -> Attempt {
        let is_unmapped = self.event.args.len() > 1 && !self.buffer(1)?.1;
        self.fail_first_if(is_unmapped, Fact::BufferLast, EFAULT)
    }

    /// The contents of a key that may be read.
    pub(super) fn contents(&mut self, key: KeyId) -> Prediction {
        if self.is_unknown() {
            return Ok(Predicted::Any);
        }
        match self.key(key).content.clone() {
            Content::Links(mut links) => {
                if self.key(key).crowded {
                    return Ok(Predicted::Any);
                }
                links.retain(|link| self.is_still_linked(key, *link));
                if self.cred().session == Some(key) {
                    links.retain(|link| {
                        let is_keyring = self.key(*link).kind == KeyType::Keyring;
                        let shows = [Fact::ReadOfSession, Fact::ReadKeyringsOfSession];
                        self.law(shows[usize::from(is_keyring)])
                    });
                } else if !self.law(Fact::ReadAsArray) {
                    links.clear();
                }
                Ok(Predicted::Keys(links))
            }
            Content::Payload(_) if self.key(key).kind == KeyType::Encrypted => Ok(Predicted::Any),
            Content::Payload(payload) => Ok(Predicted::Text(payload.to_string())),
            Content::Nothing => Err(Stop::Errno(EKEYREVOKED)),
        }
    }

    /// A key that the caller may read. Kernel: `keyctl_read_key`.
    pub(super) fn readable(&mut self, key: KeyArg) -> Attempt<KeyId> {
        let found = match self.lookup(key, KeySlot::Read) {
            Ok(found) => found,
            Err(Stop::Errno(errno)) => {
                let other = if self.law(Fact::ReadAbsentErrno) { ENOKEY } else { EPERM };
                return Err(Stop::Errno(if errno == ENOKEY { errno } else { other }));
            }
            Err(other) => return Err(other),
        };
        if self.is_open(found.key) {
            self.may_fail()?;
            return Ok(found.key);
        }
        if let Some(errno) = self.key(found.key).negative {
            return Err(Stop::Errno(errno));
        }
        if !self.may_read(found) {
            if !self.law(Fact::ReadPermissionFirst)
                && let Some(errno) = self.invalid(found.key)
            {
                return Err(Stop::Errno(errno));
            }
            return Err(self.fail(Law::PermissionErrno(KeySlot::Read), EACCES));
        }
        self.refuse_if(self.key(found.key).kind == KeyType::Logon, Fact::ReadOfLogon, EOPNOTSUPP)?;
        if let Some(errno) = self.invalid(found.key)
            && self.law(Fact::ReadStateErrno)
        {
            return Err(Stop::Errno(errno));
        }
        Ok(found.key)
    }

    /// The kernel reads an encrypted key with the caller's master key, unless only the size is returned. Kernel:
    /// `encrypted_read`, `request_user_key`.
    fn read_encrypted(&mut self, key: KeyId) -> Prediction {
        let is_short = self.event.args.len() > 1 && self.buffer(1)?.0 < SHORTEST_ENCRYPTED;
        let Content::Payload(payload) = self.key(key).content.clone() else {
            return Ok(Predicted::Any);
        };
        if is_short || self.is_unknown() {
            return Ok(Predicted::Any);
        }
        let name = payload.split(' ').find_map(|word| word.strip_prefix("user:"));
        let cred = self.cred().clone();
        let wanted = Wanted::Like(KeyType::User, name.unwrap_or_default(), true);
        let errno = match self.search_all(&cred, &wanted) {
            Ok(_) => return Ok(Predicted::Any),
            Err(EAGAIN) => ENOKEY,
            Err(errno) => errno,
        };
        self.refuse_if(true, Fact::EncryptedReader, errno)?;
        Ok(Predicted::Any)
    }

    pub(super) fn keyctl_describe(&mut self) -> Prediction {
        self.buffer_comes_last()?;
        let found = self.lookup_authorized(self.key_arg(0)?, KeySlot::Describe)?;
        if self.key(found.key).numbered || self.is_unknown() {
            return Ok(Predicted::Any);
        }
        let description = self.description(found.key);
        if self.event.args.len() == 1 {
            return Ok(Predicted::Text(description));
        }
        let (full, (buffer, is_mapped)) = (description.len() as i64 + 1, self.buffer(1)?);
        // The length depends on the digits of the ids, which the trace shows of unmapped ids only.
        let is_known = !description.contains(";UID") && !description.contains(";GID");
        let longest = if is_known { full } else { full + MOST_DIGITS };
        self.refuse_if(!is_mapped && buffer >= longest, Fact::DescribeUnmapped, EFAULT)?;
        if !is_known {
            let may_fit = !is_mapped && buffer >= full - MOST_DIGITS && buffer < longest;
            return if may_fit && self.either() {
                Err(Stop::Errno(EFAULT))
            } else {
                Ok(Predicted::Any)
            };
        }
        let size = if self.law(Fact::DescribeSize) { full } else { full.min(buffer) };
        Ok(Predicted::Int(size))
    }

    pub(super) fn description(&mut self, key: KeyId) -> String {
        let (uid, gid) = self.shown_ids(key);
        let key = self.key(key);
        format!("{};{uid};{gid};{:08x};{}", key.kind.name(), key.perm, key.description)
    }

    /// Without a security module that labels keys, the label is empty. Kernel: `keyctl_get_security`.
    pub(super) fn get_security(&mut self) -> Prediction {
        let named = self.key_arg(0)?;
        self.buffer_comes_last()?;
        match self.lookup_authorized(named, KeySlot::GetSecurity) {
            Ok(_) if self.is_unknown() => Ok(Predicted::Any),
            Ok(_) if self.event.args.len() > 1 => {
                let (buffer, is_mapped) = self.buffer(1)?;
                self.refuse_if(buffer > 0 && !is_mapped, Fact::SecurityUnmapped, EFAULT)?;
                Ok(Predicted::Int(1))
            }
            Ok(_) => Ok(Predicted::Text(String::new())),
            // Without permission the kernel searches for the authority to instantiate the key.
            Err(Stop::Errno(EACCES)) if self.law(Fact::SecurityErrno) => {
                Err(Stop::Errno(self.errno_without_authority()))
            }
            Err(other) => Err(other),
        }
    }

    /// Kernel: `keyctl_update_key`, `key_update`.
    pub(super) fn keyctl_update(&mut self) -> Attempt {
        let named = self.key_arg(0)?;
        let (length, is_readable) = self.payload_size(1)?;
        self.refuse_if(length > PAGE as usize, Fact::UpdateChecksFirst, EINVAL)?;
        self.refuse_if(!is_readable, Fact::UpdateChecksFirst, EFAULT)?;
        let found = self.lookup(named, KeySlot::Update)?;
        if self.is_open(found.key) {
            return Ok(());
        }
        self.fail_if(self.key(found.key).kind == KeyType::Keyring, Fact::UpdateType, EOPNOTSUPP)?;
        if length == 0 {
            return Err(Stop::Errno(EINVAL));
        }
        if self.law(Fact::UpdatePayload) {
            let payload = self.payload_arg(1)?;
            self.update_payload(found.key, &payload)?;
        }
        Ok(())
    }

    pub(super) fn keyctl_revoke(&mut self) -> Attempt {
        let key = self.key_arg(0)?;
        self.revoke_arg(key)
    }

    /// Kernel: `keyctl_revoke_key`, `key_revoke`.
    pub(super) fn revoke_arg(&mut self, key: KeyArg) -> Attempt {
        let found = self.lookup(key, KeySlot::Revoke)?;
        if self.is_open(found.key) {
            return Ok(());
        }
        if !self.key(found.key).revoked {
            self.report(found.key, Fact::ReportsRevoke, "revoked", None);
        }
        self.world.keys.edit(found.key).revoked = true;
        if self.key(found.key).kind != KeyType::Keyring {
            let given_up = self.key(found.key).content.len();
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

    pub(super) fn keyctl_invalidate(&mut self) -> Attempt {
        let key = self.key_arg(0)?;
        self.invalidate_arg(key)
    }

    /// Kernel: `keyctl_invalidate_key`.
    pub(super) fn invalidate_arg(&mut self, key: KeyArg) -> Attempt {
        let found = self.lookup(key, KeySlot::Invalidate)?;
        if self.is_open(found.key) {
            return Ok(());
        }
        self.world.keys.edit(found.key).invalidated = true;
        Ok(())
    }

    /// Kernel: `keyctl_chown_key`.
    pub(super) fn keyctl_chown(&mut self) -> Attempt {
        let named = self.key_arg(0)?;
        let (uid, gid) = (self.id(1)?, self.id(2)?);
        let cred = self.cred().clone();
        let is_mapped = (uid == NO_ID || self.world.has_user(cred.space, uid))
            && (gid == NO_ID || self.world.has_group(cred.space, gid));
        self.refuse_if(!is_mapped, Fact::ChownUnmapped, EINVAL)?;
        if uid == NO_ID && gid == NO_ID && self.law(Fact::ChownNothing) {
            return Ok(());
        }
        if self.is_unknown() {
            // Whether the namespace maps them.
            self.may_fail()?;
        }
        let found = self.lookup(named, KeySlot::Chown)?;
        if self.is_unknown() {
            // Whose the key is does not matter where the ids of tasks are unknown.
            return self.may_fail();
        }
        let key = self.key(found.key);
        let another_user = uid != NO_ID && uid != key.uid;
        let another_group = gid != NO_ID && gid != key.gid && !cred.has_group(gid);
        if (another_user || another_group) && !self.is_capable() && self.law(Fact::ChownByRoot) {
            return Err(self.fail(Fact::PermissionErrno, EACCES));
        }
        if another_user {
            self.give(found.key, uid)?;
        }
        if gid != NO_ID && self.law(Fact::ChownSets) {
            self.world.keys.edit(found.key).gid = gid;
        }
        self.report_change(found.key);
        Ok(())
    }

    fn give(&mut self, key: KeyId, uid: Id) -> Attempt {
        if let Some(payer) = self.key(key).payer
            && self.law(Fact::ChownMovesQuota)
        {
            let bytes = self.key(key).bytes;
            if !self.has_room(uid, 1, bytes) {
                return Err(Stop::Errno(EDQUOT));
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

    pub(super) fn keyctl_setperm(&mut self) -> Attempt {
        let (key, mask) = (self.key_arg(0)?, self.mask(1)?);
        self.setperm_arg(key, mask)
    }

    /// Kernel: `keyctl_setperm_key`.
    pub(super) fn setperm_arg(&mut self, key: KeyArg, mask: u32) -> Attempt {
        self.refuse_if(mask & !0x3f3f_3f3f != 0, Fact::SetpermBits, EINVAL)?;
        let found = self.lookup(key, KeySlot::Setperm)?;
        if self.is_unknown() {
            return self.setperm_unknown(found.key, mask);
        }
        let is_owner = self.key(found.key).uid == self.cred().user.filesystem;
        if !is_owner && !self.is_capable() && self.law(Fact::SetpermOwner) {
            return Err(self.fail(Fact::PermissionErrno, EACCES));
        }
        if self.law(Fact::SetpermSets) {
            self.world.keys.edit(found.key).perm = mask;
        }
        self.report_change(found.key);
        if self.is_watched(found.key)
            && mask & VIEW_OF_ANYONE == 0
            && !self.law(Fact::WatchOutlivesView)
        {
            self.stop_watching(found.key);
        }
        Ok(())
    }

    /// Kernel: `keyctl_set_timeout`.
    pub(super) fn set_timeout(&mut self) -> Prediction {
        let named = self.key_arg(0)?;
        let seconds = self.int(1)?;
        let Ok(seconds) = u32::try_from(seconds) else {
            return self.expected(1, "seconds");
        };
        let found = self.lookup_authorized(named, KeySlot::SetTimeout)?;
        if self.is_open(found.key) {
            return Ok(Predicted::Int(0));
        }
        let expiry = match seconds {
            0 if self.law(Fact::TimeoutZeroClears) => Expiry::Never,
            0 => Expiry::Passed,
            seconds => Expiry::In(seconds),
        };
        if self.law(Fact::TimeoutSets) {
            self.world.keys.edit(found.key).expiry = expiry;
        }
        self.report_change(found.key);
        Ok(Predicted::Int(0))
    }
}
