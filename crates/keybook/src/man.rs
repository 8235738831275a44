//! The manual pages of this project: one source, in the book, for the terminal and the site.
//!
//! A source is Markdown of few forms: a title, a date, sections, paragraphs and lists. Each sentence is a line, and a
//! comment at its end names the rules that state it:
//!
//! ```markdown
//! A program started by `execve(2)` has no thread keyring. <!-- thread.execve -->
//! ```
//!
//! [`Manual::troff`] prints it with the macros of man(7). On the site, [`fill_in`] turns each comment into links.

#[cfg(test)]
mod tests;

use crate::site::html::attribute;
use anyhow::{Context, Result, bail, ensure};
use rulebook::Rulebook;
use std::fmt::Write;
use std::path::Path;

/// The folder of the sources, in that of the book's sources.
const FOLDER: &str = "man";
const BEGIN: &str = "<!--";
const END: &str = "-->";
/// Sections without sentences.
const NO_SENTENCES: [&str; 2] = ["NAME", "SEE ALSO"];

/// What the site says above a page.
const ABOUT: &str = "The small numbers lead to the rules that state each sentence. `keybook man NAME` prints \
                     this page for man(1). [Errata](../errata.md) compares other manuals with kernels.\n";

/// The sources.
pub(crate) const SOURCES: [&str; 2] = [
    include_str!("../../../book/man/thread-keyring.md"),
    include_str!("../../../book/man/process-keyring.md"),
];

/// A manual page.
#[derive(Debug)]
pub(crate) struct Manual<'a> {
    /// Its name without the section.
    pub(crate) name: &'a str,
    /// The number of its section.
    section: &'a str,
    date: &'a str,
    parts: Vec<Part<'a>>,
}

