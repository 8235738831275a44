//! Compiles the modules, while the rest of the book is built.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{JoinHandle, spawn};

const TARGET: &str = "wasm32-unknown-unknown";

/// The features of the crate `play` that are a module each.
const MODULES: [&str; 4] = ["rules", "explorer", "logs", "faults"];

/// What is said where nothing compiles for the browser.
pub(crate) const WITHOUT: &str =
    "The book is built without Play, the model in the page: .ci/wasm installs what compiles it.";

type Module = (&'static str, Vec<u8>);

/// The compilation.
pub(crate) struct Compiling(Option<JoinHandle<Result<Vec<Module>>>>);

impl Compiling {
    /// Starts it, if there is a compiler for it.
    pub(crate) fn start(root: &Path) -> Compiling {
        let root = root.to_owned();
        Compiling(Compiler::find().map(|compiler| spawn(move || compiler.modules(&root))))
    }

    /// Whether there is a compiler for it.
    pub(crate) fn is_possible(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for the modules; none where nothing compiles them.
    ///
    /// # Errors
    ///
    /// If the crate does not compile.
    pub(super) fn modules(self) -> Result<Vec<Module>> {
        match self.0 {
            Some(running) => {
                running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            None => Ok(Vec::new()),
        }
    }
}

/// A compiler with a standard library for the target.
enum Compiler {
    /// The one that compiled this program.
    Own,
    /// The one that `.ci/wasm` puts into the folder.
    In(PathBuf),
}

impl Compiler {
    fn find() -> Option<Compiler> {
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", TARGET]).stderr(Stdio::null());
        let output = rustc.output().ok().map(|output| output.stdout).unwrap_or_default();
        if Path::new(String::from_utf8_lossy(&output).trim()).is_dir() {
            return Some(Compiler::Own);
        }
        let folder = kernels::cache().parent()?.join("wasm");
        folder.join("rustc").exists().then_some(Compiler::In(folder))
    }

    fn modules(&self, root: &Path) -> Result<Vec<Module>> {
        MODULES.iter().map(|name| Ok((*name, self.module(root, name)?))).collect()
    }

    fn module(&self, root: &Path, feature: &str) -> Result<Vec<u8>> {
        // Not the folder of other compilations, which other programs may hold locked.
        let folder = root.join("target/play");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--locked", "--package=play", "--lib", "--profile=play"]);
        command.args(["--no-default-features", "--features", feature, "--target", TARGET]);
        command.arg("--target-dir").arg(&folder).current_dir(root);
        // .cargo/config.toml names the compiler of snippets.
        command.env_remove("RUSTC").stdin(Stdio::null());
        if let Compiler::In(folder) = self {
            command.env("RUSTC", folder.join("rustc"));
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", folder.join("wasm-ld"));
        }
        let output = command.output().context("cargo cannot be started")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the crate `play` does not compile for the browser\n{told}"
        );
        let file = folder.join(TARGET).join("play/play.wasm");
        fs::read(&file).with_context(|| file.display().to_string())
    }
}
