//! Every link within the built book leads to a page, and to an anchor on it.

use crate::driver::{alone, keybook, stdout};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every part of a text from `before` to the next quote.
fn attributes<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn pages_in(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            pages_in(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            pages.push(path);
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let _alone = alone();
    let told = stdout(&keybook(&[]));
    let index = told.lines().find_map(|line| line.strip_prefix("the book is built: open "));
    let book = Path::new(index.unwrap_or_else(|| panic!("{told}"))).parent().unwrap();

    let mut files = Vec::new();
    pages_in(book, &mut files);
    // The page for printing repeats all others; the outline and the page for unknown addresses are
    // outside the book's folders.
    files.retain(|file| {
        !["print.html", "404.html", "toc.html"].iter().any(|name| file.ends_with(name))
    });
    let texts: BTreeMap<PathBuf, String> =
        files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect();
    let places: BTreeMap<&Path, BTreeSet<&str>> = texts
        .iter()
        .map(|(file, text)| (file.as_path(), attributes(text, " id=\"").into_iter().collect()))
        .collect();
    let mut broken = Vec::new();
    for (file, text) in &texts {
        let links = attributes(text, "<a href=\"").into_iter();
        for link in links.filter(|link| !link.contains("://") && !link.ends_with("print.html")) {
            let (page, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if page.is_empty() {
                file.clone()
            } else {
                fs::canonicalize(file.parent().unwrap().join(page)).unwrap_or_default()
            };
            let found = places.get(target.as_path());
            if !found.is_some_and(|ids| place.is_empty() || ids.contains(place)) {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(texts.len() > 20, "{} pages", texts.len());
    assert!(broken.is_empty(), "{broken:#?}");
}
