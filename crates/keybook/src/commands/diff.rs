//! `keybook diff`: what a change of the book does to its rules.

mod base;
mod change;
mod human;

use crate::output::{self, ListFormat};
use crate::project;
use crate::status::{DIFFERS, HELD};
use anyhow::Result;
use base::Base;
use change::{Side, changes};
use clap::Args;

/// The arguments of `keybook diff`.
#[derive(Args)]
pub(crate) struct Diff {
    /// Revision to compare with, as git names it: a commit, a branch or a tag.
    base: String,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// Compares the rules of the project's folder, committed or not, with those of a revision. The status is
/// [`DIFFERS`] if a rule differs.
pub(crate) fn run(diff: &Diff) -> Result<u8> {
    let root = project::root()?;
    let base = Base::of(&root, &diff.base)?;
    let (before, after) = (Side::read(base.root()), Side::read(&root));
    if before.problems > 0 {
        eprintln!(
            "the book of {} has {} by today's form: a rule that cannot be read counts as absent",
            diff.base,
            output::count(before.problems, "mistake")
        );
    }
    let changes = changes(&before, &after);
    match diff.format {
        ListFormat::Json => output::print_json(&changes)?,
        ListFormat::Human => output::print(&human::report(&changes, &diff.base))?,
    }
    Ok(if changes.is_empty() { HELD } else { DIFFERS })
}
