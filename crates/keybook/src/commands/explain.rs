//! `keybook explain`: shows a rule, or why calls fail, in the terminal.

mod failure;
mod question;

use crate::output::{self, indented};
use crate::site::address::Site;
use crate::status::HELD;
use crate::{embedded, failed, project};
use anyhow::{Result, bail};
use question::Question;
use rulebook::{Rule, SOURCE, sentence};
use std::fmt::Write;

/// Explains a rule, an error or a call. `words` are the arguments of the command line.
pub(crate) fn run(words: &[String]) -> Result<u8> {
    let asked = words.join(" ");
    let book = project::book();
    let text = match (book.rule(&asked), Question::of(&asked, failed::table()?)) {
        (Some(rule), _) => explain(rule)?,
        (None, Some(question)) => failure::explain(&question),
        // Only ids of rules have dots.
        (None, None) if asked.contains('.') && words.len() == 1 => {
            bail!(embedded::unknown(&asked))
        }
        (None, None) => bail!(question::unknown(&asked, failed::table()?)),
    };
    output::print(&text)?;
    Ok(HELD)
}

/// A rule: statement, provenance, snippet, trace.
fn explain(rule: &Rule) -> Result<String> {
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
    writeln!(text, "  {}", Site::here().rule(&rule.id))?;
    writeln!(text, "  {SOURCE}/{}:{}\n", rule.page.display(), rule.line)?;
    if !rule.why.is_empty() {
        writeln!(text, "{}\n", rule.why.replace('`', ""))?;
    }
    writeln!(text, "{}\n", indented("    ", &rule.snippet))?;
    match project::trace(&rule.id) {
        Some(trace) => writeln!(text, "Observed:\n\n{}", indented("    ", &trace))?,
        None => writeln!(text, "No trace is pinned yet.")?,
    }
    Ok(text)
}
