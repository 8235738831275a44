//! User ids and open files.

use super::{Act, FileAct, Got, name};
use strace::{Call, Value};

pub(super) fn users(name: &[u8], call: &Call<'_>, got: &Got) -> Option<Act> {
    let id = |nth: usize| {
        let number = call.arg(nth)?.number()?;
        (number.int() != -1).then_some(number.bits as u32)
    };
    got.ok()?;
    let ids = match name {
        b"setuid" | b"setuid32" => [id(0), id(0), id(0)],
        b"setreuid" | b"setreuid32" => [id(0), id(1), id(1)],
        b"setresuid" | b"setresuid32" => [id(0), id(1), id(1)],
        b"setfsuid" | b"setfsuid32" => [None, None, id(0)],
        b"getuid" | b"getuid32" => [got.ok().map(|uid| uid as u32), None, None],
        b"geteuid" | b"geteuid32" => {
            let uid = got.ok().map(|uid| uid as u32);
            [None, uid, uid]
        }
        _ => return None,
    };
    Some(Act::Users(ids, !name.starts_with(b"get")))
}

pub(super) fn files(name_of: &[u8], call: &Call<'_>, got: &Got) -> Option<Act> {
    let fd = |nth: usize| Some(call.arg(nth)?.number()?.int());
    let flag = |nth: usize, name: &str, bits: u64| {
        call.arg(nth).is_some_and(|arg| arg.has_flag(name, bits))
    };
    let result = i32::try_from(got.ok()?).ok()?;
    let cloexec = |nth: usize| flag(nth, "O_CLOEXEC", 0o2_000_000);
    let (path, close_on_exec) = match name_of {
        b"open" => (Some(0), cloexec(1)),
        b"openat" => (Some(1), cloexec(2)),
        b"openat2" => {
            let how = call.arg(2).and_then(|how| how.field("flags"));
            (Some(1), how.is_some_and(|flags| flags.has_flag("O_CLOEXEC", 0o2_000_000)))
        }
        b"creat" => (Some(0), false),
        b"socket" => (None, flag(1, "SOCK_CLOEXEC", 0o2_000_000)),
        b"memfd_create" => (Some(0), flag(1, "MFD_CLOEXEC", 1)),
        b"epoll_create1" => (None, flag(0, "EPOLL_CLOEXEC", 0o2_000_000)),
        b"timerfd_create" => (None, flag(1, "TFD_CLOEXEC", 0o2_000_000)),
        b"eventfd2" => (None, flag(1, "EFD_CLOEXEC", 0o2_000_000)),
        b"pidfd_open" | b"io_uring_setup" => (None, true),
        b"pipe" | b"pipe2" | b"socketpair" => {
            let nth = if name_of == b"socketpair" { 3 } else { 0 };
            let Value::List(items) = call.arg(nth)?.value() else { return None };
            let fds = items.filter_map(|item| Some(item.number()?.int())).collect();
            let close_on_exec =
                if nth == 3 { flag(1, "SOCK_CLOEXEC", 0o2_000_000) } else { cloexec(1) };
            return Some(Act::File(FileAct::Open { fds, path: None, close_on_exec }));
        }
        b"dup" => {
            return Some(Act::File(FileAct::Dup {
                from: fd(0)?,
                to: result,
                close_on_exec: false,
            }));
        }
        b"dup2" | b"dup3" => {
            let close_on_exec = name_of == b"dup3" && cloexec(2);
            return Some(Act::File(FileAct::Dup { from: fd(0)?, to: fd(1)?, close_on_exec }));
        }
        b"fcntl" | b"fcntl64" => {
            let command = call.arg(1)?;
            let close_on_exec = command.symbol() == Some(b"F_DUPFD_CLOEXEC");
            let duplicates = close_on_exec || command.symbol() == Some(b"F_DUPFD");
            let to = result;
            return duplicates.then_some(Act::File(FileAct::Dup {
                from: fd(0)?,
                to,
                close_on_exec,
            }));
        }
        b"close" => return Some(Act::File(FileAct::Close(fd(0)?))),
        _ => return None,
    };
    let path = path.and_then(|nth| name(&call.arg(nth)?));
    Some(Act::File(FileAct::Open { fds: vec![result], path, close_on_exec }))
}
