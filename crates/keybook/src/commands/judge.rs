//! `keybook judge`: judges traces, from this machine or another, by the rules.

use crate::embedded;
use crate::embedded::RULES;
use crate::output::{self, BAD, GOOD, ListFormat, count};
use crate::site::address::Site;
use crate::status::{DIFFERS, HELD, MISUSE, UNKNOWN};
use anyhow::{Context, Result, anyhow};
use model::Verdict;
use model::wrong::Table;
use play::judge::{Judged, Line};
use rulebook::Snapshot;
use serde::Serialize;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use trace::Trace;

/// The heading above the laws that explain a refused trace.
pub(crate) const MISTAKES: &str = "one of these mistakes of a kernel explains it";

#[derive(clap::Args)]
pub(crate) struct Judge {
    /// Traces as text, or snapshots of rules; without any, or for `-`, standard input.
    ///
    /// A raw trace has numbers where others have names. Its program is taken to have run as the first
    /// user and the first group in it.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// The result for one file.
#[derive(Debug, Serialize)]
struct OfFile {
    file: String,
    #[serde(flatten)]
    result: FileResult,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum FileResult {
    /// It was read.
    Judged(play::judge::Judged<Rule>),
    /// It cannot be read.
    Unreadable(Unreadable),
}

#[derive(Debug, Serialize)]
#[serde(tag = "result", rename = "unreadable")]
struct Unreadable {
    /// Why.
    because: String,
}

/// A rule that decides what is allowed.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Rule {
    id: String,
    statement: String,
    /// Relative to the root of the book if the book is published nowhere.
    address: String,
}

pub(crate) fn run(Judge { files, format }: &Judge) -> Result<u8> {
    let input = [PathBuf::from("-")];
    let files = if files.is_empty() { &input } else { &files[..] };
    let table = embedded::wrong_models()?;
    let judged: Vec<OfFile> = files.iter().map(|file| judged(file, table)).collect();
    match format {
        ListFormat::Json => output::print_json(&judged)?,
        ListFormat::Human => {
            for judged in &judged {
                match judged.complaint() {
                    Some(complaint) => eprintln!("keybook: {complaint}"),
                    None => output::print(&judged.human())?,
                }
            }
        }
    }
    let first = |status: &u8| judged.iter().any(|judged| judged.status() == *status);
    Ok([MISUSE, DIFFERS, UNKNOWN].into_iter().find(first).unwrap_or(HELD))
}

fn judged(path: &Path, table: &Table) -> OfFile {
    let from_stdin = path.as_os_str() == "-";
    let file = if from_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let text = if from_stdin { read(std::io::stdin()) } else { open(path).and_then(read) };
    let result = match text {
        Ok(text) => result(&text, |trace| model::judge(trace, table)),
        Err(error) => FileResult::Unreadable(Unreadable { because: format!("{error:#}") }),
    };
    OfFile { file, result }
}

fn open(path: &Path) -> Result<std::fs::File> {
    std::fs::File::open(path).context("it cannot be opened")
}

fn read(mut from: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).context("it cannot be read")?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow!("line {line} is not UTF-8, which every trace is")
    })
}

/// Judges the text of a file.
fn result(text: &str, judge: impl Fn(&Trace) -> Verdict) -> FileResult {
    let text = text.replace("\r\n", "\n");
    let Snapshot { contents, line: first } = Snapshot::parse(&text);
    FileResult::Judged(play::judge::judge(&contents, first, judge).with_rules(|id| Rule::of(&id)))
}

impl Rule {
    pub(crate) fn of(id: &str) -> Rule {
        let rule = RULES.iter().find(|rule| rule.id == id);
        let statement = rule.map_or("a rule of another book", |rule| rule.statement);
        let statement = statement.lines().next().unwrap_or_default();
        Rule { id: id.to_owned(), statement: statement.to_owned(), address: Site::here().rule(id) }
    }
}

impl OfFile {
    /// The exit status.
    fn status(&self) -> u8 {
        match self.result {
            FileResult::Judged(Judged::Allowed { .. }) => HELD,
            FileResult::Judged(Judged::Refused { .. }) => DIFFERS,
            FileResult::Judged(Judged::Unknown { .. }) => UNKNOWN,
            FileResult::Judged(Judged::Malformed { .. }) | FileResult::Unreadable(_) => MISUSE,
        }
    }

    /// Why a file cannot be judged.
    fn complaint(&self) -> Option<String> {
        let file = &self.file;
        match &self.result {
            FileResult::Judged(Judged::Malformed { line, column, expected }) => {
                Some(format!("{file}:{line}:{column}: expected {expected}"))
            }
            FileResult::Unreadable(Unreadable { because }) => Some(format!("{file}: {because}")),
            FileResult::Judged(_) => None,
        }
    }

