//! Every link within the built book leads to a page, and to an anchor on it; so does every address of a rule that a released
//! version had.

use crate::driver::{attributes, book, pages};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_link_leads_somewhere() {
    let mut files = pages(book());
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
            // What the explorer is asked to show.
            let page = page.split('?').next().unwrap_or_default();
            let place = if place.starts_with("t=") { "" } else { place };
            let target = if page.is_empty() {
                file.clone()
            } else {
                fs::canonicalize(file.parent().unwrap().join(page)).unwrap_or_default()
            };
            let found = places.get(target.as_path());
            // A program or a table, which has no anchors.
            let is_file = place.is_empty() && target.is_file() && !page.ends_with(".html");
            if !is_file && !found.is_some_and(|ids| place.is_empty() || ids.contains(place)) {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(texts.len() > 20, "{} pages", texts.len());
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The script of a page leads from a rule that the page no longer has to the rule's own address.
#[test]
fn every_address_of_a_released_version_leads_to_its_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let releases = rulebook::Release::all(&root).unwrap();
    assert!(!releases.is_empty());
    let mut missing = Vec::new();
    for (id, published) in releases.iter().flat_map(|release| &release.rules) {
        let page = book().join(published.page.with_extension("html"));
        let rule = book().join("rule").join(format!("{id}.html"));
        missing.extend([page, rule].into_iter().filter(|file| !file.is_file()));
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let moved = fs::read_to_string(book().join("rule/keyring.link.move.html")).unwrap();
    assert!(moved.contains("url=../both/moves.html#keyring.link.move"), "{moved}");
}
