//! A call of a log as an event of a trace.

use super::did;
use crate::act::{Callout, Got, KeyArg, KeyCall, RawName};
use crate::op::Op;
use crate::state::TaskIx;
use strace::WINDOW;
use trace::{Event, Outcome, Value};

/// What a call means to the model.
pub(super) enum Meaning {
    Event(Event),
    /// It changes nothing that the model knows.
    Nothing,
    /// The log does not show enough of it: it may have changed any key of the caller.
    Unknown,
}

pub(super) fn of(task: TaskIx, call: &KeyCall) -> Meaning {
    let name = match name(call) {
        Some(name) => name,
        None if matches!(call.op, Op::Other) && call.got.ok().is_none() => return Meaning::Nothing,
        None => return Meaning::Unknown,
    };
    if name.is_empty() {
        return Meaning::Nothing;
    }
    if call.op == Op::Chown && call.number.is_some_and(|uid| uid as i32 == -1) {
        // If the group does not change either, it does not even look at the key.
        return if call.key.which().is_some() { Meaning::Unknown } else { Meaning::Nothing };
    }
    match (args(call), outcome(call)) {
        (Some(args), Some(outcome)) => Meaning::Event(did(task, name, args, outcome)),
        _ => Meaning::Unknown,
    }
}

/// The call's name in a trace; empty for one that changes nothing.
fn name(call: &KeyCall) -> Option<&'static str> {
    Some(match call.op {
        Op::AddKey => "add_key",
        Op::RequestKey => "request_key",
        Op::GetKeyringId => "keyctl_get_keyring_ID",
        Op::JoinSession => "keyctl_join_session_keyring",
        Op::Update => "keyctl_update",
        Op::Revoke => "keyctl_revoke",
        Op::Chown => "keyctl_chown",
        Op::Setperm => "keyctl_setperm",
        Op::Describe => "keyctl_describe",
        Op::Clear => "keyctl_clear",
        Op::Link => "keyctl_link",
        Op::Unlink => "keyctl_unlink",
        Op::Search => "keyctl_search",
        Op::Read => "keyctl_read",
        Op::SetReqkey => "keyctl_set_reqkey_keyring",
        Op::SetTimeout => "keyctl_set_timeout",
        Op::GetSecurity => "keyctl_get_security",
        Op::Invalidate => "keyctl_invalidate",
        Op::GetPersistent => "keyctl_get_persistent",
        Op::Move => "keyctl_move",
        Op::SessionToParent
        | Op::Capabilities
        | Op::DhCompute
        | Op::PkeyQuery
        | Op::PkeyEncrypt
        | Op::PkeyDecrypt
        | Op::PkeySign
        | Op::PkeyVerify => "",
        Op::Instantiate
        | Op::InstantiateIov
        | Op::Negate
        | Op::Reject
        | Op::AssumeAuthority
        | Op::Restrict
        | Op::Watch
        | Op::Other => return None,
    })
}

fn args(call: &KeyCall) -> Option<Vec<Value>> {
    Some(match call.op {
        Op::AddKey => {
            let payload = match call.number? {
                0 => Value::word("NULL"),
                size => Value::List(vec![Value::Int(size), Value::word("bytes")]),
            };
            vec![text(&call.kind)?, text(&call.description)?, payload, key(call.to)?]
        }
        Op::RequestKey => {
            let callout = match call.callout {
                Callout::None => Value::word("NULL"),
                Callout::Empty | Callout::Some => Value::text("callout"),
            };
            vec![text(&call.kind)?, text(&call.description)?, callout, key(call.to)?]
        }
        Op::Search => {
            vec![key(call.from)?, text(&call.kind)?, text(&call.description)?, key(call.to)?]
        }
        Op::JoinSession => vec![text(&call.kind).unwrap_or_else(|| Value::word("NULL"))],
        Op::Setperm => vec![key(call.key)?, Value::Hex(u64::from(call.number? as u32))],
        Op::SetTimeout => vec![key(call.key)?, Value::Int(i64::from(call.number? as u32))],
        Op::SetReqkey => vec![Value::Int(i64::from(call.number? as i32))],
        Op::GetKeyringId => vec![key(call.key)?, Value::Int(call.number?)],
        Op::Chown => vec![key(call.key)?, Value::word("UID"), Value::Int(-1)],
        Op::Update => {
            // Of a page or more, it depends on the machine.
            let payload = match call.number? {
                0 => Value::word("NULL"),
                1..4096 => Value::text("x"),
                _ => return None,
            };
            vec![key(call.key)?, payload]
        }
        // Into what is not aligned, a part of a serial number does not fit.
        Op::Read => vec![key(call.key)?, call.number.map_or(Value::Int(0), Value::Int)],
        Op::Link => vec![key(call.key)?, key(call.to)?],
        Op::Unlink => vec![key(call.key)?, key(call.from)?],
        Op::Move => {
            vec![key(call.key)?, key(call.from)?, key(call.to)?, Value::Int(call.number?)]
        }
        Op::GetPersistent => vec![Value::Int(-1), key(call.to)?],
        _ => vec![key(call.key)?],
    })
}

fn key(arg: KeyArg) -> Option<Value> {
    Some(match arg {
        KeyArg::Thread => Value::word("@t"),
        KeyArg::Process => Value::word("@p"),
        KeyArg::Session => Value::word("@s"),
        KeyArg::User => Value::word("@u"),
        KeyArg::UserSession => Value::word("@us"),
        // Of an authority to instantiate a key nothing is known.
        KeyArg::OtherSpecial => Value::word("@a"),
        KeyArg::Absent => Value::Int(0),
        KeyArg::Serial(serial) => Value::Word(format!("K{serial}")),
        KeyArg::Unknown => return None,
    })
}

/// A name of which every byte is known, a character for each.
fn text(name: &Option<RawName>) -> Option<Value> {
    let (bytes, cut) = name.as_ref()?;
    let is_whole = !cut && !is_masked(bytes);
    is_whole.then(|| Value::Text(bytes.iter().copied().map(char::from).collect()))
}

/// Whether a copy of the log without secrets may have lost the name. `strace::redact` numbers names, but not parts of them.
fn is_masked(bytes: &[u8]) -> bool {
    let masked = |bytes: &[u8]| bytes.iter().all(|byte| *byte == b'*');
    let is_number = match bytes.strip_prefix(b"n") {
        Some(rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && masked(&rest[digits..])
        }
        None => false,
    };
    !is_number && bytes.windows(WINDOW).any(masked)
}

fn outcome(call: &KeyCall) -> Option<Outcome> {
    let number = match &call.got {
        Got::Unknown => return None,
        Got::Err(error) => return Some(Outcome::failed(error, "")),
        Got::Ok(number) => *number,
    };
    let is_key = matches!(
        call.op,
        Op::AddKey
            | Op::RequestKey
            | Op::Search
            | Op::GetKeyringId
            | Op::JoinSession
            | Op::GetPersistent
    );
    let value = if is_key { Value::Word(format!("K{number}")) } else { Value::Int(number) };
    Some(Outcome::Returned(value))
}
