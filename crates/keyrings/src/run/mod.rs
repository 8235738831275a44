//! Running snippets: one, many at a time, or one after another.

pub mod circumstance;
pub mod handler;
pub(crate) mod observe;
pub(crate) mod outcome;
pub mod program;
mod set_user_id;
pub mod stage;
pub(crate) mod vary;
