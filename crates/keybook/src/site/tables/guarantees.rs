//! The sentences people stake secrets on, and the beliefs that are false.

use super::input::Tables;
use crate::guarantees::{self, Saved, Sentence};
use crate::site::html::{escape, explorer, html, id_link};
use anyhow::{Context, Result};
use rulebook::Rule;
use std::fmt::Write;

/// The sentences that hold, or else those that are believed and false, each with what was tried.
///
/// # Errors
///
/// If the table or the saved results are not valid.
pub(super) fn list(tables: &Tables<'_>, beliefs: bool) -> Result<String> {
    let saved = guarantees::saved()?;
    let mut out = String::new();
    for sentence in guarantees::table()?.iter().filter(|one| one.belief == beliefs) {
        let Sentence { id, sentence: text, .. } = sentence;
        let tried = saved.get(id).with_context(|| {
            format!("{}: no result of `{id}`: `cargo run -- guarantees --save`", guarantees::SAVED)
        })?;
        let _ = write!(out, "### {text} {{#{id}}}\n\n");
        out += &shown(tried);
        if let Some(law) = sentence.wrong()? {
            let (name, what) = (law.name(), html(&law.wrong()));
            let _ = write!(
                out,
                "It breaks in the <a href=\"{{up}}model/wrong-models.html#{name}\">wrong model</a> in which {what}.\n\n"
            );
        }
        let rules = sentence
            .rules
            .iter()
            .filter_map(|id| tables.book.rules.iter().find(|rule| rule.id == *id));
        let rules: Vec<String> = rules.map(|rule: &Rule| id_link(rule)).collect();
        let _ = write!(out, "<p class=\"rules\">Rules: {}</p>\n\n", rules.join(", "));
    }
    Ok(out)
}

fn shown(saved: &Saved) -> String {
    if let Some(trace) = &saved.counterexample {
        let program = trace.parse().unwrap_or_default();
        return format!(
            "<pre><code class=\"language-trace\">{}</code></pre>\n\n<p class=\"play-here\">{}</p>\n\n",
            escape(trace),
            explorer(&program, 0, "Step through it in the explorer")
        );
    }
    format!("Tried: {}.\n\n", html(&saved.tried()))
}