#[derive(Debug)]
enum Part<'a> {
    Section(&'a str),
    Paragraph(Vec<Sentence<'a>>),
    List(Vec<Sentence<'a>>),
}

/// A sentence, or an item of a list.
#[derive(Debug)]
struct Sentence<'a> {
    text: &'a str,
    rules: Vec<&'a str>,
}

impl<'a> Manual<'a> {
    /// Parses a source.
    ///
    /// # Errors
    ///
    /// If a line has another form, or a sentence has no rule.
    pub(crate) fn parse(source: &'a str) -> Result<Manual<'a>> {
        let mut lines = source.lines().enumerate();
        let title = lines.next().and_then(|(_, line)| line.strip_prefix("# "));
        let title = title.and_then(|title| title.strip_suffix(')')?.split_once('('));
        let (name, section) = title.context("line 1: begin with `# name(section)`")?;
        let mut manual = Manual { name, section, date: "", parts: Vec::new() };
        let mut open = false;
        for (nth, line) in lines {
            let part = manual.line(line, open);
            open = part.with_context(|| format!("line {}: `{line}`", nth + 1))?;
        }
        ensure!(!manual.date.is_empty(), "add a line `{BEGIN} date: YYYY-MM-DD {END}`");
        Ok(manual)
    }

    /// Reads a line. `open` says whether the paragraph or list before it goes on; returns the same for the next line.
    fn line(&mut self, line: &'a str, open: bool) -> Result<bool> {
        if line.is_empty() {
            return Ok(false);
        }
        if let Some(date) = line.strip_prefix("<!-- date: ") {
            self.date = date.trim_end_matches(END).trim();
            return Ok(false);
        }
        if let Some(section) = line.strip_prefix("## ") {
            self.parts.push(Part::Section(section));
            return Ok(false);
        }
        let is_item = line.starts_with("- ");
        let sentence = self.sentence(line.strip_prefix("- ").unwrap_or(line))?;
        match (self.parts.last_mut(), open, is_item) {
            (Some(Part::List(items)), true, true) => items.push(sentence),
            (Some(Part::Paragraph(sentences)), true, false) => sentences.push(sentence),
            (_, false, true) => self.parts.push(Part::List(vec![sentence])),
            (_, false, false) => self.parts.push(Part::Paragraph(vec![sentence])),
            (_, true, _) => bail!("leave an empty line between a paragraph and a list"),
        }
        Ok(true)
    }

    fn sentence(&self, line: &'a str) -> Result<Sentence<'a>> {
        let sections = self.parts.iter().rev();
        let mut sections = sections.filter_map(|part| match part {
            Part::Section(name) => Some(*name),
            _ => None,
        });
        if sections.next().is_some_and(|section| NO_SENTENCES.contains(&section)) {
            return Ok(Sentence { text: line, rules: Vec::new() });
        }
        let sentence = commented(line).context("end it with a comment that names its rules")?;
        ensure!(!sentence.rules.is_empty(), "name at least one rule");
        Ok(sentence)
    }

    /// Its one line in a list of pages.
    pub(crate) fn about(&self) -> &'a str {
        let name = self.parts.iter().find_map(|part| match part {
            Part::Paragraph(sentences) => Some(sentences[0].text),
            _ => None,
        });
        name.and_then(|line| line.split_once(" - ")).map_or("", |(_, about)| about)
    }

    /// The page in troff with the macros of man(7).
    pub(crate) fn troff(&self) -> String {
        let Manual { name, section, date, .. } = self;
        let version = env!("CARGO_PKG_VERSION");
        let mut out =
            format!(".TH {} {section} {date} \"keybook {version}\"\n", name.to_uppercase());
        let mut begins = true;
        for part in &self.parts {
            match part {
                Part::Section(title) => {
                    let _ = writeln!(out, ".SH {title}");
                }
                Part::Paragraph(sentences) => {
                    if !begins {
                        out.push_str(".PP\n");
                    }
                    sentences.iter().for_each(|sentence| out += &troff(sentence.text));
                }
                Part::List(items) => items.iter().for_each(|item| {
                    out.push_str(".IP \\(bu 3\n");
                    out += &troff(item.text);
                }),
            }
            begins = matches!(part, Part::Section(_));
        }
        out
    }
}

/// A line that ends with a comment: its text, and the words of the comment.
fn commented(line: &str) -> Option<Sentence<'_>> {
    let (text, rules) = line.strip_suffix(END)?.split_once(BEGIN)?;
    Some(Sentence { text: text.trim_end(), rules: rules.split_whitespace().collect() })
}

/// A line of troff. What stands between backticks is bold, but for the section of a manual page.
fn troff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e");
    let mut line = String::new();
    for (nth, part) in escaped.split('`').enumerate() {
        if nth % 2 == 0 {
            // In the line of names, man(1) and apropos(1) expect the dash escaped.
            line += &part.replace(" - ", " \\- ");
            continue;
        }
        let code = part.replace('-', "\\-");
        let page = code.strip_suffix(')').and_then(|page| page.rsplit_once('('));
        match page {
            Some((name, section)) => {
                let _ = write!(line, "\\fB{name}\\fR({section})");
            }
            None => {
                let _ = write!(line, "\\fB{code}\\fR");
            }
        }
    }
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{line}\n")
}

/// Turns the comments of a manual page of the book into links to the rules, and leaves other pages alone.
///
/// # Errors
///
/// If the source does not have the right form, or names a rule that does not exist.
pub(crate) fn fill_in(text: &mut String, path: &Path, book: &Rulebook) -> Result<()> {
    if !path.starts_with(FOLDER) {
        return Ok(());
    }
    Manual::parse(text)?;
    let up = "../".repeat(path.components().count() - 1);
    let mut out = String::new();
    let mut number = 0;
    for line in text.lines() {
        let Some(Sentence { text, rules }) = commented(line) else {
            out += line;
            out.push('\n');
            continue;
        };
        if rules.first() == Some(&"date:") {
            out.push_str(ABOUT);
            continue;
        }
        out += text;
        out.push_str("<sup class=\"because\">");
        for (nth, id) in rules.into_iter().enumerate() {
            let gap = if nth == 0 { "" } else { " " };
            let rule = book.rule(id).with_context(|| format!("there is no rule `{id}`"))?;
            number += 1;
            let title = attribute(&rule.title.replace('`', ""));
            let _ = write!(
                out,
                "{gap}<a href=\"{up}{}\" title=\"{title}\" aria-label=\"{number}: {title}\">{number}</a>",
                rule.link()
            );
        }
        out.push_str("</sup>\n");
    }
    *text = out;
    Ok(())
}
