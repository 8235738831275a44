//! The preprocessor: adds anchor, provenance and trace to each rule of a page, and fills in the
//! tables.

use super::columns::{self, Column};
use super::html::badge;
use super::picture::picture;
use super::tables::{self, Tables, observed};
use super::{circumstances, drawing};
use anyhow::{Context, Result};
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use rulebook::{Cells, Page, Places, Rule, Rulebook, Snapshot, fingerprint, sentence};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The preprocessor that book.toml calls `rules`.
pub(crate) struct Pages;

impl Preprocessor for Pages {
    fn name(&self) -> &str {
        "rules"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let rules = Rulebook::read(&context.root);
        let columns = columns::saved(&context.root)?;
        let cells = Cells::saved(&context.root);
        let tables = Tables::new(&rules, &columns, &context.root)?;
        let mut drawn = Ok(());
        book.for_each_chapter_mut(|chapter| {
            let Some(path) = &chapter.source_path else { return };
            let page = Page::parse(path, &chapter.content);
            chapter.content = render(&page, &chapter.content, (&columns, &cells), &context.root);
            tables::fill_in(&tables, &mut chapter.content, path);
            if drawn.is_ok() {
                let here = || path.display().to_string();
                drawn = drawing::fill_in(&mut chapter.content, &context.root).with_context(here);
            }
        });
        drawn?;
        Ok(book)
    }
}

/// The page as readers see it.
fn render(
    page: &Page,
    text: &str,
    (columns, cells): (&[Column], &BTreeMap<String, Cells>),
    root: &Path,
) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (rule, places) in page.rules.iter().zip(&page.places) {
        out.push_str(&text[done..places.heading.start]);
        let snapshot = Snapshot::read(root, &rule.id).map(|snapshot| snapshot.contents);
        render_rule(&mut out, rule, places, text, snapshot.as_deref());
        done = places.snippet.end;
        let trace = snapshot.as_deref().and_then(|snapshot| snapshot.parse().ok());
        let fingerprint = fingerprint(&trace.unwrap_or_default());
        out.push_str(&observed::line(rule, &fingerprint, columns, &up(rule)));
        out.push_str(&circumstances::lines(cells.get(&rule.id), &up(rule)));
    }
    out + &text[done..]
}

/// Writes a rule up to the end of its snippet, then its trace.
fn render_rule(out: &mut String, rule: &Rule, places: &Places, text: &str, trace: Option<&str>) {
    let id = &rule.id;
    let _ = write!(out, "## {id} {{#{id}}}\n\n<div class=\"statement\">\n\n");
    let _ = write!(out, "{}\n\n</div>\n\n{}\n\n", rule.statement, provenance(rule));
    out.push_str(text[places.provenance.end..places.snippet.start].trim_start_matches('\n'));
    out.push_str(text[places.snippet.clone()].trim_end());
    let trace = trace.map_or_else(|| "not observed yet\n".to_owned(), picture);
    let test = id.replace(['.', '-'], "_");
    let _ = write!(
        out,
        "\n\n<details class=\"trace\" open>\n<summary>Observed <span class=\"run\">cargo test \
         {test}</span></summary>\n\n{trace}\n</details>\n\n"
    );
}

/// The relative path from the rule's page to the root of the book.
fn up(rule: &Rule) -> String {
    "../".repeat(rule.page.components().count() - 1)
}

fn provenance(rule: &Rule) -> String {
    let mut parts = vec![badge(rule.verdict)];
    let up = up(rule);
    let links = rule.from.iter().map(|number| {
        let claim = sentence(number).map_or("", |sentence| sentence.claim);
        let claim = claim.replace('`', "").replace('"', "&quot;");
        format!("<a href=\"{up}reference/sentences.html#{number}\" title=\"{claim}\">{number}</a>")
    });
    let links: Vec<String> = links.collect();
    if !links.is_empty() {
        parts.push(links.join(", "));
    }
    let functions = rule.kernel.iter().map(|name| format!("<code>{name}</code>"));
    parts.push(functions.collect::<Vec<_>>().join(", "));
    if !rule.needs.is_empty() {
        parts.push(format!("<span class=\"needs\">needs {}</span>", rule.needs.join(", ")));
    }
    format!("<p class=\"provenance\">{}</p>", parts.join(" · "))
}
