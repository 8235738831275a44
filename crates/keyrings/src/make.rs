//! Making tasks: the calls that make a process or a thread, and those that give one a new program.

use crate::arena::{self, Arena, LONGEST_NAME, TASK_VARIABLE, state};
use crate::record::{self, event, outcome};
use crate::serve::{obey_until_leave, serve};
use crate::sys::{self, Way};
use crate::{Checked, Errno, Failure, Task};
use nix::libc;
use nix::unistd::Pid;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use trace::{Outcome, Value};

/// Stands for the executable of the snippet itself, for [`execve`].
pub const SELF: &str = "self";

/// A process made by fork(2).
///
/// Kernel: `copy_creds`.
pub fn fork(name: &str) -> Checked<Task> {
    forked("fork", vec![], Way::Fork, name)
}

/// A process made by clone(2) with these flags and `SIGCHLD`, in a copy of the memory.
pub fn clone(flags: CloneFlags, name: &str) -> Checked<Task> {
    forked("clone", vec![flags.value()], Way::Clone(flags.0), name)
}

/// A process made by clone3(2) with these flags and `SIGCHLD`, in a copy of the memory.
pub fn clone3(flags: CloneFlags, name: &str) -> Checked<Task> {
    forked("clone3", vec![flags.value()], Way::Clone3(flags.0), name)
}

/// Flags of clone(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloneFlags(i32);

/// No flags at all.
pub const NO_FLAGS: CloneFlags = CloneFlags(0);
/// Caller and child share their memory.
pub const CLONE_VM: CloneFlags = CloneFlags(libc::CLONE_VM);
/// The caller stands still until the child ends or calls execve(2).
pub const CLONE_VFORK: CloneFlags = CloneFlags(libc::CLONE_VFORK);
/// Caller and child share root, working directory and umask.
pub const CLONE_FS: CloneFlags = CloneFlags(libc::CLONE_FS);
/// Caller and child share their descriptors.
pub const CLONE_FILES: CloneFlags = CloneFlags(libc::CLONE_FILES);
/// Caller and child share their signal handlers.
pub const CLONE_SIGHAND: CloneFlags = CloneFlags(libc::CLONE_SIGHAND);
/// Caller and child share their System V semaphore undo values.
pub const CLONE_SYSVSEM: CloneFlags = CloneFlags(libc::CLONE_SYSVSEM);
/// The child is in a new user namespace.
pub const CLONE_NEWUSER: CloneFlags = CloneFlags(libc::CLONE_NEWUSER);
/// The child is in a new PID namespace.
pub const CLONE_NEWPID: CloneFlags = CloneFlags(libc::CLONE_NEWPID);

impl std::ops::BitOr for CloneFlags {
    type Output = CloneFlags;

    fn bitor(self, other: CloneFlags) -> CloneFlags {
        CloneFlags(self.0 | other.0)
    }
}

impl CloneFlags {
    pub(crate) fn bits(self) -> i32 {
        self.0
    }

    pub(crate) fn value(self) -> Value {
        let all = [
            (CLONE_VM, "CLONE_VM"),
            (CLONE_VFORK, "CLONE_VFORK"),
            (CLONE_FS, "CLONE_FS"),
            (CLONE_FILES, "CLONE_FILES"),
            (CLONE_SIGHAND, "CLONE_SIGHAND"),
            (CLONE_SYSVSEM, "CLONE_SYSVSEM"),
            (CLONE_NEWUSER, "CLONE_NEWUSER"),
            (CLONE_NEWPID, "CLONE_NEWPID"),
        ];
        let set = all.iter().filter(|(flag, _)| self.0 & flag.0 != 0);
        let names: Vec<&str> = set.map(|(_, name)| *name).collect();
        if names.is_empty() { Value::Int(0) } else { Value::word(names.join("|")) }
    }
}

fn new_desk(name: &str) -> Checked<(&'static Arena, usize)> {
    let arena =
        Arena::here().ok_or_else(|| Failure::new("tasks can be made only within `observe`"))?;
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-');
    if !is_word || name.len() > LONGEST_NAME {
        return Err(Failure::new(format!(
            "`{name}` is no name for a task: one word, no spaces, at most {LONGEST_NAME} bytes"
        )));
    }
    let taken = arena
        .desks()
        .iter()
        .any(|desk| !matches!(desk.state(), state::FREE | state::GONE) && desk.name() == name);
    if taken {
        return Err(Failure::new(format!("there is a task named `{name}` already")));
    }
    let desk = arena.new_desk(name);
    Ok((arena, desk.ok_or_else(|| Failure::new("a snippet can have 64 tasks, and has them"))?))
}

