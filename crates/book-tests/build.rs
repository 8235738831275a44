//! Has skeptic make a test of every snippet, and ties each to the pinned trace of its rule.

use rulebook::{Rulebook, SOURCE};
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    println!("cargo:rerun-if-changed={}", root.join(SOURCE).display());
    let book = Rulebook::read(&root);
    let pages = book.pages.iter().filter(|page| !page.rules.is_empty());
    let files: Vec<PathBuf> =
        pages.map(|page| root.join(SOURCE).join(&page.path).canonicalize().unwrap()).collect();
    skeptic::generate_doc_tests(&files);

    // skeptic runs a snippet by a function of its own; ours runs it by the same function and then
    // compares its trace.
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let tests = fs::read_to_string(out.join("skeptic-tests.rs")).unwrap_or_default();
    let tests = tests.replace("skeptic::rt::run_test(", "crate::run::rule(");
    let names = tests.split("#[test] fn ").skip(1).filter_map(|rest| rest.split('(').next());
    let names: Vec<&str> = names.collect();
    let list =
        format!("\n/// All of these tests.\nconst TESTS: &[fn()] = &[{}];\n", names.join(", "));
    fs::write(out.join("rules.rs"), tests + &list).unwrap();
}