    /// For people, in color.
    fn human(&self) -> String {
        let file = &self.file;
        let FileResult::Judged(judged) = &self.result else { return String::new() };
        match judged {
            Judged::Allowed { events } => {
                let events = count(*events, "event");
                format!("{file}: {GOOD}allowed{GOOD:#} ({events})\n")
            }
            Judged::Refused { line, text, named, allowed, rules, mistakes, expected } => {
                let mut told = format!("{file}:{line}: {BAD}not allowed{BAD:#}\n    {text}\n");
                if let Some(named) = named {
                    let _ = writeln!(told, "  with names: {named}");
                }
                if let Some(expected) = expected {
                    let _ = writeln!(told, "  expected {expected}");
                }
                let lists = [
                    ("allowed there", allowed.clone()),
                    ("by the rules", rules.iter().map(Rule::to_string).collect()),
                    (MISTAKES, mistakes.clone()),
                ];
                for (what, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
                    let _ = writeln!(told, "  {what}:\n    {}", list.join("\n    "));
                }
                told
            }
            Judged::Unknown { calls, until } => {
                let list = |lines: &[Line]| -> String {
                    lines
                        .iter()
                        .map(|Line { line, text }| format!("    {line}: {text}\n"))
                        .collect()
                };
                let unknown = output::UNKNOWN;
                let mut told = format!("{file}: {unknown}unknown{unknown:#}\n");
                let _ = write!(told, "  the rules do not know:\n{}", list(calls));
                if let Some(until) = until {
                    let _ = write!(
                        told,
                        "  not allowed, unless a call above changed something; judged no further:\n{}",
                        list(std::slice::from_ref(until))
                    );
                }
                told
            }
            Judged::Malformed { .. } => String::new(),
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.id, self.statement)?;
        // A terminal has no use for an address within the book.
        if Site::here().is_published() {
            write!(f, " {}", self.address)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Refusal, Why};
    use trace::{Errno, Outcome};

    /// Refuses the second event.
    fn second(trace: &Trace) -> Verdict {
        let Some(event) = trace.events().get(1) else { return Verdict::Allowed };
        let why = Why::Outcome {
            allowed: vec![Outcome::Failed(Errno::ENOKEY), Outcome::Nothing],
            laws: vec![],
            rules: ["process.fork", "no.such.rule"].map(str::to_owned).to_vec(),
        };
        Verdict::Refused(Box::new(Refusal { nth: 1, event: event.clone(), why }))
    }

    fn told(text: &str) -> String {
        OfFile { file: "FILE".into(), result: result(text, second) }.human()
    }

    #[test]
    fn a_refusal_shows_the_line_of_the_file_and_what_is_allowed() {
        let text = "---\nsource: x\n---\n\nmain  f() = K1\n\nchild  g(K1) = 0\n";
        assert_eq!(
            told(text),
            format!(
                "FILE:7: {BAD}not allowed{BAD:#}\n    child  g(K1) = 0\n  allowed there:\n    \
                 = -1 ENOKEY (Required key not available)\n    no outcome\n  by the rules:\n    \
                 process.fork: A child created by fork(2) starts without a process keyring, even if \
                 its parent has one.\n    no.such.rule: a rule of another book\n"
            )
        );
    }

    #[test]
    fn a_refused_line_of_a_raw_trace_is_shown_with_names_too() {
        let raw = told("main  f() = #77\r\nmain  g(#77, uid#1000, [gid#8]) = #5\r\n");
        let lines: Vec<&str> = raw.lines().collect();
        assert_eq!(lines[1], "    main  g(#77, uid#1000, [gid#8]) = #5");
        assert_eq!(lines[2], "  with names: main  g(K1, UID, [GID]) = K2");
    }

    #[test]
    fn what_the_rules_do_not_know_is_reported_in_words() {
        let result = result("main  f()\n", |trace| {
            let why = Why::NotUnderstood("a call of the helper crate".into());
            let event = trace.events()[0].clone();
            Verdict::Refused(Box::new(Refusal { nth: 0, event, why }))
        });
        let told = OfFile { file: "FILE".into(), result }.human();
        assert!(told.contains("  expected a call of the helper crate\n"), "{told}");
    }

    #[test]
    fn an_error_that_the_rules_do_not_know_is_reported_as_such() {
        let told = told("main  f()\nmain  g() = -1 ENOSYS (Not here)\n");
        assert!(told.contains("  expected an error that the rules know\n"), "{told}");
    }
}
