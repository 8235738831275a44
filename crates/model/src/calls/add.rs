//! add_key(2), and the helpers that add many keys.

use crate::laws::{Fact, KeySlot, Permission};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Prediction, Run, Stop};
use crate::search::Ref;
use crate::world::{Content, Expiry, Id, Key, KeyId, KeyType, Left};
use trace::Errno::*;
use trace::Value;

/// A payload argument.
#[derive(Clone, Copy)]
enum Payload<'a> {
    None,
    Text(&'a str),
    /// A number of bytes, and whether they can be read.
    Bytes(usize, bool),
}

impl Payload<'_> {
    fn len(self) -> usize {
        match self {
            Payload::None => 0,
            Payload::Text(text) => text.len(),
            Payload::Bytes(length, _) => length,
        }
    }
}

/// The charge for a link, in bytes.
pub(super) const A_LINK: i64 = 4;

/// The longest payload of add_key(2), in bytes, and the longest of type `user`.
pub(super) const LONGEST_PAYLOAD: usize = 1024 * 1024 - 1;
pub(super) const LONGEST_OF_USER: usize = 32767;

/// The longest name of a type, in bytes.
const LONGEST_TYPE: usize = 31;

impl<'a> Run<'a> {
    /// Kernel: `__do_sys_add_key`, `key_create_or_update`.
    pub(super) fn add_key(&mut self) -> Attempt<KeyId> {
        let (kind, description) = (self.text(0)?, self.text(1)?);
        let (payload, keyring) = (self.payload(2)?, self.key_arg(3)?);
        let description = description.filter(|text| !text.is_empty());
        self.add(kind, description, payload, keyring)
    }

    /// The same as keyctl(1) calls it.
    pub(super) fn add_text(
        &mut self,
        kind: &str,
        description: &str,
        payload: &str,
        keyring: KeyArg,
    ) -> Attempt<KeyId> {
        let payload = if payload.is_empty() { Payload::None } else { Payload::Text(payload) };
        self.add(Some(kind), Some(description), payload, keyring)
    }

    fn add(
        &mut self,
        kind: Option<&str>,
        description: Option<&str>,
        payload: Payload<'_>,
        keyring: KeyArg,
    ) -> Attempt<KeyId> {
        let length = payload.len();
        self.refuse_if(length > LONGEST_PAYLOAD, Fact::PayloadTooLong, EINVAL)?;
        let kind = self.type_name(kind)?;
        if description.is_some_and(|text| text.starts_with('.'))
            && kind.starts_with("keyring")
            && self.law(Fact::KeyringWithDot)
        {
            return Err(Stop::Errno(EPERM));
        }
        let (_, is_readable) = self.payload_size(2)?;
        self.fail_if(!is_readable, Fact::PayloadUnreadable, EFAULT)?;
        let at = self.lookup(keyring, KeySlot::AddKey)?;
        let Some(kind) = KeyType::named(kind).filter(|kind| self.is_built(*kind)) else {
            if self.is_unknown() {
                return self.open_key_for(Some(at.key));
            }
            return Err(self.fail(Fact::AddUnknownType, ENODEV));
        };
        self.fail_if(self.key(at.key).kind != KeyType::Keyring, Fact::AddNotAKeyring, ENOTDIR)?;
        let Some(description) = description else {
            if self.law(Fact::AddWithoutDescription) {
                return Err(Stop::Errno(EINVAL));
            }
            return Ok(self.create_key(at, kind, "", ""));
        };
        let uid = self.cred().user.filesystem;
        if !self.has_room(uid, 1, 0) && !self.law(Fact::AddPayloadBeforeQuota) {
            return Err(Stop::Errno(EDQUOT));
        }
        if let Err(stop) = self.check_payload(kind, length) {
            if let Some(key) = self.linked_like(at.key, kind, description)
                && !self.law(Fact::AddFailsWhole)
            {
                self.take_link(at.key, key);
            }
            return Err(stop);
        }
        let payload = self.payload_text(payload);
        self.create_or_update(at, kind, description, &payload)
    }

    /// Whether the kernel has a type.
    pub(super) fn is_built(&mut self, kind: KeyType) -> bool {
        kind != KeyType::Encrypted || self.is_configured(|config| &mut config.encrypted)
    }