/// Records the making of a task, in the name of the task that makes it.
pub(crate) fn record_making(
    maker: usize,
    call: &str,
    args: Vec<Value>,
    result: &Result<(), Errno>,
    of: &str,
) {
    let outcome = match result {
        Ok(()) => Outcome::Returned(Value::word(of)),
        Err(errno) => {
            if let Some(arena) = Arena::here() {
                arena.not_made(*errno);
            }
            outcome::<()>(&Err(*errno))
        }
    };
    let task = Arena::here().map_or_else(String::new, |arena| arena.desk(maker).name());
    record::record(|| trace::Event { task, call: call.to_owned(), args, outcome });
}

/// The new process is not waited for: it begins with its first order.
fn forked(call: &str, args: Vec<Value>, how: Way, name: &str) -> Checked<Task> {
    let (arena, number) = new_desk(name)?;
    let desk = arena.desk(number);
    desk.idle();
    let made = sys::fork_like(how, || {
        arena::sit_at(number);
        serve(desk)
    });
    record_making(arena::my_desk(), call, args, &made.map(drop), name);
    match made {
        Ok(pid) => {
            let pid = Pid::from_raw(pid);
            desk.give_to(pid, pid);
            Ok(Task(number))
        }
        Err(errno) => {
            desk.set(state::GONE);
            Err(errno.into())
        }
    }
}

/// Waits until a new task has come to its desk.
fn arrived(number: usize) -> Checked<Task> {
    let task = Task(number);
    task.finish()?;
    Ok(task)
}

/// A thread of the calling process, made by pthread_create(3): clone3(2) with `CLONE_THREAD`.
///
/// Kernel: `copy_creds`.
pub fn pthread_create(name: &str) -> Checked<Task> {
    let (arena, number) = new_desk(name)?;
    let desk = arena.desk(number);
    let maker = arena::my_desk();
    let name = name.to_owned();
    let body = move || {
        arena::sit_at(number);
        desk.occupy();
        record_making(maker, "pthread_create", vec![], &Ok(()), &name);
        desk.set(state::DONE);
        obey_until_leave(desk);
        record::record(|| event("pthread_exit", vec![], Outcome::Nothing));
        desk.set(state::GONE);
    };
    let made = std::thread::Builder::new().spawn(body);
    made.map_err(no_thread)?;
    arrived(number)
}

/// What follows from there being no thread.
pub(crate) fn no_thread(error: std::io::Error) -> Failure {
    if let Some(arena) = Arena::here() {
        arena.not_made(Errno::from_raw(error.raw_os_error().unwrap_or(0)));
    }
    Failure::new(format!("no thread can be made: {error}"))
}

/// Runs a piece of the snippet in a process made by vfork(2), in the caller's memory, while the
/// caller stands still; then reaps the process.
///
/// The kernel runs vfork(2) as clone(2) with `CLONE_VM | CLONE_VFORK`, which is what is called
/// here, as the child needs a stack of its own.
pub fn vfork(name: &str, program: impl FnMut() -> Checked) -> Checked {
    in_my_memory("vfork", vec![], CLONE_VFORK, name, program)
}

/// Runs a piece of the snippet in a process made by clone(2) with `CLONE_VM` and these flags, in
/// the caller's memory, while the caller waits; then reaps the process.
pub fn clone_vm(flags: CloneFlags, name: &str, program: impl FnMut() -> Checked) -> Checked {
    in_my_memory("clone", vec![(CLONE_VM | flags).value()], flags, name, program)
}

