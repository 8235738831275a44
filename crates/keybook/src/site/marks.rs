//! Marks in the Markdown of a page, which stand for something generated: `{{#case NAME}}`.

use anyhow::{Context, Result};

/// Replaces each mark that begins like this by what is shown for its words, which end at `}}`.
///
/// # Errors
///
/// If a mark has no end, or nothing can be shown for it.
pub(super) fn replace(
    text: &mut String,
    mark: &str,
    mut shown: impl FnMut(&str) -> Result<String>,
) -> Result<()> {
    while let Some(start) = text.find(mark) {
        let inside = &text[start + mark.len()..];
        let end = inside.find("}}").with_context(|| format!("`{mark}` has no end `}}}}`"))?;
        let words = &inside[..end];
        let shown = shown(words).with_context(|| format!("`{mark}{words}}}}}`"))?;
        text.replace_range(start..start + mark.len() + end + 2, &shown);
    }
    Ok(())
}
