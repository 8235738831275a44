//! The list of environments in which the rules are checked.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// The folder of the saved results in the project.
pub(crate) const RESULTS: &str = rulebook::KERNELS;
/// The list in it.
const LIST: &str = "environments.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    environment: Vec<Environment>,
}

/// A command that runs a program in other circumstances.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    pub(crate) name: String,
    pub(crate) title: String,
    /// One or two words for it, where there is no room for the title.
    pub(crate) short: String,
    /// Programs in `PATH`, or absolute paths, that must exist.
    pub(crate) needs: Vec<String>,
    pub(crate) command: Vec<String>,
}

/// Reads the list; empty if there is no such file.
///
/// # Errors
///
/// If the file cannot be read or is not valid.
pub(crate) fn read(root: &Path) -> Result<Vec<Environment>> {
    let file = root.join(RESULTS).join(LIST);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let list: List = toml::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(list.environment)
}
