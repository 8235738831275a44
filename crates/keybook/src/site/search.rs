//! The search index: titles, statements, reasons, ids, and the names of calls and errors, without programs
//! and traces. `keybook build` puts it in the place of mdBook's, whose script it answers.

use super::html::html;
use super::tables::Seen;
use super::text::{Section, sections};
use crate::failed;
use anyhow::{Context, Result, bail};
use mdbook_driver::config::HtmlConfig;
use rulebook::Rulebook;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use trace::{Errno, Outcome, Trace, Value};

/// The table of synonyms, in the folder of the book's sources.
const SYNONYMS: &str = "search-synonyms.toml";
/// The list of errors, each of which has its causes on another page.
const FAILED: &str = "failed.md";
/// As much of a section's text as is searched, in characters.
const LONGEST: usize = 2500;

/// A place that a search can lead to, in the order that search.js expects: address, id or error, title as HTML,
/// statement, reason, names, and the title of the page.
#[derive(Debug, Serialize)]
struct Document(String, String, String, String, String, String, String);

#[derive(Serialize)]
struct Index {
    docs: Vec<Document>,
    synonyms: BTreeMap<String, Vec<String>>,
}

/// Replaces the index in the built book.
///
/// # Errors
///
/// If the table of synonyms is not valid, or a file cannot be read or written.
pub(crate) fn write(built: &Path, root: &Path, book: &Rulebook, config: &HtmlConfig) -> Result<()> {
    let file = root.join(rulebook::SOURCE).join(SYNONYMS);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let mut synonyms: BTreeMap<String, Vec<String>> =
        toml::from_str(&text).with_context(|| file.display().to_string())?;
    // The kernel's words differ from the C library's for some errors.
    let kernel = Errno::ALL.iter().map(|errno| (errno.words(), errno.name()));
    let library = failed::table()?.errors.iter().map(|error| (&*error.words, &*error.name));
    let errors = kernel.chain(library);
    synonyms.extend(errors.map(|(words, name)| (words.to_lowercase(), vec![name.to_lowercase()])));
    let chapters = config.search.as_ref().map(|search| &search.chapter);
    let mut docs = Vec::new();
    for page in &book.pages {
        let place = page.path.with_extension("html");
        let listed = chapters.and_then(|all| all.get(&*page.path.to_string_lossy()));
        if listed.is_some_and(|chapter| chapter.enable == Some(false)) {
            continue;
        }
        let file = built.join(&place);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let mut found = documents(&place, &text, book, root);
        if page.path == Path::new(FAILED) {
            // An error is found on the page that has its causes.
            found.retain(|document| document.1.is_empty());
        }
        docs.append(&mut found);
    }
    let index = serde_json::to_string(&Index { docs, synonyms })?;
    let script = include_str!("search.js").replace("DATA", &index);
    let file = index_file(built)?;
    fs::write(&file, script).with_context(|| file.display().to_string())
}

/// The file that mdBook's script loads. Its name has a hash in it.
fn index_file(built: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(built).with_context(|| built.display().to_string())?;
    let mut files = files.flatten().map(|entry| entry.path());
    let is_index = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("searchindex") && name.ends_with(".js")
    };
    match files.find(is_index) {
        Some(file) => Ok(file),
        None => bail!("mdBook wrote no search index: enable it in book.toml, [output.html.search]"),
    }
}

/// The places on a page: its rules and its other sections.
fn documents(place: &Path, text: &str, book: &Rulebook, root: &Path) -> Vec<Document> {
    // In the element `title` the name of the book follows that of the page.
    let page = text.split_once("<title>").map_or("", |(_, rest)| rest);
    let page = page.split_once("</title>").map_or("", |(title, _)| title);
    let page = page.split_once(" - ").map_or(page, |(page, _)| page).to_owned();
    let document = |Section { id, title, text }: Section| {
        let address = format!("{}#{id}", place.display());
        // An error stands for itself, as a rule does.
        let (name, title) = match title.split_once(": ").filter(|(name, _)| is_error(name)) {
            Some((name, words)) => (name.to_owned(), words.to_owned()),
            None => (String::new(), title),
        };
        match book.rule(&id) {
            Some(rule) => {
                let trace = Seen::trace(rule, root);
                Document(
                    address,
                    rule.id.clone(),
                    html(&rule.title.replace('`', "")),
                    rule.plain_statement(),
                    rule.why.replace(['`', '*'], ""),
                    names(&trace, &rule.kernel),
                    page.clone(),
                )
            }
            None => Document(
                address,
                name,
                html(&title),
                String::new(),
                text.chars().take(LONGEST).collect(),
                String::new(),
                page.clone(),
            ),
        }
    };
    sections(text).into_iter().map(document).collect()
}

/// Whether there is an error of this name on the pages about failed calls.
fn is_error(name: &str) -> bool {
    failed::table().is_ok_and(|failed| failed.errors.iter().any(|error| error.name == name))
}

/// The names of calls, errors, special ids and kernel functions.
fn names(trace: &Trace, kernel: &[String]) -> String {
    let mut names: BTreeSet<&str> = kernel.iter().map(String::as_str).collect();
    for event in trace.events() {
        names.insert(&event.call);
        if let Outcome::Failed(errno) = &event.outcome {
            names.insert(errno.name());
        }
        for arg in &event.args {
            if let Value::Word(word) = arg
                && word.starts_with('@')
            {
                names.insert(word);
            }
        }
    }
    names.into_iter().collect::<Vec<_>>().join(" ")
}
