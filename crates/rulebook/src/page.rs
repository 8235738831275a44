//! Reading one page.

use crate::{Problem, Rule, SOURCE, Verdict, sentence};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A page of the book.
#[derive(Clone, Debug)]
pub struct Page {
    /// The file, from the book's source folder.
    pub path: PathBuf,
    /// The rules on it, in order.
    pub rules: Vec<Rule>,
    /// Where in the text the parts of each rule are, in the same order.
    pub places: Vec<Places>,
    /// What is wrong on it.
    pub problems: Vec<Problem>,
}

/// Where in the text of its page the parts of a rule are, in bytes.
#[derive(Clone, Debug)]
pub struct Places {
    /// The heading, with the line break behind it.
    pub heading: Range<usize>,
    /// The statement.
    pub statement: Range<usize>,
    /// The line with verdict and provenance.
    pub provenance: Range<usize>,
    /// The snippet, with its fences.
    pub snippet: Range<usize>,
}

/// The first word of every rule's id.
const SUBJECTS: [&str; 3] = ["process.", "thread.", "keyring."];

/// The pages of the book, in the order of its table of contents.
pub(crate) fn table_of_contents(source: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let file = Path::new(SOURCE).join("SUMMARY.md");
    let text = match std::fs::read_to_string(source.join("SUMMARY.md")) {
        Ok(text) => text,
        Err(error) => {
            let what = format!("the table of contents cannot be read: {error}");
            problems.push(Problem::new(file, 1, what, "run this in the project's folder"));
            return Vec::new();
        }
    };
    let links = Parser::new(&text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) if !dest_url.is_empty() => Some(dest_url),
        _ => None,
    });
    links.map(|url| PathBuf::from(&*url)).collect()
}

/// A top-level block of a page.
struct Block {
    range: Range<usize>,
    kind: Kind,
}

enum Kind {
    Section(String),
    Paragraph,
    Rust(String),
    Other,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut depth = 0;
    let mut collected = String::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(_) => {
                if depth == 0 {
                    collected.clear();
                }
                depth += 1;
            }
            Event::End(end) => {
                depth -= 1;
                if depth == 0 {
                    let kind = match end {
                        TagEnd::Heading(HeadingLevel::H1 | HeadingLevel::H2) => {
                            Kind::Section(collected.clone())
                        }
                        TagEnd::Paragraph => Kind::Paragraph,
                        TagEnd::CodeBlock if is_rust(&text[range.clone()]) => {
                            Kind::Rust(collected.clone())
                        }
                        _ => Kind::Other,
                    };
                    blocks.push(Block { range, kind });
                }
            }
            Event::Text(part) | Event::Code(part) => collected.push_str(&part),
            _ if depth == 0 => blocks.push(Block { range, kind: Kind::Other }),
            _ => {}
        }
    }
    blocks
}

fn is_rust(block: &str) -> bool {
    let fence = Parser::new(block).next();
    match fence {
        Some(Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info)))) => {
            info.split(',').next() == Some("rust")
        }
        _ => false,
    }
}

