//! Finds the rules in the book's Markdown and checks their form.
//!
//! A rule is a section of a page:
//!
//! ````markdown
//! ## process.fork
//!
//! The statement: one sentence, true exactly as written.
//!
//! *P7 · stated · `copy_creds` · needs: root*
//!
//! Why it matters.
//!
//! ```rust
//! # use keyrings::*;
//! # fn main() -> Observed { observe("process.fork", || {
//! …
//! # }) }
//! ```
//! ````
//!
//! The crate also knows where everything that is stored about rules is kept ([`Snapshot`] and the
//! constants beside it). It knows nothing about how a rule is run or shown.

mod condition;
mod control;
mod form;
mod listing;
mod page;
mod problem;
mod released;
mod sentence;
mod snapshot;
mod stored;
mod timings;

pub use condition::{CONDITIONS, Cells, Condition};
pub use control::shows_control;
pub use form::{lines_with, phrases};
pub use page::{KERNEL_FUNCTIONS, Page, Places, Section};
pub use problem::Problem;
pub use released::{Published, RELEASED, Release};
pub use sentence::{SENTENCES, Sentence, sentence};
pub use snapshot::{
    CIRCUMSTANCES, INDEX, KERNELS, LEFT_OPEN, SNAPSHOTS, Snapshot, WRONG_MODELS, fingerprint,
};
pub use stored::{idle, without_control};
pub use timings::Timings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How a rule relates to the two manual pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A page says it, and kernels do it.
    Stated,
    /// A page says it loosely; the rule is exact.
    Sharpened,
    /// The pages are silent.
    Unstated,
    /// A page says something else than kernels do.
    Contradicted,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Verdict; 4] =
        [Verdict::Stated, Verdict::Sharpened, Verdict::Unstated, Verdict::Contradicted];

    /// The word in the book.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Stated => "stated",
            Verdict::Sharpened => "sharpened",
            Verdict::Unstated => "unstated",
            Verdict::Contradicted => "contradicted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One fact, with the program that shows it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Dotted and lower case, such as `process.fork`; never changes its meaning.
    pub id: String,
    /// The page, relative to the book's source folder: `process-keyring/processes.md`.
    pub page: PathBuf,
    /// The line of the heading, from 1.
    pub line: usize,
    /// The fact in a few words, as Markdown.
    pub title: String,
    /// The fact, as Markdown on one line.
    pub statement: String,
    /// The line of the provenance, from 1.
    pub provenance_line: usize,
    /// The numbers of the sentences it comes from, such as `P7`.
    pub from: Vec<&'static str>,
    /// How it relates to them.
    pub verdict: Verdict,
    /// The kernel functions that implement it.
    pub kernel: Vec<String>,
    /// The conditions that its statement names.
    pub given: Vec<String>,
    /// What an environment must have for the rule to be observed.
    pub needs: Vec<String>,
    /// The text between the provenance and the end of the section, without the snippet.
    pub why: String,
    /// The whole program.
    pub program: String,
    /// The part of it that the reader sees.
    pub snippet: String,
}

impl Rule {
    /// The page that mdBook generates, with the anchor: `process-keyring/processes.html#process.fork`.
    pub fn link(&self) -> String {
        format!("{}#{}", self.page.with_extension("html").display(), self.id)
    }

    /// The statement without Markdown's marks, for terminals and other tools.
    pub fn plain_statement(&self) -> String {
        self.statement.replace(['`', '*'], "")
    }
}

/// All rules of a book, in the order of its table of contents.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    /// The valid rules.
    pub rules: Vec<Rule>,
    /// All pages, in order.
    pub pages: Vec<Page>,
    /// The mistakes in the form of the book. Rules that could be read are in `rules` anyway.
    pub problems: Vec<Problem>,
}

/// The folder of the book's sources, relative to the project's root.
pub const SOURCE: &str = "book";

impl Rulebook {
    /// Reads the book of the project at `root`.
    pub fn read(root: &Path) -> Rulebook {
        let source = root.join(SOURCE);
        let text_of = |path: &Path| fs::read_to_string(source.join(path));
        let mut book = Rulebook::read_from(text_of);
        let listed = page::table_of_contents(text_of, &mut Vec::new());
        book.problems.extend(listing::problems(&source, &listed));
        book
    }

    /// Reads a book whose pages, by their paths relative to [`SOURCE`], `text_of` returns.
    pub fn read_from(text_of: impl Fn(&Path) -> io::Result<String>) -> Rulebook {
        let mut book = Rulebook::default();
        let listed = page::table_of_contents(&text_of, &mut book.problems);
        let mut read = BTreeSet::new();
        for path in listed.into_iter().filter(|path| read.insert(path.clone())) {
            match text_of(&path) {
                Ok(text) => {
                    let page = Page::parse(&path, &text);
                    book.problems.extend(page.problems.iter().cloned());
                    book.rules.extend(page.rules.iter().cloned());
                    book.pages.push(page);
                }
                Err(error) => book.problems.push(Problem::new(
                    Path::new(SOURCE).join("SUMMARY.md"),
                    1,
                    format!("{} cannot be read: {error}", path.display()),
                    "write the page, or remove it from the table of contents",
                )),
            }
        }
        book.refuse_duplicates();
        book
    }

    /// Finds a rule by its id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    fn refuse_duplicates(&mut self) {
        let mut seen: BTreeMap<&str, &Rule> = BTreeMap::new();
        let mut problems = Vec::new();
        for rule in &self.rules {
            if let Some(first) = seen.insert(&rule.id, rule) {
                problems.push(Problem::new(
                    Path::new(SOURCE).join(&rule.page),
                    rule.line,
                    format!("`{}` is already used", rule.id),
                    format!(
                        "choose another id: the first is in {}, line {}",
                        first.page.display(),
                        first.line
                    ),
                ));
            }
        }
        self.problems.extend(problems);
    }

    /// Adds a problem for each need that `is_known` doesn't know.
    pub fn refuse_unknown_needs(&mut self, is_known: impl Fn(&str) -> bool) {
        for rule in &self.rules {
            for need in rule.needs.iter().filter(|need| !is_known(need)) {
                self.problems.push(Problem::new(
                    Path::new(SOURCE).join(&rule.page),
                    rule.provenance_line,
                    format!("`{}` has the unknown need `{need}`", rule.id),
                    "the known needs are those in keyrings::needs::NEEDS, paths, and `Linux ≥ x.y`",
                ));
            }
        }
    }

    /// The mistakes in the section around a line of a page, or on that line if it is in no section
    /// that is meant to be a rule.
    pub fn problems_around(&self, page: &Path, line: usize) -> Vec<&Problem> {
        let sections = self.pages.iter().filter(|read| read.path == page).flat_map(|p| &p.sections);
        let around = sections.map(|section| &section.lines).find(|lines| lines.contains(&line));
        let (file, lines) = (Path::new(SOURCE).join(page), around.cloned());
        let lines = lines.unwrap_or(line..line + 1);
        let here = |problem: &&Problem| problem.file == file && lines.contains(&problem.line);
        self.problems.iter().filter(here).collect()
    }

    /// The mistakes in the form of the book and in what is stored about it.
    pub fn all_problems(&self, root: &Path) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        problems.extend(stored::problems(self, root));
        problems.extend(condition::problems(self, root));
        problems
    }

    /// The index as it is stored: every id with its verdict and its statement.
    pub fn index(&self) -> String {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        rules.iter().fold(String::new(), |mut index, rule| {
            let _ = writeln!(index, "{} | {} | {}", rule.id, rule.verdict, rule.statement);
            index
        })
    }
}
