//! How long the snippets take: by skeptic, by `keybook check`, and, as the peer, by rustdoc, which
//! merges the doctests of an edition 2024 crate into one program.
//!
//! `cargo bench -p book-tests` times whole commands in turn, several times each, and prints the
//! median. The edit of a snippet is made in the book itself, and taken back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 5;

fn main() {
    // `cargo test` builds benches too and passes this.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("a project");
    let peer = write_peer(&root);
    let skeptic =
        || cargo(&root, &["test", "--quiet", "-p", "book-tests", "--test", "book", "_sect_"]);
    let rustdoc = || cargo(&peer, &["test", "--quiet", "--doc"]);
    let check = || {
        let mut check = Command::new(root.join("target/debug/keybook"));
        check.arg("check");
        check
    };
    run(cargo(&root, &["build", "--quiet"]));
    run(skeptic());
    run(rustdoc());

    let mut rows = vec![("nothing changed", [Vec::new(), Vec::new(), Vec::new()])];
    for _ in 0..RUNS {
        rows[0].1[0].push(run(skeptic()));
        rows[0].1[1].push(run(rustdoc()));
        rows[0].1[2].push(run(check()));
    }
    let page = root.join("book/process-keyring/processes.md");
    let text = fs::read_to_string(&page).expect("a page with rules");
    rows.push(("one snippet edited", [Vec::new(), Vec::new(), Vec::new()]));
    for nth in 0..RUNS {
        let edit = format!("```rust\n# // edit {nth}\n");
        fs::write(&page, text.replacen("```rust\n", &edit, 1)).expect("the page can be written");
        rows[1].1[0].push(run(skeptic()));
        rows[1].1[1].push(run(rustdoc()));
    }
    fs::write(&page, text).expect("the page can be written");

    println!("median of {RUNS} runs, wall seconds");
    for (what, [skeptic, rustdoc, check]) in rows {
        let (skeptic, rustdoc) = (median(skeptic), median(rustdoc));
        print!("{what}: skeptic {skeptic:.2}, rustdoc's merged doctests {rustdoc:.2}");
        print!(", ratio {:.1}", rustdoc / skeptic);
        if !check.is_empty() {
            print!("; keybook check {:.2}", median(check));
        }
        println!();
    }
}

/// A crate whose documentation is the book, with the settings that the book's own tests have.
fn write_peer(root: &Path) -> PathBuf {
    let peer = root.join("target/peer");
    let book = rulebook::Rulebook::read(root);
    let pages = book.pages.iter().filter(|page| !page.rules.is_empty()).enumerate();
    let modules = pages.map(|(nth, page)| {
        let file = root.join(rulebook::SOURCE).join(&page.path);
        format!("#[doc = include_str!({file:?})]\npub mod page{nth} {{}}\n")
    });
    let manifest = format!(
        "[package]\nname = \"peer\"\nedition = \"2024\"\n[dependencies]\nkeyrings = {{ path = {:?} }}\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n[workspace]\n",
        root.join("crates/keyrings")
    );
    fs::create_dir_all(peer.join("src")).expect("a folder for the peer");
    fs::write(peer.join("Cargo.toml"), manifest).expect("the peer can be written");
    fs::write(peer.join("src/lib.rs"), modules.collect::<String>())
        .expect("the peer can be written");
    fs::copy(root.join("Cargo.lock"), peer.join("Cargo.lock")).expect("the same versions");
    peer
}

fn cargo(folder: &Path, args: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    // The snippets' compiler is for skeptic alone; the rest of the settings goes for both.
    cargo.args(args).current_dir(folder).env_remove("RUSTC");
    cargo
}

fn run(mut command: Command) -> Duration {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let took = start.elapsed();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
    took
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
