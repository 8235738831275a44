//! The errata: what the manuals claim about the two keyrings, beside what kernels do.
//!
//! `book/errata/claims.toml` is the table. A page says `{{#errata}}` for the claims of its manuals, and
//! `{{#errata summary}}` for the list of all. The programs stand beside the table.

#[cfg(test)]
mod tests;

use super::columns::{Column, ColumnKind};
use super::html::{escape, html, link};
use crate::report::ResultKind;
use anyhow::{Context, Result, bail, ensure};
use rulebook::{Rule, Rulebook, Snapshot, fingerprint};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The folder of the table and the programs, in that of the book's sources.
const FOLDER: &str = "errata";
const CLAIMS: &str = "{{#errata}}";
const SUMMARY: &str = "{{#errata summary}}";
/// As many words as are quoted of a claim at most.
const LONGEST_QUOTE: usize = 12;
/// As many rules as are named for a claim at most.
const MOST_RULES: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Errata {
    manual: Vec<Manual>,
}

/// A manual page or document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manual {
    name: String,
    /// What was read.
    release: String,
    /// The page of the book with its claims.
    page: String,
    claim: Vec<Claim>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    /// The number of a sentence, such as `T2`, or an anchor.
    id: String,
    quote: String,
    verdict: Judgment,
    observed: String,
    /// What is known of kernels older than the oldest one run.
    before: Option<String>,
    rules: Vec<String>,
    /// What the manual could say.
    correct: String,
    /// A program that shows the difference, beside the table.
    program: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Judgment {
    Wrong,
    Misleading,
    Incomplete,
    Right,
}

impl Judgment {
    /// By shape, word and color, like the verdict of a rule.
    fn badge(self) -> &'static str {
        match self {
            Judgment::Wrong => {
                "<span class=\"verdict contradicted\"><span aria-hidden=\"true\">▲</span> wrong</span>"
            }
            Judgment::Misleading => {
                "<span class=\"verdict sharpened\"><span aria-hidden=\"true\">◆</span> misleading</span>"
            }
            Judgment::Incomplete => {
                "<span class=\"verdict unstated\"><span aria-hidden=\"true\">○</span> incomplete</span>"
            }
            Judgment::Right => {
                "<span class=\"verdict stated\"><span aria-hidden=\"true\">●</span> right</span>"
            }
        }
    }
}

impl Claim {
    /// Its rules, if the claim has the right form.
    fn rules<'a>(&self, book: &'a Rulebook) -> Result<Vec<&'a Rule>> {
        let words = self.quote.split_whitespace().count();
        ensure!(words <= LONGEST_QUOTE, "it quotes {words} words: quote at most {LONGEST_QUOTE}");
        let many = self.rules.len();
        ensure!((1..=MOST_RULES).contains(&many), "it has {many} rules: name 1 to {MOST_RULES}");
        if (self.verdict == Judgment::Right) == self.program.is_some() {
            bail!("every claim needs a program, except one that is right");
        }
        let rule = |id: &String| book.rule(id).with_context(|| format!("there is no rule `{id}`"));
        self.rules.iter().map(rule).collect()
    }
}

fn read(root: &Path) -> Result<Errata> {
    let file = root.join(rulebook::SOURCE).join(FOLDER).join("claims.toml");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    toml::from_str(&text).with_context(|| file.display().to_string())
}

/// Replaces the marks in the page at `path`, relative to the book's sources, by what they stand for.
///
/// # Errors
///
/// If the table cannot be read, a claim does not have the right form, or no manual belongs to the page.
pub(super) fn fill_in(
    text: &mut String,
    path: &Path,
    root: &Path,
    book: &Rulebook,
    columns: &[Column],
) -> Result<()> {
    let up = "../".repeat(path.components().count() - 1);
    if text.contains(SUMMARY) {
        *text = text.replace(SUMMARY, &summary(&read(root)?).replace("{up}", &up));
    }
    if text.contains(CLAIMS) {
        let errata = read(root)?;
        let here = errata.manual.iter().filter(|manual| Path::new(&manual.page) == path);
        let here: Vec<&Manual> = here.collect();
        ensure!(!here.is_empty(), "no manual in {FOLDER}/claims.toml has this page");
        let mut page =
            Writer { root, book, columns, programs: BTreeSet::new(), out: String::new() };
        for manual in &here {
            page.manual(manual, here.len() > 1)?;
        }
        *text = text.replace(CLAIMS, &page.out.replace("{up}", &up));
    }
    Ok(())
}

