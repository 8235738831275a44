//! The preprocessor: writes each rule of a page as a card, gives each page a title that no other
//! page has, and fills in the tables.

use super::address::{FOLDER, Site};
use super::card::{self, Input};
use super::case;
use super::changes::Changes;
use super::columns;
use super::drawing;
use super::errata;
use super::row::{self, Rows};
use super::tables::{self, Seen, Tables};
use crate::man;
use anyhow::{Context, Result};
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use rulebook::{Cells, Page, Rulebook};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trace::Trace;

/// The preprocessor that book.toml calls `rules`.
pub(crate) struct Pages;

impl Preprocessor for Pages {
    fn name(&self) -> &str {
        "rules"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let root = &context.root;
        let rules = Rulebook::read(root);
        let columns = columns::saved(root)?;
        let config = context.config.html_config().unwrap_or_default();
        let input = Input {
            book: &rules,
            columns: &columns,
            cells: &Cells::saved(root),
            site: &Site::from(&context.config, root)?,
            changes: &Changes::read(root, &rules, &config.redirect)?,
            root,
        };
        let tables = Tables::new(&rules, &columns, root)?;
        let titles = titles(&book, context.config.book.title.as_deref().unwrap_or_default());
        let mut drawn = Ok(());
        book.for_each_chapter_mut(|chapter| {
            let Some(path) = &chapter.source_path else { return };
            let page = Page::parse(path, &chapter.content);
            chapter.content = render(&page, &chapter.content, &input);
            if drawn.is_ok() {
                let here = || path.display().to_string();
                let text = &mut chapter.content;
                drawn = tables::fill_in(&tables, text, path)
                    .and_then(|()| lead_to_rules(text, path, &rules))
                    .and_then(|()| drawing::fill_in(text, root))
                    .and_then(|()| errata::fill_in(text, path, root, &rules, &columns))
                    .and_then(|()| case::fill_in(text, path, root, &rules))
                    .and_then(|()| man::fill_in(text, path, &rules))
                    .with_context(here);
            }
            if let Some(title) = titles.get(path) {
                // mdBook's own preprocessor `links`, which runs after this one, reads it.
                chapter.content.insert_str(0, &format!("{{{{#title {title}}}}}\n\n"));
            }
        });
        drawn?;
        Ok(book)
    }
}

/// The titles of pages by source path. The part of the book is in it, because the same name is used
/// in several parts.
fn titles(book: &Book, book_title: &str) -> BTreeMap<PathBuf, String> {
    let mut titles = BTreeMap::new();
    let mut part = "";
    for item in &book.items {
        match item {
            BookItem::PartTitle(title) => part = title,
            BookItem::Chapter(chapter) if !part.is_empty() => {
                let title = format!("{} · {part} - {book_title}", chapter.name);
                titles.extend(chapter.source_path.clone().map(|path| (path, title)));
            }
            _ => {}
        }
    }
    titles
}

/// Replaces links to `rule/ID.html`, which a page uses wherever the rule stands, by links to the rule itself.
fn lead_to_rules(text: &mut String, page: &Path, rules: &Rulebook) -> Result<()> {
    let up = "../".repeat(page.components().count() - 1);
    let begin = format!("]({up}{FOLDER}/");
    let mut parts = text.split(&begin);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (id, rest) =
            part.split_once(".html)").context("a link to a rule has no end `.html)`")?;
        let rule = rules.rule(id).with_context(|| format!("{begin}{id}.html) leads to no rule"))?;
        out.push_str(&format!("]({up}{}){rest}", rule.link()));
    }
    *text = out;
    Ok(())
}

/// The page as readers see it.
fn render(page: &Page, text: &str, input: &Input<'_>) -> String {
    let traces: Vec<Trace> = page.rules.iter().map(|rule| Seen::trace(rule, input.root)).collect();
    let rows = Rows::of(text, page.rules.iter().zip(&traces));
    let mut out = String::new();
    let mut done = 0;
    for ((rule, places), trace) in page.rules.iter().zip(&page.places).zip(&traces) {
        out.push_str(&text[done..places.section.start]);
        let program = &text[places.snippet.clone()];
        out.push_str(&card::card(rule, program, trace, rows.as_ref(), input));
        out.push('\n');
        done = places.section.end;
    }
    out.push_str(&text[done..]);
    row::fill_in(rows.as_ref(), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_by_id_leads_to_the_rule() {
        let rule = "## process.fork\n\n**A fork**\n\nA child.\n\n*P7 · stated · `copy_creds`*\n\n\
                    ```rust\n# fn main() {}\n```\n";
        let page = Page::parse(Path::new("a/b.md"), rule);
        let rules = Rulebook { rules: page.rules, ..Rulebook::default() };
        let lead = |text: &str| {
            let mut text = text.to_owned();
            lead_to_rules(&mut text, Path::new("answers/x.md"), &rules).map(|()| text)
        };
        let text = "[one](../rule/process.fork.html), [two](x.html)";
        assert_eq!(lead(text).unwrap(), "[one](../a/b.html#process.fork), [two](x.html)");
        let error = lead("[one](../rule/process.spoon.html)").unwrap_err().to_string();
        assert_eq!(error, "](../rule/process.spoon.html) leads to no rule");
        assert!(lead("[one](../rule/process.fork.md)").is_err());
    }
}
