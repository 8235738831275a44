//! Which keyrings the tasks of a running system have: the thread, process and session keyring that each
//! thread's credentials refer to, and the keyrings of ended threads and former programs that an open file keeps.
//!
//! - [`observe`] reads the credentials of all tasks with BPF iterators, and stops nothing.
//! - [`stop_and_ask`] asks the threads of one process, for users without the privilege.
//! - [`remarks()`] lists what is worth saying about a process.
//! - [`visible_keys`] is what `/proc/keys` tells the caller.

mod bpf;
mod btf;
mod missing;
mod program;
mod remarks;
mod stop;
mod sys;
mod tasks;

pub use bpf::observe;
pub use missing::{Missing, PROC};
pub use remarks::{Remark, grouped, remarks};
pub use stop::stop_and_ask;
pub use tasks::{Answer, Held, Left, Lost, PinningFile, Process, Thread, visible_keys};
