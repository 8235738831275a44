//! Building the book with mdBook as a library, so that nothing has to be installed.

use crate::site::preprocess::Rules;
use anyhow::Result;
use mdbook_driver::MDBook;
use std::path::{Path, PathBuf};

/// Builds the book; gives the page to open.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    let mut book = MDBook::load(root)?;
    // In the place of the command of the same name in book.toml, which does the same.
    book.with_preprocessor(Rules);
    book.build()?;
    let index = book.build_dir_for("html").join("index.html");
    Ok(index.canonicalize().unwrap_or(index))
}
