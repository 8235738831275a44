//! Checks what is stored against the book.

use crate::snapshot::{INDEX, WRONG_MODELS};
use crate::{Problem, RELEASED, Release, Rule, Rulebook, SOURCE, Snapshot, shows_control};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use trace::Trace;

/// Traces that are missing, invalid or belong to no rule, rules without a control, and ids that
/// have vanished.
pub(crate) fn problems(book: &Rulebook, root: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in &book.rules {
        problems.extend(trace_problem(rule, root));
        problems.extend(idle(rule, root));
    }
    for (id, file) in Snapshot::all(root) {
        if book.rule(&id).is_none() {
            problems.push(Problem::new(
                file.strip_prefix(root).unwrap_or(&file),
                1,
                format!("there is no rule `{id}`"),
                "delete the snapshot, or restore the rule",
            ));
        }
    }
    match redirects(root) {
        Ok(redirected) => vanished(book, root, &redirected, &mut problems),
        Err(problem) => problems.push(problem),
    }
    problems
}

fn at(rule: &Rule, what: &str, fix: &str) -> Problem {
    let file = Path::new(SOURCE).join(&rule.page);
    Problem::new(file, rule.line, format!("`{}` {what}", rule.id), fix)
}

fn trace_problem(rule: &Rule, root: &Path) -> Option<Problem> {
    let Some(snapshot) = Snapshot::read(root, &rule.id) else {
        let fix =
            "run `cargo test`, then `cargo insta review` (or `INSTA_UPDATE=always cargo test`)";
        return Some(at(rule, "has no snapshot", fix));
    };
    match snapshot.contents.parse() {
        Ok(trace) => without_control(rule, &trace),
        Err(error) => {
            let trace::ParseError { line, column, expected } = error;
            let file = Snapshot::path(root, &rule.id);
            Some(Problem::new(
                file.strip_prefix(root).unwrap_or(&file),
                snapshot.line + line - 1,
                format!("this is no trace: column {column}: expected {expected}"),
                "restore the snapshot with git, or delete it and run `cargo test`",
            ))
        }
    }
}

/// Refuses a rule whose trace shows no control (see [`shows_control`]).
pub fn without_control(rule: &Rule, trace: &Trace) -> Option<Problem> {
    let what = "has no control: every call of its trace has the same outcome";
    let fix = "let the snippet also show the opposite, as `process.fork` shows the parent's keyring \
               beside the child's `ENOKEY`";
    (!shows_control(trace)).then(|| at(rule, what, fix))
}

/// Refuses a rule whose trace, according to the saved table, no wrong model refuses. A rule that is
/// not in the table yet is left to `keybook wrong`.
pub fn idle(rule: &Rule, root: &Path) -> Option<Problem> {
    let table = fs::read_to_string(root.join(WRONG_MODELS)).unwrap_or_default();
    let laws = table.lines().find_map(|line| line.strip_prefix(&rule.id)?.strip_prefix('\t'))?;
    let what = "refuses no wrong model: its trace is possible on every wrong kernel";
    let fix = "let the snippet show more, or add a law to crates/model, then run \
               `cargo run -- wrong --save`";
    laws.trim().is_empty().then(|| at(rule, what, fix))
}

/// Refuses the loss of an id that was published, unless a redirect replaces it.
fn vanished(
    book: &Rulebook,
    root: &Path,
    redirected: &BTreeSet<String>,
    problems: &mut Vec<Problem>,
) {
    let gone = |id: &str| !id.is_empty() && book.rule(id).is_none() && !redirected.contains(id);
    let problem = |file: PathBuf, line: usize, id: &str| {
        let what = format!("`{id}` was published and no longer exists");
        let fix = "restore it, or redirect its links in book.toml, [output.html.redirect]";
        Problem::new(file, line, what, fix)
    };
    if let Some(published) = Snapshot::index(root) {
        for (nth, line) in published.contents.lines().enumerate() {
            let id = line.split(" | ").next().unwrap_or_default();
            if gone(id) {
                problems.push(problem(INDEX.into(), published.line + nth, id));
            }
        }
    }
    match Release::all(root) {
        Ok(releases) => {
            for Release { version, rules } in releases {
                let file = Path::new(RELEASED).join(version + ".tsv");
                let ids = rules.keys().zip(1..).filter(|(id, _)| gone(id));
                problems.extend(ids.map(|(id, line)| problem(file.clone(), line, id)));
            }
        }
        Err(unreadable) => problems.push(unreadable),
    }
}

/// The ids that book.toml redirects, so that links to them still work.
fn redirects(root: &Path) -> Result<BTreeSet<String>, Problem> {
    let text = fs::read_to_string(root.join("book.toml")).unwrap_or_default();
    let settings: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = &text[..error.span().map_or(0, |span| span.start)];
        let line = before.matches('\n').count() + 1;
        Problem::new("book.toml", line, error.message(), "fix the file; mdBook reads it too")
    })?;
    let table = ["output", "html", "redirect"]
        .iter()
        .try_fold(&settings, |table, name| table.get(*name)?.as_table());
    let links = table.into_iter().flatten();
    Ok(links.filter_map(|(link, _)| Some(link.split_once('#')?.1.to_owned())).collect())
}
