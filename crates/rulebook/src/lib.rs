//! Finds the rules in the book's Markdown, and says what is wrong with their form.
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
//! This crate does not know how a rule is run or shown.

mod page;
mod problem;
mod sentence;
mod snapshot;

pub use page::{Page, Places};
pub use problem::Problem;
pub use sentence::{SENTENCES, Sentence, sentence};
pub use snapshot::{INDEX, Snapshot, redirects};

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// How a rule stands to the two manual pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A page says it, and kernels do it.
    Stated,
    /// A page says it loosely; this is exactly what holds.
    Sharpened,
    /// The pages are silent.
    Unstated,
    /// A page says otherwise than kernels do.
    Contradicted,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Verdict; 4] =
        [Verdict::Stated, Verdict::Sharpened, Verdict::Unstated, Verdict::Contradicted];

    /// The word that stands in the book.
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
    /// The page, from the book's source folder: `process-keyring/processes.md`.
    pub page: PathBuf,
    /// The line of the heading, from 1.
    pub line: usize,
    /// The first paragraph, as Markdown on one line.
    pub statement: String,
    /// The numbers of the sentences it comes from, such as `P7`.
    pub from: Vec<&'static str>,
    /// How it stands to them.
    pub verdict: Verdict,
    /// The kernel's functions that do it.
    pub kernel: Vec<String>,
    /// What must be there to observe it.
    pub needs: Vec<String>,
    /// What stands between the provenance and the end of the section, without the snippet.
    pub why: String,
    /// The whole program.
    pub program: String,
    /// The part of it that the reader sees.
    pub snippet: String,
}

impl Rule {
    /// The page that mdBook makes, with the anchor: `process-keyring/processes.html#process.fork`.
    pub fn link(&self) -> String {
        format!("{}#{}", self.page.with_extension("html").display(), self.id)
    }

    /// The statement without Markdown's marks, for terminals and tables of other tools.
    pub fn plain_statement(&self) -> String {
        self.statement.replace(['`', '*'], "")
    }

    /// Sixteen hexadecimal digits that stand for the program and what it was seen to do: a result
    /// that was saved with others is older than the rule.
    pub fn fingerprint(&self, snapshot: &str) -> String {
        // FNV-1a, as it is the same on every machine and in every release of Rust.
        let bytes = self.program.bytes().chain([0]).chain(snapshot.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// All rules of a book, in the order of its table of contents.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Their pages and the others, in order.
    pub pages: Vec<Page>,
    /// What is wrong with the form of the book. Such rules as could be read are in `rules` all the
    /// same.
    pub problems: Vec<Problem>,
}

/// The folder of the book's sources within the project.
pub const SOURCE: &str = "book";
/// The folder of the snapshots within the project.
pub const SNAPSHOTS: &str = "snapshots";

impl Rulebook {
    /// Reads the book of the project at `root`.
    pub fn read(root: &Path) -> Rulebook {
        let mut book = Rulebook::default();
        let source = root.join(SOURCE);
        for path in page::table_of_contents(&source, &mut book.problems) {
            let file = source.join(&path);
            match std::fs::read_to_string(&file) {
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
                    "write the page, or take it out of the table of contents",
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
                    format!("`{}` is taken", rule.id),
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

    /// What is wrong with the form of the book and with its snapshots.
    pub fn all_problems(&self, root: &Path) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        problems.extend(snapshot::problems(self, root));
        problems
    }

    /// The index that is pinned: every id with its verdict and its statement.
    pub fn index(&self) -> String {
        let mut rules: Vec<&Rule> = self.rules.iter().collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        rules.iter().fold(String::new(), |mut index, rule| {
            let _ = writeln!(index, "{} | {} | {}", rule.id, rule.verdict, rule.statement);
            index
        })
    }
}
