//! `keybook explain`: one rule in the terminal.

use crate::commands::check;
use crate::report::indented;
use crate::{HELD, output};
use anyhow::{Result, anyhow};
use rulebook::{Rulebook, Snapshot, sentence};
use std::fmt::Write;
use std::path::Path;

pub(crate) fn explain(book: &Rulebook, root: &Path, id: &str) -> Result<u8> {
    let mut text = String::new();
    let rule = book.rule(id).ok_or_else(|| anyhow!(check::unknown(id)))?;
    writeln!(text, "{}: {}\n", rule.id, rule.plain_statement())?;
    writeln!(text, "  {}", rule.verdict)?;
    for number in &rule.from {
        if let Some(sentence) = sentence(number) {
            let claim = sentence.claim.replace('`', "");
            writeln!(text, "  {number}, {}: {claim}", sentence.page())?;
        }
    }
    writeln!(text, "  kernel: {}", rule.kernel.join(", "))?;
    if !rule.needs.is_empty() {
        writeln!(text, "  needs: {}", rule.needs.join(", "))?;
    }
    writeln!(text, "  {}/{}:{}\n", rulebook::SOURCE, rule.page.display(), rule.line)?;
    if !rule.why.is_empty() {
        writeln!(text, "{}\n", rule.why.replace('`', ""))?;
    }
    writeln!(text, "{}\n", indented("    ", &rule.snippet))?;
    match Snapshot::read(root, id) {
        Some(snapshot) => {
            writeln!(text, "Observed:\n\n{}", indented("    ", &snapshot.contents))?;
        }
        None => writeln!(text, "No trace is pinned yet.")?,
    }
    output::print(&text)?;
    Ok(HELD)
}
