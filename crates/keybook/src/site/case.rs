//! The cases: what happened to real programs, as `keybook strace` explains it.
//!
//! A page says `{{#case NAME PROGRAM…}}`: the log is `snapshots/cases/NAME.strace`, the programs stand in `book/cases/`.

use super::html::{escape, html, link};
use super::marks;
use crate::commands::strace;
use crate::output::count;
use anyhow::{Context, Result};
use findings::Finding;
use rulebook::Rulebook;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The folder of the programs, in that of the book's sources.
const FOLDER: &str = "cases";
/// The folder of the logs.
pub(super) const LOGS: &str = "snapshots/cases";
const MARK: &str = "{{#case ";

/// Replaces the marks in the page at `path`, relative to the book's sources, by what they stand for.
///
/// # Errors
///
/// If a file is missing, or a log cannot be read.
pub(super) fn fill_in(text: &mut String, path: &Path, root: &Path, book: &Rulebook) -> Result<()> {
    let up = "../".repeat(path.components().count() - 1);
    marks::replace(text, MARK, |words| {
        let mut words = words.split_whitespace();
        let name = words.next().context("the name of a log is missing")?;
        let mut shown = explanation(name, root, book)?;
        for program in words {
            let file = root.join(rulebook::SOURCE).join(FOLDER).join(program);
            let source = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let language = program.rsplit_once('.').map_or("", |(_, ending)| ending);
            let heading = format!("The program <span>{program}</span>");
            let address = format!("[`{program}`]({up}{FOLDER}/{program})\n\n");
            folded(&mut shown, &heading, &address, language, &source);
        }
        Ok(shown.replace("{up}", &up))
    })
}

/// What is found in a log, and, folded, the whole explanation and the log.
fn explanation(name: &str, root: &Path, book: &Rulebook) -> Result<String> {
    let file = |ending| root.join(LOGS).join(format!("{name}.{ending}"));
    let read = |ending| {
        let file = file(ending);
        fs::read_to_string(&file).with_context(|| file.display().to_string())
    };
    let log = format!("{name}.strace");
    let explained = strace::explained(Path::new(&log), &file("strace"))
        .with_context(|| format!("{LOGS}/{log}"))?;
    let mut out = format!("<p><code>keybook strace {log}</code>: ");
    if explained.findings.is_empty() {
        let _ = writeln!(out, "nothing found in {}.</p>", count(explained.key_calls, "key call"));
    } else {
        let found = explained.findings.iter().map(|finding| of_finding(finding, book));
        let _ = write!(out, "</p>\n<ol>{}</ol>\n", found.collect::<Result<String>>()?);
    }
    out.push('\n');
    folded(
        &mut out,
        &format!("The explanation <span>{name}.txt</span>"),
        "",
        "text",
        &read("txt")?,
    );
    folded(&mut out, &format!("The log <span>{log}</span>"), "", "text", &read("strace")?);
    Ok(out)
}

fn of_finding(finding: &Finding, book: &Rulebook) -> Result<String> {
    let mut rules = String::new();
    for id in &finding.rules {
        let rule = book.rule(id).with_context(|| format!("there is no rule `{id}`"))?;
        let _ = write!(rules, "<li>{}</li>", link(rule, &html(&rule.title)));
    }
    let (title, text) = (escape(finding.title), escape(&finding.text));
    Ok(format!("<li><strong>{title}.</strong> {text}.\n<ul class=\"because\">{rules}</ul></li>\n"))
}

/// A part that is folded: its heading and what stands before the text, and the text as a block of code.
fn folded(out: &mut String, heading: &str, before: &str, language: &str, text: &str) {
    let _ = write!(
        out,
        "<details class=\"prog\">\n<summary>{heading}</summary>\n\n{before}```{language}\n{text}```\n\n</details>\n\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn every_case_is_on_one_page() {
        let root = root();
        let book = Rulebook::read(&root);
        let mut named = Vec::new();
        for page in &book.pages {
            let text = fs::read_to_string(root.join(rulebook::SOURCE).join(&page.path)).unwrap();
            let marks = text.split(MARK).skip(1);
            named.extend(marks.map(|mark| mark.split([' ', '}']).next().unwrap().to_owned()));
        }
        let stored = fs::read_dir(root.join(LOGS)).unwrap().flatten().map(|file| file.path());
        let logs = stored.filter(|path| path.extension().is_some_and(|it| it == "strace"));
        let logs: BTreeSet<String> =
            logs.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        named.sort();
        assert_eq!(named, logs.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_case_without_a_log_is_refused() {
        let root = root();
        let book = Rulebook::read(&root);
        let mut text = "{{#case spoon}}".to_owned();
        let error = fill_in(&mut text, Path::new("cases.md"), &root, &book).unwrap_err();
        assert!(format!("{error:#}").contains("spoon.strace"), "{error:#}");
    }
}
