//! Finds the static executables to run on other kernels.

use crate::project;
use ::kernels::Architecture;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the executables of `named` that run on kernels of an architecture or, if none is named, the one that is here.
pub(super) fn for_kernel(architecture: Architecture, named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if named.is_empty() {
        return find(architecture).map(|found| vec![found]);
    }
    let mut found = Vec::new();
    for path in named {
        let path = path.canonicalize().with_context(|| format!("--program {}", path.display()))?;
        if Architecture::of_executable(&path)?.of_kernel() == architecture {
            found.push(path);
        }
    }
    if found.is_empty() {
        bail!("no --program is for them");
    }
    Ok(found)
}

/// Returns this program if it is static and for that architecture, or what `cargo static` builds.
pub(in crate::commands) fn find(architecture: Architecture) -> Result<PathBuf> {
    let is_own = Architecture::here() == Some(architecture);
    if is_own && cfg!(target_feature = "crt-static") {
        return std::env::current_exe().context("the path of this program is unknown");
    }
    let alias = match architecture {
        Architecture::X86_64 => "static".to_owned(),
        other => format!("static-{}", other.name()),
    };
    let Ok(root) = project::root() else {
        bail!("there is no static executable for {}: name one with --program", architecture.name());
    };
    let built = built(&root, architecture);
    // For another architecture only the toolchain of .ci/toolchain may be able to.
    if is_own {
        build(&root, &alias)?;
    } else if !built.exists() {
        bail!("`cargo {alias}` has not built an executable for them, or name one with --program");
    }
    Ok(built)
}

/// The output of `cargo static`.
fn built(root: &Path, architecture: Architecture) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let triple = match architecture {
        Architecture::Riscv64 => "riscv64gc-unknown-linux-gnu".to_owned(),
        other => format!("{}-unknown-linux-gnu", other.name()),
    };
    root.join(target).join(triple).join("static/keybook")
}

fn build(root: &Path, alias: &str) -> Result<()> {
    eprintln!("keybook: building the executable for other kernels (`cargo {alias}`)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        // Anything after the alias would go to the compiler.
        .args(["--quiet", alias])
        // Set for skeptic; it would replace cargo's compiler.
        .env_remove("RUSTC")
        .current_dir(root)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("`cargo {alias}` failed; its messages are above");
    }
    Ok(())
}
