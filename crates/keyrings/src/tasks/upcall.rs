//! A program that request_key(2) starts, as a task of the snippet.
//!
//! The kernel starts it as root, and it inherits nothing of the snippet. It finds the snippet's memory by the task
//! that requested the key, which /proc/keys names.

use super::arena::{self, Arena, PATIENCE, state};
use super::fail::{Checked, Failure};
use super::make::new_desk;
use super::record::{self, event, record_creation};
use super::serve::serve;
use super::task::Task;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use trace::{Outcome, Value};

/// Waits for the program that the kernel starts for a request of a task; `begin` has the task begin it. Returns the
/// program, and the serial number of the key that it is to instantiate.
pub(crate) fn await_program(
    name: &str,
    requestor: Task,
    request: Vec<Value>,
    begin: impl FnOnce() -> Checked,
) -> Checked<(Task, i32)> {
    let (arena, number) = new_desk(name)?;
    let desk = arena.desk(number);
    arena.expect_program(number);
    begin()?;
    let answered = || requestor.is_over();
    if desk.wait(|state| state == state::DONE, answered).is_none() {
        arena.expect_no_program();
        desk.set(state::GONE);
        let why = if answered() { "the call has returned" } else { "it does not arrive" };
        return Err(Failure::new(format!("no program handles the request: {why}")));
    }
    let program = Task(number);
    record_creation(requestor.0, "upcall", request, &Ok(()), name);
    let key = desk.key.load(Ordering::Acquire);
    let outcome = Outcome::Returned(Value::Serial(key));
    let call = "key_to_instantiate";
    record::record(|| trace::Event { task: name.to_owned(), ..event(call, vec![], outcome) });
    desk.idle();
    Ok((program, key))
}

/// If a task of a snippet waits for the program that instantiates this key: becomes that program, and does not return.
pub(crate) fn serve_if_expected(key: i32) {
    let Some((arena, number)) = find(key) else { return };
    arena::sit_at(number);
    let desk = arena.desk(number);
    desk.occupy();
    record::start();
    // Nobody else ends it if it waits for a key that nothing instantiates, and its requestor waits for its end.
    nix::unistd::alarm::set(PATIENCE.as_secs() as u32);
    desk.key.store(key, Ordering::Release);
    desk.set(state::DONE);
    serve(desk)
}

/// The memory of the snippet, and the desk that waits there.
fn find(key: i32) -> Option<(&'static Arena, usize)> {
    let requestor = requestor(key)?;
    let descriptors = fs::read_dir(format!("/proc/{requestor}/fd")).ok()?;
    let memory = descriptors.flatten().map(|entry| entry.path()).filter(|path| {
        fs::read_link(path).is_ok_and(|file| file.as_os_str() == "/memfd:keyrings (deleted)")
    });
    // The folder is closed before a file takes the number that the snippet's other programs know.
    let memory: Vec<PathBuf> = memory.collect();
    memory.into_iter().find_map(|path| {
        let file = File::options().read(true).write(true).open(path).ok()?;
        Arena::join(file, requestor)
    })
}

/// The task that requested a key, by the line of the authorization key.
fn requestor(key: i32) -> Option<i32> {
    let keys = fs::read_to_string("/proc/keys").ok()?;
    let named = format!(" key:{key:x} pid:");
    let (_, rest) = keys.split_once(&named)?;
    rest.split_whitespace().next()?.parse().ok()
}
