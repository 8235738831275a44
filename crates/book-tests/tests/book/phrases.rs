//! Plain English: phrases that do not occur in code, docs, messages and CI files.

use crate::root;
use rulebook::{lines_with, phrases};
use std::fs;
use std::path::{Path, PathBuf};

/// The list, in the folder of the project.
const LIST: &str = "crates/rulebook/src/phrases.txt";
/// Folders and files that are searched.
const PLACES: [&str; 12] = [
    "crates",
    ".cargo",
    ".ci",
    ".github",
    ".lava",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "README.md",
    "book.toml",
    "snapshots/README.md",
];

fn files(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else {
        found.push(place.to_owned());
    }
}

#[test]
fn phrases_to_avoid_occur_nowhere() {
    let mut searched = Vec::new();
    PLACES.iter().for_each(|place| files(&root().join(place), &mut searched));
    let mut found = Vec::new();
    for file in searched {
        let shown = file.strip_prefix(root()).unwrap().to_owned();
        if shown == Path::new(LIST) || shown.ends_with("faults.txt") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (phrase, remedy) in phrases() {
            let lines = lines_with(&text, phrase).into_iter();
            found.extend(
                lines.map(|line| format!("{}:{line}: `{phrase}`: write {remedy}", shown.display())),
            );
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
