//! `keybook explain`: shows one rule in the terminal, or the causes of an error, or the rules about a call.

mod error;

use crate::output::{self, indented};
use crate::site::address::Site;
use crate::status::HELD;
use crate::{embedded, project};
use anyhow::{Result, anyhow};
use rulebook::{Rulebook, SOURCE, Snapshot, sentence};
use std::fmt::Write;

pub(crate) fn run(words: &[String]) -> Result<u8> {
    let query = words.join(" ");
    match error::explained(&query) {
        Some(text) => {
            output::print(&text)?;
            Ok(HELD)
        }
        None => rule(&query),
    }
}

fn rule(id: &str) -> Result<u8> {
    let root = project::root()?;
    let book = Rulebook::read(&root);
    let rule = book.rule(id).ok_or_else(|| anyhow!(embedded::unknown(id)))?;
    let (title, statement) = (rule.title.replace('`', ""), rule.plain_statement());
    let mut text = format!("{}: {title}\n\n  {statement}\n\n  {}\n", rule.id, rule.verdict);
    for number in &rule.from {
        if let Some(sentence) = sentence(number) {
            let claim = sentence.claim.replace('`', "");
            writeln!(text, "  {number}, {}: {claim}", sentence.page())?;
        }
    }
    writeln!(text, "  kernel: {}", rule.kernel.join(", "))?;
    if !rule.given.is_empty() {
        writeln!(text, "  given: {}", rule.given.join(", "))?;
    }
    if !rule.needs.is_empty() {
        writeln!(text, "  needs: {}", rule.needs.join(", "))?;
    }
    writeln!(text, "  {}", Site::of(&root)?.rule(id))?;
    writeln!(text, "  {SOURCE}/{}:{}\n", rule.page.display(), rule.line)?;
    if !rule.why.is_empty() {
        writeln!(text, "{}\n", rule.why.replace('`', ""))?;
    }
    writeln!(text, "{}\n", indented("    ", &rule.snippet))?;
    match Snapshot::read(&root, id) {
        Some(snapshot) => {
            writeln!(text, "Observed:\n\n{}", indented("    ", &snapshot.contents))?;
        }
        None => writeln!(text, "No trace is pinned yet.")?,
    }
    output::print(&text)?;
    Ok(HELD)
}
