//! Environments: commands that run the executable under other circumstances, such as in a container
//! or on another machine.

use crate::site::columns::ColumnKind;
use crate::site::environments::{Environment, read};
use ::kernels::{Architecture, Kernel, Target};
use anyhow::{Result, bail};
use std::path::Path;

/// A kernel or environment to check, with its title.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) title: String,
    pub(super) kind: ColumnKind,
    pub(super) kernel: Kernel,
}

impl Subject {
    /// The architecture of its kernel: this machine's, unless it is emulated.
    pub(super) fn architecture(&self) -> Architecture {
        match self.kernel.target {
            Target::Qemu { architecture, .. } => architecture,
            Target::Uml { .. } | Target::Command { .. } => {
                Architecture::here().unwrap_or(Architecture::X86_64)
            }
        }
    }

    /// The subject for one executable. What is not for x86-64 is named by its architecture.
    pub(super) fn with_program(&self, executable: &Path) -> Result<Subject> {
        let Subject { mut title, mut kind, mut kernel } = self.clone();
        let architecture = Architecture::of_executable(executable)?;
        if architecture != Architecture::X86_64 {
            kind = ColumnKind::Architecture;
            let suffix = format!("-{}", architecture.name());
            if !kernel.name.ends_with(&suffix) {
                kernel.name += &suffix;
                title += &suffix;
            }
        }
        Ok(Subject { title, kind, kernel })
    }
}

/// Returns the project's environments that are available here; prints which are not.
pub(super) fn of_project(root: &Path) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for Environment { name, title, needs, command, .. } in read(root)? {
        match needs.iter().find(|need| !exists(need)) {
            None => subjects.push(subject(&name, &title, command)),
            Some(need) => eprintln!("keybook: {name} is skipped: {need} does not exist"),
        }
    }
    Ok(subjects)
}

/// Parses NAME=COMMAND of the command line. Blanks separate the words of the command.
pub(super) fn from_command(named: &str) -> Result<Subject> {
    let Some((name, command)) = named.split_once('=') else {
        bail!("--cmd {named}: expected NAME=COMMAND");
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        bail!("--cmd {named}: the name may contain letters, digits and ._+-");
    }
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        bail!("--cmd {named}: the command is empty");
    }
    Ok(subject(name, name, words))
}

fn subject(name: &str, title: &str, words: Vec<String>) -> Subject {
    let kernel = Kernel { name: name.to_owned(), target: Target::Command { words } };
    Subject { title: title.to_owned(), kind: ColumnKind::Environment, kernel }
}

fn exists(need: &str) -> bool {
    if need.starts_with('/') {
        return Path::new(need).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(need).is_file())
}
