//! The tests of the rules, from those that skeptic generates. (A module of `build.rs`, and of
//! the tests for its own tests.)

use rulebook::{Page, Rulebook};
use std::collections::BTreeSet;
use std::fmt::Write;

const FIX: &str = "write each snippet as a ```rust block outside of lists and quotations";

/// The pages for which skeptic generates tests.
pub fn pages(book: &Rulebook) -> impl Iterator<Item = &Page> {
    book.pages.iter().filter(|page| !page.snippets.is_empty() || !page.sections.is_empty())
}

/// Ties each test that skeptic generated for [`pages`] to the place of its snippet, and adds a test
/// for each rule without a snippet, so that `cargo test the_id` always finds one.
///
/// # Errors
///
/// If skeptic finds another snippet than `rulebook` does.
pub fn tests(book: &Rulebook, by_skeptic: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut names = BTreeSet::new();
    let mut parts = by_skeptic.split("#[test] fn ");
    out.push_str(parts.next().unwrap_or_default());
    let mut add = |part: &str| {
        let mut name = part.split('(').next().unwrap_or_default().to_owned();
        let rest = &part[name.len()..];
        while !names.insert(name.clone()) {
            name.push_str("_again");
        }
        let _ = write!(out, "#[test] fn {name}{rest}");
    };
    for page in pages(book) {
        let path = &page.path;
        for line in &page.snippets {
            let part = parts.next().unwrap_or_default();
            let name = part.split('(').next().unwrap_or_default();
            if !name.ends_with(&format!("_line_{line}")) {
                let place = format!("{}/{}:{line}", rulebook::SOURCE, path.display());
                return Err(format!(
                    "{place}: skeptic finds no snippet here, or another one before; {FIX}"
                ));
            }
            let call = format!("crate::run::rule({path:?}, {line}, ");
            add(&part.replace("skeptic::rt::run_test(", &call));
        }
        for section in &page.sections {
            if !page.snippets.iter().any(|line| section.lines.contains(line)) {
                let (stem, line) = (path.file_stem().unwrap_or_default(), section.lines.start);
                let name = [words(&stem.to_string_lossy()), words(&section.title)].join("_sect_");
                add(&format!("{name}_line_{line}() {{ crate::run::refuse({path:?}, {line}); }}\n"));
            }
        }
    }
    if let Some(part) = parts.next() {
        let name = part.split('(').next().unwrap_or_default();
        return Err(format!("rulebook does not find the snippet of skeptic's test {name}; {FIX}"));
    }
    let names: Vec<String> = names.into_iter().collect();
    let _ =
        writeln!(out, "/// All of these tests.\nconst TESTS: &[fn()] = &[{}];", names.join(", "));
    Ok(out)
}

/// A text as a part of a test's name, as skeptic writes it.
fn words(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}
