//! `keybook judge`: judges traces, from this machine or another, by the rules.

use crate::embedded;
use crate::embedded::RULES;
use crate::output::{self, BAD, GOOD, ListFormat, count};
use crate::site::address::Site;
use crate::status::{DIFFERS, HELD, MISUSE, UNKNOWN};
use anyhow::{Context, Result, anyhow};
use model::wrong::Table;
use model::{Refusal, Verdict, Why};
use rulebook::Snapshot;
use serde::Serialize;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use trace::{AnyTrace, Outcome, ParseError, Trace};

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
struct Judged {
    file: String,
    #[serde(flatten)]
    result: FileResult,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum FileResult {
    /// A correct kernel may show this trace.
    Allowed {
        /// The number of its events.
        events: usize,
    },
    /// No correct kernel shows it.
    Refused {
        /// The first line that is not allowed, from 1.
        line: usize,
        /// The text of this line.
        text: String,
        /// The same with names, if the trace is raw.
        #[serde(skip_serializing_if = "Option::is_none")]
        named: Option<String>,
        /// The allowed outcomes.
        allowed: Vec<String>,
        /// The rules that say so.
        rules: Vec<Rule>,
        /// Mistakes of a kernel, any one of which explains the trace.
        mistakes: Vec<String>,
        /// What was expected, where the rules don't know the call or the error.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
    },
    /// The rules do not know some of its calls.
    Unknown {
        /// The lines with these calls.
        calls: Vec<Line>,
        /// The first line that no correct kernel shows unless one of these calls changed something. The
        /// lines after it are not judged.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Line>,
    },
    /// It is not a trace.
    Malformed {
        /// The line of the mistake, from 1.
        line: usize,
        /// The column, in characters, from 1.
        column: usize,
        /// What was expected there.
        expected: String,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        because: String,
    },
}

/// A line of a file.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    /// Its number, from 1.
    line: usize,
    /// Its text.
    text: String,
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
    let judged: Vec<Judged> = files.iter().map(|file| judged(file, table)).collect();
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

fn judged(path: &Path, table: &Table) -> Judged {
    let from_stdin = path.as_os_str() == "-";
    let file = if from_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let text = if from_stdin { read(std::io::stdin()) } else { open(path).and_then(read) };
    let result = match text {
        Ok(text) => result(&text, |trace| model::judge(trace, table)),
        Err(error) => FileResult::Unreadable { because: format!("{error:#}") },
    };
    Judged { file, result }
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
    let (trace, is_raw) = match contents.parse() {
        Ok(AnyTrace::Normalized(trace)) => (trace, false),
        Ok(AnyTrace::Raw(raw)) => {
            let owner = raw.first_owner();
            (raw.normalize(owner), true)
        }
        Err(ParseError { line, column, expected }) => {
            let line = first - 1 + line;
            return FileResult::Malformed { line, column, expected: expected.to_owned() };
        }
    };
    let line = |event: usize| {
        let mut lines = contents.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (nth, text) = lines.nth(event).unwrap_or_default();
        Line { line: first + nth, text: text.to_owned() }
    };
    let Refusal { nth, event, why } = match judge(&trace) {
        Verdict::Allowed => return FileResult::Allowed { events: trace.events().len() },
        Verdict::Unknown { calls, until } => {
            let calls = calls.into_iter().map(line).collect();
            return FileResult::Unknown { calls, until: until.map(line) };
        }
        Verdict::Refused(refusal) => *refusal,
    };
    let Line { line, text } = line(nth);
    let (allowed, laws, rules, expected) = match why {
        Why::Outcome { allowed, laws, rules } => {
            let expected = match &event.outcome {
                Outcome::FailedOtherwise(_) => Some("an error that the rules know".to_owned()),
                _ => None,
            };
            (allowed, laws, rules, expected)
        }
        Why::NotUnderstood(expected) | Why::Unknown(expected) => {
            (Vec::new(), Vec::new(), Vec::new(), Some(expected))
        }
    };
    FileResult::Refused {
        line,
        text,
        named: is_raw.then(|| event.to_string()),
        allowed: allowed.iter().map(outcome).collect(),
        rules: rules.iter().map(|id| Rule::of(id)).collect(),
        mistakes: laws.into_iter().map(model::Law::wrong).collect(),
        expected,
    }
}

/// The outcome as a trace shows it, or words for an event without one.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Nothing => "no outcome".to_owned(),
        outcome => format!("= {outcome}"),
    }
}

impl Rule {
    pub(crate) fn of(id: &str) -> Rule {
        let rule = RULES.iter().find(|rule| rule.id == id);
        let statement = rule.map_or("a rule of another book", |rule| rule.statement);
        let statement = statement.lines().next().unwrap_or_default();
        Rule { id: id.to_owned(), statement: statement.to_owned(), address: Site::here().rule(id) }
    }
}

impl Judged {
    /// The exit status.
    fn status(&self) -> u8 {
        match self.result {
            FileResult::Allowed { .. } => HELD,
            FileResult::Refused { .. } => DIFFERS,
            FileResult::Unknown { .. } => UNKNOWN,
            FileResult::Malformed { .. } | FileResult::Unreadable { .. } => MISUSE,
        }
    }

    /// Why a file cannot be judged.
    fn complaint(&self) -> Option<String> {
        let file = &self.file;
        match &self.result {
            FileResult::Malformed { line, column, expected } => {
                Some(format!("{file}:{line}:{column}: expected {expected}"))
            }
            FileResult::Unreadable { because } => Some(format!("{file}: {because}")),
            FileResult::Allowed { .. }
            | FileResult::Refused { .. }
            | FileResult::Unknown { .. } => None,
        }
    }

    /// For people, in color.
    fn human(&self) -> String {
        let file = &self.file;
        match &self.result {
            FileResult::Allowed { events } => {
                let events = count(*events, "event");
                format!("{file}: {GOOD}allowed{GOOD:#} ({events})\n")
            }
            FileResult::Refused { line, text, named, allowed, rules, mistakes, expected } => {
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
            FileResult::Unknown { calls, until } => {
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
            FileResult::Malformed { .. } | FileResult::Unreadable { .. } => String::new(),
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
    use trace::Errno;

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
        Judged { file: "FILE".into(), result: result(text, second) }.human()
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
        let told = Judged { file: "FILE".into(), result }.human();
        assert!(told.contains("  expected a call of the helper crate\n"), "{told}");
    }

    #[test]
    fn an_error_that_the_rules_do_not_know_is_reported_as_such() {
        let told = told("main  f()\nmain  g() = -1 ENOSYS (Not here)\n");
        assert!(told.contains("  expected an error that the rules know\n"), "{told}");
    }
}
