//! `keybook check`: checks rules against the running kernel.

use crate::embedded::{self, Embedded};
use crate::report::{self, CheckResult, Checked, Report};
use crate::runner::{self, Finished, Job, Limits};
use crate::status::{NOTHING_HERE, of_bisection};
use crate::{jobs, output, progress};
use anyhow::{Result, anyhow};
use clap::{ValueEnum, value_parser};
use indicatif::ProgressBar;
use keyrings::probe::Keyrings;
use keyrings::program::Ended;
use keyrings::{Errno, NO_KEYRINGS, NO_ROOM, Signal, needs};
use std::num::NonZeroUsize;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Check {
    /// Ids of rules, or prefixes of ids that end with `.` or `*`; by default all rules.
    rules: Vec<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Number of rules to check in parallel; by default 12 per core (most of them wait), within the
    /// quota of keys.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Kill the snippet of a rule after this time.
    // Three times as long as a snippet waits for any event.
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = value_parser!(u32).range(1..))]
    deadline: u32,
    /// Exit as `git bisect run` asks: with 125 if none of the rules can be observed, with 128 if the command is
    /// invalid.
    #[arg(long)]
    bisect: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people, with colors on a terminal.
    #[default]
    Human,
    /// For programs.
    Json,
    /// The Test Anything Protocol, version 13.
    Tap,
    /// The kernel's TAP, which `kunit.py parse` reads.
    Ktap,
    /// JUnit XML.
    Junit,
}

pub(crate) fn run(asked: &Check) -> Result<u8> {
    let status = checked(asked);
    if asked.bisect { Ok(of_bisection(status)) } else { status }
}

fn checked(Check { rules, format, jobs, deadline, .. }: &Check) -> Result<u8> {
    let rules = embedded::select(rules).map_err(|error| anyhow!(error))?;
    let (checked, stopped) = match Keyrings::here().explain() {
        Some(why) => {
            eprintln!("{why}");
            if matches!(format, Format::Human) {
                return Ok(NOTHING_HERE);
            }
            (none_observed(&rules), None)
        }
        None => {
            let limits = Limits {
                jobs: jobs.map_or_else(|| jobs::snippets(12), NonZeroUsize::get),
                deadline: Duration::from_secs((*deadline).into()),
            };
            let bar = progress::bar(rules.len() as u64, "{pos}/{len} rules, {elapsed}");
            check(&rules, limits, &bar)?
        }
    };
    let report = Report::of(checked);
    output::print(&match format {
        Format::Human => report::human(&report),
        Format::Json => report::json(&report)?,
        Format::Tap => report::tap(&report),
        Format::Ktap => report::ktap(&report),
        Format::Junit => report::junit(&report)?,
    })?;
    let Some(signal) = stopped else { return Ok(report.status()) };
    let left = output::count(rules.len() - report.rules.len(), "rule");
    eprintln!("keybook: stopped by {signal}; {left} not checked");
    Ok(128 + signal as u8)
}

/// Checks rules. Returns the results, fewer than rules if the signal stopped it.
fn check(
    rules: &[&'static Embedded],
    limits: Limits,
    bar: &ProgressBar,
) -> Result<(Vec<Checked>, Option<Signal>)> {
    let mut results: Vec<Option<CheckResult>> = rules.iter().map(|rule| unmet(rule)).collect();
    let met = rules.iter().zip(&results).filter(|(_, unmet)| unmet.is_none());
    let jobs: Vec<Job> = met.map(|(rule, _)| Job { rule, circumstance: None }).collect();
    bar.inc((rules.len() - jobs.len()) as u64);
    let judge = |job: Job, finished: std::result::Result<Finished, Errno>| match finished {
        Ok(finished) => result(job.rule, finished),
        Err(error) => not_observed(
            "a process",
            format!("cannot start the snippet: {error:?} ({})", error.desc()),
        ),
    };
    let (finished, stopped) = runner::run(&jobs, limits, bar, judge)?;
    let missing = results.iter_mut().filter(|result| result.is_none());
    missing.zip(finished).for_each(|(result, finished)| *result = finished);
    let checked = rules.iter().zip(results);
    let checked = checked.filter_map(|(rule, result)| Some(Checked::new(rule, result?)));
    Ok((checked.collect(), stopped))
}

/// The results where no rule can be observed.
fn none_observed(rules: &[&Embedded]) -> Vec<Checked> {
    let because = Keyrings::here().summary();
    let result = || CheckResult::NotObserved { needs: "keyrings".into(), because: because.clone() };
    rules.iter().map(|rule| Checked::new(rule, result())).collect()
}

/// Signals by which a program ends through an error in it.
const CRASHES: [&str; 6] = ["SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTRAP"];

/// The result of a rule with a need that is not met.
fn unmet(rule: &Embedded) -> Option<CheckResult> {
    rule.needs.iter().find_map(|need| Some(not_observed(need, needs::unmet(need)?)))
}

fn not_observed(needs: &str, because: String) -> CheckResult {
    CheckResult::NotObserved { needs: needs.to_owned(), because }
}

/// The result of a rule whose snippet ended.
fn result(rule: &Embedded, finished: Finished) -> CheckResult {
    let Finished { ended, late, stdout: trace, stderr: message } = finished;
    let pinned = rule.snapshot;
    let status = match ended {
        Ended::Exited(0) if pinned == Some(&trace) => return CheckResult::Held,
        Ended::Killed("SIGABRT") if is_out_of_memory(&message) => {
            return not_observed("memory and processes", message);
        }
        Ended::Exited(status) if late.is_none() => status,
        _ => return CheckResult::Broken { how: failure(ended, late), message },
    };
    let message = match u8::try_from(status).unwrap_or(u8::MAX) {
        NO_KEYRINGS => return not_observed("a session keyring", message),
        NO_ROOM => return not_observed("memory and processes", message),
        _ if !message.is_empty() => message,
        0 if pinned.is_some() => {
            "all expectations hold, but the trace is not the pinned one".to_owned()
        }
        0 => "no trace is pinned yet".to_owned(),
        _ => format!("the snippet {ended}"),
    };
    CheckResult::Differs { pinned: pinned.map(str::to_owned), trace, message }
}

/// Whether Rust's allocator ended the snippet.
fn is_out_of_memory(message: &str) -> bool {
    message.lines().any(|line| line.starts_with("memory allocation of "))
}

/// How a snippet was ended.
fn failure(ended: Ended, late: Option<Duration>) -> String {
    match (ended, late) {
        (_, Some(deadline)) => {
            format!("hung: it did not end within {}", output::count(deadline.as_secs(), "second"))
        }
        (Ended::Killed(signal), _) if CRASHES.contains(&signal) => format!("crashed ({signal})"),
        (Ended::Killed(signal), _) => format!("was killed by {signal}"),
        (Ended::Exited(status), _) => format!("exited with status {status}"),
    }
}
