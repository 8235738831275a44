//! Checking rules against the running kernel, each in a process of its own.

use crate::embedded::{Embedded, RULES};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use keyrings::place::Keyrings;
use keyrings::program::{Ended, Event, Paper, Program, Watch};
use keyrings::room::{self, Turn};
use keyrings::{NO_KEYRINGS, NO_ROOM, Signal, needs};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

/// What came of checking one rule.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) id: String,
    /// Of the rule as this program carries it: another program or snapshot, another fingerprint.
    pub(crate) fingerprint: String,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

impl Checked {
    fn new(rule: &Embedded, verdict: Verdict) -> Checked {
        Checked { id: rule.id.into(), fingerprint: rule.fingerprint.into(), verdict }
    }

    /// What the rule says.
    pub(crate) fn statement(&self) -> &'static str {
        RULES.iter().find(|rule| rule.id == self.id).map_or("", |rule| rule.statement)
    }
}

/// Whether the kernel does what the rule says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It does: what was seen is what is pinned.
    Held,
    /// It does not.
    Differs {
        /// What is pinned.
        pinned: Option<String>,
        /// What was seen.
        trace: String,
        /// What the snippet said of it.
        message: String,
    },
    /// The snippet hung, crashed or was killed.
    Broken {
        /// Which of these.
        how: String,
        /// What the snippet said before.
        message: String,
    },
    /// Nobody can tell here.
    NotObserved {
        /// The need that is not met.
        needs: String,
        /// Why it is not.
        because: String,
    },
}

/// Finds the rules of these ids, each once. One that ends with a dot or a star stands for all that
/// begin so.
pub(crate) fn select(ids: &[String]) -> std::result::Result<Vec<&'static Embedded>, String> {
    if ids.is_empty() {
        return Ok(RULES.iter().collect());
    }
    let mut selected: Vec<&Embedded> = Vec::new();
    for id in ids {
        let prefix = id.strip_suffix('*').unwrap_or(id);
        let exact = prefix.len() == id.len() && !id.ends_with('.');
        let fits = |rule: &&Embedded| {
            if exact { rule.id == id } else { rule.id.starts_with(prefix) }
        };
        let found: Vec<&Embedded> = RULES.iter().filter(fits).collect();
        if found.is_empty() {
            return Err(unknown(id));
        }
        for rule in found {
            if !selected.iter().any(|known| known.id == rule.id) {
                selected.push(rule);
            }
        }
    }
    Ok(selected)
}

/// Says that there is no such rule, and which it may have been.
pub(crate) fn unknown(id: &str) -> String {
    let words: Vec<&str> = id.split(['.', '*']).filter(|word| !word.is_empty()).collect();
    let mut near: Vec<(usize, &str)> = RULES
        .iter()
        .map(|rule| (words.iter().filter(|word| rule.id.contains(**word)).count(), rule.id))
        .filter(|(shared, _)| *shared > 0)
        .collect();
    near.sort_by_key(|(shared, id)| (std::cmp::Reverse(*shared), id.len()));
    let near: Vec<&str> = near.iter().take(3).map(|(_, id)| *id).collect();
    let hint = if near.is_empty() {
        "`keybook rules` lists them".to_owned()
    } else {
        format!("is it {}?", near.join(", "))
    };
    format!("there is no rule `{id}`: {hint}")
}

/// How to check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// So many rules at a time.
    pub(crate) jobs: usize,
    /// A rule that has not come to its end by then is ended.
    pub(crate) deadline: Duration,
}

