//! How long the snippets take: by skeptic, by `keybook check`, and, as the peer, by rustdoc, which
//! merges the doctests of an edition 2024 crate into one program.
//!
//! `cargo bench -p book-tests` times whole commands in turn, several times each, and prints the
//! median. It edits a snippet in the book itself, and restores it. Rules whose needs are not met
//! here are left out of the peer: skeptic's tests and `keybook check` do not run them either.

use rulebook::{Page, Rule, Rulebook, SOURCE, Snapshot, Timings};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use trace::Trace;

const RUNS: usize = 5;

fn main() {
    // `cargo test` builds benches too and passes this.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    if let Some(why) = keyrings::probe::Keyrings::here().explain() {
        println!("not measured: {why}");
        return;
    }
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("a project");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let peer = target.join("peer");
    write_peer(&root, &peer);
    let skeptic =
        || cargo(&root, &["test", "--quiet", "-p", "book-tests", "--test", "book", "_sect_"]);
    let rustdoc = || cargo(&peer, &["test", "--quiet", "--doc"]);
    let check = || {
        let mut check = Command::new(target.join("debug/keybook"));
        check.arg("check");
        check
    };
    run(cargo(&root, &["build", "--quiet"]));
    run(skeptic());
    run(rustdoc());

    let mut unchanged = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        unchanged[0].push(run(skeptic()));
        unchanged[1].push(run(rustdoc()));
        unchanged[2].push(run(check()));
    }
    let page = root.join("book/process-keyring/processes.md");
    let text = fs::read_to_string(&page).expect("a page with rules");
    let mut edited = [Vec::new(), Vec::new(), Vec::new()];
    for nth in 0..RUNS {
        let edit = format!("```rust\n# // edit {nth}\n");
        fs::write(&page, text.replacen("```rust\n", &edit, 1)).expect("the page can be written");
        write_pages(&root, &peer);
        edited[0].push(run(skeptic()));
        edited[1].push(run(rustdoc()));
    }
    fs::write(&page, text).expect("the page can be written");
    let mut timings = Timings::new("cargo bench -p book-tests", "rustdoc's merged doctests");
    add(&mut timings, "nothing changed", unchanged);
    add(&mut timings, "one snippet edited", edited);
    timings.finish("runners").expect("the results can be saved");
}

/// Adds the medians of whole commands.
fn add(timings: &mut Timings, what: &str, [skeptic, rustdoc, check]: [Vec<Duration>; 3]) {
    let seconds = |times| format!("{:.2} s", median(times));
    let all = format!("every snippet by `cargo test`, {what}");
    timings.row(all, seconds(skeptic), seconds(rustdoc));
    if !check.is_empty() {
        timings.row("every snippet by `keybook check`", seconds(check), String::new());
    }
}

/// A crate whose documentation is the book, with the settings of the book's own tests.
fn write_peer(root: &Path, peer: &Path) {
    let modules = write_pages(root, peer)
        .into_iter()
        .enumerate()
        .map(|(nth, page)| format!("#[doc = include_str!({page:?})]\npub mod page{nth} {{}}\n"));
    let manifest = format!(
        "[package]\nname = \"peer\"\nedition = \"2024\"\n[dependencies]\nkeyrings = {{ path = {:?} }}\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n[workspace]\n",
        root.join("crates/keyrings")
    );
    fs::write(peer.join("Cargo.toml"), manifest).expect("the peer can be written");
    fs::write(peer.join("src/lib.rs"), modules.collect::<String>())
        .expect("the peer can be written");
    fs::copy(root.join("Cargo.lock"), peer.join("Cargo.lock")).expect("the same versions");
}

/// Copies the pages with rules. A snippet that lacks a need here is no Rust for rustdoc.
fn write_pages(root: &Path, peer: &Path) -> Vec<PathBuf> {
    let book = Rulebook::read(root);
    let pages = book.pages.iter().filter(|page| !page.rules.is_empty());
    let copy = |page: &Page| {
        let mut text = fs::read_to_string(root.join(SOURCE).join(&page.path)).expect("a page");
        for (rule, places) in page.rules.iter().zip(&page.places).rev() {
            if !is_observable(root, rule) {
                let fence = places.snippet.start..places.snippet.start + "```rust".len();
                text.replace_range(fence, "```text");
            }
        }
        let file = peer.join("src").join(&page.path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder for the peer");
        fs::write(&file, text).expect("the peer can be written");
        file
    };
    pages.map(copy).collect()
}

/// Tells whether everything is met here that a rule needs.
fn is_observable(root: &Path, rule: &Rule) -> bool {
    let stored = Snapshot::read(root, &rule.id);
    let trace: Option<Trace> = stored.and_then(|stored| stored.contents.parse().ok());
    let implied = trace.map(|trace| keyrings::needs::implied(&trace)).unwrap_or_default();
    rule.needs.iter().chain(&implied).all(|need| keyrings::needs::unmet(need).is_none())
}

fn cargo(folder: &Path, args: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    // The snippets' compiler is for skeptic alone; the other settings apply to both.
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
