//! Plain English: phrases that do not occur in code, docs, messages and CI files.

use crate::root;
use std::fs;
use std::path::{Path, PathBuf};

/// The list, in the folder of the project.
const LIST: &str = "crates/book-tests/phrases.txt";
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

/// The phrases, each with what to write instead.
fn phrases(list: &str) -> Vec<(&str, &str)> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(" = ").expect("`phrase = remedy`")).collect()
}

fn files(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else {
        found.push(place.to_owned());
    }
}

/// The lines on which a text contains a phrase as whole words. A text is compared word by word, without
/// the signs that begin the lines of a comment.
fn lines_with(text: &str, phrase: &str) -> Vec<usize> {
    let words = text.lines().enumerate().flat_map(|(nth, line)| {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '\'');
        words.filter(|word| !word.is_empty()).map(move |word| (nth + 1, word.to_lowercase()))
    });
    let words: Vec<(usize, String)> = words.collect();
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let windows = words.windows(phrase.len());
    let fits = |window: &&[(usize, String)]| {
        window.iter().zip(&phrase).all(|((_, word), wanted)| word == wanted)
    };
    windows.filter(fits).map(|window| window[0].0).collect()
}

#[test]
fn phrases_to_avoid_occur_nowhere() {
    let list = fs::read_to_string(root().join(LIST)).unwrap();
    let mut searched = Vec::new();
    PLACES.iter().for_each(|place| files(&root().join(place), &mut searched));
    let mut found = Vec::new();
    for file in searched {
        let shown = file.strip_prefix(root()).unwrap().to_owned();
        if shown == Path::new(LIST) || shown.ends_with("phrases.rs") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (phrase, remedy) in phrases(&list) {
            let lines = lines_with(&text, phrase).into_iter();
            found.extend(
                lines.map(|line| format!("{}:{line}: `{phrase}`: write {remedy}", shown.display())),
            );
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_phrase_is_found_across_lines_and_not_within_words() {
    let text = "/// A key is no\n/// more. It is no moreover.";
    assert_eq!(lines_with(text, "is no more"), [1]);
    assert_eq!(lines_with(text, "more"), [2]);
}