    fn check_payload(&mut self, kind: KeyType, length: usize) -> Attempt {
        if kind == KeyType::Keyring {
            return self.refuse_if(length > 0, Fact::KeyringPayload, EINVAL);
        }
        self.refuse_if(length == 0, Fact::AddEmptyPayload, EINVAL)?;
        self.refuse_if(length > LONGEST_OF_USER, Fact::AddPayloadForType, EINVAL)?;
        Ok(())
    }

    fn create_or_update(
        &mut self,
        at: Ref,
        kind: KeyType,
        description: &str,
        payload: &str,
    ) -> Attempt<KeyId> {
        let is_refused = kind == KeyType::Logon && matches!(description.find(':'), None | Some(0));
        if self.is_open(at.key) && !is_refused {
            return self.open_key_for(None);
        }
        let same = self.begin_link(at.key, kind, description)?;
        if same.is_none() && self.is_unknown() && self.key(at.key).crowded {
            // It may link such a key, which is then updated.
            return self.open_key_for(None);
        }
        self.refuse_restricted(at.key)?;
        let is_updated = match kind {
            KeyType::Keyring => !self.law(Fact::AddKeyringReplaces),
            KeyType::User | KeyType::Logon | KeyType::Encrypted | KeyType::Authority => {
                self.law(Fact::AddUpdates)
            }
        };
        if let Some(key) = same
            && is_updated
        {
            let is = self.key(key);
            let (invalid, negative) = (is.revoked || is.invalidated, is.negative.is_some());
            let is_over = is.expiry == Expiry::Passed;
            let is_skipped = (invalid && self.law(Fact::AddSkipsUnsound))
                || (is_over && !self.law(Fact::AddRevivesExpired))
                || (negative && !self.law(Fact::AddMakesGood));
            if !is_skipped {
                let found = Ref { key, possessed: at.possessed };
                if !self.permits(found, Permission::Write) && self.law(Fact::AddUpdateNeedsWrite) {
                    return Err(self.fail(Fact::PermissionErrno, EACCES));
                }
                self.update_payload(key, payload)?;
                return Ok(key);
            }
        }
        // Only this type checks its description, and only when a key is created.
        self.refuse_if(is_refused, Fact::LogonColon, EINVAL)?;
        let uid = self.cred().user.filesystem;
        let bytes = (description.len() + 1 + payload.len()) as i64;
        // A link that is replaced is charged already.
        let link = if same.is_none() && self.key(at.key).payer == Some(uid) { A_LINK } else { 0 };
        self.refuse_if(!self.has_room(uid, 1, bytes + link), Fact::AddEdquot, EDQUOT)?;
        Ok(self.create_key(at, kind, description, payload))
    }

    /// Creates a key and links it.
    fn create_key(&mut self, at: Ref, kind: KeyType, description: &str, payload: &str) -> KeyId {
        let new = self.new_of_type(kind, description, payload);
        let key = self.new_key(new);
        self.put_link(at.key, key);
        key
    }

    /// What a key of a type is created from.
    pub(super) fn new_of_type(&mut self, kind: KeyType, description: &str, payload: &str) -> Key {
        let cred = self.cred().clone();
        let uid = if self.law(Fact::AddOwner) { cred.user.filesystem } else { cred.user.real };
        let gid = if self.law(Fact::AddGroup) { cred.group.filesystem } else { cred.group.real };
        let perm = match kind {
            KeyType::Keyring | KeyType::User | KeyType::Encrypted => 0x3f01_0000,
            KeyType::Logon => 0x3d01_0000,
            KeyType::Authority => 0x0b01_0000,
        };
        let perm = if self.law(Fact::AddMask) { perm } else { 0x3f3f_0000 };
        let payer = if self.law(Fact::AddCounts) { Some(uid) } else { None };
        let content = match kind {
            KeyType::Keyring => Content::Links(Vec::new()),
            KeyType::User | KeyType::Logon | KeyType::Encrypted | KeyType::Authority => {
                Content::Payload(payload.into())
            }
        };
        let description = description.into();
        Key { kind, description, content, uid, gid, perm, payer, ..Key::default() }
    }

