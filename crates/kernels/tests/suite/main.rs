//! The tests of this crate in one executable, and what they share.

mod boot;
mod command;
mod group;

use kernels::{Kernel, Payload, Target};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// A payload of /bin/sh, for targets that do not boot anything.
fn shell(args: &[&str]) -> Payload {
    let args = args.iter().map(|arg| arg.to_string()).collect();
    Payload { executable: "/bin/sh".into(), args, files: vec![] }
}

/// A kernel named `name` whose User Mode Linux is the script `text` in `dir`.
fn script(dir: &Path, name: &str, text: &str) -> Kernel {
    let linux = dir.join("linux.uml");
    // Another process writes the file: if this one had it open for writing, a process that another
    // test forks could inherit the descriptor, and executing the file would fail with ETXTBSY.
    let write = "printf %s \"$1\" > \"$0\" && chmod +x \"$0\"";
    let wrote = Command::new("sh").args(["-c", write]).arg(&linux).arg(text).status();
    assert!(wrote.expect("sh").success());
    Kernel { name: name.into(), target: Target::Uml { linux } }
}
