//! Checking rules against the running kernel, each in a process of its own.

use crate::embedded::{Embedded, RULES};
use indicatif::{ProgressBar, ProgressStyle};
use keyrings::place;
use serde::Serialize;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The hidden subcommand by which this program runs one snippet.
pub(crate) const OBSERVE: &str = "__observe";

/// What came of checking one rule.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    pub(crate) id: &'static str,
    pub(crate) statement: &'static str,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

/// Whether the kernel does what the rule says.
#[derive(Debug, PartialEq, Eq, Serialize)]
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
        pinned: Option<&'static str>,
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

/// Finds the rules of these ids. One that ends with a dot stands for all that begin with it.
pub(crate) fn select(ids: &[String]) -> Result<Vec<&'static Embedded>, String> {
    if ids.is_empty() {
        return Ok(RULES.iter().collect());
    }
    let mut selected = Vec::new();
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
        selected.extend(found);
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

/// Checks rules, several at a time; shows progress if standard error is a terminal.
pub(crate) fn check(rules: &[&'static Embedded], jobs: usize, bar: &ProgressBar) -> Vec<Checked> {
    // The slow ones first: nothing is waited for at the end.
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(|&nth| !rules[nth].slow);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, rules.len().max(1)) {
            scope.spawn(|| {
                while let Some(&nth) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let rule = rules[nth];
                    let checked =
                        Checked { id: rule.id, statement: rule.statement, verdict: verdict(rule) };
                    done.lock().unwrap_or_else(|lock| lock.into_inner()).push((nth, checked));
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(|lock| lock.into_inner());
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, checked)| checked).collect()
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
    (cores * 8).min(most).max(1)
}

/// More keys than any rule has at a time under its own user, with those that wait for the
/// collector.
const KEYS_OF_A_RULE: usize = 40;

fn verdict(rule: &'static Embedded) -> Verdict {
    let unmet = rule.needs.iter().find_map(|need| Some((need, place::unmet(need)?)));
    if let Some((need, because)) = unmet {
        return Verdict::NotObserved { needs: (*need).to_owned(), because };
    }
    let output = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args([OBSERVE, rule.id])
            .env_remove(keyrings::TRACES_VARIABLE)
            .stdin(Stdio::null())
            .output()
    });
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            let message = format!("the snippet cannot be run: {error}");
            return Verdict::Differs { pinned: rule.snapshot, trace: String::new(), message };
        }
    };
    let trace = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    if output.status.success() && rule.snapshot == Some(&trace) {
        return Verdict::Held { trace };
    }
    if message.is_empty() && output.status.success() {
        message = match rule.snapshot {
            Some(_) => "all expectations are met, but the trace is not the pinned one".to_owned(),
            None => "no trace is pinned yet".to_owned(),
        };
    } else if message.is_empty() {
        message = format!("the snippet ended with {}", output.status);
    }
    Verdict::Differs { pinned: rule.snapshot, trace, message }
}
