//! A badge for a README or another page: a picture, `badge.svg`, and `badge.json` for services that draw badges. Only a
//! book whose repository is set has them: what they say is about that repository.

use super::columns::{Column, ColumnKind};
use super::tables::Seen;
use crate::output::count;
use crate::report::ResultKind;
use anyhow::{Context, Result};
use mdbook_driver::config::HtmlConfig;
use rulebook::{Rulebook, fingerprint};
use serde_json::json;
use std::fs;
use std::path::Path;

const LABEL: &str = "keyrings";

/// Writes both files into the built book, if `[output.html] git-repository-url` is set.
///
/// # Errors
///
/// If a file cannot be written.
pub(crate) fn write(
    built: &Path,
    root: &Path,
    book: &Rulebook,
    columns: &[Column],
    config: &HtmlConfig,
) -> Result<()> {
    if config.git_repository_url.as_deref().unwrap_or_default().is_empty() {
        return Ok(());
    }
    let (message, good) = message(root, book, columns);
    let color = if good { "#2f7d43" } else { "#b3261e" };
    let json = json!({ "schemaVersion": 1, "label": LABEL, "message": message, "color": color });
    for (name, text) in [("badge.json", json.to_string()), ("badge.svg", svg(&message, color))] {
        let file = built.join(name);
        fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// What the badge says, and whether no rule differs on a kernel.
fn message(root: &Path, book: &Rulebook, columns: &[Column]) -> (String, bool) {
    let kernels = columns.iter().filter(|column| column.kind == ColumnKind::Kernel);
    let kernels: Vec<&Column> = kernels.collect();
    let differ = book.rules.iter().filter(|rule| {
        let trace = fingerprint(&Seen::trace(rule, root));
        let cells = kernels.iter().filter_map(|column| column.cell(&rule.id, &trace));
        let mut results = cells.map(|cell| cell.result);
        results.any(|result| matches!(result, ResultKind::Differs | ResultKind::Broken))
    });
    let differ = differ.count();
    let (rules, many) = (count(book.rules.len(), "rule"), count(kernels.len(), "kernel"));
    (format!("{rules} · {many} · {differ} differ"), differ == 0)
}

/// Two boxes with text. The widths are those of most sans-serif fonts; `textLength` holds others to them.
fn svg(message: &str, color: &str) -> String {
    let wide = |text: &str| text.chars().count() * 62 / 10 + 2;
    let (label, told) = (wide(LABEL), wide(message));
    let (left, right) = (label + 12, told + 12);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" \
         aria-label=\"{LABEL}: {message}\"><title>{LABEL}: {message}</title>\
         <path fill=\"#444\" d=\"M0 0h{left}v20H0z\"/><path fill=\"{color}\" d=\"M{left} 0h{right}v20H{left}z\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
         <text x=\"6\" y=\"14\" textLength=\"{label}\">{LABEL}</text>\
         <text x=\"{x}\" y=\"14\" textLength=\"{told}\">{message}</text></g></svg>\n",
        all = left + right,
        x = left + 6,
    )
}
