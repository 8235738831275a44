//! Circumstances that change the machine: set up in a guest.

use super::CellResult;
use crate::commands::kernels::{companions, executable};
use crate::embedded;
use ::kernels::{Architecture, Kernel, Limits, Payload, Target};
use anyhow::{Context, Result, anyhow};
use keyrings::circumstance::{self, Circumstance};
use serde::Deserialize;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

/// A cell as the guest reports it.
#[derive(Deserialize)]
struct Reported {
    rule: String,
    circumstance: String,
    #[serde(flatten)]
    result: CellResult,
}

/// A rule, a circumstance, and what became of the rule in it.
type Found = (&'static str, &'static str, CellResult);

/// Runs rules in these circumstances, a guest for each, on the newest of the fastest kernels of the cache: User Mode Linux
/// needs no emulation.
pub(super) fn run(rules: &[String], circumstances: &[&'static Circumstance]) -> Result<Vec<Found>> {
    let cache = ::kernels::cache();
    let kernels = if cache.exists() { ::kernels::find(&cache)? } else { Vec::new() };
    let own = Architecture::here();
    let is_fast = |kernel: &&Kernel| matches!(kernel.target, Target::Uml { .. });
    let is_own = |kernel: &&Kernel| matches!(kernel.target, Target::Qemu { architecture, .. } if Some(architecture) == own);
    let (Some(own), Some(kernel)) =
        (own, kernels.iter().rfind(is_fast).or(kernels.iter().rfind(is_own)))
    else {
        return not_applicable(rules, circumstances);
    };
    let in_one = &|circumstance: &Circumstance| -> Result<Vec<Found>> {
        let mut args = vec!["vary".to_owned()];
        args.extend(rules.iter().cloned());
        args.extend(["--in", circumstance.name, "--format", "json"].map(str::to_owned));
        let payload =
            Payload { executable: executable::find(own)?, args, files: companions::find(own) };
        let run = ::kernels::run(kernel, &payload, &Limits::default())?;
        let cells: Vec<Reported> = serde_json::from_str(&run.output)
            .with_context(|| format!("{}: no report, but {:?}", kernel.name, run.output))?;
        cells.into_iter().map(known).collect()
    };
    let cells: Result<Vec<_>> = thread::scope(|scope| {
        let start = |circumstance| scope.spawn(move || in_one(circumstance));
        let guests: Vec<_> = circumstances.iter().copied().map(start).collect();
        let ended = |guest: ScopedJoinHandle<'_, _>| {
            guest.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        guests.into_iter().map(ended).collect()
    });
    Ok(cells?.into_iter().flatten().collect())
}

/// The cell with the names of this program.
fn known(cell: Reported) -> Result<Found> {
    let rule = embedded::rule(&cell.rule).map(|rule| rule.id);
    let circumstance = circumstance::find(&cell.circumstance).map(|it| it.name);
    let (Some(rule), Some(circumstance)) = (rule, circumstance) else {
        return Err(anyhow!("the guest reports {} in {}", cell.rule, cell.circumstance));
    };
    Ok((rule, circumstance, cell.result))
}

fn not_applicable(rules: &[String], circumstances: &[&'static Circumstance]) -> Result<Vec<Found>> {
    let rules = embedded::select(rules).map_err(|error| anyhow!(error))?;
    let cells = circumstances.iter().flat_map(|circumstance| {
        let because = "a guest: `keybook kernels fetch` fetches kernels for one".to_owned();
        let cell = move |id| {
            (id, circumstance.name, CellResult::NotApplicable { because: because.clone() })
        };
        rules.iter().map(move |rule| cell(rule.id))
    });
    Ok(cells.collect())
}