fn summary(errata: &Errata) -> String {
    let mut out = String::new();
    for manual in &errata.manual {
        let page = manual.page.replace(".md", ".html");
        let _ = write!(out, "### {}\n\n<ul class=\"claims\">", manual.name);
        let (right, other): (Vec<&Claim>, Vec<&Claim>) =
            manual.claim.iter().partition(|claim| claim.verdict == Judgment::Right);
        for claim in other {
            let (badge, id, quote) = (claim.verdict.badge(), &claim.id, escape(&claim.quote));
            let _ = write!(out, "<li>{badge} <a href=\"{{up}}{page}#{id}\">{quote}</a></li>");
        }
        if !right.is_empty() {
            let links = right
                .iter()
                .map(|Claim { id, .. }| format!("<a href=\"{{up}}{page}#{id}\">{id}</a>"));
            let links: Vec<String> = links.collect();
            let _ = write!(out, "<li>{} {}</li>", Judgment::Right.badge(), links.join(", "));
        }
        out.push_str("</ul>\n\n");
    }
    out
}

/// Writes the claims of a page.
struct Writer<'a> {
    root: &'a Path,
    book: &'a Rulebook,
    columns: &'a [Column],
    /// The programs that are shown above.
    programs: BTreeSet<&'a str>,
    out: String,
}

impl<'a> Writer<'a> {
    fn manual(&mut self, manual: &'a Manual, with_heading: bool) -> Result<()> {
        if with_heading {
            let _ = write!(self.out, "## {}\n\n", manual.name);
        }
        let _ = write!(self.out, "Read: {}.\n\n", manual.release);
        for claim in &manual.claim {
            let heading = if with_heading { "###" } else { "##" };
            self.claim(claim, heading)
                .with_context(|| format!("{}, claim {}", manual.name, claim.id))?;
        }
        Ok(())
    }

    fn claim(&mut self, claim: &'a Claim, heading: &str) -> Result<()> {
        let rules = claim.rules(self.book)?;
        let Claim { id, observed, correct, .. } = claim;
        let quote = escape(&claim.quote).replace('_', "\\_").replace('*', "\\*");
        let badge = claim.verdict.badge();
        let _ = write!(
            self.out,
            "{heading} “{quote}” {{#{id}}}\n\n<p class=\"rid\">{badge} <a href=\"#{id}\">{id}</a></p>\n\n\
             **Observed** {}: {observed}\n\n",
            self.kernels(&rules)
        );
        if let Some(before) = &claim.before {
            let _ = write!(self.out, "**Read in the source, not observed:** {before}\n\n");
        }
        let label = if claim.verdict == Judgment::Right { "Exactly" } else { "Better" };
        let _ = write!(self.out, "**{label}:** {correct}\n\n");
        let links = rules.iter().map(|rule| {
            let id = rule.id.replace('.', ".<wbr>");
            format!("<li>{} <span class=\"rid\">{id}</span></li>", link(rule, &html(&rule.title)))
        });
        let _ = write!(self.out, "<ul class=\"because\">{}</ul>\n\n", links.collect::<String>());
        if let Some(program) = &claim.program {
            self.program(program)?;
        }
        Ok(())
    }

    /// The kernels on which all rules of a claim held.
    fn kernels(&self, rules: &[&Rule]) -> String {
        let held = |column: &&Column| {
            rules.iter().all(|rule| {
                let trace = Snapshot::read(self.root, &rule.id).map(|snapshot| snapshot.contents);
                let trace = trace.and_then(|trace| trace.parse().ok()).unwrap_or_default();
                let cell = column.cell(&rule.id, &fingerprint(&trace));
                cell.is_some_and(|cell| cell.result == ResultKind::Held)
            })
        };
        let kernels = self.columns.iter().filter(|column| column.kind == ColumnKind::Kernel);
        let all = kernels.clone().count();
        let held: Vec<&str> = kernels.filter(held).map(Column::version).collect();
        match held.as_slice() {
            [] => "on the kernel of the traces".to_owned(),
            [first, .., last] if held.len() == all => {
                format!("on all {all} kernels run, Linux {first} to {last}")
            }
            some => format!("on Linux {}", some.join(", ")),
        }
    }

    /// A program, shown in full where a page first refers to it.
    fn program(&mut self, name: &'a str) -> Result<()> {
        let address = format!("{{up}}{FOLDER}/{name}");
        if !self.programs.insert(name) {
            let _ = write!(self.out, "Program: [`{name}`]({address}), shown above.\n\n");
            return Ok(());
        }
        let file = self.root.join(rulebook::SOURCE).join(FOLDER).join(name);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let _ = write!(
            self.out,
            "<details class=\"prog\">\n<summary>The program <span>{name}</span></summary>\n\n\
             [`{name}`]({address})\n\n```c\n{text}```\n\n</details>\n\n"
        );
        Ok(())
    }
}
