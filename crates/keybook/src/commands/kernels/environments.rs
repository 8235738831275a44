//! Environments: commands that run a program on this kernel under other circumstances, or on
//! another machine.

use crate::site::columns::ColumnKind;
use crate::site::environments::{Environment, read};
use ::kernels::{Kernel, Place};
use anyhow::{Result, bail};
use std::path::Path;

/// A place to run on, with its title.
pub(super) struct Spot {
    pub(super) title: String,
    pub(super) kind: ColumnKind,
    pub(super) kernel: Kernel,
}

/// The environments of the project that can be had here; says which cannot.
pub(super) fn of_project(root: &Path) -> Result<Vec<Spot>> {
    let mut spots = Vec::new();
    for Environment { name, title, needs, command } in read(root)? {
        match needs.iter().find(|need| !is_there(need)) {
            None => spots.push(spot(&name, &title, command)),
            Some(need) => eprintln!("keybook: {name} is left out: {need} is not there"),
        }
    }
    Ok(spots)
}

/// A place that the command line names: NAME=COMMAND, whose words are separated by blanks.
pub(super) fn from_command(named: &str) -> Result<Spot> {
    let Some((name, command)) = named.split_once('=') else {
        bail!("--cmd {named}: NAME=COMMAND is expected");
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        bail!("--cmd {named}: the name may have letters, digits and ._+-");
    }
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        bail!("--cmd {named}: there is no command behind the name");
    }
    Ok(spot(name, name, words))
}

fn spot(name: &str, title: &str, words: Vec<String>) -> Spot {
    let kernel = Kernel { name: name.to_owned(), place: Place::Command { words } };
    Spot { title: title.to_owned(), kind: ColumnKind::Environment, kernel }
}

fn is_there(need: &str) -> bool {
    if need.starts_with('/') {
        return Path::new(need).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(need).is_file())
}
