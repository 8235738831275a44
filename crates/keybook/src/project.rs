//! The project's folder and its book.

use crate::embedded;
use anyhow::{Context, Result, bail};
use keyrings::needs;
use rulebook::{Rulebook, Snapshot};
use std::env;
use std::path::{Path, PathBuf};

/// The folder in which this program was built. A static executable is for other machines, and has the same bytes
/// wherever it was built.
#[cfg(not(target_feature = "crt-static"))]
const BUILT: Option<&str> = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
#[cfg(target_feature = "crt-static")]
const BUILT: Option<&str> = None;

/// Finds the project's folder: the nearest one with a `book.toml`, from the current folder upward,
/// otherwise the one this program was built in.
pub(crate) fn root() -> Result<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let mut folders = here.ancestors().chain(BUILT.map(Path::new));
    let found = folders.find(|folder| folder.join("book.toml").exists());
    found.map(Path::to_owned).with_context(|| {
        format!(
            "no book.toml in {} or any folder above it: change to the project's folder, or check \
             the rules without the book with `keybook check`",
            here.display()
        )
    })
}

/// The book of the project; where there is no project, as it was when this program was built.
pub(crate) fn book() -> Rulebook {
    root().map_or_else(|_| embedded::book(), |root| Rulebook::read(&root))
}

/// The pinned trace of a rule, from where [`book`] is.
pub(crate) fn trace(id: &str) -> Option<String> {
    match root() {
        Ok(root) => Snapshot::read(&root, id).map(|snapshot| snapshot.contents),
        Err(_) => embedded::rule(id)?.snapshot.map(str::to_owned),
    }
}

/// Fails if the book of the project is not well formed, with every problem.
pub(crate) fn validate(root: &Path) -> Result<()> {
    let mut book = Rulebook::read(root);
    book.refuse_unknown_needs(needs::is_known);
    let problems = book.all_problems(root);
    if problems.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    bail!("the book is not well formed\n{}", problems.join("\n"))
}
