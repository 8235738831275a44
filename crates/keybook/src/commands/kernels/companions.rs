//! What else a guest's file system holds: keyctl(1) and request-key(8) of this machine, as far as
//! they are there, with what they need. Rules about them are not observed without.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// By the paths that the kernel and the book call them.
const PROGRAMS: [&str; 2] = ["/bin/keyctl", "/sbin/request-key"];
/// Says what request-key(8) starts to build which key.
const CONFIGURATION: &str = "/etc/request-key.conf";
/// Where the loader finds libraries without a search.
const LIBRARIES: &str = "/etc/ld.so.cache";

/// The files, with their paths in the guest, which are the same.
pub(super) fn find() -> Vec<(PathBuf, String)> {
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

/// The program that runs a script.
fn interpreter(program: &str) -> Option<String> {
    let text = fs::read(program).ok()?;
    let line = text.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
}

/// The libraries that a program loads, and its loader, as ldd(1) tells them.
fn libraries(program: &str) -> Vec<String> {
    let Ok(output) = Command::new("ldd").arg(program).output() else { return Vec::new() };
    let path =
        |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned);
    String::from_utf8_lossy(&output.stdout).lines().filter_map(path).collect()
}
