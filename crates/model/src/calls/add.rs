//! add_key(2), and the helpers that add many keys.

use crate::laws::{Fact, Place, WRITE};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::search::Ref;
use crate::world::{Content, Expiry, Id, KeyId, Left, NewKey, Type};
use trace::Value;

/// What is given as a payload.
enum Payload {
    None,
    Text(String),
    /// So many bytes, and whether they can be read.
    Bytes(usize, bool),
}

/// What a link counts, in bytes.
pub(super) const A_LINK: i64 = 4;

/// The longest payload of add_key(2), in bytes, and the longest of type `user`.
const LONGEST: usize = 1024 * 1024 - 1;
const LONGEST_OF_USER: usize = 32767;

impl Run<'_> {
    /// Kernel: `__do_sys_add_key`, `key_create_or_update`.
    pub(super) fn add_key(&mut self) -> Gives {
        let kind = self.text(0)?.map(str::to_owned);
        let description = self.text(1)?.map(str::to_owned).filter(|text| !text.is_empty());
        let payload = self.payload(2)?;
        let named = self.named(3)?;
        let key = self.add(kind.as_deref(), description, &payload, &named)?;
        Ok(Given::Key(key))
    }

    /// The same without a payload that cannot be read, as keyctl(1) does it.
    pub(super) fn add_text(
        &mut self,
        kind: &str,
        description: &str,
        payload: &str,
        named: &Named,
    ) -> Step<KeyId> {
        let payload =
            if payload.is_empty() { Payload::None } else { Payload::Text(payload.to_owned()) };
        self.add(Some(kind), Some(description.to_owned()), &payload, named)
    }

    fn add(
        &mut self,
        kind: Option<&str>,
        description: Option<String>,
        payload: &Payload,
        named: &Named,
    ) -> Step<KeyId> {
        let length = match payload {
            Payload::None => 0,
            Payload::Text(text) => text.len(),
            Payload::Bytes(length, _) => *length,
        };
        if length > LONGEST && self.law(Fact::PayloadTooLong) {
            return Err(Stop::Errno("EINVAL"));
        }
        let kind = self.type_of(kind)?;
        if description.as_deref().is_some_and(|text| text.starts_with('.'))
            && kind.starts_with("keyring")
            && self.law(Fact::KeyringWithDot)
        {
            return Err(Stop::Errno("EPERM"));
        }
        if matches!(payload, Payload::Bytes(1.., false)) {
            return Err(self.fail(Fact::PayloadUnreadable, "EFAULT"));
        }
        let at = self.lookup(named, Place::AddKey)?;
        let Some(kind) = Type::named(&kind) else {
            return Err(self.fail(Fact::AddUnknownType, "ENODEV"));
        };
        let Some(description) = description else {
            if self.law(Fact::AddWithoutDescription) {
                return Err(Stop::Errno("EINVAL"));
            }
            return Ok(self.make_key(at, kind, String::new(), String::new()));
        };
        if self.key(at.key).kind != Type::Keyring {
            return Err(self.fail(Fact::AddNotAKeyring, "ENOTDIR"));
        }
        self.check_payload(&kind, length)?;
        let payload = match payload {
            Payload::None => String::new(),
            Payload::Text(text) => text.clone(),
            // Which bytes they are, the trace does not tell.
            Payload::Bytes(length, _) => "\0".repeat(*length),
        };
        self.create_or_update(at, kind, description, payload)
    }

    fn check_payload(&mut self, kind: &Type, length: usize) -> Step {
        let fits = match kind {
            Type::Keyring => length == 0,
            Type::User | Type::Logon => length > 0,
        };
        if !fits && self.law(Fact::AddEmptyPayload) {
            return Err(Stop::Errno("EINVAL"));
        }
        if length > LONGEST_OF_USER && self.law(Fact::AddPayloadForType) {
            return Err(Stop::Errno("EINVAL"));
        }
        Ok(())
    }

    fn create_or_update(
        &mut self,
        at: Ref,
        kind: Type,
        description: String,
        payload: String,
    ) -> Step<KeyId> {
        if kind == Type::Logon && !description.contains(':') {
            // Refused only where a key is made, and only this type looks.
            return Err(Stop::Errno("EINVAL"));
        }
        let same = self.begin_link(at.key, &kind, &description)?;
        if self.key(at.key).restricted && self.law(Fact::LinkRestricted) {
            return Err(Stop::Errno("EPERM"));
        }
        let is_updated = match kind {
            Type::Keyring => !self.law(Fact::AddKeyringReplaces),
            Type::User | Type::Logon => self.law(Fact::AddUpdates),
        };
        if let Some(key) = same
            && is_updated
        {
            let unsound = self.key(key).revoked || self.key(key).invalidated;
            if !unsound || !self.law(Fact::AddSkipsUnsound) {
                let found = Ref { key, possessed: at.possessed };
                if !self.permits(found, WRITE) && self.law(Fact::AddUpdateNeedsWrite) {
                    return Err(self.fail(Fact::PermissionErrno, "EACCES"));
                }
                self.update_payload(key, &payload)?;
                return Ok(key);
            }
        }
        let uid = self.cred().fsuid;
        let bytes = (description.len() + 1 + payload.len()) as i64;
        // The link has its bytes already.
        let link = if same.is_none() && self.key(at.key).payer == Some(uid) { A_LINK } else { 0 };
        if !self.has_room(uid, 1, bytes + link) && self.law(Fact::AddEdquot) {
            return Err(Stop::Errno("EDQUOT"));
        }
        Ok(self.make_key(at, kind, description, payload))
    }

    /// A new key, linked.
    fn make_key(&mut self, at: Ref, kind: Type, description: String, payload: String) -> KeyId {
        let new = self.new_of_type(kind, description, payload);
        let key = self.new_key(new);
        self.put_link(at.key, key);
        key
    }

    /// What a new key of a type is made of, whoever makes it.
    pub(super) fn new_of_type(
        &mut self,
        kind: Type,
        description: String,
        payload: String,
    ) -> NewKey {
        let cred = self.cred().clone();
        let uid = if self.law(Fact::AddOwner) { cred.fsuid } else { cred.uid };
        let gid = if self.law(Fact::AddGroup) { cred.fsgid } else { cred.gid };
        let perm = match kind {
            Type::Keyring | Type::User => 0x3f01_0000,
            Type::Logon => 0x3d01_0000,
        };
        let perm = if self.law(Fact::AddMask) { perm } else { 0x3f3f_0000 };
        let payer = if self.law(Fact::AddCounts) { Some(uid) } else { None };
        let content = match kind {
            Type::Keyring => Content::Links(Vec::new()),
            Type::User | Type::Logon => Content::Payload(payload.as_str().into()),
        };
        NewKey { kind, description, content, uid, gid, perm, payer }
    }

    /// Gives a key another payload, and with it a new life.
    pub(super) fn update_payload(&mut self, key: KeyId, payload: &str) -> Step {
        let before = match &self.key(key).content {
            Content::Payload(payload) => payload.len() as i64,
            Content::Links(_) | Content::Nothing => 0,
        };
        let more = payload.len() as i64 - before;
        if let Some(payer) = self.key(key).payer {
            if !self.has_room(payer, 0, more) {
                return Err(Stop::Errno("EDQUOT"));
            }
            self.charge(payer, 0, more);
        }
        let key = self.world.keys.edit(key);
        if key.payer.is_some() {
            key.bytes += more;
        }
        key.expiry = Expiry::Never;
        key.negative = None;
        if key.kind != Type::Keyring {
            key.content = Content::Payload(payload.into());
        }
        Ok(())
    }

    /// The name of a type, as far as it is one.
    pub(super) fn type_of(&mut self, kind: Option<&str>) -> Step<String> {
        let Some(kind) = kind else {
            return Err(self.fail(Fact::TypeNull, "EFAULT"));
        };
        if kind.is_empty() || kind.len() > 31 {
            return Err(Stop::Errno("EINVAL"));
        }
        if kind.starts_with('.') && self.law(Fact::TypeWithDot) {
            return Err(Stop::Errno("EPERM"));
        }
        Ok(kind.to_owned())
    }

    fn payload(&self, nth: usize) -> Step<Payload> {
        match self.arg(nth)? {
            Value::Text(text) => Ok(Payload::Text(text.clone())),
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

    /// Adds keys until the kernel refuses one: they are not told one by one.
    pub(super) fn add_keys_until_refused(&mut self) -> Gives {
        let named = self.named(1)?;
        let at = self.lookup(&named, Place::AddKey)?;
        self.world.keys.edit(at.key).crowded = true;
        let payer = self.cred().fsuid;
        self.set_left(payer, Left { keys: Some(0), bytes: None });
        if self.law(Fact::AddEdquot) { Err(Stop::Errno("EDQUOT")) } else { Err(Stop::Never) }
    }

    /// Adds keys until no byte is left.
    pub(super) fn use_up_bytes(&mut self) -> Gives {
        let named = self.named(0)?;
        let at = self.lookup(&named, Place::AddKey)?;
        self.world.keys.edit(at.key).crowded = true;
        let payer = self.cred().fsuid;
        self.set_left(payer, Left { keys: None, bytes: Some(0) });
        Ok(Given::Int(0))
    }

    pub(super) fn set_left(&mut self, payer: Id, left: Left) {
        let nth = self.world.left.iter().position(|(uid, _)| *uid == payer);
        match nth {
            Some(nth) => self.world.left.edit(nth).1 = left,
            None => {
                self.world.left.add((payer, left));
            }
        }
    }
}
