//! What is compiled into this program: the rules with their snippets and snapshots, the pages of the book, and
//! the table of wrong models.

use anyhow::{Result, anyhow};
use keyrings::Observed;
use model::wrong::{Table, TableError};
use rulebook::{Rulebook, WRONG_MODELS};
use std::cmp::Reverse;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;

/// A rule compiled into this program. The build script writes the table [`RULES`].
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) id: &'static str,
    /// The needs stated in the book and those implied by the trace.
    pub(crate) needs: &'static [&'static str],
    /// The fact in a few words, without Markdown's marks.
    pub(crate) title: &'static str,
    pub(crate) statement: &'static str,
    /// See [`rulebook::fingerprint`].
    pub(crate) fingerprint: &'static str,
    /// The snippet.
    pub(crate) observe: fn() -> Observed,
    /// The pinned trace.
    pub(crate) snapshot: Option<&'static str>,
}

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The table of wrong models as saved when this program was built.
///
/// # Errors
///
/// If a line has the wrong form or names a law that doesn't exist.
pub(crate) fn wrong_models() -> Result<&'static Table> {
    static TABLE: OnceLock<Result<Table, TableError>> = OnceLock::new();
    let text = include_str!("../../../snapshots/model/wrong-models.txt");
    let table = TABLE.get_or_init(|| Table::parse(text)).as_ref();
    table.map_err(|error| {
        anyhow!("{WRONG_MODELS}:{error}; `cargo run -- wrong --save` writes it anew")
    })
}

/// The book as it was when this program was built. The build script writes the table [`PAGES`].
pub(crate) fn book() -> Rulebook {
    Rulebook::read_from(|path| {
        let page = PAGES.iter().find(|(name, _)| Path::new(name) == path);
        page.map(|(_, text)| (*text).to_owned()).ok_or_else(|| ErrorKind::NotFound.into())
    })
}

/// Finds a rule by its id.
pub(crate) fn rule(id: &str) -> Option<&'static Embedded> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Finds rules by id, each once; all rules if no id is given. An id that ends with `.` or `*`
/// selects every rule whose id begins with it.
pub(crate) fn select(ids: &[String]) -> std::result::Result<Vec<&'static Embedded>, String> {
    if ids.is_empty() {
        return Ok(RULES.iter().collect());
    }
    let mut selected: Vec<&Embedded> = Vec::new();
    for id in ids {
        let prefix = id.strip_suffix('*').unwrap_or(id);
        let exact = prefix.len() == id.len() && !id.ends_with('.');
        let matches = |rule: &&Embedded| {
            if exact { rule.id == id } else { rule.id.starts_with(prefix) }
        };
        let found: Vec<&Embedded> = RULES.iter().filter(matches).collect();
        if found.is_empty() {
            return Err(unknown(id));
        }
        for rule in found {
            if !selected.iter().any(|known| known.id == rule.id) {
                selected.push(rule);
            }
        }
    }
    Ok(selected)
}

/// The error for an unknown id, with the ids that share most words with it.
pub(crate) fn unknown(id: &str) -> String {
    let near = near(id, RULES.iter().map(|rule| rule.id));
    let hint = if near.is_empty() { "`keybook rules` lists all rules" } else { &near };
    format!("there is no rule `{id}`: {hint}")
}

/// Asks whether one of the names that share most words with an unknown one was meant; empty if no name
/// shares a word.
pub(crate) fn near(unknown: &str, names: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = unknown.split(['.', '*', '-']).filter(|it| !it.is_empty()).collect();
    let shared = |name: &str| words.iter().filter(|word| name.contains(**word)).count();
    let mut near: Vec<&str> = names.filter(|name| shared(name) > 0).collect();
    near.sort_by_key(|name| (Reverse(shared(name)), name.len()));
    near.truncate(3);
    if near.is_empty() { String::new() } else { format!("is it {}?", near.join(", ")) }
}

/// The saved cells of rules and circumstances.
pub(crate) const CELLS: &str = include_str!("../../../snapshots/circumstances/cells.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_in_this_program_is_the_one_of_the_project() {
        let (project, ours) = (Rulebook::read(&crate::project::root().unwrap()), book());
        assert_eq!(ours.index(), project.index());
        assert_eq!(ours.rules.len(), RULES.len());
        for (rule, embedded) in ours.rules.iter().zip(&project.rules) {
            assert_eq!((&rule.snippet, &rule.why), (&embedded.snippet, &embedded.why));
        }
        assert!(ours.problems.is_empty(), "{:?}", ours.problems);
    }
}
