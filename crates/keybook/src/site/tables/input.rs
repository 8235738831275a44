//! What the tables are generated from.

use crate::commands::wrong;
use crate::site::columns::Column;
use anyhow::Result;
use model::wrong::Table;
use rulebook::{Rule, Rulebook, Snapshot, fingerprint};
use std::path::Path;
use trace::Trace;

/// A rule with its trace.
pub(crate) struct Seen<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) trace: Trace,
    /// See [`rulebook::fingerprint`].
    pub(crate) fingerprint: String,
}

/// The rules with their traces, and the results on other kernels.
pub(crate) struct Tables<'a> {
    pub(crate) book: &'a Rulebook,
    pub(crate) seen: Vec<Seen<'a>>,
    pub(crate) columns: &'a [Column],
    pub(crate) wrong: &'static Table,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(
        book: &'a Rulebook,
        columns: &'a [Column],
        root: &Path,
    ) -> Result<Tables<'a>> {
        let seen = book.rules.iter().map(|rule| {
            let snapshot = Snapshot::read(root, &rule.id).map(|snapshot| snapshot.contents);
            // A snapshot that is not a trace fails a test; here it counts as empty.
            let trace = snapshot.unwrap_or_default().parse().unwrap_or_default();
            Seen { rule, fingerprint: fingerprint(&trace), trace }
        });
        Ok(Tables { book, seen: seen.collect(), columns, wrong: wrong::table()? })
    }
}
