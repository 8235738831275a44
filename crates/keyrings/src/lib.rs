//! What the snippets of the book are written with: the key system calls as keyctl(3) names them, the ways
//! to create and end tasks, and a record of both.
//!
//! ```
//! use keyrings::*;
//!
//! fn main() -> Observed {
//!     observe("process.fork", || {
//!         let ours = keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE)?;
//!         let child = fork("child")?;
//!         child.run(|| expect(keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, NO_CREATE), ENOKEY))?;
//!         expect(keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, NO_CREATE), ours)
//!     })
//! }
//! ```
//!
//! Where to find what:
//!
//! - the operations on keys: functions named `keyctl_…`, [`add_key`], [`request_key`];
//! - tasks: [`fork`], [`pthread_create`], [`vfork`], [`clone()`], [`clone3`], [`posix_spawn`],
//!   [`execve`], and the orders of a [`Task`];
//! - expectations: [`expect`] an errno or a result, [`ensure`] a condition;
//! - requests: [`upcall`], the program of the snippet that handles one, and [`requested`];
//! - waiting: [`wait_until_gone`], [`wait_for_the_collector`], [`wait_for_notifications`];
//! - the surroundings: [`proc_keys()`], [`key_users`], [`setresuid`], [`open`], [`keyctl_program()`].
//!
//! Inside, imports point one way: `run` → `host` → `api` → `tasks` → `sys`. All unsafe code is in `sys`.

mod api;
mod host;
mod run;
mod sys;
mod tasks;

pub use api::binfmt::*;
pub use api::confine::*;
pub use api::hold::*;
pub use api::ids::*;
pub use api::key::*;
pub use api::keyctl::*;
pub use api::keyctl_program::*;
pub use api::memory::*;
pub use api::overlay::*;
pub use api::proc_keys::*;
pub use api::program_file::*;
pub use api::ptrace::*;
pub use api::quota::*;
pub use api::upcall::*;
pub use api::uring::*;
pub use api::wait::*;
pub use api::watch::*;
pub use host::{environment, needs, probe, room};
pub use nix::errno::Errno::{self, *};
pub use nix::sys::signal::Signal;
pub use run::observe::*;
pub use run::outcome::{NO_KEYRINGS, NO_ROOM, NOT_APPLICABLE, NOT_AS_EXPECTED, Observed};
pub use run::vary::resume;
pub use run::{circumstance, handler, program, stage};
pub use sys::handles::SystemLibrary;
pub use tasks::fail::*;
pub use tasks::make::*;
pub use tasks::plain::{Parcel, Plain};
pub use tasks::record::Recorded;
pub use tasks::serve::{FOREIGN, SELF, serve_if_invited};
pub use tasks::task::*;
