//! Finds the static executable to run on other kernels.

use crate::project;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The output of `cargo static`, relative to the project's folder.
const BUILT: &str = "target/x86_64-unknown-linux-gnu/static/keybook";

/// Returns `named`, or this program if it is static, or what `cargo static` builds.
pub(in crate::commands) fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return named.canonicalize().with_context(|| format!("--program {}", named.display()));
    }
    if cfg!(target_feature = "crt-static") {
        return std::env::current_exe().context("the path of this program is unknown");
    }
    let Ok(root) = project::root() else {
        bail!("this program is not static, and its project is not here: name one with --program");
    };
    eprintln!("keybook: building the executable for other kernels (`cargo static`)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        // Anything after the alias would go to the compiler.
        .args(["--quiet", "static"])
        // Set for skeptic; it would replace cargo's compiler.
        .env_remove("RUSTC")
        .current_dir(&root)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("`cargo static` failed; its messages are above");
    }
    Ok(root.join(BUILT))
}
