//! The subcommands, one file each.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod explore;
pub(crate) mod guarantees;
pub(crate) mod judge;
pub(crate) mod kernels;
pub(crate) mod look;
pub(crate) mod man;
pub(crate) mod preprocess;
pub(crate) mod rules;
pub(crate) mod strace;
pub(crate) mod vary;
pub(crate) mod wrong;
