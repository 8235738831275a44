//! What the tables are generated from.

use crate::embedded;
use crate::failed::{self, Failed};
use crate::site::columns::Column;
use anyhow::Result;
use model::wrong::Table;
use rulebook::{Rule, Rulebook, Snapshot, Timings, fingerprint};
use std::path::Path;
use trace::Trace;

/// A rule with its trace.
pub(crate) struct Seen<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) trace: Trace,
    /// See [`rulebook::fingerprint`].
    pub(crate) fingerprint: String,
}

impl Seen<'_> {
    /// The pinned trace of a rule. A snapshot that is not a trace fails a test; here it counts as empty.
    pub(crate) fn trace(rule: &Rule, root: &Path) -> Trace {
        let snapshot = Snapshot::read(root, &rule.id).map(|snapshot| snapshot.contents);
        snapshot.unwrap_or_default().parse().unwrap_or_default()
    }
}

/// The rules with their traces, and the results on other kernels.
pub(crate) struct Tables<'a> {
    pub(crate) book: &'a Rulebook,
    pub(crate) seen: Vec<Seen<'a>>,
    pub(crate) columns: &'a [Column],
    pub(crate) wrong: &'static Table,
    pub(crate) timings: Vec<Timings>,
    pub(crate) failed: &'static Failed,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(
        book: &'a Rulebook,
        columns: &'a [Column],
        root: &Path,
    ) -> Result<Tables<'a>> {
        let seen = book.rules.iter().map(|rule| {
            let trace = Seen::trace(rule, root);
            Seen { rule, fingerprint: fingerprint(&trace), trace }
        });
        let (seen, wrong, failed) = (seen.collect(), embedded::wrong_models()?, failed::table()?);
        Ok(Tables { book, seen, columns, wrong, timings: Timings::saved(root), failed })
    }
}