impl Page {
    /// Reads a page. Rules whose parts are all there are in `rules`; what is wrong is in `problems`.
    pub fn parse(path: &Path, text: &str) -> Page {
        let mut page = Page {
            path: path.to_owned(),
            rules: Vec::new(),
            places: Vec::new(),
            problems: Vec::new(),
        };
        let blocks = blocks(text);
        let starts: Vec<usize> = blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| matches!(block.kind, Kind::Section(_)))
            .map(|(nth, _)| nth)
            .collect();
        let before = &blocks[..starts.first().copied().unwrap_or(blocks.len())];
        page.refuse_snippets(text, before);
        for (nth, &start) in starts.iter().enumerate() {
            let end = starts.get(nth + 1).copied().unwrap_or(blocks.len());
            page.section(text, &blocks[start..end]);
        }
        page
    }

    fn problem(&mut self, text: &str, at: usize, what: impl Into<String>, mend: impl Into<String>) {
        let file = Path::new(SOURCE).join(&self.path);
        self.problems.push(Problem::new(file, line_of(text, at), what, mend));
    }

    fn refuse_snippets(&mut self, text: &str, blocks: &[Block]) {
        for block in blocks {
            if let Kind::Rust(_) = block.kind {
                let what = "there is a snippet outside of a rule";
                let mend = "put it under a heading that is the id of a rule, or mark it `text`";
                self.problem(text, block.range.start, what, mend);
            }
        }
    }

    fn section(&mut self, text: &str, blocks: &[Block]) {
        let Some((Block { kind: Kind::Section(title), range: heading }, rest)) =
            blocks.split_first()
        else {
            return;
        };
        let level_two = text[heading.clone()].starts_with("## ");
        if !level_two || !SUBJECTS.iter().any(|subject| title.starts_with(subject)) {
            return self.refuse_snippets(text, rest);
        }
        let at = heading.start;
        if !is_id(title) {
            let what = format!("`{title}` is no id of a rule");
            let mend = "use lower case words, digits and `-` between dots, as in `process.fork`";
            self.problem(text, at, what, mend);
        }
        let [Block { kind: Kind::Paragraph, range: statement }, rest @ ..] = rest else {
            let mend = "write one sentence that is true exactly as written, below the heading";
            return self.problem(text, at, format!("`{title}` has no statement"), mend);
        };
        let words = one_line(&text[statement.clone()]);
        if words.starts_with('*') && words.contains(" · ") {
            let mend = "write one sentence that is true exactly as written, below the heading";
            return self.problem(text, at, format!("`{title}` has no statement"), mend);
        }
        let [Block { kind: Kind::Paragraph, range: provenance }, rest @ ..] = rest else {
            let mend = "write a line such as *P7 · stated · `copy_creds`* below the statement";
            return self.problem(text, at, format!("`{title}` has no provenance"), mend);
        };
        let Some(origin) = self.provenance(text, title, provenance.clone()) else { return };
        let snippets: Vec<(&Block, &String)> = rest
            .iter()
            .filter_map(|block| match &block.kind {
                Kind::Rust(program) => Some((block, program)),
                _ => None,
            })
            .collect();
        let (block, program) = match snippets[..] {
            [one] => one,
            [] => {
                let mend = "add a ```rust block with a program that shows it";
                return self.problem(text, at, format!("`{title}` has no snippet"), mend);
            }
            [_, (second, _), ..] => {
                let mend = "keep one, or make two rules of it";
                let place = second.range.start;
                return self.problem(text, place, format!("`{title}` has two snippets"), mend);
            }
        };
        if !program.contains(&format!("observe(\"{title}\",")) {
            let mend = format!("its `main` is to call observe(\"{title}\", || {{ … }})");
            let what = format!("the snippet of `{title}` does not observe it");
            self.problem(text, block.range.start, what, mend);
        }
        self.places.push(Places {
            heading: heading.clone(),
            statement: statement.clone(),
            provenance: provenance.clone(),
            snippet: block.range.clone(),
        });
        let why = rest
            .iter()
            .filter(|other| other.range != block.range)
            .map(|other| text[other.range.clone()].trim_end())
            .collect::<Vec<_>>();
        self.rules.push(Rule {
            id: title.clone(),
            page: self.path.clone(),
            line: line_of(text, at),
            statement: words,
            from: origin.from,
            verdict: origin.verdict,
            kernel: origin.kernel,
            needs: origin.needs,
            why: why.join("\n\n"),
            program: program.lines().map(whole_line).collect(),
            snippet: visible(program),
        });
    }

    fn provenance(&mut self, text: &str, title: &str, range: Range<usize>) -> Option<Origin> {
        let line = one_line(&text[range.clone()]);
        let inner = line.strip_prefix('*').and_then(|line| line.strip_suffix('*'));
        let Some(inner) = inner else {
            let mend = "write a line such as *P7 · stated · `copy_creds`* below the statement";
            self.problem(text, range.start, format!("`{title}` has no provenance"), mend);
            return None;
        };
        let mut origin = Origin {
            from: Vec::new(),
            verdict: Verdict::Unstated,
            kernel: Vec::new(),
            needs: Vec::new(),
        };
        let mut verdict = None;
        for part in inner.split(" · ") {
            let (at, file_part) = (range.start, part.trim());
            if let Some(needs) = file_part.strip_prefix("needs: ") {
                origin.needs = needs.split(", ").map(str::to_owned).collect();
            } else if file_part.starts_with('`') {
                let functions = file_part.split(", ").map(|name| name.trim_matches('`').to_owned());
                origin.kernel = functions.collect();
            } else if let Some(word) = Verdict::ALL.iter().find(|word| word.word() == file_part) {
                verdict = Some(*word);
            } else if file_part.starts_with(['P', 'T']) {
                for number in file_part.split(", ") {
                    match sentence(number) {
                        Some(sentence) => origin.from.push(sentence.number),
                        None => {
                            let what =
                                format!("`{title}` comes from `{number}`, which there is not");
                            self.problem(text, at, what, "the sentences are P1…P10 and T1…T9");
                        }
                    }
                }
            } else {
                let what = format!("`{title}` has the verdict `{file_part}`, which there is not");
                let mend = "the verdicts are stated, sharpened, unstated and contradicted";
                self.problem(text, at, what, mend);
                return None;
            }
        }
        let Some(verdict) = verdict else {
            let mend = "say in its provenance stated, sharpened, unstated or contradicted";
            self.problem(text, range.start, format!("`{title}` has no verdict"), mend);
            return None;
        };
        if (verdict == Verdict::Unstated) != origin.from.is_empty() {
            let (what, mend) = if origin.from.is_empty() {
                ("says that a sentence speaks of it, and not which", "name it, as in P7")
            } else {
                ("is unstated, and names a sentence", "take it out, or choose another verdict")
            };
            self.problem(text, range.start, format!("`{title}` {what}"), mend);
        }
        if origin.kernel.is_empty() {
            let mend = "name them in its provenance, as in `copy_creds`";
            self.problem(
                text,
                range.start,
                format!("`{title}` names no function of the kernel"),
                mend,
            );
        }
        origin.verdict = verdict;
        Some(origin)
    }
}

struct Origin {
    from: Vec<&'static str>,
    verdict: Verdict,
    kernel: Vec<String>,
    needs: Vec<String>,
}

fn is_id(title: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    title.split('.').count() >= 2 && title.split('.').all(word)
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of the program, without the mark that hides it from the reader.
fn whole_line(line: &str) -> String {
    let shown = hidden(line).unwrap_or(line);
    format!("{shown}\n")
}

fn hidden(line: &str) -> Option<&str> {
    if line.trim() == "#" { Some("") } else { line.trim_start().strip_prefix("# ") }
}

/// What the reader sees, without the indentation that all lines have.
fn visible(program: &str) -> String {
    let lines = program.lines().filter(|line| hidden(line).is_none());
    lines.map(|line| format!("{line}\n")).collect()
}
