//! The files of a revision, in a folder that is removed afterward.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A revision of the project.
pub(super) struct Base {
    folder: TempDir,
}

impl Base {
    /// Reads a revision with git(1) and tar(1).
    ///
    /// # Errors
    ///
    /// If `revision` names no commit, that commit has no book, or a program is missing.
    pub(super) fn of(root: &Path, revision: &str) -> Result<Base> {
        let commit = commit(root, revision)?;
        let folder = tempfile::tempdir().context("cannot create a folder for the old files")?;
        // The project's folder need not be the top of the repository: git archives the current folder.
        let mut git = git(root);
        git.args(["archive", "--format=tar", &commit]).stdout(Stdio::piped());
        let mut git = git.spawn().context("cannot run git")?;
        let archive = git.stdout.take().context("git has no standard output")?;
        let mut tar = Command::new("tar");
        tar.arg("-x").arg("-C").arg(folder.path()).stdin(archive);
        let unpacked = tar.status().context("cannot run tar")?;
        let archived = git.wait().context("cannot wait for git")?;
        if !archived.success() || !unpacked.success() {
            bail!("cannot read the files of `{revision}` with `git archive` and `tar`");
        }
        let base = Base { folder };
        if !base.root().join(rulebook::SOURCE).join("SUMMARY.md").exists() {
            bail!("`{revision}` has no book: name a later revision");
        }
        Ok(base)
    }

    /// The project's folder as it was.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(root).stdin(Stdio::null());
    git
}

/// The full name of the commit.
fn commit(root: &Path, revision: &str) -> Result<String> {
    let mut git = git(root);
    git.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
    git.arg(format!("{revision}^{{commit}}")).stderr(Stdio::null());
    let output = git.output().context("cannot run git: install it")?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || name.is_empty() {
        let place: PathBuf = root.to_owned();
        bail!(
            "`{revision}` is no revision of the git repository in {}: name a commit, a branch or a tag",
            place.display()
        );
    }
    Ok(name)
}
