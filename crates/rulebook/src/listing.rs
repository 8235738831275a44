//! Checks that every rule is on exactly one page of the table of contents.

use crate::{Page, Problem, SOURCE};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Pages that are listed twice, and files with rules that are not listed.
pub(crate) fn problems(source: &Path, listed: &[PathBuf]) -> Vec<Problem> {
    let summary = Path::new(SOURCE).join("SUMMARY.md");
    let mut seen = BTreeSet::new();
    let twice = listed.iter().filter(|path| !seen.insert(*path)).map(|path| {
        let what = format!("{} is listed twice, and so are its rules", path.display());
        Problem::new(&summary, 1, what, "remove one of the lines")
    });
    let mut problems: Vec<Problem> = twice.collect();
    let mut files = Vec::new();
    collect(source, &mut files);
    files.sort();
    for file in files {
        let path = file.strip_prefix(source).unwrap_or(&file);
        if seen.contains(&path.to_owned()) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Some(section) = Page::parse(path, &text).sections.first() {
            problems.push(Problem::new(
                Path::new(SOURCE).join(path),
                section.lines.start,
                format!(
                    "`{}` is on no page: the table of contents does not list this file",
                    section.title
                ),
                "list the file in SUMMARY.md, or move the rule to a page that is listed",
            ));
        }
    }
    problems
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "# P\n\n## process.a\n\n**T**\n\nS.\n";

    #[test]
    fn a_rule_on_no_page_or_on_two_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["listed.md", "forgotten.md"] {
            fs::write(folder.path().join(name), RULE).unwrap();
        }
        fs::write(folder.path().join("words.md"), "# Words\n").unwrap();
        let listed = ["listed.md", "listed.md"].map(PathBuf::from);
        let problems: Vec<String> =
            problems(folder.path(), &listed).iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].starts_with("book/SUMMARY.md:1: listed.md is listed twice"));
        assert!(problems[1].starts_with("book/forgotten.md:3: `process.a` is on no page"));
        assert!(super::problems(folder.path(), &listed[..1]).len() == 1);
    }
}
