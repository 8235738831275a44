//! `keybook explain`: one rule in the terminal.

use crate::check;
use crate::report::indented;
use anyhow::{Result, anyhow};
use rulebook::{Rulebook, Snapshot, sentence};
use std::path::Path;

pub(crate) fn explain(book: &Rulebook, root: &Path, id: &str) -> Result<()> {
    let rule = book.rule(id).ok_or_else(|| anyhow!(check::unknown(id)))?;
    println!("{}: {}\n", rule.id, rule.plain_statement());
    println!("  {}", rule.verdict);
    for number in &rule.from {
        if let Some(sentence) = sentence(number) {
            let claim = sentence.claim.replace('`', "");
            println!("  {number}, {}: {claim}", sentence.page());
        }
    }
    println!("  kernel: {}", rule.kernel.join(", "));
    if !rule.needs.is_empty() {
        println!("  needs: {}", rule.needs.join(", "));
    }
    println!("  {}/{}:{}\n", rulebook::SOURCE, rule.page.display(), rule.line);
    if !rule.why.is_empty() {
        println!("{}\n", rule.why.replace('`', ""));
    }
    println!("{}\n", indented("    ", &rule.snippet));
    match Snapshot::read(root, id) {
        Some(snapshot) => println!("Observed:\n\n{}", indented("    ", &snapshot.contents)),
        None => println!("No trace is pinned yet."),
    }
    Ok(())
}
