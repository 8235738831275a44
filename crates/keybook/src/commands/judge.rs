//! `keybook judge`: traces, from here or from anywhere, judged by the rules.

use crate::embedded::RULES;
use crate::output::{self, BAD, GOOD, ListFormat, count};
use crate::status::{DIFFERS, HELD, MISUSE};
use anyhow::{Context, Result, anyhow};
use model::{Refusal, Why};
use rulebook::Snapshot;
use serde::Serialize;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use trace::{Owner, Trace, Value};

/// The heading of what explains a refused trace.
pub(crate) const MISTAKES: &str = "a kernel gives it by one of these mistakes";

#[derive(clap::Args)]
pub(crate) struct Judge {
    /// Traces as text, or snapshots of rules; without any, or for `-`, standard input.
    ///
    /// In a raw trace, with numbers in the place of names, the first user and the first group that
    /// stand in it are taken for those that the program ran as.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to tell what came of it.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// What is to be said of one file.
#[derive(Debug, Serialize)]
struct Judged {
    file: String,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum Verdict {
    /// A correct kernel gives this trace.
    Allowed {
        /// So many events it has.
        events: usize,
    },
    /// No correct kernel gives it.
    Refused {
        /// The first line that is not allowed, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// The same with names for numbers, if it is raw.
        #[serde(skip_serializing_if = "Option::is_none")]
        named: Option<String>,
        /// The outcomes that would be allowed there.
        allowed: Vec<String>,
        /// Those that say so.
        rules: Vec<Rule>,
        /// Each a mistake that a kernel gives the trace by.
        mistakes: Vec<String>,
        /// What was expected, where the line says nothing that the rules know of.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<String>,
    },
    /// It is no trace.
    Malformed {
        /// Where it ceases to be one: the line, from 1.
        line: usize,
        /// The column, in characters, from 1.
        column: usize,
        /// What would have been right there.
        expected: String,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        because: String,
    },
}

/// A rule that says what is allowed.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Rule {
    id: String,
    statement: String,
}

pub(crate) fn run(Judge { files, format }: &Judge) -> Result<u8> {
    let input = [PathBuf::from("-")];
    let files = if files.is_empty() { &input } else { &files[..] };
    let judged: Vec<Judged> = files.iter().map(|file| judged(file)).collect();
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
    Ok(judged.iter().map(Judged::status).max().unwrap_or(HELD))
}

fn judged(path: &Path) -> Judged {
    let from_stdin = path.as_os_str() == "-";
    let file = if from_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let text = if from_stdin { read(std::io::stdin()) } else { open(path).and_then(read) };
    let verdict = match text {
        Ok(text) => verdict(&text, model::judge),
        Err(error) => Verdict::Unreadable { because: format!("{error:#}") },
    };
    Judged { file, verdict }
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
fn verdict(text: &str, judge: impl Fn(&Trace) -> Result<(), Box<Refusal>>) -> Verdict {
    let text = text.replace("\r\n", "\n");
    let Snapshot { contents, line: first } = Snapshot::parse(&text);
    let trace: Trace = match contents.parse() {
        Ok(trace) => trace,
        Err(trace::ParseError { line, column, expected }) => {
            let line = first - 1 + line;
            return Verdict::Malformed { line, column, expected: expected.to_owned() };
        }
    };
    let events = trace.events.len();
    let raw = match number_in(&trace) {
        None => None,
        Some(number) => {
            if let Some(name) = name_in(&trace) {
                let because = format!(
                    "it is neither raw nor normalised, as it has both numbers ({number}) and names \
                     ({name})"
                );
                return Verdict::Unreadable { because };
            }
            Some(trace.clone().normalise(owner(&trace)))
        }
    };
    let Err(refusal) = judge(raw.as_ref().unwrap_or(&trace)) else {
        return Verdict::Allowed { events };
    };
    let Refusal { nth, event, why } = *refusal;
    let lines = contents.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (line, text) = lines.map(|(nth, line)| (first + nth, line)).nth(nth).unwrap_or_default();
    let (allowed, laws, rules, expected) = match why {
        Why::Outcome { allowed, laws, rules } => (allowed, laws, rules, None),
        Why::NotUnderstood(expected) => (Vec::new(), Vec::new(), Vec::new(), Some(expected)),
    };
    Verdict::Refused {
        line,
        text: text.to_owned(),
        named: raw.map(|_| event.to_string()),
        allowed: allowed.iter().map(outcome).collect(),
        rules: rules.into_iter().map(Rule::of).collect(),
        mistakes: laws.into_iter().map(model::Law::wrong).collect(),
        expected,
    }
}

/// The outcome as it would stand in the trace; where there is none, words.
pub(crate) fn outcome(outcome: &trace::Outcome) -> String {
    match outcome {
        trace::Outcome::Nothing => "no outcome".to_owned(),
        outcome => format!("= {outcome}"),
    }
}

impl Rule {
    pub(crate) fn of(id: &str) -> Rule {
        let rule = RULES.iter().find(|rule| rule.id == id);
        let statement = rule.map_or("a rule of another book", |rule| rule.statement);
        let statement = statement.lines().next().unwrap_or_default();
        Rule { id: id.to_owned(), statement: statement.to_owned() }
    }
}

/// Every value in a trace, also those within others.
fn values(trace: &Trace) -> Vec<&Value> {
    let mut values: Vec<&Value> = Vec::new();
    let mut waiting: Vec<&Value> = Vec::new();
    for event in &trace.events {
        if let trace::Outcome::Returned(value) = &event.outcome {
            waiting.push(value);
        }
        waiting.extend(event.args.iter().rev());
        while let Some(value) = waiting.pop() {
            if let Value::Set(inner) | Value::List(inner) = value {
                waiting.extend(inner.iter().rev());
            }
            values.push(value);
        }
    }
    values
}

/// A number that only a raw trace has.
fn number_in(trace: &Trace) -> Option<&Value> {
    values(trace).into_iter().find(|value| {
        matches!(
            value,
            Value::Serial(_)
                | Value::Uid(_)
                | Value::Gid(_)
                | Value::Described { .. }
                | Value::Printed(_)
        )
    })
}

/// A name that only a normalised trace has.
fn name_in(trace: &Trace) -> Option<&Value> {
    values(trace).into_iter().find(|value| match value {
        Value::Word(word) => ["K", "UID", "GID"].iter().any(|kind| {
            let nth = word.strip_prefix(kind);
            nth.is_some_and(|nth| nth.chars().all(|c| c.is_ascii_digit()))
                && (nth != Some("") || *kind != "K")
        }),
        _ => false,
    })
}

/// Who ran the program of a raw trace: the first user and the first group in it. One that has none
/// has none to be named.
fn owner(trace: &Trace) -> Owner {
    /// Stands for ids that a user namespace does not know: nobody's own.
    const OVERFLOW_ID: u32 = 65534;
    let (mut uids, mut gids) = (Vec::new(), Vec::new());
    for value in values(trace) {
        match value {
            Value::Uid(id) => uids.push(*id),
            Value::Gid(id) => gids.push(*id),
            Value::Described { uid, gid, .. } => {
                uids.push(*uid);
                gids.push(*gid);
            }
            _ => {}
        }
    }
    let first = |ids: Vec<u32>| ids.into_iter().find(|id| *id != OVERFLOW_ID).unwrap_or_default();
    Owner { uid: first(uids), gid: first(gids) }
}

impl Judged {
    /// The exit status that says the same.
    fn status(&self) -> u8 {
        match self.verdict {
            Verdict::Allowed { .. } => HELD,
            Verdict::Refused { .. } => DIFFERS,
            Verdict::Malformed { .. } | Verdict::Unreadable { .. } => MISUSE,
        }
    }

    /// What is the matter with a file that cannot be judged.
    fn complaint(&self) -> Option<String> {
        let file = &self.file;
        match &self.verdict {
            Verdict::Malformed { line, column, expected } => {
                Some(format!("{file}:{line}:{column}: expected {expected}"))
            }
            Verdict::Unreadable { because } => Some(format!("{file}: {because}")),
            Verdict::Allowed { .. } | Verdict::Refused { .. } => None,
        }
    }

    /// For people, with colours.
    fn human(&self) -> String {
        let file = &self.file;
        match &self.verdict {
            Verdict::Allowed { events } => {
                let events = count(*events, "event");
                format!("{file}: {GOOD}allowed{GOOD:#} ({events})\n")
            }
            Verdict::Refused { line, text, named, allowed, rules, mistakes, expected } => {
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
            Verdict::Malformed { .. } | Verdict::Unreadable { .. } => String::new(),
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.id, self.statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace::Outcome;

    /// Refuses the second event.
    fn second(trace: &Trace) -> Result<(), Box<Refusal>> {
        let Some(event) = trace.events.get(1) else { return Ok(()) };
        let why = Why::Outcome {
            allowed: vec![
                Outcome::Failed {
                    errno: "ENOKEY".into(),
                    words: "Required key not available".into(),
                },
                Outcome::Nothing,
            ],
            laws: vec![],
            rules: vec!["process.fork", "no.such.rule"],
        };
        Err(Box::new(Refusal { nth: 1, event: event.clone(), why }))
    }

    fn told(text: &str) -> String {
        Judged { file: "FILE".into(), verdict: verdict(text, second) }.human()
    }

    #[test]
    fn a_refusal_shows_the_line_of_the_file_and_what_is_allowed() {
        let text = "---\nsource: x\n---\n\nmain  f() = K1\n\nchild  g(K1) = 0\n";
        assert_eq!(
            told(text),
            format!(
                "FILE:7: {BAD}not allowed{BAD:#}\n    child  g(K1) = 0\n  allowed there:\n    \
                 = -1 ENOKEY (Required key not available)\n    no outcome\n  by the rules:\n    \
                 process.fork: A process made by fork(2) starts without a process keyring, whatever \
                 its parent has.\n    no.such.rule: a rule of another book\n"
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
    fn what_the_rules_do_not_know_is_told_in_words() {
        let verdict = verdict("main  f()\n", |trace| {
            let why = Why::NotUnderstood("a call of the helper crate".into());
            Err(Box::new(Refusal { nth: 0, event: trace.events[0].clone(), why }))
        });
        let told = Judged { file: "FILE".into(), verdict }.human();
        assert!(told.contains("  expected a call of the helper crate\n"), "{told}");
    }
}
