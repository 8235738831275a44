//! The book as others build or publish it: by plain mdBook, and with an address and a repository.

use crate::driver::{KEYBOOK, alone, attributes, book, json, keybook, pages, rule, stdout};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const SITE: [(&str, &str); 3] = [
    ("MDBOOK_OUTPUT__HTML__SITE_URL", "https://example.org/keybook/"),
    ("MDBOOK_OUTPUT__HTML__GIT_REPOSITORY_URL", "https://example.org/source"),
    ("MDBOOK_OUTPUT__HTML__EDIT_URL_TEMPLATE", "https://example.org/edit/{path}"),
];

/// The contents of all files below a folder, by relative path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

#[test]
fn plain_mdbook_builds_the_same_but_for_addresses_and_search() {
    let ours = files(book());
    let built = tempfile::tempdir().unwrap();
    let mut config = Config::from_disk(Path::new(ROOT).join("book.toml")).unwrap();
    config.set("build.build-dir", built.path().to_str().unwrap()).unwrap();
    config.set("preprocessor.rules.command", format!("{KEYBOOK} preprocess")).unwrap();
    let _alone = alone();
    MDBook::load_with_config(ROOT, config).unwrap().build().unwrap();
    let plain = files(built.path());

    let missing: Vec<_> = plain.keys().filter(|name| !ours.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for (name, text) in &ours {
        let name = name.to_str().unwrap();
        match plain.get(Path::new(name)) {
            None => {
                let ours = ["rule/", "play/", "rules.json"];
                assert!(ours.iter().any(|it| name.starts_with(it)), "{name} is an addition")
            }
            Some(other) if other != text => {
                assert!(name.starts_with("searchindex-"), "{name} differs");
            }
            Some(_) => {}
        }
    }
    assert!(ours.keys().filter(|name| name.starts_with("rule")).count() > 600);
}

#[test]
fn one_setting_publishes_the_book() {
    let built = tempfile::tempdir().unwrap();
    let build = |command: &mut Command| {
        let output = command.env("MDBOOK_BUILD__BUILD_DIR", built.path()).envs(SITE).output();
        assert!(output.as_ref().unwrap().status.code().is_some_and(|code| code != 2), "{output:?}");
    };
    let guard = alone();
    build(&mut Command::new(KEYBOOK));
    drop(guard);
    let page = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let rule_page = "process-keyring/processes.html";

    let published = page(built.path(), rule_page);
    let citation = attributes(&published, "data-cite=\"")[0];
    let address = "7.3.4; https://example.org/keybook/rule/process.fork.html)";
    assert!(citation.ends_with(address), "{citation}");
    assert!(published.contains("href=\"https://example.org/source\""));
    assert!(
        published.contains("href=\"https://example.org/edit/book/process-keyring/processes.md\"")
    );
    let canonical = "rel=\"canonical\" href=\"https://example.org/keybook/process-keyring/\
                     processes.html#process.fork\"";
    assert!(page(built.path(), "rule/process.fork.html").contains(canonical));
    assert!(
        page(built.path(), "404.html").contains("<base href=\"https://example.org/keybook/\">")
    );

    let badge = page(built.path(), "badge.json");
    let badge: serde_json::Value = serde_json::from_str(&badge).unwrap();
    let message = badge["message"].as_str().unwrap();
    assert!(message.ends_with(" rules · 14 kernels · 0 differ"), "{message}");
    assert!(page(built.path(), "badge.svg").contains(&format!(">{message}</text>")));
    assert!(!book().join("badge.svg").exists());
    assert!(!book().join("badge.json").exists());

    for file in pages(book()) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("example.org"), "{}", file.display());
        assert!(!text.contains("Suggest an edit"), "{}", file.display());
        assert!(!text.contains("aria-label=\"Repository\""), "{}", file.display());
    }
}

#[test]
fn commands_name_the_address_where_the_book_is_published() {
    let published = |args: &[&str]| Command::new(KEYBOOK).args(args).envs(SITE).output().unwrap();
    let address = "https://example.org/keybook/rule/process.fork.html";
    let rules = json(&published(&["rules", "--format", "json"]));
    assert_eq!(rule(&rules, "process.fork")["address"], address);
    assert!(stdout(&published(&["explain", "process.fork"])).contains(&format!("  {address}\n")));

    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let text = "main   keyctl_get_keyring_ID(@p, 1) = K1\nmain   fork() = child\n\
                child  keyctl_get_keyring_ID(@p, 0) = K1\n";
    fs::write(&trace, text).unwrap();
    let trace = trace.to_str().unwrap();
    let begin = "https://example.org/keybook/rule/";
    assert!(stdout(&published(&["judge", trace])).contains(begin));
    let judged = json(&published(&["judge", "--format", "json", trace]));
    let named = judged[0]["rules"][0]["address"].as_str().unwrap();
    assert!(named.starts_with(begin), "{named}");
    // A terminal has no use for an address within the book.
    assert!(!stdout(&keybook(&["judge", trace])).contains("rule/"));
}
