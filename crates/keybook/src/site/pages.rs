//! The preprocessor: writes each rule of a page as a card, gives each page a title that no other
//! page has, and fills in the tables.

use super::address::Site;
use super::card::{self, Input};
use super::columns;
use super::drawing;
use super::errata;
use super::tables::{self, Tables};
use crate::man;
use anyhow::{Context, Result};
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use rulebook::{Cells, Page, Rulebook};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
        let input = Input {
            book: &rules,
            columns: &columns,
            cells: &Cells::saved(root),
            site: &Site::from(&context.config, root)?,
            root,
        };
        let tables = Tables::new(&rules, &columns, root)?;
        let titles = titles(&book, context.config.book.title.as_deref().unwrap_or_default());
        let mut drawn = Ok(());
        book.for_each_chapter_mut(|chapter| {
            let Some(path) = &chapter.source_path else { return };
            let page = Page::parse(path, &chapter.content);
            chapter.content = render(&page, &chapter.content, &input);
            tables::fill_in(&tables, &mut chapter.content, path);
            if drawn.is_ok() {
                let here = || path.display().to_string();
                drawn = drawing::fill_in(&mut chapter.content, root)
                    .and_then(|()| {
                        errata::fill_in(&mut chapter.content, path, root, &rules, &columns)
                    })
                    .and_then(|()| man::fill_in(&mut chapter.content, path, &rules))
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

/// The page as readers see it.
fn render(page: &Page, text: &str, input: &Input<'_>) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (rule, places) in page.rules.iter().zip(&page.places) {
        out.push_str(&text[done..places.section.start]);
        out.push_str(&card::card(rule, &text[places.snippet.clone()], input));
        out.push('\n');
        done = places.section.end;
    }
    out + &text[done..]
}
