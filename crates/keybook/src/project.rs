//! The project's folder and its book.

use anyhow::{Context, Result, bail};
use keyrings::needs;
use rulebook::{Problem, Rulebook, SOURCE};
use std::env;
use std::path::{Path, PathBuf};

/// Finds the project's folder: the nearest one with a `book.toml`, from the current folder upward,
/// otherwise the one this program was built in.
pub(crate) fn root() -> Result<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let built = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut folders = here.ancestors().chain([built]);
    let found = folders.find(|folder| folder.join("book.toml").exists());
    found.map(Path::to_owned).with_context(|| {
        format!(
            "no book.toml in {} or any folder above it: change to the project's folder, or check \
             the rules without the book with `keybook check`",
            here.display()
        )
    })
}

/// Fails if the book is not well formed, with every problem.
pub(crate) fn validate(book: &Rulebook, root: &Path) -> Result<()> {
    let mut problems = book.all_problems(root);
    for rule in &book.rules {
        problems.extend(rule.needs.iter().filter(|need| !needs::is_known(need)).map(|need| {
            Problem {
                file: Path::new(SOURCE).join(&rule.page),
                line: rule.line,
                what: format!("`{}` has the unknown need `{need}`", rule.id),
                mend: "`keyrings::needs::NEEDS` lists the known ones".to_owned(),
            }
        }));
    }
    if problems.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    bail!("the book is not well formed\n{}", problems.join("\n"))
}