fn in_my_memory(
    call: &str,
    args: Vec<Value>,
    flags: CloneFlags,
    name: &str,
    mut program: impl FnMut() -> Checked,
) -> Checked {
    let (arena, number) = new_desk(name)?;
    let desk = arena.desk(number);
    let maker = arena::my_desk();
    let mut result = Ok(());
    let status = sys::clone_in_my_memory(flags.bits(), &mut || {
        arena::sit_at(number);
        desk.occupy();
        record_making(maker, call, args.clone(), &Ok(()), name);
        result = program();
        record::record(|| event("exit", vec![Value::Int(0)], Outcome::Nothing));
        desk.set(state::GONE);
    });
    arena::sit_at(maker);
    desk.set(state::GONE);
    match status {
        Ok(0) => result,
        Ok(status) => Err(Failure::new(format!("{name} ended with wait status {status:#x}"))),
        Err(errno) => {
            record_making(maker, call, args, &Err(errno), name);
            Err(errno.into())
        }
    }
}

/// A new process that runs the snippet's executable from its start, made by posix_spawn(3).
pub fn posix_spawn(name: &str) -> Checked<Task> {
    let (arena, number) = new_desk(name)?;
    let (path, args) = own_executable();
    let env = environment(&arena.invitation(number))?;
    let maker = arena::my_desk();
    arena.desk(number).fresh_image.store(2 + maker as u32, Ordering::Release);
    if let Err(errno) = sys::posix_spawn(&path, &args, &env) {
        arena.desk(number).set(state::GONE);
        record_making(maker, "posix_spawn", vec![Value::word(SELF)], &Err(errno), name);
        return Err(errno.into());
    }
    arrived(number)
}

/// Replaces the program of the calling process: execve(2).
///
/// With [`SELF`] the new program is the snippet's own executable, which then carries out further
/// orders in the place of the calling task; other tasks of that process are gone. With another
/// path the call is made for its error: a program that could begin would not come back.
///
/// Kernel: `prepare_exec_creds`, `begin_new_exec`.
pub fn execve(path: &str) -> Result<(), Errno> {
    let error = match prepared_execve(path) {
        Ok(never) => match never {},
        Err(errno) => errno,
    };
    record::call("execve", || vec![Value::word(path)], &Err::<(), _>(error));
    Err(error)
}

fn prepared_execve(path: &str) -> Result<Infallible, Errno> {
    let arena = Arena::here().ok_or(Errno::EINVAL)?;
    let (itself, args) = own_executable();
    let env = environment(&arena.invitation(arena::my_desk())).map_err(|_| Errno::EINVAL)?;
    if path == SELF {
        if arena.main_pid.load(Ordering::Relaxed) == nix::unistd::getpid().as_raw() {
            // It holds the end of the snippet, which the new program would not know.
            return Err(Errno::EINVAL);
        }
        arena.desk(arena::my_desk()).fresh_image.store(1, Ordering::Release);
        let error = nix::unistd::execve(&itself, &args, &env);
        arena.desk(arena::my_desk()).fresh_image.store(0, Ordering::Release);
        return error;
    }
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    nix::unistd::execve(&path, &args, &env)
}

/// Tries to replace the program of the calling process by a file that is open: fexecve(3). It is
/// called for its error: a program that could begin would not come back.
pub fn fexecve(file: crate::Descriptor) -> Result<(), Errno> {
    let error = sys::fexecve(file.number(), &own_executable().1, &[]);
    record::call("fexecve", || vec![Value::word("file")], &error);
    error
}

/// The executable that runs, and its arguments.
fn own_executable() -> (CString, Vec<CString>) {
    let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
    let args = std::env::args_os().map(|arg| text(arg.as_bytes())).collect();
    let link = c"/proc/self/exe";
    // Without /proc there is the path by which the program was started.
    let path = match nix::unistd::access(link, nix::unistd::AccessFlags::X_OK) {
        Ok(()) => link,
        Err(_) => sys::own_path().unwrap_or(link),
    };
    (path.to_owned(), args)
}

/// The environment of a program that is to serve at a desk.
fn environment(invitation: &str) -> Checked<Vec<CString>> {
    let own = std::env::vars_os().filter(|(name, _)| name != TASK_VARIABLE).map(|(name, value)| {
        let mut pair = name.into_encoded_bytes();
        pair.push(b'=');
        pair.extend_from_slice(value.as_bytes());
        pair
    });
    let invitation = format!("{TASK_VARIABLE}={invitation}").into_bytes();
    let all = own.chain([invitation]).map(CString::new).collect::<Result<_, _>>();
    all.map_err(|_| Failure::new("the environment holds a NUL"))
}
