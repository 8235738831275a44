//! Generates a test for every rule: skeptic's, tied to the rule's stored trace.

#[path = "generate.rs"]
mod generate;

use rulebook::{Page, Rulebook, SOURCE};
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    println!("cargo:rerun-if-changed={}", root.join(SOURCE).display());
    println!("cargo:rerun-if-changed=generate.rs");
    println!("cargo:rustc-env=TARGET={}", env::var("TARGET").unwrap());
    let book = Rulebook::read(&root);
    let file = |page: &Page| root.join(SOURCE).join(&page.path).canonicalize().unwrap();
    let files: Vec<PathBuf> = generate::pages(&book).map(file).collect();
    skeptic::generate_doc_tests(&files);

    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let by_skeptic = fs::read_to_string(out.join("skeptic-tests.rs")).unwrap_or_default();
    let tests = generate::tests(&book, &by_skeptic).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1);
    });
    fs::write(out.join("rules.rs"), tests).unwrap();
}
