//! The snapshots: what each rule's program was seen to do.

use crate::{Problem, Rulebook, SNAPSHOTS};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The name of the snapshot that pins the index of all rules.
pub const INDEX: &str = "rules";

/// A snapshot as insta keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What is pinned.
    pub contents: String,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
}

impl Snapshot {
    /// The file of a rule's snapshot.
    pub fn path(root: &Path, name: &str) -> PathBuf {
        root.join(SNAPSHOTS).join(format!("{name}.snap"))
    }

    /// Reads a snapshot; `None` if there is none.
    pub fn read(root: &Path, name: &str) -> Option<Snapshot> {
        std::fs::read_to_string(Snapshot::path(root, name)).ok().map(|text| Snapshot::parse(&text))
    }

    /// Takes what is pinned out of the file: insta writes a header between two lines of dashes.
    pub fn parse(text: &str) -> Snapshot {
        let parts = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (line, contents) =
            parts.map_or((1, text), |(header, body)| (header.lines().count() + 3, body));
        Snapshot { contents: format!("{}\n", contents.trim_end()), line }
    }
}

/// The ids that a redirect in `book.toml` leads away from, so that links to them still work.
pub fn redirects(root: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root.join("book.toml")).unwrap_or_default();
    let lines = text.lines().skip_while(|line| line.trim() != "[output.html.redirect]").skip(1);
    let lines = lines.take_while(|line| !line.trim_start().starts_with('['));
    let keys = lines.filter_map(|line| line.trim().strip_prefix('"')?.split('"').next());
    keys.filter_map(|key| key.split_once('#')).map(|(_, id)| id.to_owned()).collect()
}

/// Snapshots that are missing, or belong to no rule, and ids that have vanished.
pub(crate) fn problems(book: &Rulebook, root: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in &book.rules {
        if !Snapshot::path(root, &rule.id).exists() {
            problems.push(Problem::new(
                Path::new(crate::SOURCE).join(&rule.page),
                rule.line,
                format!("`{}` has no snapshot", rule.id),
                "run `cargo test`, then `cargo insta review` (or `INSTA_UPDATE=always cargo test`)",
            ));
        }
    }
    let files = std::fs::read_dir(root.join(SNAPSHOTS)).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".snap").map(str::to_owned))
        .collect();
    names.sort();
    for name in names {
        if name != INDEX && book.rule(&name).is_none() {
            problems.push(Problem::new(
                Path::new(SNAPSHOTS).join(format!("{name}.snap")),
                1,
                format!("there is no rule `{name}`"),
                "delete the snapshot, or give the rule its id back",
            ));
        }
    }
    let redirected = redirects(root);
    let Some(published) = Snapshot::read(root, INDEX) else { return problems };
    for (nth, line) in published.contents.lines().enumerate() {
        let id = line.split(" | ").next().unwrap_or_default();
        if !id.is_empty() && book.rule(id).is_none() && !redirected.contains(id) {
            problems.push(Problem::new(
                Path::new(SNAPSHOTS).join(format!("{INDEX}.snap")),
                published.line + nth,
                format!("`{id}` was published and is gone"),
                "bring it back, or lead its links on in book.toml, [output.html.redirect]",
            ));
        }
    }
    problems
}
