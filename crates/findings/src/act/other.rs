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

/// Under many names.
const O_CLOEXEC: u64 = 0o2_000_000;

/// Calls that return a descriptor of a file without a path: the argument that may close it at execve(2), with which flag.
const DESCRIPTORS: [(&[u8], usize, &str, u64); 12] = [
    (b"socket", 1, "SOCK_CLOEXEC", O_CLOEXEC),
    (b"accept4", 3, "SOCK_CLOEXEC", O_CLOEXEC),
    (b"epoll_create1", 0, "EPOLL_CLOEXEC", O_CLOEXEC),
    (b"timerfd_create", 1, "TFD_CLOEXEC", O_CLOEXEC),
    (b"eventfd2", 1, "EFD_CLOEXEC", O_CLOEXEC),
    (b"signalfd4", 3, "SFD_CLOEXEC", O_CLOEXEC),
    (b"inotify_init1", 0, "IN_CLOEXEC", O_CLOEXEC),
    (b"fanotify_init", 0, "FAN_CLOEXEC", 1),
    (b"userfaultfd", 0, "O_CLOEXEC", O_CLOEXEC),
    (b"perf_event_open", 4, "PERF_FLAG_FD_CLOEXEC", 8),
    (b"fsopen", 1, "FSOPEN_CLOEXEC", 1),
    (b"fsmount", 1, "FSMOUNT_CLOEXEC", 1),
];

pub(super) fn files(name: &[u8], call: &Call<'_>, got: &Got) -> Option<Act> {
    let fd = |nth: usize| Some(call.arg(nth)?.number()?.int());
    let result = i32::try_from(got.ok()?).ok()?;
    Some(Act::File(match name {
        b"dup" => FileAct::Dup { from: fd(0)?, to: result, close_on_exec: false },
        b"dup2" | b"dup3" => {
            let close_on_exec = name == b"dup3" && has_flag(call, 2, "O_CLOEXEC", O_CLOEXEC);
            FileAct::Dup { from: fd(0)?, to: fd(1)?, close_on_exec }
        }
        b"fcntl" | b"fcntl64" => {
            let close_on_exec = match call.arg(1)?.symbol()? {
                b"F_DUPFD" => false,
                b"F_DUPFD_CLOEXEC" => true,
                _ => return None,
            };
            FileAct::Dup { from: fd(0)?, to: result, close_on_exec }
        }
        b"close" => FileAct::Close(fd(0)?, fd(0)?),
        b"close_range" if !has_flag(call, 2, "CLOSE_RANGE_CLOEXEC", 4) => {
            // The largest unsigned number stands for all.
            let fd = |nth: usize| Some(call.arg(nth)?.number()?.bits as u32);
            let [first, last] = [fd(0)?, fd(1)?].map(|fd| i32::try_from(fd).unwrap_or(i32::MAX));
            FileAct::Close(first, last)
        }
        // They change the file that they are given.
        b"signalfd" | b"signalfd4" if fd(0)? != -1 => return None,
        _ => return opened(name, call, result).map(Act::File),
    }))
}

/// A call that opens files.
fn opened(name_of: &[u8], call: &Call<'_>, result: i32) -> Option<FileAct> {
    let flag = |nth: usize, name: &str, bits: u64| has_flag(call, nth, name, bits);
    let cloexec = |nth: usize| flag(nth, "O_CLOEXEC", O_CLOEXEC);
    let (path, close_on_exec) = match name_of {
        b"open" => (Some(0), cloexec(1)),
        b"openat" => (Some(1), cloexec(2)),
        b"openat2" => {
            let how = call.arg(2).and_then(|how| how.field("flags"));
            (Some(1), how.is_some_and(|flags| flags.has_flag("O_CLOEXEC", O_CLOEXEC)))
        }
        b"creat" => (Some(0), false),
        b"memfd_create" => (Some(0), flag(1, "MFD_CLOEXEC", 1)),
        b"open_tree" => (Some(1), flag(2, "OPEN_TREE_CLOEXEC", O_CLOEXEC)),
        b"pidfd_open" | b"io_uring_setup" => (None, true),
        b"eventfd" | b"epoll_create" | b"inotify_init" | b"signalfd" | b"accept" => (None, false),
        b"pipe" | b"pipe2" | b"socketpair" => {
            let (nth, close_on_exec) = match name_of {
                b"socketpair" => (3, flag(1, "SOCK_CLOEXEC", O_CLOEXEC)),
                _ => (0, cloexec(1)),
            };
            let Value::List(items) = call.arg(nth)?.value() else { return None };
            let fds = items.filter_map(|item| Some(item.number()?.int())).collect();
            return Some(FileAct::Open { fds, path: None, close_on_exec });
        }
        _ => {
            let (_, nth, close_on_exec, bit) =
                DESCRIPTORS.iter().find(|(name, ..)| *name == name_of)?;
            (None, flag(*nth, close_on_exec, *bit))
        }
    };
    let path = path.and_then(|nth| name(&call.arg(nth)?));
    Some(FileAct::Open { fds: vec![result], path, close_on_exec })
}

fn has_flag(call: &Call<'_>, nth: usize, name: &str, bits: u64) -> bool {
    call.arg(nth).is_some_and(|arg| arg.has_flag(name, bits))
}
