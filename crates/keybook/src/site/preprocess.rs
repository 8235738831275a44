//! The preprocessor: gives each rule of a page its anchor, its verdict and its trace, and fills in
//! the tables.

use crate::commands::kernels;
use crate::site::columns::Column;
use crate::site::html::badge;
use crate::site::tables::{self, observed};
use anyhow::{Result, bail};
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext, parse_input};
use rulebook::{Page, Places, Rule, Rulebook, Snapshot, sentence};
use std::fmt::Write;
use std::io;
use std::path::Path;

/// The preprocessor that book.toml calls `rules`.
pub(crate) struct Rules;

impl Preprocessor for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let rules = Rulebook::read(&context.root);
        let columns = kernels::saved(&context.root)?;
        let tables = tables::Tables::new(&rules, &columns, &context.root);
        book.for_each_chapter_mut(|chapter| {
            let Some(path) = &chapter.source_path else { return };
            let page = Page::parse(path, &chapter.content);
            chapter.content = dress(&page, &chapter.content, &columns, &context.root);
            tables.fill_in(&mut chapter.content, path);
        });
        Ok(book)
    }
}

/// Answers mdbook on standard input and output.
pub(crate) fn serve(question: &[String]) -> Result<()> {
    match question {
        // It writes what every renderer understands: Markdown with some HTML.
        [word, _renderer] if word == "supports" => Ok(()),
        [] => {
            let (context, book) = parse_input(io::stdin())?;
            let book = Rules.run(&context, book)?;
            Ok(serde_json::to_writer(io::stdout(), &book)?)
        }
        _ => bail!("`preprocess` is called by mdbook, as book.toml says"),
    }
}

/// The page as readers see it.
fn dress(page: &Page, text: &str, columns: &[Column], root: &Path) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (rule, places) in page.rules.iter().zip(&page.places) {
        out.push_str(&text[done..places.heading.start]);
        let snapshot = Snapshot::read(root, &rule.id).map(|snapshot| snapshot.contents);
        done = dress_rule(&mut out, rule, places, text, snapshot.as_deref());
        let fingerprint = rule.fingerprint(snapshot.as_deref().unwrap_or_default());
        out.push_str(&observed::line(rule, &fingerprint, columns, &up(rule)));
    }
    out + &text[done..]
}

/// Writes a rule up to the end of its snippet, and what belongs below it; gives that end.
fn dress_rule(
    out: &mut String,
    rule: &Rule,
    places: &Places,
    text: &str,
    snapshot: Option<&str>,
) -> usize {
    let id = &rule.id;
    let _ = write!(out, "## {id} {{#{id}}}\n\n<div class=\"statement\">\n\n");
    let _ = write!(out, "{}\n\n</div>\n\n{}\n\n", rule.statement, provenance(rule));
    out.push_str(text[places.provenance.end..places.snippet.start].trim_start_matches('\n'));
    out.push_str(text[places.snippet.clone()].trim_end());
    let trace = snapshot.unwrap_or("not observed yet\n");
    let test = id.replace(['.', '-'], "_");
    let _ = write!(
        out,
        "\n\n<details class=\"trace\" open>\n<summary>Observed <span class=\"run\">cargo test \
         {test}</span></summary>\n\n```text\n{trace}```\n\n</details>\n\n"
    );
    places.snippet.end
}

/// The way from the rule's page to the book's first folder.
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
