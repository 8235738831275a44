//! Reading one page.

use crate::condition::condition;
use crate::control::expectations;
use crate::form::faults;
use crate::{Problem, Rule, SOURCE, Verdict, sentence};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A page of the book.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The file, relative to the book's source folder.
    pub path: PathBuf,
    /// Its first heading, without marks.
    pub title: String,
    /// The valid rules on it, in order.
    pub rules: Vec<Rule>,
    /// Where in the text each rule is, in the same order.
    pub places: Vec<Places>,
    /// The sections that are meant to be rules, valid or not, in order.
    pub sections: Vec<Section>,
    /// The lines of all snippets' opening fences, in order.
    pub snippets: Vec<usize>,
    /// The mistakes on it.
    pub problems: Vec<Problem>,
}

/// Where in the text of its page a rule and its snippet are, in bytes.
#[derive(Clone, Debug)]
pub struct Places {
    /// The whole section, from its heading to its last block.
    pub section: Range<usize>,
    /// The snippet, with its fences.
    pub snippet: Range<usize>,
}

/// A section whose heading begins as the id of a rule does.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its heading: the id, if that is well formed.
    pub title: String,
    /// Its lines, from 1.
    pub lines: Range<usize>,
}

/// The first word of every rule's id.
const SUBJECTS: [&str; 3] = ["process.", "thread.", "keyring."];

/// The kernel functions that a rule may name, one on each line, sorted.
pub const KERNEL_FUNCTIONS: &str = include_str!("kernel-functions.txt");

/// The pages of the book, in the order of its table of contents.
pub(crate) fn table_of_contents(
    text_of: impl Fn(&Path) -> io::Result<String>,
    problems: &mut Vec<Problem>,
) -> Vec<PathBuf> {
    let file = Path::new(SOURCE).join("SUMMARY.md");
    let text = match text_of(Path::new("SUMMARY.md")) {
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
    content: Content,
}

enum Content {
    Heading(String),
    Paragraph,
    Snippet(String),
    Other,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut depth = 0;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::End(_) => depth -= 1,
            _ if depth > 0 => {}
            _ => blocks.push(Block { content: content(&event, &text[range.clone()]), range }),
        }
        depth += usize::from(matches!(event, Event::Start(_)));
    }
    blocks
}

/// The content of a block that begins with this event.
fn content(event: &Event<'_>, text: &str) -> Content {
    match event {
        Event::Start(Tag::Heading { level: HeadingLevel::H1 | HeadingLevel::H2, .. }) => {
            Content::Heading(text.trim_matches(['#', ' ', '\n']).replace('`', ""))
        }
        Event::Start(Tag::Paragraph) => Content::Paragraph,
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info)))
            if info.split(',').next() == Some("rust") =>
        {
            let lines = text.split_inclusive('\n').skip(1).filter(|line| !line.starts_with("```"));
            Content::Snippet(lines.collect())
        }
        _ => Content::Other,
    }
}

impl Page {
    /// Reads a page. Rules that have all their parts are in `rules`; every mistake is in `problems`.
    pub fn parse(path: &Path, text: &str) -> Page {
        let blocks = blocks(text);
        let title = blocks.iter().find_map(|block| match &block.content {
            Content::Heading(title) => Some(title.clone()),
            _ => None,
        });
        let title = title.unwrap_or_default();
        let page = Page { path: path.to_owned(), title, ..Page::default() };
        let mut reader = Reader { page, text };
        let is_heading = |block: &Block| matches!(block.content, Content::Heading(_));
        let mut rest = &blocks[..];
        while !rest.is_empty() {
            let next = rest.iter().skip(1).position(is_heading).map_or(rest.len(), |nth| nth + 1);
            let (section, others) = rest.split_at(next);
            reader.section(section);
            rest = others;
        }
        reader.page
    }
}

struct Reader<'a> {
    page: Page,
    text: &'a str,
}

/// What the provenance of a rule says.
#[derive(Default)]
struct Origin {
    from: Vec<&'static str>,
    verdict: Option<Verdict>,
    kernel: Vec<String>,
    given: Vec<String>,
    needs: Vec<String>,
}

const WRITE_TITLE: &str =
    "write the fact in at most 65 characters between two `**`, on a line below the heading";
const WRITE_STATEMENT: &str = "write one sentence that is true exactly as written, below the title";
const WRITE_PROVENANCE: &str =
    "write a line such as *P7 · stated · `copy_creds`* below the statement";

