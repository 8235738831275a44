//! Running snippets: one, many at a time, or one after another.

pub mod circumstance;
pub(crate) mod observe;
pub(crate) mod outcome;
pub mod program;
pub mod set_user_id;
pub mod stage;
pub(crate) mod vary;
