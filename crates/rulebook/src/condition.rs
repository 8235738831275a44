//! Conditions: what a statement excludes, in words and as circumstances.
//!
//! A rule may differ in a circumstance only if a condition excludes it: one that its provenance names
//! (`given: …`) and its statement says, or a general one, which any reader assumes and which the page
//! *How to read a rule* lists. A rule about the subject of a general condition cannot lean on it.

use crate::{CIRCUMSTANCES, Problem, Rule, Rulebook, SOURCE};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A condition of rules.
#[derive(Debug)]
pub struct Condition {
    /// Its name behind `given:`; general conditions are not named there.
    pub name: &'static str,
    /// Phrases, one of which stands in the statement of a rule that names the condition.
    pub words: &'static [&'static str],
    /// The circumstances that it excludes.
    pub excludes: &'static [&'static str],
    /// The pages whose rules are about its subject, if it is a general condition.
    pub general: Option<&'static [&'static str]>,
}

/// The circumstances in which keyrings exist when the program begins.
const EXISTING: &[&str] = &[
    "thread-keyring",
    "process-keyring",
    "both-keyrings",
    "filled-keyrings",
    "other-keyrings",
    "foreign-keyrings",
    "restricted-keyrings",
];

/// The circumstances in which the ids of the program differ from each other.
const UNEQUAL_IDS: &[&str] = &[
    "uid-saved",
    "uid-effective",
    "uid-real",
    "uid-filesystem",
    "gid-saved",
    "gid-effective",
    "gid-real",
    "gid-filesystem",
    "user-saved",
    "user-real",
    "user-effective",
    "set-user-id",
];

const fn general(
    name: &'static str,
    excludes: &'static [&'static str],
    subjects: &'static [&'static str],
) -> Condition {
    Condition { name, words: &[], excludes, general: Some(subjects) }
}

const fn given(
    name: &'static str,
    words: &'static [&'static str],
    excludes: &'static [&'static str],
) -> Condition {
    Condition { name, words, excludes, general: None }
}

/// Every condition.
pub const CONDITIONS: &[Condition] = &[
    general("neither keyring", EXISTING, &[]),
    general("first masks", &["wide-masks"], &["both/no-permission.md", "both/permissions.md"]),
    general(
        "a new session",
        &["linking-session", "named-session", "no-session", "request-key", "request-key-authority"],
        &["both/links.md", "both/moves.md", "both/session.md"],
    ),
    general(
        "equal ids",
        UNEQUAL_IDS,
        &[
            "thread-keyring/ids.md",
            "process-keyring/ids.md",
            "thread-keyring/rights.md",
            "process-keyring/rights.md",
        ],
    ),
    general("the initial user namespace", &["user-namespace"], &["both/namespaces.md"]),
    given(
        "new session",
        &["new session keyring", "links to no keyring"],
        &["linking-session", "no-session", "request-key", "request-key-authority"],
    ),
    given("authority", &["assumed authority"], &["request-key-authority"]),
    given("session", &["session keyring"], &["no-session"]),
    given("mask", &["mask 0", "mask of 0", "Read bit"], &["wide-masks"]),
    given("ids", &["real user", "filesystem user", "filesystem group", "user ids"], UNEQUAL_IDS),
    given("quota", &["within the quota"], &["little-quota"]),
    // An ordinary user loses capabilities by execve(2).
    given("success", &["a successful"], &["capabilities"]),
    given("groups", &["group"], &["groups"]),
];

/// Finds a condition by its name behind `given:`.
pub(crate) fn condition(name: &str) -> Option<&'static Condition> {
    CONDITIONS.iter().find(|condition| condition.general.is_none() && condition.name == name)
}

/// How a rule behaves in the circumstances where its trace is not the pinned one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// The circumstances in which it differs.
    pub differs: Vec<String>,
    /// The circumstances that do not apply to it, each with the reason.
    pub not_applicable: Vec<(String, String)>,
}

impl Cells {
    /// The saved table, by rule. In circumstances that a line does not name, the rule is the same.
    pub fn saved(root: &Path) -> BTreeMap<String, Cells> {
        Cells::parse_all(&fs::read_to_string(root.join(CIRCUMSTANCES)).unwrap_or_default())
    }

    /// The cells of a saved table, by rule.
    pub fn parse_all(table: &str) -> BTreeMap<String, Cells> {
        table.lines().filter_map(Cells::parse).collect()
    }

    /// A line of the table: the rule, the circumstances in which it differs, and those that do not
    /// apply, with their reasons.
    pub fn line(&self, rule: &str) -> String {
        let reasons = self.not_applicable.iter().map(|(name, why)| format!("{name} ({why})"));
        let reasons: Vec<String> = reasons.collect();
        format!("{rule}\t{}\t{}\n", self.differs.join(" "), reasons.join("; "))
    }

    fn parse(line: &str) -> Option<(String, Cells)> {
        let mut columns = line.split('\t');
        let rule = columns.next()?.to_owned();
        let differs = columns.next()?.split_whitespace().map(str::to_owned).collect();
        let reasons = columns.next()?.split("; ").filter_map(|cell| {
            let (name, why) = cell.strip_suffix(')')?.split_once(" (")?;
            Some((name.to_owned(), why.to_owned()))
        });
        Some((rule, Cells { differs, not_applicable: reasons.collect() }))
    }
}

/// The cells that no condition excludes, and the conditions that exclude nothing.
pub(crate) fn problems(book: &Rulebook, root: &Path) -> Vec<Problem> {
    let saved = Cells::saved(root);
    book.rules.iter().flat_map(|rule| faults(rule, saved.get(&rule.id))).collect()
}

fn faults(rule: &Rule, cells: Option<&Cells>) -> Vec<Problem> {
    let file = Path::new(SOURCE).join(&rule.page);
    let problem = |what: String, fix: &str| {
        Problem::new(&file, rule.provenance_line, format!("`{}` {what}", rule.id), fix)
    };
    // A new rule has no line yet: `keybook vary --save` writes it.
    let Some(cells) = cells else { return Vec::new() };
    let own: Vec<&Condition> = rule.given.iter().filter_map(|name| condition(name)).collect();
    let excludes = |condition: &Condition, name: &String| condition.excludes.contains(&&**name);
    let page = rule.page.to_string_lossy();
    let leans = |condition: &Condition| {
        condition.general.is_some_and(|subjects| !subjects.contains(&&*page))
    };
    let mut problems = Vec::new();
    for name in &cells.differs {
        let excluded = own.iter().any(|condition| excludes(condition, name))
            || CONDITIONS.iter().any(|condition| leans(condition) && excludes(condition, name));
        if !excluded {
            let what = format!("differs in `{name}`, which its statement does not exclude");
            let fix = "name the condition in the statement and behind `given:`, or make two rules";
            problems.push(problem(what, fix));
        }
    }
    for condition in own {
        if !cells.differs.iter().any(|name| excludes(condition, name)) {
            let what = format!("names the condition `{}`, without which it holds", condition.name);
            problems.push(problem(what, "remove it from the statement and from `given:`"));
        }
    }
    problems
}