impl Reader<'_> {
    fn problem(&mut self, at: usize, what: impl Into<String>, fix: impl Into<String>) {
        let file = Path::new(SOURCE).join(&self.page.path);
        self.page.problems.push(Problem::new(file, self.line(at), what, fix));
    }

    /// The line of an offset in the text.
    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    fn section(&mut self, blocks: &[Block]) {
        let is_snippet = |block: &&Block| matches!(block.content, Content::Snippet(_));
        let snippets: Vec<usize> =
            blocks.iter().filter(is_snippet).map(|block| block.range.start).collect();
        let lines: Vec<usize> = snippets.iter().map(|&at| self.line(at)).collect();
        self.page.snippets.extend(lines);
        if let [Block { content: Content::Heading(title), range: heading }, rest @ ..] = blocks
            && self.text[heading.clone()].starts_with("## ")
            && SUBJECTS.iter().any(|subject| title.starts_with(subject))
        {
            let end = blocks.last().map_or(heading.end, |last| last.range.end);
            let lines = self.line(heading.start)..self.line(end - 1) + 1;
            self.page.sections.push(Section { title: title.clone(), lines });
            self.rule(title, heading, rest);
            return;
        }
        for at in snippets {
            let fix = "put it under a heading that is the id of a rule, or mark it `text`";
            self.problem(at, "this snippet is outside of a rule", fix);
        }
    }

    /// Reads a rule. Its parts are read one after another even if some are missing, so that all
    /// mistakes are reported at once.
    fn rule(&mut self, title: &str, heading: &Range<usize>, rest: &[Block]) {
        let at = heading.start;
        if !is_id(title) {
            let fix = "use lower case words, digits and `-` between dots, as in `process.fork`";
            self.problem(at, format!("`{title}` is not a valid id"), fix);
        }
        let is_title = |text: &str| bold(text).is_some();
        let (name, rest) = self.paragraph(rest, is_title);
        if name.is_none() {
            self.problem(at, format!("`{title}` has no title in words"), WRITE_TITLE);
        }
        let name = name.and_then(|range| bold(&self.text[range.clone()])).unwrap_or_default();
        let is_statement = |text: &str| !is_provenance(&one_line(text));
        let (statement, rest) = self.paragraph(rest, is_statement);
        if statement.is_none() {
            self.problem(at, format!("`{title}` has no statement"), WRITE_STATEMENT);
        }
        let (provenance, rest) = match rest {
            [Block { content: Content::Paragraph, range }, others @ ..] => {
                let origin = self.provenance(title, range);
                (origin.map(|origin| (origin, range)), others)
            }
            _ => {
                self.problem(at, format!("`{title}` has no provenance"), WRITE_PROVENANCE);
                (None, rest)
            }
        };
        let snippet = self.snippet(title, at, rest);
        let (Some(statement), Some((origin, provenance)), Some((snippet, program))) =
            (statement, provenance, snippet)
        else {
            return;
        };
        self.needs(title, provenance.start, program, &origin.needs);
        let Origin { from, verdict: Some(verdict), kernel, given, needs } = origin else { return };
        self.form(title, name, statement, &given);
        let others = rest.iter().map(|block| &block.range).filter(|range| *range != snippet);
        let why: Vec<&str> = others.map(|range| self.text[range.clone()].trim_end()).collect();
        self.page.rules.push(Rule {
            id: title.to_owned(),
            page: self.page.path.clone(),
            line: self.line(at),
            title: name.to_owned(),
            statement: one_line(&self.text[statement.clone()]),
            provenance_line: self.line(provenance.start),
            from,
            verdict,
            kernel,
            given,
            needs,
            why: why.join("\n\n"),
            program: program.lines().map(whole_line).collect(),
            snippet: visible(program),
        });
        self.page.places.push(Places {
            section: at..rest.last().map_or(snippet.end, |last| last.range.end),
            snippet: snippet.clone(),
        });
    }

    /// Takes the first block, if it is a paragraph that fits.
    fn paragraph<'b>(
        &self,
        blocks: &'b [Block],
        fits: impl Fn(&str) -> bool,
    ) -> (Option<&'b Range<usize>>, &'b [Block]) {
        match blocks {
            [Block { content: Content::Paragraph, range }, rest @ ..]
                if fits(&self.text[range.clone()]) =>
            {
                (Some(range), rest)
            }
            _ => (None, blocks),
        }
    }

    /// Checks the form of title and statement, and that the statement says each condition.
    fn form(&mut self, id: &str, title: &str, statement: &Range<usize>, given: &[String]) {
        let (at, statement) = (statement.start, one_line(&self.text[statement.clone()]));
        for (what, fix) in faults(title, &statement) {
            self.problem(at, format!("`{id}` {what}"), fix);
        }
        for name in given {
            let Some(condition) = condition(name) else {
                let what = format!("`{id}` names the unknown condition `{name}`");
                self.problem(at, what, "the conditions are those of rulebook::CONDITIONS");
                continue;
            };
            if !condition.words.iter().any(|words| statement.contains(words)) {
                let what = format!("the statement of `{id}` does not say its condition `{name}`");
                self.problem(at, what, format!("write one of: {}", condition.words.join(", ")));
            }
        }
    }

    /// Checks that the program needs what it enters.
    fn needs(&mut self, id: &str, at: usize, program: &str, needs: &[String]) {
        let enters = [
            ("enter_user_namespace", "user namespace"),
            ("open_binfmt_misc", "binfmt_misc in a user namespace"),
        ];
        for (call, needed) in enters {
            if program.contains(call) && !needs.iter().any(|need| need == needed) {
                let what = format!("`{id}` enters a user namespace that it does not need");
                self.problem(at, what, format!("add `needs: {needed}`"));
            }
        }
    }

    /// Finds the one snippet of a rule: its place and its program.
    fn snippet<'b>(
        &mut self,
        title: &str,
        at: usize,
        blocks: &'b [Block],
    ) -> Option<(&'b Range<usize>, &'b str)> {
        let mut snippets = blocks.iter().filter_map(|block| match &block.content {
            Content::Snippet(program) => Some((&block.range, program.as_str())),
            _ => None,
        });
        let Some((range, program)) = snippets.next() else {
            let fix = "add a ```rust block with a program that shows it";
            self.problem(at, format!("`{title}` has no snippet"), fix);
            return None;
        };
        if let Some((second, _)) = snippets.next() {
            let fix = "keep one, or make two rules of it";
            self.problem(second.start, format!("`{title}` has two snippets"), fix);
            return None;
        }
        if !program.contains(&format!("observe(\"{title}\",")) {
            let fix = format!("call observe(\"{title}\", || {{ … }}) in its `main`");
            self.problem(range.start, format!("the snippet of `{title}` does not observe it"), fix);
        }
        if expectations(program) < 2 {
            let fix = "add a control: expect the opposite too, so that a kernel for which the rule is \
                       false fails";
            let what = format!("the snippet of `{title}` has fewer than two expectations");
            self.problem(range.start, what, fix);
        }
        Some((range, program))
    }

    fn provenance(&mut self, title: &str, range: &Range<usize>) -> Option<Origin> {
        let (at, line) = (range.start, one_line(&self.text[range.clone()]));
        let inner = line.strip_prefix('*').and_then(|line| line.strip_suffix('*'));
        let Some(inner) = inner else {
            self.problem(at, format!("`{title}` has no provenance"), WRITE_PROVENANCE);
            return None;
        };
        let mut origin = Origin::default();
        for part in inner.split(" · ").map(str::trim) {
            self.provenance_part(title, at, part, &mut origin)?;
        }
        let Some(verdict) = origin.verdict else {
            let fix = "write stated, sharpened, unstated or contradicted in its provenance";
            self.problem(at, format!("`{title}` has no verdict"), fix);
            return None;
        };
        match (verdict == Verdict::Unstated, origin.from.is_empty()) {
            (true, false) => {
                let fix = "remove the sentence, or choose another verdict";
                self.problem(at, format!("`{title}` is unstated, but names a sentence"), fix);
            }
            (false, true) => {
                let what = format!("`{title}` is {verdict}, but names no sentence");
                self.problem(at, what, "name the sentence, as in P7, or write unstated");
            }
            _ => {}
        }
        if origin.kernel.is_empty() {
            let what = format!("`{title}` names no kernel function");
            self.problem(at, what, "name one in its provenance, as in `copy_creds`");
        }
        Some(origin)
    }

    /// Reads one part of the provenance; `None` if the part is unknown.
    fn provenance_part(
        &mut self,
        title: &str,
        at: usize,
        part: &str,
        origin: &mut Origin,
    ) -> Option<()> {
        if let Some(given) = part.strip_prefix("given: ") {
            origin.given = given.split(", ").map(str::to_owned).collect();
        } else if let Some(needs) = part.strip_prefix("needs: ") {
            origin.needs = needs.split(", ").map(str::to_owned).collect();
        } else if part.starts_with('`') {
            origin.kernel =
                part.split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
            for name in origin.kernel.iter().filter(|name| !is_kernel_function(name)) {
                let what = format!("`{title}` names the unknown kernel function `{name}`");
                let fix = "fix the name, or add it to crates/rulebook/src/kernel-functions.txt";
                self.problem(at, what, fix);
            }
        } else if let Some(word) = Verdict::ALL.iter().find(|word| word.word() == part) {
            origin.verdict = Some(*word);
        } else if part.starts_with(['P', 'T']) {
            for number in part.split(", ") {
                match sentence(number) {
                    Some(sentence) => origin.from.push(sentence.number),
                    None => {
                        let what = format!("`{title}` names the unknown sentence `{number}`");
                        self.problem(at, what, "the sentences are P1…P10 and T1…T9");
                    }
                }
            }
        } else {
            let fix = "the verdicts are stated, sharpened, unstated and contradicted";
            self.problem(at, format!("`{title}` has the unknown verdict `{part}`"), fix);
            return None;
        }
        Some(())
    }
}

fn is_id(title: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    title.split('.').count() >= 2 && title.split('.').all(word)
}

fn is_kernel_function(name: &str) -> bool {
    KERNEL_FUNCTIONS.lines().any(|known| known == name)
}

fn is_provenance(line: &str) -> bool {
    line.starts_with('*') && line.contains(" · ")
}

/// The text of a paragraph that is bold as a whole.
fn bold(text: &str) -> Option<&str> {
    let inner = text.trim_end().strip_prefix("**")?.strip_suffix("**")?;
    (!inner.contains("**") && !inner.contains('\n')).then_some(inner)
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

/// The lines that the reader sees.
fn visible(program: &str) -> String {
    let lines = program.lines().filter(|line| hidden(line).is_none());
    lines.map(|line| format!("{line}\n")).collect()
}
