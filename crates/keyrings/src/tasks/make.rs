//! Creating tasks: the calls that create a process or a thread, and those that run a new program.

use super::arena::{
    self, Arena, Desk, FOREIGN_IMAGE, LONGEST_NAME, RESUME_VARIABLE, TASK_VARIABLE, state,
};
use super::fail::{Checked, Failure, named, refused};
use super::record::{self, event, record_creation};
use super::serve::{FOREIGN, SELF, leave, obey_until_leave, serve};
use super::task::Task;
use crate::sys::handles::with_separate_files;
use crate::sys::process::{self, Way, clone_in_my_memory, fork_like};
use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{AccessFlags, Pid};
use std::ffi::{CStr, CString, NulError, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use trace::{Outcome, Value};

/// Creates a process whose memory is a copy of the caller's.
///
/// # Errors
///
/// Fails if the call does, if the name is not one word of at most 48 bytes or is taken, or if the
/// snippet has 64 tasks already.
///
/// # References
///
/// fork(2); `copy_creds`
pub fn fork(name: &str) -> Checked<Task> {
    forked("fork", vec![], Way::Fork, name)
}

/// Creates a process with these flags and `SIGCHLD`, whose memory is a copy of the caller's.
///
/// # Errors
///
/// As [`fork`]. `CLONE_VM`, `CLONE_VFORK` and `CLONE_FILES` are refused: [`clone_vm`] accepts them.
///
/// # References
///
/// clone(2); `copy_creds`
pub fn clone(flags: impl Into<CloneFlags>, name: &str) -> Checked<Task> {
    let flags = fit_for_a_copy(flags.into())?;
    forked("clone", vec![flags.value()], Way::Clone(flags.0), name)
}

/// Creates a process with these flags and `SIGCHLD`, whose memory is a copy of the caller's.
///
/// # Errors
///
/// As [`clone()`].
///
/// # References
///
/// clone3(2); `copy_creds`
pub fn clone3(flags: impl Into<CloneFlags>, name: &str) -> Checked<Task> {
    let flags = fit_for_a_copy(flags.into())?;
    forked("clone3", vec![flags.value()], Way::Clone3(flags.0), name)
}

fn fit_for_a_copy(flags: CloneFlags) -> Checked<CloneFlags> {
    let shares = CLONE_VM | CLONE_VFORK | CLONE_FILES;
    if flags.0 & shares.0 == 0 {
        return Ok(flags);
    }
    Err(Failure::new(format!("{} in a copy of the memory: use `clone_vm`", flags.value())))
}

/// Flags of clone(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloneFlags(i32);

/// Namespaces that clone(2) and unshare(2) create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces(i32);

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
/// A new user namespace.
pub const CLONE_NEWUSER: Namespaces = Namespaces(libc::CLONE_NEWUSER);
/// New mount, UTS, IPC, network and cgroup namespaces.
pub const CLONE_NEW_OTHERS: Namespaces = Namespaces(
    libc::CLONE_NEWNS
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWCGROUP,
);
/// A new PID namespace.
pub const CLONE_NEWPID: Namespaces = Namespaces(libc::CLONE_NEWPID);

/// A new PID namespace and a new mount namespace.
pub(crate) const CLONE_NEWPID_AND_NS: CloneFlags =
    CloneFlags(libc::CLONE_NEWPID | libc::CLONE_NEWNS);

const FLAG_NAMES: [(i32, &str); 13] = [
    (libc::CLONE_VM, "CLONE_VM"),
    (libc::CLONE_VFORK, "CLONE_VFORK"),
    (libc::CLONE_FS, "CLONE_FS"),
    (libc::CLONE_FILES, "CLONE_FILES"),
    (libc::CLONE_SIGHAND, "CLONE_SIGHAND"),
    (libc::CLONE_SYSVSEM, "CLONE_SYSVSEM"),
    (libc::CLONE_NEWUSER, "CLONE_NEWUSER"),
    (libc::CLONE_NEWPID, "CLONE_NEWPID"),
    (libc::CLONE_NEWNS, "CLONE_NEWNS"),
    (libc::CLONE_NEWUTS, "CLONE_NEWUTS"),
    (libc::CLONE_NEWIPC, "CLONE_NEWIPC"),
    (libc::CLONE_NEWNET, "CLONE_NEWNET"),
    (libc::CLONE_NEWCGROUP, "CLONE_NEWCGROUP"),
];

impl From<Namespaces> for CloneFlags {
    fn from(namespaces: Namespaces) -> CloneFlags {
        CloneFlags(namespaces.0)
    }
}

impl<F: Into<CloneFlags>> std::ops::BitOr<F> for CloneFlags {
    type Output = CloneFlags;

    fn bitor(self, other: F) -> CloneFlags {
        CloneFlags(self.0 | other.into().0)
    }
}

impl Namespaces {
    pub(crate) fn bits(self) -> i32 {
        self.0
    }
}

impl CloneFlags {
    pub(crate) fn bits(self) -> i32 {
        self.0
    }

    pub(crate) fn value(self) -> Value {
        let set = FLAG_NAMES.iter().filter(|(flag, _)| self.0 & flag != 0);
        let names: Vec<&str> = set.map(|(_, name)| *name).collect();
        if names.is_empty() { Value::Int(0) } else { Value::word(names.join("|")) }
    }
}

pub(super) fn new_desk(name: &str) -> Checked<(&'static Arena, usize)> {
    let arena = Arena::here().ok_or_else(|| Failure::new("only `observe` can create tasks"))?;
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
        return Err(Failure::new(format!("a task named `{name}` exists already")));
    }
    let desk = arena.new_desk(name);
    Ok((arena, desk.ok_or_else(|| Failure::new("a snippet can have at most 64 tasks"))?))
}

