//! Every snippet of the book, compiled and run by skeptic, its trace compared with what is pinned.
//!
//! A test is named after its page and its rule: `cargo test process_fork` runs `process.fork`.

mod agreement;
mod form;
mod phrases;
mod run;

use rulebook::{Rulebook, SNAPSHOTS};
use std::path::PathBuf;
use std::sync::OnceLock;

// The tests that skeptic makes, and `TESTS`, the list of them. Each calls `run::rule`.
include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The folder of the project.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The book, read once.
fn book() -> &'static Rulebook {
    static BOOK: OnceLock<Rulebook> = OnceLock::new();
    BOOK.get_or_init(|| Rulebook::read(&root()))
}

/// insta's settings for what is pinned in the project's folder of snapshots.
fn settings(description: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join(SNAPSHOTS));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    settings
}
