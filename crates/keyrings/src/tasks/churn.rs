//! Threads that start and end all the time, behind the tasks of a snippet.

use super::arena;
use super::fail::Checked;
use super::make::{new_desk, no_thread};
use super::record::record_creation;
use crate::sys::process::start_and_end_threads;

/// Creates a thread that creates others one after another, which end at once, for as long as the process
/// exists. The trace shows the first one only.
///
/// # Errors
///
/// If the thread cannot be created.
pub(crate) fn churn() -> Checked {
    let (arena, number) = new_desk("bystander")?;
    let desk = arena.desk(number);
    std::thread::Builder::new().spawn(start_and_end_threads).map_err(no_thread)?;
    desk.occupy();
    record_creation(arena::my_desk(), "pthread_create", vec![], &Ok(()), "bystander");
    Ok(())
}
