//! Everything that needs `unsafe`, with the reason at each block.
//!
//! No function here lets a caller in safe code touch memory it does not own: addresses never cross
//! the border of this module, and what may be released once is a [`handles::Handle`].
#![allow(unsafe_code)]

pub(crate) mod binfmt;
pub(crate) mod compat;
pub(crate) mod handles;
pub(crate) mod keys;
pub(crate) mod loop_device;
mod machine;
pub(crate) mod process;
pub(crate) mod program_file;
pub(crate) mod shared;
pub(crate) mod uring;

type Result<T> = std::result::Result<T, nix::errno::Errno>;
