//! Which argument of which call holds what. The one place in this crate that knows calls.

use crate::value::Arg;

/// What a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key's type: one of a few public words, unless the program is wrong.
    Type,
    /// A description or another name.
    Name,
    /// `type;uid;gid;permissions;description`.
    Described,
    /// A payload or callout: masked here and wherever else a part of it stands.
    Secret,
    /// What a program read, wrote or received as an argument: masked here.
    Data,
    /// Any other string, or the annotation of a file descriptor.
    Other,
}

/// Calls, the operation of keyctl(2) by name and number, the argument, what it holds.
type Slot = (&'static [&'static str], Option<(&'static str, u64)>, usize, Kind);

const SLOTS: &[Slot] = &[
    (&["add_key", "request_key"], None, 0, Kind::Type),
    (&["add_key", "request_key"], None, 1, Kind::Name),
    (&["add_key", "request_key"], None, 2, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_JOIN_SESSION_KEYRING", 1)), 1, Kind::Name),
    (KEYCTL, Some(("KEYCTL_UPDATE", 2)), 2, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_DESCRIBE", 6)), 2, Kind::Described),
    (KEYCTL, Some(("KEYCTL_SEARCH", 10)), 2, Kind::Type),
    (KEYCTL, Some(("KEYCTL_SEARCH", 10)), 3, Kind::Name),
    (KEYCTL, Some(("KEYCTL_READ", 11)), 2, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_INSTANTIATE", 12)), 2, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_INSTANTIATE_IOV", 20)), 2, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_DH_COMPUTE", 23)), 2, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_ENCRYPT", 25)), 3, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_ENCRYPT", 25)), 4, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_DECRYPT", 26)), 3, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_DECRYPT", 26)), 4, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_SIGN", 27)), 3, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_SIGN", 27)), 4, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_VERIFY", 28)), 3, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_PKEY_VERIFY", 28)), 4, Kind::Secret),
    (KEYCTL, Some(("KEYCTL_RESTRICT_KEYRING", 29)), 2, Kind::Type),
    (&["read", "write", "pread64", "pwrite64", "pread", "pwrite"], None, 1, Kind::Data),
    (&["readv", "writev", "preadv", "pwritev", "preadv2", "pwritev2"], None, 1, Kind::Data),
    (&["send", "sendto", "sendmsg", "sendmmsg", "vmsplice"], None, 1, Kind::Data),
    (&["recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"], None, 1, Kind::Data),
    (&["process_vm_readv", "process_vm_writev"], None, 1, Kind::Data),
    (&["process_vm_readv", "process_vm_writev"], None, 3, Kind::Data),
    (&["mq_timedsend", "mq_timedreceive", "msgsnd", "msgrcv"], None, 1, Kind::Data),
    (&["setxattr", "lsetxattr", "fsetxattr"], None, 2, Kind::Data),
    (&["getxattr", "lgetxattr", "fgetxattr"], None, 2, Kind::Data),
    (&["io_submit"], None, 2, Kind::Data),
    (&["getrandom"], None, 0, Kind::Data),
    (&["ioctl"], None, 2, Kind::Data),
    (&["execve"], None, 1, Kind::Data),
    (&["execve"], None, 2, Kind::Data),
    (&["execveat"], None, 2, Kind::Data),
    (&["execveat"], None, 3, Kind::Data),
];

const KEYCTL: &[&str] = &["keyctl"];

/// Fields that name a place, not data: `sun_path="/run/x"` of a message, `name="vol"` of a device.
const PLACES: [&str; 9] = [
    "sun_path",
    "sin_addr",
    "sin6_addr",
    "name",
    "uuid",
    "lo_file_name",
    "ifr_name",
    "msg_name",
    "dev",
];

/// The types of keys that Linux has. A payload may contain one of these words, and says nothing by that.
pub(crate) fn is_type(name: &[u8]) -> bool {
    const TYPES: [&str; 15] = [
        "user",
        "logon",
        "keyring",
        "big_key",
        "asymmetric",
        "encrypted",
        "trusted",
        "blacklist",
        "dns_resolver",
        "rxrpc",
        "rxrpc_s",
        "ceph",
        "cifs.spnego",
        "id_resolver",
        "fscrypt-provisioning",
    ];
    TYPES.iter().any(|known| known.as_bytes() == name)
}

/// Names that the kernel chooses. They stay, because they are the same everywhere.
pub(crate) fn is_public_name(name: &[u8]) -> bool {
    matches!(name, b"_tid" | b"_pid" | b"_ses" | b"_krb")
        || [&b"_uid."[..], b"_uid_ses.", b"_persistent.", b"."]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// A call, as far as it decides what its strings are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Position {
    call: Vec<u8>,
    operation: Option<(Vec<u8>, u64)>,
    /// The argument, or `None` if the beginning of the call is not in the log.
    pub argument: Option<usize>,
    pub depth: usize,
}

impl Position {
    pub fn start(call: &[u8]) -> Position {
        Position { call: call.to_vec(), argument: Some(0), ..Position::default() }
    }

    pub fn unknown(call: &[u8]) -> Position {
        Position { call: call.to_vec(), ..Position::default() }
    }

    pub fn is(&self, call: &[u8]) -> bool {
        self.call == call
    }

    /// Notes the argument that ends here; the first one may be an operation.
    pub fn ends(&mut self, argument: &[u8]) {
        if self.argument == Some(0) && self.operation.is_none() && self.call == b"keyctl" {
            let argument = Arg::parse(argument);
            let name = argument.symbol().unwrap_or_default().to_vec();
            let number = argument.number().map_or(u64::MAX, |number| number.bits);
            self.operation = Some((name, number));
        }
    }

    pub fn next_argument(&mut self) {
        self.argument = self.argument.map(|nth| nth + 1);
    }

    /// What a string is that stands in the current argument, in this field.
    pub fn kind(&self, field: &[u8]) -> Kind {
        let mut known = false;
        for (calls, operation, argument, kind) in SLOTS {
            if !calls.iter().any(|call| call.as_bytes() == self.call) {
                continue;
            }
            known = true;
            let fits = match (operation, &self.operation) {
                (None, _) => true,
                (Some((name, number)), Some((is_name, is_number))) => {
                    name.as_bytes() == is_name || number == is_number
                }
                (Some(_), None) => false,
            };
            if fits && self.argument == Some(*argument) {
                let place = PLACES.iter().any(|place| place.as_bytes() == field);
                return if *kind == Kind::Data && place { Kind::Other } else { *kind };
            }
        }
        match self.argument {
            // Which argument this is, is unknown: it may be the worst.
            None if known => Kind::Data,
            _ => Kind::Other,
        }
    }
}
