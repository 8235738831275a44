//! The bridge: what a call in a log means to keyrings. Calls that mean nothing become nothing.
//!
//! Nothing is read from arguments that `strace::redact` masks, so that a redacted log means the same.

mod other;

use crate::op::Op;
use other::{files, users};
use strace::{Arg, Call, Returned, Value};

/// A name, as it stands in the log: its bytes, and whether strace cut it.
pub(crate) type RawName = (Vec<u8>, bool);

/// A key argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyArg {
    Thread,
    Process,
    Session,
    User,
    UserSession,
    /// Another negative number.
    OtherSpecial,
    /// `0`, or the call has no such argument.
    Absent,
    Serial(i32),
    /// The log does not show it.
    Unknown,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Ok(i64),
    Err(String),
    /// The log does not show it.
    Unknown,
}

impl Got {
    pub fn ok(&self) -> Option<i64> {
        match self {
            Got::Ok(number) => Some(*number),
            _ => None,
        }
    }
}

/// The callout information of request_key(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Callout {
    #[default]
    None,
    Empty,
    Some,
}

/// A call about keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyCall {
    pub op: Op,
    pub got: Got,
    pub key: KeyArg,
    pub from: KeyArg,
    pub to: KeyArg,
    /// Type and description.
    pub kind: Option<RawName>,
    pub description: Option<RawName>,
    pub number: Option<i64>,
    pub callout: Callout,
}

/// What a task is created as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub thread: bool,
    pub shares_files: bool,
    pub sibling: bool,
}

/// A file descriptor.
#[derive(Clone, Debug)]
pub(crate) enum FileAct {
    Open {
        fds: Vec<i32>,
        path: Option<RawName>,
        close_on_exec: bool,
    },
    Dup {
        from: i32,
        to: i32,
        close_on_exec: bool,
    },
    /// The first and the last descriptor.
    Close(i32, i32),
}

/// What a call means to keyrings.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Key(Box<KeyCall>),
    Create(Option<Birth>, Got),
    Execve(Option<RawName>, Got),
    Exit,
    ExitGroup,
    /// User ids: real, effective, filesystem, `None` where unchanged; and whether the call changed them.
    Users([Option<u32>; 3], bool),
    File(FileAct),
    Seccomp,
    /// A call by which a kernel may use a key, such as ioctl(2) or mount(2).
    MayUseKeys,
}

impl Act {
    /// What a call means, or `None` if it means nothing to keyrings.
    pub fn of(call: &Call<'_>) -> Option<Act> {
        let got = got(call);
        if call.outcome.is_some_and(|outcome| outcome.injected) {
            // The kernel did not decide it.
            return None;
        }
        let named = |name: &str| call.named(name);
        Some(match call.name {
            b"add_key" | b"request_key" | b"keyctl" => Act::Key(Box::new(key_call(call, got)?)),
            b"fork" => Act::Create(Some(PROCESS), got),
            b"vfork" => Act::Create(Some(PROCESS), got),
            b"clone" | b"clone2" | b"clone3" => Act::Create(named("flags").map(birth), got),
            b"execve" | b"execveat" => {
                let nth = usize::from(call.name == b"execveat");
                Act::Execve(call.arg(nth).and_then(|arg| name(&arg)), got)
            }
            b"exit" => Act::Exit,
            b"exit_group" => Act::ExitGroup,
            b"seccomp" if got.ok().is_some() => Act::Seccomp,
            b"prctl" if got.ok().is_some() => {
                let option = call.arg(0)?;
                let is = option.symbol() == Some(b"PR_SET_SECCOMP")
                    || option.number().is_some_and(|number| number.bits == 22);
                return is.then_some(Act::Seccomp);
            }
            b"ioctl" | b"mount" | b"fsconfig" | b"setsockopt" | b"swapon" | b"bpf" => {
                Act::MayUseKeys
            }
            other => return users(other, call, &got).or_else(|| files(other, call, &got)),
        })
    }
}

const PROCESS: Birth = Birth { thread: false, shares_files: false, sibling: false };

fn birth(flags: Arg<'_>) -> Birth {
    let has = |name: &str, bits: u64| flags.has_flag(name, bits);
    Birth {
        thread: has("CLONE_THREAD", 0x10000),
        shares_files: has("CLONE_FILES", 0x400),
        sibling: has("CLONE_PARENT", 0x8000),
    }
}

fn got(call: &Call<'_>) -> Got {
    match call.outcome.map(|outcome| outcome.returned) {
        Some(Returned::Number(number)) => match number.pid_of_strace() {
            Some(pid) => Got::Ok(i64::from(pid)),
            None => Got::Ok(number.long()),
        },
        Some(Returned::Error(name)) => Got::Err(strace::shown(name)),
        _ => Got::Unknown,
    }
}