    /// Replaces the payload of a key, which is then neither negative nor expired.
    pub(super) fn update_payload(&mut self, key: KeyId, payload: &str) -> Attempt {
        let more = payload.len() as i64 - self.key(key).content.len();
        if let Some(payer) = self.key(key).payer {
            if !self.has_room(payer, 0, more) {
                return Err(Stop::Errno(EDQUOT));
            }
            self.charge(payer, 0, more);
        }
        self.report_update(key);
        let key = self.world.keys.edit(key);
        if key.payer.is_some() {
            key.bytes += more;
        }
        key.expiry = Expiry::Never;
        key.negative = None;
        if key.kind != KeyType::Keyring {
            key.content = Content::Payload(payload.into());
        }
        Ok(())
    }

    /// Checks the name of a type, as far as the kernel does before it looks for the type.
    pub(super) fn type_name<'n>(&mut self, kind: Option<&'n str>) -> Attempt<&'n str> {
        let Some(kind) = kind else {
            return Err(self.fail(Fact::TypeNull, EFAULT));
        };
        let is_odd = kind.is_empty() || kind.len() > LONGEST_TYPE;
        self.refuse_if(is_odd, Fact::TypeLength, EINVAL)?;
        self.refuse_if(kind.starts_with('.'), Fact::TypeWithDot, EPERM)?;
        Ok(kind)
    }

    fn payload_text(&self, payload: Payload<'_>) -> String {
        match payload {
            Payload::None => String::new(),
            Payload::Text(text) => text.to_owned(),
            Payload::Bytes(..) if self.is_unknown() => String::new(),
            // The trace doesn't show the bytes.
            Payload::Bytes(length, _) => "\0".repeat(length),
        }
    }

    /// A payload argument as text.
    pub(super) fn payload_arg(&self, nth: usize) -> Attempt<String> {
        Ok(self.payload_text(self.payload(nth)?))
    }

    /// The length of a payload argument, in bytes.
    pub(super) fn payload_len(&self, nth: usize) -> Attempt<usize> {
        Ok(self.payload(nth)?.len())
    }

    /// The length of a payload argument, in bytes, and whether it can be read.
    pub(super) fn payload_size(&self, nth: usize) -> Attempt<(usize, bool)> {
        let payload = self.payload(nth)?;
        Ok((payload.len(), !matches!(payload, Payload::Bytes(1.., false))))
    }

    fn payload(&self, nth: usize) -> Attempt<Payload<'a>> {
        match self.arg(nth)? {
            Value::Text(text) => Ok(Payload::Text(text)),
            Value::Word(word) if word == "NULL" => Ok(Payload::None),
            Value::List(values) => {
                let (length, readable) = match values.as_slice() {
                    [Value::Int(length), Value::Word(_)] => (length, true),
                    [Value::Word(_), Value::Int(length), Value::Word(_)] => (length, false),
                    _ => return self.expected(nth, "a payload"),
                };
                let Ok(length) = usize::try_from(*length) else {
                    return self.expected(nth, "a length that is not negative");
                };
                Ok(Payload::Bytes(length, readable))
            }
            _ => self.expected(nth, "a payload"),
        }
    }

    /// Adds keys until the kernel refuses one. The trace doesn't show the keys.
    pub(super) fn add_keys_until_refused(&mut self) -> Prediction {
        let at = self.lookup(self.key_arg(1)?, KeySlot::AddKey)?;
        self.world.keys.edit(at.key).crowded = true;
        let payer = self.cred().user.filesystem;
        self.set_left(payer, Left { keys: Some(0), bytes: None });
        if self.law(Fact::AddEdquot) { Err(Stop::Errno(EDQUOT)) } else { Err(Stop::Never) }
    }

    /// Adds keys until no byte is left of the quota.
    pub(super) fn use_up_bytes(&mut self) -> Attempt {
        let at = self.lookup(self.key_arg(0)?, KeySlot::AddKey)?;
        self.world.keys.edit(at.key).crowded = true;
        let payer = self.cred().user.filesystem;
        self.set_left(payer, Left { keys: None, bytes: Some(0) });
        Ok(())
    }

    pub(super) fn set_left(&mut self, payer: Id, left: Left) {
        match self.world.left.position(|(uid, _)| *uid == payer) {
            Some(nth) => self.world.left.edit(nth).1 = left,
            None => drop(self.world.left.add((payer, left))),
        }
    }
}
