//! What snippets call: operations on keys, ids, things that pin credentials, `/proc`, keyctl(1).

pub(crate) mod binfmt;
pub(crate) mod confine;
pub(crate) mod hold;
pub(crate) mod ids;
pub(crate) mod key;
pub(crate) mod keyctl;
pub(crate) mod keyctl_program;
pub(crate) mod memory;
pub(crate) mod overlay;
pub(crate) mod proc_keys;
pub(crate) mod program_file;
pub(crate) mod ptrace;
pub(crate) mod quota;
pub(crate) mod upcall;
pub(crate) mod uring;
pub(crate) mod wait;
pub(crate) mod watch;
