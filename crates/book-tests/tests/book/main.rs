//! Every snippet of the book, compiled and run by skeptic, its trace compared with the stored one.
//!
//! A test is named after its page and its rule: `cargo test process_fork` runs `process.fork`.

mod agreement;
mod form;
#[path = "../../generate.rs"]
mod generate;
mod phrases;
mod recipes;
mod run;

use rulebook::Rulebook;
use std::path::PathBuf;
use std::sync::OnceLock;

// A test for each rule, and `TESTS`, the list of them. Each calls `run::rule` or `run::refuse`.
include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The project's folder.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The book, read once.
fn book() -> &'static Rulebook {
    static BOOK: OnceLock<Rulebook> = OnceLock::new();
    BOOK.get_or_init(|| {
        let mut book = Rulebook::read(&root());
        book.refuse_unknown_needs(keyrings::needs::is_known);
        book
    })
}
