//! Exploring another kernel, in a guest.

use super::Explore;
use crate::commands::kernels::{companions, executable};
use crate::output;
use ::kernels::{Architecture, Limits, Payload, Target};
use anyhow::{Context, Result};
use std::time::Duration;

/// How much longer than its programs a guest may take.
const MORE: Duration = Duration::from_secs(120);

/// Runs `keybook explore` with the same options on the first kernel with this in its name.
pub(super) fn run(name: &str, explore: &Explore, seed: u64) -> Result<u8> {
    let kernels = ::kernels::find(&::kernels::cache())?;
    let kernel = kernels.iter().find(|kernel| kernel.name.contains(name));
    let kernel = kernel.with_context(|| {
        format!("there is no kernel `{name}`: `keybook kernels list` lists them")
    })?;
    let architecture = match kernel.target {
        Target::Qemu { architecture, .. } => architecture,
        _ => Architecture::here().unwrap_or(Architecture::X86_64),
    };
    let executable = executable::find(architecture)?;
    let payload =
        Payload { executable, args: args(explore, seed), files: companions::find(architecture) };
    let end = explore.budget + MORE;
    let run = ::kernels::run(kernel, &payload, &Limits { end, retries: 0, ..Limits::default() })?;
    output::print(&run.output)?;
    Ok(u8::try_from(run.status)?)
}

/// The options of the guest.
fn args(explore: &Explore, seed: u64) -> Vec<String> {
    let mut args = vec!["explore".to_owned(), "--seed".to_owned(), seed.to_string()];
    let mut add = |option: &str, value: Option<String>| {
        args.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    };
    match &explore.again {
        Some(program) => add("--again", Some(program.to_string().replace(' ', ","))),
        None => {
            add("--length", Some(explore.length.to_string()));
            add("--jobs", explore.jobs.map(|jobs| jobs.to_string()));
            match explore.programs {
                Some(programs) => add("--programs", Some(programs.to_string())),
                None => add("--budget", Some(format!("{}s", explore.budget.as_secs()))),
            }
        }
    }
    args
}