/// Creates a process. It begins with its first order, for which the caller does not wait here.
fn forked(call: &str, args: Vec<Value>, how: Way, name: &str) -> Checked<Task> {
    let (arena, number) = new_desk(name)?;
    let desk = arena.desk(number);
    desk.idle();
    let created = fork_like(how, || {
        arena::sit_at(number);
        serve(desk)
    });
    record_creation(arena::my_desk(), call, args, &created.map(drop), name);
    match created {
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

/// Creates a thread of the calling process.
///
/// # Errors
///
/// As [`fork`].
///
/// # References
///
/// pthread_create(3), which calls clone3(2) with `CLONE_THREAD`; `copy_creds`
pub fn pthread_create(name: &str) -> Checked<Task> {
    let (arena, number) = new_desk(name)?;
    let desk = arena.desk(number);
    let creator = arena::my_desk();
    let name = name.to_owned();
    let body = move || {
        arena::sit_at(number);
        desk.occupy();
        record_creation(creator, "pthread_create", vec![], &Ok(()), &name);
        desk.set(state::DONE);
        obey_until_leave(desk);
        leave(desk);
    };
    let created = std::thread::Builder::new().spawn(body);
    created.map_err(no_thread)?;
    Task(number).arrive()
}

/// The failure to create a thread.
pub(crate) fn no_thread(error: std::io::Error) -> Failure {
    if let Some(arena) = Arena::here() {
        arena.not_made(Errno::from_raw(error.raw_os_error().unwrap_or(0)));
    }
    Failure::new(format!("no thread can be created: {error}"))
}

/// Runs a piece of the snippet in a process that shares the caller's memory, while the caller stands
/// still; then reaps the process.
///
/// The kernel runs vfork(2) as clone(2) with `CLONE_VM | CLONE_VFORK`, which is what is called here, as
/// the child needs its own stack.
///
/// # Errors
///
/// As [`fork`]; also if the piece fails.
///
/// # References
///
/// vfork(2); `copy_creds`
pub fn vfork(name: &str, program: impl FnMut() -> Checked) -> Checked {
    in_my_memory("vfork", vec![], CLONE_VFORK, name, program)
}

/// Runs a piece of the snippet in a process created with `CLONE_VM` and these flags, while the caller
/// waits; then reaps the process.
///
/// # Errors
///
/// As [`fork`]; also if the piece fails.
///
/// # References
///
/// clone(2); `copy_creds`
pub fn clone_vm(
    flags: impl Into<CloneFlags>,
    name: &str,
    program: impl FnMut() -> Checked,
) -> Checked {
    let flags = flags.into();
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
    let creator = arena::my_desk();
    let mut result = Ok(());
    let mut child = || {
        arena::sit_at(number);
        desk.occupy();
        record_creation(creator, call, args.clone(), &Ok(()), name);
        result = program();
        record::record(|| event("exit", vec![Value::Int(0)], Outcome::Nothing));
        desk.set(state::GONE);
    };
    let mut run = || clone_in_my_memory(flags.0, &mut child);
    let shares_files = flags.0 & CLONE_FILES.0 != 0;
    let status = if shares_files { run() } else { with_separate_files(run) };
    arena::sit_at(creator);
    desk.set(state::GONE);
    match status {
        Ok(0) => result,
        Ok(status) => Err(Failure::new(format!("{name} ended with wait status {status:#x}"))),
        Err(errno) => {
            record_creation(creator, call, args, &Err(errno), name);
            Err(errno.into())
        }
    }
}

/// Creates a process that runs the snippet's executable from its start.
///
/// # Errors
///
/// As [`fork`].
///
/// # References
///
/// posix_spawn(3), which calls clone(2) and execve(2)
pub fn posix_spawn(name: &str) -> Checked<Task> {
    let (arena, number) = new_desk(name)?;
    let (path, args) = own_executable();
    let env = environment(&arena.invitation(number))?;
    let creator = arena::my_desk();
    let desk: &Desk = arena.desk(number);
    desk.fresh_image.store(2 + creator as u32, Ordering::Release);
    if let Err(errno) = process::posix_spawn(&path, &args, &env) {
        desk.set(state::GONE);
        record_creation(creator, "posix_spawn", vec![Value::word(SELF)], &Err(errno), name);
        return Err(errno.into());
    }
    Task(number).arrive()
}

/// Replaces the program of the calling process.
///
/// With [`SELF`] the new program is the snippet's own executable, which then carries out further
/// orders in the place of the calling task; the other tasks of that process are gone. So it is with
/// [`FOREIGN`], if it has an interpreter. Any other path must fail: a program that could begin would not return.
///
/// # Errors
///
/// Those of execve(2). A snippet fails if its main task calls this with [`SELF`] or [`FOREIGN`], because the
/// main task ends the snippet, or with a path that contains a NUL.
///
/// # References
///
/// execve(2); `prepare_exec_creds`, `begin_new_exec`
#[track_caller]
pub fn execve(path: &str) -> Result<(), Errno> {
    let is_foreign = path == FOREIGN;
    let foreign = if is_foreign { Some(foreign_file()?) } else { None };
    let (itself, args) = own_executable();
    let prepared = Arena::here().ok_or("outside of `observe`").and_then(|arena| {
        let is_main = arena.main_pid.load(Ordering::Relaxed) == nix::unistd::getpid().as_raw();
        let program = match (path, &foreign) {
            (SELF | FOREIGN, _) if is_main => {
                return Err("by the main task, which ends the snippet");
            }
            (SELF, _) => itself,
            (_, Some((_, path))) => path.clone(),
            (path, None) => CString::new(path).map_err(|_| "of a path that contains a NUL")?,
        };
        let env = environment(&arena.invitation(arena::my_desk()));
        Ok((arena.desk(arena::my_desk()), program, env.map_err(|_| "with a NUL in a variable")?))
    });
    let (desk, program, env) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return Err(refused(&format!("execve {why}"), Errno::EINVAL)),
    };
    desk.fresh_image.store(if is_foreign { FOREIGN_IMAGE } else { 1 }, Ordering::Release);
    let Err(error) = nix::unistd::execve(&program, &args, &env);
    desk.fresh_image.store(0, Ordering::Release);
    let is_word = is_foreign || path == SELF;
    let shown = || if is_word { Value::word(path) } else { Value::text(path) };
    record::call("execve", || vec![shown()], &Err::<(), _>(error));
    Err(error)
}

/// What a foreign file begins with.
pub(crate) const MAGIC: &str = "KEYRINGS";

/// A foreign file in memory, which a new program does not inherit, and its path.
fn foreign_file() -> Result<(OwnedFd, CString), Errno> {
    let file = memfd_create("foreign", MFdFlags::MFD_CLOEXEC)?;
    nix::unistd::write(&file, MAGIC.as_bytes())?;
    let path = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
    Ok((file, CString::new(path).unwrap_or_default()))
}

/// The descriptor of the program's executable, if the file that runs is a set-user-ID copy.
static EXECUTABLE: OnceLock<RawFd> = OnceLock::new();

/// Has [`SELF`] stand for the executable behind this descriptor, which programs inherit.
pub(crate) fn set_own_executable(descriptor: RawFd) {
    let _ = EXECUTABLE.set(descriptor);
}

/// The executable that runs, and its arguments.
pub(crate) fn own_executable() -> (CString, Vec<CString>) {
    let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
    let args = std::env::args_os().map(|arg| text(arg.as_bytes())).collect();
    let original = EXECUTABLE.get().map(|fd| text(format!("/proc/thread-self/fd/{fd}").as_bytes()));
    // `self` leads nowhere once the main thread has ended; Linux has `thread-self` since 3.17. Without
    // /proc, the path by which the program was started.
    let links = [c"/proc/thread-self/exe", c"/proc/self/exe"].map(CStr::to_owned);
    let is_there = |link: &CString| nix::unistd::access(&**link, AccessFlags::X_OK).is_ok();
    let found = original.into_iter().chain(links.clone()).find(is_there);
    let path = found.or_else(|| process::own_path().map(CStr::to_owned));
    let [link, _] = links;
    (path.unwrap_or(link), args)
}

/// Begins this program again, where the snippet goes on; on failure returns why.
pub(crate) fn run_again(resume: &str) -> String {
    let (path, _) = own_executable();
    let (args, env) = match self_again(resume) {
        Ok(prepared) => prepared,
        Err(why) => return why,
    };
    let Err(errno) = nix::unistd::execve(&path, &args, &env);
    format!("this program cannot be run again: {}", named(errno))
}

/// Arguments and environment of this program where the snippet goes on; on failure returns why.
pub(crate) fn self_again(resume: &str) -> Result<(Vec<CString>, Vec<CString>), String> {
    let (_, args) = own_executable();
    let env = environment_with(RESUME_VARIABLE, resume);
    Ok((args, env.map_err(|_| "the environment contains a NUL".to_owned())?))
}

/// The environment of a program that will serve at a desk.
fn environment(invitation: &str) -> Checked<Vec<CString>> {
    environment_with(TASK_VARIABLE, invitation)
        .map_err(|_| Failure::new("the environment contains a NUL"))
}

/// The environment with one of this crate's variables set, and without the others.
fn environment_with(variable: &str, value: &str) -> Result<Vec<CString>, NulError> {
    let is_ours = |name: &OsString| name == TASK_VARIABLE || name == RESUME_VARIABLE;
    let own = std::env::vars_os().filter(|(name, _)| !is_ours(name)).map(|(name, value)| {
        let mut pair = name.into_encoded_bytes();
        pair.push(b'=');
        pair.extend_from_slice(value.as_bytes());
        pair
    });
    let ours = format!("{variable}={value}").into_bytes();
    own.chain([ours]).map(CString::new).collect()
}
