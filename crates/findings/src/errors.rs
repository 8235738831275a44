//! Errors of calls about keys, by name and by strerror(3)'s words, with what causes them.

use crate::kind::Kind;

/// An error and its causes.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// The error's name.
    pub name: &'static str,
    /// What strerror(3) and perror(3) print.
    pub words: &'static str,
    /// What a call about keys means by it.
    pub meaning: &'static str,
    /// The kinds of findings behind it, the most frequent first.
    pub kinds: &'static [Kind],
    /// What to look at.
    pub check: &'static str,
}

/// All errors with causes.
pub const CAUSES: &[Cause] = &[
    Cause {
        name: "ENOKEY",
        words: "Required key not available",
        meaning: "The caller has no such keyring, or no keyring of the caller leads to such a key.",
        kinds: &[
            Kind::OtherProcess,
            Kind::ForkedChild,
            Kind::OlderThread,
            Kind::OtherThread,
            Kind::AfterExecve,
            Kind::ThreadEnded,
            Kind::OtherSession,
            Kind::Revoked,
            Kind::Expired,
            Kind::Invalidated,
            Kind::Destroyed,
            Kind::EmptyCallout,
        ],
        check: "`keybook strace -- COMMAND` says which of these it is. `keyctl show @s` shows the session's keys, /proc/keys all that the caller may see.",
    },
    Cause {
        name: "EACCES",
        words: "Permission denied",
        meaning: "The key exists, but its mask does not grant the caller this.",
        kinds: &[Kind::NotPossessed, Kind::IdsChanged, Kind::NoPermission, Kind::Invalidated],
        check: "`keyctl rdescribe NUMBER` shows owner and mask; the first two digits of the mask are for a possessor.",
    },
    Cause {
        name: "EKEYREVOKED",
        words: "Key has been revoked",
        meaning: "The key, or the keyring that was searched or written to, is revoked.",
        kinds: &[Kind::Revoked],
        check: "`keyctl show @s` fails too if it is the session keyring: start a new session with `keyctl session` or log in again.",
    },
    Cause {
        name: "EKEYEXPIRED",
        words: "Key has expired",
        meaning: "The key's timeout has passed.",
        kinds: &[Kind::Expired],
        check: "/proc/keys shows the time that is left, or `expd`.",
    },
    Cause {
        name: "EKEYREJECTED",
        words: "Key was rejected by service",
        meaning: "request-key(8) refused to create the key.",
        kinds: &[Kind::EmptyCallout],
        check: "/etc/request-key.conf and /etc/request-key.d say which program creates the key.",
    },
    Cause {
        name: "EDQUOT",
        words: "Disk quota exceeded",
        meaning: "The user's quota of keys, or of bytes in them, is used up. It has nothing to do with disks.",
        kinds: &[Kind::Quota],
        check: "/proc/key-users shows what each user has used: keys/limit and bytes/limit.",
    },
    Cause {
        name: "EPERM",
        words: "Operation not permitted",
        meaning: "The kernel answers this to few calls about keys: a type that begins with a dot, a restricted keyring, a missing authority. A filter answers it to all.",
        kinds: &[Kind::Seccomp],
        check: "`grep Seccomp /proc/self/status`: 2 means that a filter is active.",
    },
    Cause {
        name: "ENOSYS",
        words: "Function not implemented",
        meaning: "A filter refuses the call, or the kernel has no keys (CONFIG_KEYS).",
        kinds: &[Kind::Seccomp],
        check: "/proc/keys exists where the kernel has keys.",
    },
    Cause {
        name: "ENOENT",
        words: "No such file or directory",
        meaning: "request_key(2) had callout information, and request-key(8) is not installed.",
        kinds: &[Kind::EmptyCallout],
        check: "/sbin/request-key exists where the package keyutils is installed.",
    },
];

/// The error with this name or these words, whatever their case.
pub fn cause(query: &str) -> Option<&'static Cause> {
    let query = query.trim().trim_end_matches('.');
    CAUSES.iter().find(|cause| {
        cause.name.eq_ignore_ascii_case(query) || cause.words.eq_ignore_ascii_case(query)
    })
}
