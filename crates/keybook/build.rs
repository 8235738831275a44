//! Compiles every snippet and snapshot into the program, so that it checks kernels on machines that
//! have neither the book nor a compiler.

use rulebook::{Rulebook, SNAPSHOTS, SOURCE, Snapshot, fingerprint};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    for folder in [SOURCE, SNAPSHOTS] {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
    }
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    // Problems of the book are reported when the program runs.
    let book = Rulebook::read(&root);
    let mut modules = String::new();
    let mut table = String::from("pub(crate) static RULES: &[Embedded] = &[\n");
    for (nth, rule) in book.rules.iter().enumerate() {
        let file = out.join(format!("{}.rs", rule.id));
        fs::write(&file, &rule.program).unwrap();
        writeln!(
            modules,
            "#[allow(clippy::all)]\nmod rule{nth} {{\n    include!({file:?});\n    \
             pub(super) fn run() -> keyrings::Observed {{ main() }}\n}}"
        )
        .unwrap();
        let snapshot = Snapshot::read(&root, &rule.id).map(|snapshot| snapshot.contents);
        let mut needs = rule.needs.clone();
        // A snapshot that is not a trace is reported when the program runs.
        let trace = snapshot.as_deref().and_then(|snapshot| snapshot.parse().ok());
        let trace = trace.unwrap_or_default();
        needs.extend(keyrings::needs::implied(&trace));
        writeln!(
            table,
            "    Embedded {{ id: {:?}, needs: &{:?}, title: {:?}, statement: {:?}, fingerprint: {:?}, \
             observe: rule{nth}::run, snapshot: {snapshot:?} }},",
            rule.id,
            needs,
            rule.title.replace('`', ""),
            rule.plain_statement(),
            fingerprint(&trace),
        )
        .unwrap();
    }
    table.push_str("];\n\npub(crate) static PAGES: &[(&str, &str)] = &[\n");
    let pages = book.pages.iter().map(|page| page.path.as_path());
    for page in [Path::new("SUMMARY.md")].into_iter().chain(pages) {
        let text = fs::read_to_string(root.join(SOURCE).join(page)).unwrap_or_default();
        writeln!(table, "    ({page:?}, {text:?}),").unwrap();
    }
    table.push_str("];\n");
    fs::write(out.join("rules.rs"), modules + &table).unwrap();
}