/// Checks rules, several at a time, and says so to `bar`. Gives less than was asked for if it was
/// told to stop by a signal, then with that.
///
/// Each rule runs in a process of its own, which is a copy of this one: to start the program anew
/// would take longer than most rules do.
pub(crate) fn check(
    rules: &[&'static Embedded],
    how: How,
    bar: &ProgressBar,
) -> Result<(Vec<Checked>, Option<Signal>)> {
    let watch = Watch::begin().context("this program cannot wait for others")?;
    let mut done: Vec<Option<Verdict>> = rules.iter().map(|rule| missing(rule)).collect();
    bar.inc(done.iter().flatten().count() as u64);
    // The slow ones first: nothing is waited for at the end.
    let mut waiting: VecDeque<usize> =
        (0..rules.len()).filter(|rule| done[*rule].is_none()).collect();
    waiting.make_contiguous().sort_by_key(|rule| !rules[*rule].slow);
    let mut running: Vec<Running> = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    let mut paper: Vec<Paper> = Vec::new();
    let mut stopped = None;
    // What is not shown is not kept either: each page written to is copied for the next rule.
    let shown = !bar.is_hidden();
    let tell = || {
        if shown {
            bar.inc(1);
        }
    };
    let begun = Instant::now();
    loop {
        while running.len() < how.jobs.max(1)
            && let Some(rule) = waiting.front().copied()
        {
            // Others that check as this user wait their turn, and so does this program; not for
            // ever: one that is stopped in the middle may hold all turns.
            let patient = begun.elapsed() < PATIENCE || !running.is_empty();
            let Some(turn) = turns.pop().or_else(|| Turn::take(how.jobs)) else {
                if patient {
                    break;
                }
                turns.push(Turn::none());
                continue;
            };
            waiting.pop_front();
            match start(rules[rule], how.deadline, paper.pop()) {
                Ok(program) => running.push(Running { rule, program, turn, late: false }),
                Err(verdict) => {
                    turns.push(turn);
                    done[rule] = Some(verdict);
                    tell();
                }
            }
        }
        if waiting.is_empty() {
            turns.clear();
            if running.is_empty() {
                break;
            }
        }
        let late = running.iter().filter(|process| !process.late);
        let deadline = late.map(|process| process.program.deadline()).min();
        // The longer others are let go first, the more seldom: many may be waiting.
        let pause = (begun.elapsed() / 16).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let look_again = Instant::now() + if waiting.is_empty() { PATIENCE } else { pause };
        match watch.wait(deadline.map_or(look_again, |deadline| deadline.min(look_again)))? {
            Event::Ended(pid, ended) => {
                if let Some(nth) = running.iter().position(|process| process.program.pid() == pid) {
                    let process = running.swap_remove(nth);
                    let rule = process.rule;
                    let (verdict, turn, used) = process.end(rules[rule], ended, how.deadline);
                    turns.push(turn);
                    paper.extend(used);
                    done[rule] = Some(verdict);
                    tell();
                }
            }
            Event::Time => {
                let now = Instant::now();
                for process in &mut running {
                    if now >= process.program.deadline() && !process.late {
                        process.late = true;
                        process.program.kill();
                    }
                }
            }
            Event::Stop(signal) if stopped.is_none() => {
                // What runs comes to its end, and leaves nothing behind; a second signal ends it.
                stopped = Some(signal);
                waiting.clear();
            }
            Event::Stop(_) => running.iter().for_each(|process| process.program.kill()),
        }
    }
    watch.end(LEFT_BEHIND);
    bar.finish_and_clear();
    let checked = rules.iter().zip(done);
    let checked = checked.filter_map(|(rule, verdict)| Some(Checked::new(rule, verdict?)));
    Ok((checked.collect(), stopped))
}

/// The account of rules of which none can be observed here.
pub(crate) fn none(rules: &[&'static Embedded]) -> Vec<Checked> {
    let because = Keyrings::here().verdict();
    let checked = |rule: &&'static Embedded| {
        let (needs, because) = ("keyrings".to_owned(), because.clone());
        Checked::new(rule, Verdict::NotObserved { needs, because })
    };
    rules.iter().map(checked).collect()
}

/// So long others are let go first.
const PATIENCE: Duration = Duration::from_secs(600);
/// So long the tasks of snippets that were killed are waited for.
const LEFT_BEHIND: Duration = Duration::from_secs(2);

/// Signals by which a program ends itself.
const CRASHES: [&str; 6] = ["SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTRAP"];

/// A rule whose snippet runs.
struct Running {
    /// Its place among the rules that are checked.
    rule: usize,
    program: Program,
    turn: Turn,
    /// It was killed, as it did not end in time.
    late: bool,
}

/// The verdict on a rule that needs what is not here.
fn missing(rule: &Embedded) -> Option<Verdict> {
    rule.needs.iter().find_map(|need| {
        let because = needs::unmet(need)?;
        Some(Verdict::NotObserved { needs: (*need).to_owned(), because })
    })
}

/// Starts the snippet of a rule.
fn start(
    rule: &'static Embedded,
    deadline: Duration,
    paper: Option<Paper>,
) -> std::result::Result<Program, Verdict> {
    let paper = paper.map_or_else(Paper::new, Ok);
    let started = paper.and_then(|paper| Program::start(|| rule.observe(), deadline, paper));
    started.map_err(|error| Verdict::NotObserved {
        needs: "a process".to_owned(),
        because: format!("the snippet cannot be started: {error:?} ({})", error.desc()),
    })
}

impl Running {
    /// What came of it, and what the next can use.
    fn end(
        self,
        rule: &Embedded,
        ended: Ended,
        deadline: Duration,
    ) -> (Verdict, Turn, Option<Paper>) {
        let Running { program, turn, late, .. } = self;
        if ended == Ended::Exited(0)
            && rule.snapshot.is_some_and(|trace| program.printed_just(trace))
        {
            return (Verdict::Held, turn, Some(program.into_paper()));
        }
        // What it left running, if it did not end by itself.
        if ended != Ended::Exited(0) {
            program.kill();
        }
        let (trace, message) = program.printed();
        let message = message.trim_end().to_owned();
        // What Rust's allocator says before it ends a program.
        let no_memory = message.lines().any(|line| line.starts_with("memory allocation of "));
        let how = match ended {
            Ended::Killed("SIGABRT") if no_memory => {
                let needs = "memory and processes".to_owned();
                return (Verdict::NotObserved { needs, because: message }, turn, None);
            }
            _ if late => {
                Some(format!("hung: it did not end within {} seconds", deadline.as_secs()))
            }
            Ended::Killed(signal) if CRASHES.contains(&signal) => {
                Some(format!("crashed ({signal})"))
            }
            Ended::Killed(signal) => Some(format!("was killed by {signal}")),
            Ended::Exited(_) => None,
        };
        let verdict = match how {
            Some(how) => Verdict::Broken { how, message },
            None => verdict(rule, ended, trace, message),
        };
        (verdict, turn, None)
    }
}

/// The verdict on a snippet that came to its end, and not to what is pinned.
fn verdict(rule: &Embedded, ended: Ended, trace: String, message: String) -> Verdict {
    let pinned = rule.snapshot;
    let absent = match ended {
        Ended::Exited(status) if status == i32::from(NO_KEYRINGS) => Some("a session keyring"),
        Ended::Exited(status) if status == i32::from(NO_ROOM) => Some("memory and processes"),
        _ => None,
    };
    if let Some(needs) = absent {
        return Verdict::NotObserved { needs: needs.to_owned(), because: message };
    }
    let message = match (message.is_empty(), ended, pinned) {
        (false, ..) => message,
        (_, Ended::Exited(0), Some(_)) => {
            "all expectations are met, but the trace is not the pinned one".to_owned()
        }
        (_, Ended::Exited(0), None) => "no trace is pinned yet".to_owned(),
        (_, ended, _) => format!("the snippet {ended}"),
    };
    Verdict::Differs { pinned: pinned.map(str::to_owned), trace, message }
}

/// A progress bar for so many rules, which only a terminal shows.
pub(crate) fn progress(rules: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rules, {elapsed}");
    let bar = ProgressBar::new(rules as u64);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// How many rules to check at a time. Most of them wait for the kernel's collector, so several
/// for each core pay, as far as the user's quota of keys goes.
pub(crate) fn default_jobs() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let most = room::room_for_keys().map_or(usize::MAX, |keys| keys / room::KEYS_OF_A_RULE);
    (cores * 12).min(most).max(1)
}
