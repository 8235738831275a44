//! What several tests of the program ask and wait for.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The program in a folder of its own, where every user can run it.
///
/// Another process makes the copy: a file that this one has open for writing could be handed down to
/// what another test starts at that moment, and cannot be executed for as long (`ETXTBSY`).
pub fn copy_of_the_program(folder: &Path) -> PathBuf {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("keybook");
    let copy = Command::new("cp").arg(env!("CARGO_BIN_EXE_keybook")).arg(&program).status();
    assert!(copy.unwrap().success(), "cp to {}", program.display());
    program
}

/// Whether this runs as root; says so if not.
pub fn am_root() -> bool {
    let root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !root {
        eprintln!("not observed: only root can become another user");
    }
    root
}

/// Whether there are keyrings; says so if not.
pub fn keyrings_are_here() -> bool {
    let nothing = keyrings::place::Keyrings::here().explain();
    if let Some(nothing) = &nothing {
        eprintln!("not observed: {nothing}");
    }
    nothing.is_none()
}

/// The lines of a file in /proc by their first word.
pub fn first_words(file: &str) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Waits until none of what is new since `before` is there any more.
pub fn wait_until_nothing_is_new(file: &str, before: &BTreeSet<String>) {
    let mut new: BTreeSet<String> = first_words(file).difference(before).cloned().collect();
    let end = Instant::now() + Duration::from_secs(60);
    while !new.is_empty() {
        assert!(Instant::now() < end, "left behind in {file}: {new:?}");
        sleep(Duration::from_millis(20));
        let now = first_words(file);
        new.retain(|word| now.contains(word));
    }
}
