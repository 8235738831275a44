//! Results of a check, and the formats they are reported in.

mod human;
mod json;
mod junit;
mod results;
mod tap;

pub(crate) use human::{brief, human};
pub(crate) use json::json;
pub(crate) use junit::junit;
pub(crate) use results::{CheckResult, Checked, Count, Report, ResultKind};
pub(crate) use tap::{ktap, tap};
