//! The operations of keyctl(2), by name and number, and what their arguments are.

/// Creates [`Op`] and its table.
macro_rules! ops {
    ($($op:ident $number:literal $name:literal: $args:expr, $creates:expr;)*) => {
        /// A call about keys.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Op {
            AddKey,
            RequestKey,
            /// An operation that this table does not know.
            Other,
            $($op,)*
        }

        const TABLE: &[(Op, u64, &str, Args, &[usize])] =
            &[$((Op::$op, $number, $name, $args, &$creates),)*];
    };
}

/// Which arguments of keyctl(2) are keys, which of them are keyrings that receive a link, and where the
/// name of a key begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Args {
    /// The key that the call is about.
    pub key: Option<usize>,
    /// The keyring where a link is removed or searched, beside `key`.
    pub from: Option<usize>,
    /// The keyring that receives a link.
    pub to: Option<usize>,
    /// Type and description.
    pub name: Option<usize>,
    /// A number: seconds, a mask, `create`, an id, a size, flags.
    pub number: Option<usize>,
}

const NO: Args = Args { key: None, from: None, to: None, name: None, number: None };
const KEY: Args = Args { key: Some(1), ..NO };
const KEY_NUMBER: Args = Args { number: Some(2), ..KEY };
const NUMBER: Args = Args { number: Some(1), ..NO };

// The last column: the arguments whose absent thread or process keyring the call creates.
ops! {
    GetKeyringId 0 "KEYCTL_GET_KEYRING_ID": KEY_NUMBER, [];
    JoinSession 1 "KEYCTL_JOIN_SESSION_KEYRING": Args { name: Some(1), ..NO }, [];
    Update 2 "KEYCTL_UPDATE": Args { number: Some(3), ..KEY }, [];
    Revoke 3 "KEYCTL_REVOKE": KEY, [];
    Chown 4 "KEYCTL_CHOWN": KEY_NUMBER, [1];
    Setperm 5 "KEYCTL_SETPERM": KEY_NUMBER, [1];
    Describe 6 "KEYCTL_DESCRIBE": KEY, [];
    Clear 7 "KEYCTL_CLEAR": KEY, [1];
    Link 8 "KEYCTL_LINK": Args { to: Some(2), ..KEY }, [1, 2];
    Unlink 9 "KEYCTL_UNLINK": Args { from: Some(2), ..KEY }, [];
    Search 10 "KEYCTL_SEARCH": Args { from: Some(1), to: Some(4), name: Some(2), ..NO }, [4];
    Read 11 "KEYCTL_READ": Args { number: Some(3), ..KEY }, [];
    Instantiate 12 "KEYCTL_INSTANTIATE": Args { to: Some(4), ..KEY }, [];
    Negate 13 "KEYCTL_NEGATE": Args { to: Some(3), ..KEY }, [];
    SetReqkey 14 "KEYCTL_SET_REQKEY_KEYRING": NUMBER, [];
    SetTimeout 15 "KEYCTL_SET_TIMEOUT": KEY_NUMBER, [1];
    AssumeAuthority 16 "KEYCTL_ASSUME_AUTHORITY": KEY, [];
    GetSecurity 17 "KEYCTL_GET_SECURITY": KEY, [];
    SessionToParent 18 "KEYCTL_SESSION_TO_PARENT": NO, [];
    Reject 19 "KEYCTL_REJECT": Args { to: Some(4), ..KEY }, [];
    InstantiateIov 20 "KEYCTL_INSTANTIATE_IOV": Args { to: Some(4), ..KEY }, [];
    Invalidate 21 "KEYCTL_INVALIDATE": KEY, [];
    GetPersistent 22 "KEYCTL_GET_PERSISTENT": Args { to: Some(2), ..NUMBER }, [2];
    DhCompute 23 "KEYCTL_DH_COMPUTE": NO, [];
    PkeyQuery 24 "KEYCTL_PKEY_QUERY": KEY, [];
    PkeyEncrypt 25 "KEYCTL_PKEY_ENCRYPT": NO, [];
    PkeyDecrypt 26 "KEYCTL_PKEY_DECRYPT": NO, [];
    PkeySign 27 "KEYCTL_PKEY_SIGN": NO, [];
    PkeyVerify 28 "KEYCTL_PKEY_VERIFY": NO, [];
    Restrict 29 "KEYCTL_RESTRICT_KEYRING": KEY, [];
    Move 30 "KEYCTL_MOVE": Args { from: Some(2), to: Some(3), number: Some(4), ..KEY }, [1, 3];
    Capabilities 31 "KEYCTL_CAPABILITIES": NO, [];
    Watch 32 "KEYCTL_WATCH_KEY": KEY, [];
}

impl Op {
    pub fn of(name: Option<&[u8]>, number: Option<u64>) -> Op {
        let is = |row: &&(Op, u64, &str, Args, &[usize])| match name {
            Some(name) if name.starts_with(b"KEYCTL_") => row.2.as_bytes() == name,
            _ => Some(row.1) == number,
        };
        TABLE.iter().find(is).map_or(Op::Other, |row| row.0)
    }

    fn row(self) -> Option<&'static (Op, u64, &'static str, Args, &'static [usize])> {
        TABLE.iter().find(|row| row.0 == self)
    }

    /// The name in the manual.
    pub fn name(self) -> &'static str {
        match self {
            Op::AddKey => "add_key",
            Op::RequestKey => "request_key",
            Op::Other => "keyctl",
            _ => self.row().map_or("keyctl", |row| row.2),
        }
    }

    /// What its arguments are.
    pub fn args(self) -> Args {
        match self {
            Op::AddKey => Args { to: Some(4), name: Some(0), number: Some(3), ..NO },
            Op::RequestKey => Args { to: Some(3), name: Some(0), ..NO },
            _ => self.row().map_or(NO, |row| row.3),
        }
    }

    /// Whether the call creates the absent thread or process keyring that this argument names.
    /// `KEYCTL_GET_KEYRING_ID` has a flag for it.
    pub fn creates(self, nth: usize) -> bool {
        match self {
            Op::AddKey => nth == 4,
            Op::RequestKey => nth == 3,
            _ => self.row().is_some_and(|row| row.4.contains(&nth)),
        }
    }

    /// Whether the kernel may answer this operation with `EPERM`, whatever the keys are.
    pub fn may_be_forbidden(self) -> bool {
        matches!(
            self,
            Op::JoinSession
                | Op::SessionToParent
                | Op::Instantiate
                | Op::InstantiateIov
                | Op::Negate
                | Op::Reject
                | Op::Other
                | Op::Restrict
                | Op::Update
                | Op::GetPersistent
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_by_name_and_by_number() {
        assert_eq!(Op::of(Some(b"KEYCTL_MOVE"), None), Op::Move);
        assert_eq!(Op::of(None, Some(30)), Op::Move);
        assert_eq!(Op::of(Some(b"KEYCTL_???"), Some(99)), Op::Other);
        assert!(Op::Move.creates(3) && !Op::Move.creates(2));
        assert!(Op::AddKey.creates(4) && !Op::Read.creates(1));
    }
}
