//! What the snippets of the book are written with: the key system calls as keyctl(3) names them,
//! the ways to make and end tasks, and a record of both.
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
//!   [`execve`], and what a [`Task`] can be told;
//! - expectations: [`expect`] holds a call to an error or a result, [`ensure`] a plain truth;
//! - waiting: [`wait_until_gone`], [`wait_for_the_collector`];
//! - the surroundings: [`proc_keys()`], [`key_users`], [`setresuid`], [`open`], [`keyctl_program()`].

mod arena;
pub mod environment;
mod fail;
mod hold;
mod ids;
mod key;
mod keyctl;
mod keyctl_program;
mod make;
pub mod needs;
mod observe;
pub mod place;
mod proc_keys;
pub mod program;
mod quota;
mod record;
pub mod room;
mod serve;
pub mod stage;
mod sys;
mod task;
mod wait;

pub use fail::*;
pub use hold::*;
pub use ids::*;
pub use key::*;
pub use keyctl::*;
pub use keyctl_program::*;
pub use make::*;
pub use nix::errno::Errno::{self, *};
pub use nix::sys::signal::Signal;
pub use observe::*;
pub use proc_keys::*;
pub use quota::*;
pub use record::Answer;
pub use serve::serve_if_invited;
pub use sys::{Heap, Plain};
pub use task::*;
pub use wait::*;
