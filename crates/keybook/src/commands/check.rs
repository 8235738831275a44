//! `keybook check`: checks rules against the running kernel.

mod runner;

use crate::embedded::{self, Embedded};
use crate::report::{self, CheckResult, Checked, Report};
use crate::status::NOTHING_HERE;
use crate::{jobs, output, progress};
use anyhow::{Result, anyhow};
use clap::{ValueEnum, value_parser};
use keyrings::probe::Keyrings;
use runner::Limits;
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

pub(crate) fn run(Check { rules, format, jobs, deadline }: &Check) -> Result<u8> {
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
            runner::check(&rules, limits, &bar)?
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

/// The results where no rule can be observed.
fn none_observed(rules: &[&Embedded]) -> Vec<Checked> {
    let because = Keyrings::here().summary();
    let result = || CheckResult::NotObserved { needs: "keyrings".into(), because: because.clone() };
    rules.iter().map(|rule| Checked::new(rule, result())).collect()
}
