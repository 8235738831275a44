//! What names a key, and what describes one: serial numbers, special ids, permissions, descriptions.

use crate::tasks::fail::{Expected, expected_results};
use crate::tasks::plain::{Parcel, Plain};
use crate::tasks::record::Recorded;
use nix::errno::Errno;
use std::collections::BTreeSet;
use std::fmt;
use trace::Value;

/// The serial number of a key or keyring, or one of the special ids that stand for one
/// (`key_serial_t`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct KeySerial(pub i32);

/// `@t`: the calling thread's thread keyring.
pub const KEY_SPEC_THREAD_KEYRING: KeySerial = KeySerial(-1);
/// `@p`: the process keyring that the calling thread's credentials refer to.
pub const KEY_SPEC_PROCESS_KEYRING: KeySerial = KeySerial(-2);
/// `@s`: the caller's session keyring.
pub const KEY_SPEC_SESSION_KEYRING: KeySerial = KeySerial(-3);
/// `@u`: the keyring of the caller's user.
pub const KEY_SPEC_USER_KEYRING: KeySerial = KeySerial(-4);
/// `@us`: the default session keyring of the caller's user.
pub const KEY_SPEC_USER_SESSION_KEYRING: KeySerial = KeySerial(-5);
/// `@g`: a keyring for the group, which no kernel implements.
pub const KEY_SPEC_GROUP_KEYRING: KeySerial = KeySerial(-6);
/// `@a`: the authorization key that the caller assumed.
pub const KEY_SPEC_REQKEY_AUTH_KEY: KeySerial = KeySerial(-7);
/// The destination keyring of the request whose authority the caller assumed.
pub const KEY_SPEC_REQUESTOR_KEYRING: KeySerial = KeySerial(-8);
/// No keyring: where a destination may be left out.
pub const NO_KEYRING: KeySerial = KeySerial(0);

/// Both kinds of keyring that this project is about.
pub const BOTH: [KeySerial; 2] = [KEY_SPEC_THREAD_KEYRING, KEY_SPEC_PROCESS_KEYRING];

/// For `keyctl_get_keyring_ID`: create the keyring if it does not exist.
pub const CREATE: bool = true;
/// For `keyctl_get_keyring_ID`: create nothing.
pub const NO_CREATE: bool = false;

impl From<KeySerial> for Value {
    fn from(key: KeySerial) -> Value {
        match key.0 {
            -1 => Value::word("@t"),
            -2 => Value::word("@p"),
            -3 => Value::word("@s"),
            -4 => Value::word("@u"),
            -5 => Value::word("@us"),
            -6 => Value::word("@g"),
            -7 => Value::word("@a"),
            -8 => Value::word("KEY_SPEC_REQUESTOR_KEYRING"),
            other if other > 0 => Value::Serial(other),
            other => Value::Int(other.into()),
        }
    }
}

impl fmt::Display for KeySerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::from(*self).fmt(f)
    }
}

impl fmt::Debug for KeySerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A permission mask, as `keyctl_setperm` expects it.
pub type Permissions = u32;

/// The possessor may see type, owner, mask and description.
pub const KEY_POS_VIEW: Permissions = 0x0100_0000;
/// The possessor may read the payload; of a keyring, its list of keys.
pub const KEY_POS_READ: Permissions = 0x0200_0000;
/// The possessor may update the payload, add or remove links.
pub const KEY_POS_WRITE: Permissions = 0x0400_0000;
/// The possessor may search the keyring, or find the key.
pub const KEY_POS_SEARCH: Permissions = 0x0800_0000;
/// The possessor may link to it.
pub const KEY_POS_LINK: Permissions = 0x1000_0000;
/// The possessor may change owner, mask and timeout.
pub const KEY_POS_SETATTR: Permissions = 0x2000_0000;
/// Every permission of the possessor.
pub const KEY_POS_ALL: Permissions = 0x3f00_0000;
/// The owner may see type, owner, mask and description.
pub const KEY_USR_VIEW: Permissions = 0x0001_0000;
/// The owner may read.
pub const KEY_USR_READ: Permissions = 0x0002_0000;
/// The owner may write.
pub const KEY_USR_WRITE: Permissions = 0x0004_0000;
/// The owner may search.
pub const KEY_USR_SEARCH: Permissions = 0x0008_0000;
/// The owner may link.
pub const KEY_USR_LINK: Permissions = 0x0010_0000;
/// The owner may change attributes.
pub const KEY_USR_SETATTR: Permissions = 0x0020_0000;
/// Every permission of the owner.
pub const KEY_USR_ALL: Permissions = 0x003f_0000;
/// The key's group, apart from the owner, may read.
pub const KEY_GRP_READ: Permissions = 0x0000_0200;
/// The group may write.
pub const KEY_GRP_WRITE: Permissions = 0x0000_0400;
/// Every permission of the group.
pub const KEY_GRP_ALL: Permissions = 0x0000_3f00;
/// Others may see type, owner, mask and description.
pub const KEY_OTH_VIEW: Permissions = 0x0000_0001;
/// Others may read.
pub const KEY_OTH_READ: Permissions = 0x0000_0002;
/// Others may write.
pub const KEY_OTH_WRITE: Permissions = 0x0000_0004;
/// Others may search.
pub const KEY_OTH_SEARCH: Permissions = 0x0000_0008;
/// Others may link.
pub const KEY_OTH_LINK: Permissions = 0x0000_0010;
/// Others may change attributes.
pub const KEY_OTH_SETATTR: Permissions = 0x0000_0020;
/// Every permission of others.
pub const KEY_OTH_ALL: Permissions = 0x0000_003f;

/// What `KEYCTL_DESCRIBE` returns about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The type: `keyring`, `user`, `logon`, …
    pub kind: String,
    /// The owner, as an id in the caller's user namespace.
    pub uid: u32,
    /// The group, as an id in the caller's user namespace.
    pub gid: u32,
    /// The permission mask.
    pub perm: Permissions,
    /// The description, which may contain any character, `;` too.
    pub description: String,
}

impl Description {
    /// Parses `type;uid;gid;mask;description`; only the last part may contain a `;`.
    pub(crate) fn parse(text: &str) -> Option<Description> {
        let mut parts = text.splitn(5, ';');
        Some(Description {
            kind: parts.next()?.to_owned(),
            uid: parts.next()?.parse().ok()?,
            gid: parts.next()?.parse().ok()?,
            perm: u32::from_str_radix(parts.next()?, 16).ok()?,
            description: parts.next()?.to_owned(),
        })
    }
}

impl From<&Description> for Value {
    fn from(it: &Description) -> Value {
        Value::Described {
            kind: it.kind.clone(),
            uid: it.uid,
            gid: it.gid,
            perm: it.perm,
            description: it.description.clone(),
        }
    }
}

impl Recorded for KeySerial {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Recorded for Description {
    fn value(&self) -> Value {
        self.into()
    }
}

impl Plain for KeySerial {
    fn pack(self, parcel: &mut Parcel) {
        self.0.pack(parcel);
    }

    fn unpack(parcel: &mut Parcel) -> Option<KeySerial> {
        Plain::unpack(parcel).map(KeySerial)
    }
}

expected_results! {
    KeySerial, KeySerial;
    Description, Description;
    BTreeSet<KeySerial>, BTreeSet<KeySerial>;
}

/// The keys that a keyring should link to, in any order.
impl<const N: usize> Expected<BTreeSet<KeySerial>> for [KeySerial; N] {
    fn is(&self, got: &Result<BTreeSet<KeySerial>, Errno>) -> bool {
        got.as_ref().is_ok_and(|got| *got == BTreeSet::from(*self))
    }
}
