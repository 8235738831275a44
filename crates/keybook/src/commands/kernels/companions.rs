//! Other files for a guest: this machine's keyctl(1) and request-key(8), if installed, with what they require, or those
//! that were fetched for another architecture. Without them, rules about them are not observed.

use ::kernels::Architecture;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The paths by which the kernel and the book start them.
const PROGRAMS: [&str; 2] = ["/bin/keyctl", "/sbin/request-key"];
/// The configuration of request-key(8): which program instantiates which key.
const CONFIGURATION: &str = "/etc/request-key.conf";
/// The loader's index of libraries.
const LIBRARIES: &str = "/etc/ld.so.cache";

/// Returns the files for a guest of an architecture, each with its path there.
pub(in crate::commands) fn find(architecture: Architecture) -> Vec<(PathBuf, String)> {
    if Architecture::here() == Some(architecture) {
        of_this_machine()
    } else {
        ::kernels::companions::find(&::kernels::cache(), architecture)
    }
}

/// In the guest they have the same paths.
fn of_this_machine() -> Vec<(PathBuf, String)> {
    let configuration = fs::read_to_string(CONFIGURATION).unwrap_or_default();
    let lines = configuration.lines().filter(|line| !line.starts_with('#'));
    let started = lines.flat_map(str::split_whitespace).map(|word| word.trim_start_matches('|'));
    let started = started.filter(|word| word.starts_with('/'));
    let mut files: BTreeSet<String> = BTreeSet::from([CONFIGURATION, LIBRARIES].map(str::to_owned));
    for program in PROGRAMS.into_iter().chain(started) {
        let interpreter = interpreter(program);
        for executable in [Some(program.to_owned()), interpreter].into_iter().flatten() {
            files.extend(libraries(&executable));
            files.insert(executable);
        }
    }
    files.retain(|file| Path::new(file).is_file());
    files.into_iter().map(|file| (PathBuf::from(&file), file)).collect()
}

/// Returns the interpreter of a script.
fn interpreter(program: &str) -> Option<String> {
    let text = fs::read(program).ok()?;
    let line = text.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}

/// Returns the loader and libraries of a program, from ldd(1).
fn libraries(program: &str) -> Vec<String> {
    let Ok(output) = Command::new("ldd").arg(program).output() else { return Vec::new() };
    let path =
        |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
    String::from_utf8_lossy(&output.stdout).lines().filter_map(path).collect()
}