fn key_call(call: &Call<'_>, got: Got) -> Option<KeyCall> {
    if call.headless {
        // Which argument is which is unknown.
        return None;
    }
    let op = match call.name {
        b"add_key" => Op::AddKey,
        b"request_key" => Op::RequestKey,
        _ => {
            let operation = call.arg(0)?;
            Op::of(operation.symbol(), operation.number().map(|number| number.bits))
        }
    };
    let args = op.args();
    let key = |nth: Option<usize>| match nth {
        None => KeyArg::Absent,
        Some(nth) => call.arg(nth).map_or(KeyArg::Unknown, |arg| key_arg(&arg)),
    };
    let text = |nth: Option<usize>| name(&call.arg(nth?)?);
    let callout = match (op, call.arg(2)) {
        (Op::RequestKey, Some(callout)) => match callout.value() {
            Value::Null => Callout::None,
            Value::Number(number) if number.bits == 0 => Callout::None,
            Value::Str(string) if string.raw.is_empty() && !string.cut => Callout::Empty,
            _ => Callout::Some,
        },
        _ => Callout::None,
    };
    let number = args.number.and_then(|nth| call.arg(nth));
    Some(KeyCall {
        op,
        got,
        key: key(args.key),
        from: key(args.from),
        to: key(args.to),
        kind: text(args.name),
        description: text(args.name.map(|nth| nth + 1)),
        number: number.and_then(|arg| mask_or_number(&arg)),
        callout,
    })
}

/// A number, or the mask of `KEYCTL_SETPERM` and the setting of `KEYCTL_SET_REQKEY_KEYRING` by name.
fn mask_or_number(arg: &Arg<'_>) -> Option<i64> {
    if let Some(number) = arg.number() {
        return Some(number.long());
    }
    let Value::Names(names) = arg.value() else { return None };
    let mut all = 0;
    for name in names {
        let strace::Constant::Name(name) = name else { return None };
        all |= named_number(name)?;
    }
    Some(all)
}

fn named_number(name: &[u8]) -> Option<i64> {
    if name == b"KEYCTL_MOVE_EXCL" {
        return Some(1);
    }
    const DEFAULTS: [&[u8]; 9] = [
        b"NO_CHANGE",
        b"DEFAULT",
        b"THREAD_KEYRING",
        b"PROCESS_KEYRING",
        b"SESSION_KEYRING",
        b"USER_KEYRING",
        b"USER_SESSION_KEYRING",
        b"GROUP_KEYRING",
        b"REQUESTOR_KEYRING",
    ];
    if let Some(setting) = name.strip_prefix(b"KEY_REQKEY_DEFL_") {
        return DEFAULTS.iter().position(|known| *known == setting).map(|nth| nth as i64 - 1);
    }
    let whose = [&b"KEY_POS_"[..], b"KEY_USR_", b"KEY_GRP_", b"KEY_OTH_"];
    let (shift, may) = (0..4)
        .zip(whose)
        .find_map(|(nth, prefix)| Some((24 - 8 * nth, name.strip_prefix(prefix)?)))?;
    let bits = match may {
        b"VIEW" => 1,
        b"READ" => 2,
        b"WRITE" => 4,
        b"SEARCH" => 8,
        b"LINK" => 16,
        b"SETATTR" => 32,
        b"ALL" => 63,
        _ => return None,
    };
    Some(bits << shift)
}

fn key_arg(arg: &Arg<'_>) -> KeyArg {
    let special = |name: &[u8]| match name.strip_prefix(b"KEY_SPEC_") {
        Some(b"THREAD_KEYRING") => Some(KeyArg::Thread),
        Some(b"PROCESS_KEYRING") => Some(KeyArg::Process),
        Some(b"SESSION_KEYRING") => Some(KeyArg::Session),
        Some(b"USER_KEYRING") => Some(KeyArg::User),
        Some(b"USER_SESSION_KEYRING") => Some(KeyArg::UserSession),
        Some(_) => Some(KeyArg::OtherSpecial),
        None => None,
    };
    if let Some(key) = arg.symbol().and_then(special) {
        return key;
    }
    match arg.number().map(|number| number.int()) {
        None => KeyArg::Unknown,
        Some(0) => KeyArg::Absent,
        Some(-1) => KeyArg::Thread,
        Some(-2) => KeyArg::Process,
        Some(-3) => KeyArg::Session,
        Some(-4) => KeyArg::User,
        Some(-5) => KeyArg::UserSession,
        Some(serial @ 1..) => KeyArg::Serial(serial),
        Some(_) => KeyArg::OtherSpecial,
    }
}

fn name(arg: &Arg<'_>) -> Option<RawName> {
    let string = arg.string()?;
    Some((string.bytes().into_owned(), string.cut))
}
