//! Checking rules against the running kernel, each in a process of its own.

use crate::embedded::{Embedded, RULES};
use indicatif::{ProgressBar, ProgressStyle};
use keyrings::place;
use keyrings::program::{Ended, Program};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::thread;

/// What came of checking one rule.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) id: String,
    pub(crate) statement: String,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

/// Whether the kernel does what the rule says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It does.
    Held {
        /// What was seen.
        trace: String,
    },
    /// It does not.
    Differs {
        /// What is pinned.
        pinned: Option<String>,
        /// What was seen.
        trace: String,
        /// What the snippet said of it.
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
pub(crate) fn select(ids: &[String]) -> Result<Vec<&'static Embedded>, String> {
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

/// Checks rules, several at a time, and says so to `bar`.
///
/// Each rule runs in a process of its own, which is a copy of this one: to start the program anew
/// would take longer than most rules do.
pub(crate) fn check(rules: &[&'static Embedded], jobs: usize, bar: &ProgressBar) -> Vec<Checked> {
    // The slow ones first: nothing is waited for at the end.
    let mut order: Vec<&'static Embedded> = rules.to_vec();
    order.sort_by_key(|rule| !rule.slow);
    let mut waiting = order.into_iter();
    let mut running: HashMap<i32, Running> = HashMap::new();
    let mut done = HashMap::new();
    loop {
        while running.len() < jobs.max(1)
            && let Some(rule) = waiting.next()
        {
            match start(rule) {
                Ok(process) => {
                    running.insert(process.program.pid(), process);
                }
                Err(verdict) => {
                    done.insert(rule.id, verdict);
                    bar.inc(1);
                }
            }
        }
        if running.is_empty() {
            break;
        }
        let Ok((pid, how)) = Program::wait_for_any() else { break };
        if let Some(process) = running.remove(&pid) {
            done.insert(process.rule.id, process.verdict(how));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let checked = |rule: &&'static Embedded| {
        // A rule is never left out of the account.
        let lost = || nothing_seen(rule, "the snippet's process was lost".to_owned());
        let verdict = done.remove(rule.id).unwrap_or_else(lost);
        Checked { id: rule.id.into(), statement: rule.statement.into(), verdict }
    };
    rules.iter().map(checked).collect()
}

/// A rule whose snippet runs.
struct Running {
    rule: &'static Embedded,
    program: Program,
}

/// Starts the snippet of a rule, if what it needs is here.
fn start(rule: &'static Embedded) -> Result<Running, Verdict> {
    for need in rule.needs {
        if let Some(because) = place::unmet(need) {
            return Err(Verdict::NotObserved { needs: (*need).to_owned(), because });
        }
    }
    match Program::start(|| rule.observe()) {
        Ok(program) => Ok(Running { rule, program }),
        Err(error) => Err(nothing_seen(rule, format!("the snippet cannot be run: {error}"))),
    }
}

/// The verdict on a rule whose snippet left nothing to compare.
fn nothing_seen(rule: &Embedded, message: String) -> Verdict {
    let pinned = rule.snapshot.map(str::to_owned);
    Verdict::Differs { pinned, trace: String::new(), message }
}

impl Running {
    fn verdict(self, how: Ended) -> Verdict {
        let (trace, message) = self.program.printed();
        let mut message = message.trim_end().to_owned();
        let pinned = self.rule.snapshot;
        if how == Ended::Exited(0) && pinned == Some(&trace) {
            return Verdict::Held { trace };
        }
        if message.is_empty() {
            message = match (how, pinned) {
                (Ended::Exited(0), Some(_)) => {
                    "all expectations are met, but the trace is not the pinned one".to_owned()
                }
                (Ended::Exited(0), None) => "no trace is pinned yet".to_owned(),
                (how, _) => format!("the snippet {how}"),
            };
        }
        Verdict::Differs { pinned: pinned.map(str::to_owned), trace, message }
    }
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
    let most = place::room_for_keys().map_or(usize::MAX, |keys| keys / KEYS_OF_A_RULE);
    (cores * 12).min(most).max(1)
}

/// Keys that a rule is reckoned to have at a time, with those that wait for the collector.
const KEYS_OF_A_RULE: usize = 24;
