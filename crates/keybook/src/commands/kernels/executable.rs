//! The static executable that is run at other places.

use crate::project;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `cargo static` leaves it, from the project's folder.
const MADE: &str = "target/x86_64-unknown-linux-gnu/static/keybook";

/// The one that is named; this program, if it is static; else what `cargo static` makes.
pub(super) fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return named.canonicalize().with_context(|| format!("--program {}", named.display()));
    }
    if cfg!(target_feature = "crt-static") {
        return std::env::current_exe().context("this program does not find itself");
    }
    let Ok(root) = project::root() else {
        bail!(
            "this program is not static, and its project is not here: --program names one that is"
        );
    };
    eprintln!("keybook: `cargo static` makes the executable for other kernels");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let made = Command::new(cargo)
        // What follows the alias is for the compiler.
        .args(["--quiet", "static"])
        // Set for skeptic's compiler, which is none for cargo.
        .env_remove("RUSTC")
        .current_dir(&root)
        .status()
        .context("cargo, which makes the static executable, cannot be run")?;
    if !made.success() {
        bail!("`cargo static` failed: see above");
    }
    Ok(root.join(MADE))
}
