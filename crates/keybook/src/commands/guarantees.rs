//! `keybook guarantees`: sentences that hold in every program, searched for counterexamples.

use crate::guarantees::{self, SAVED, Saved, Sentence, saved, trace};
use crate::output::{self, BAD, GOOD, ListFormat, NAME};
use crate::status::{DIFFERS, HELD};
use crate::{embedded, jobs, progress, project};
use ::explore::Laboratory;
use ::explore::guarantee::Guarantee;
use anyhow::{Context, Result, anyhow};
use keyrings::probe::Keyrings;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Guarantees {
    /// Names of sentences; by default all.
    names: Vec<String>,
    /// Follow every program of up to this many steps after the beginning. Each step more takes about twenty times as long.
    #[arg(long, value_name = "STEPS", default_value_t = 3)]
    steps: usize,
    /// Follow this many random programs for each sentence.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    random: u64,
    /// How long to run programs on this kernel, for each sentence: `10s`, `1m`.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::explore::time)]
    kernel: Duration,
    /// Save the results in the project's snapshots/model/guarantees.json; those of sentences not named stay.
    #[arg(long)]
    save: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// Most steps of a random program.
const RANDOM_STEPS: usize = 12;

/// Most steps of a program on the kernel; the shorter ones run first.
const KERNEL_STEPS: usize = 3;

/// The status is [`HELD`] if every guarantee holds and every belief breaks, in the model and on this kernel.
pub(crate) fn run(command: &Guarantees) -> Result<u8> {
    let sentences = select(&command.names)?;
    // Before a search that takes long.
    let kept = if command.save { kept(&command.names)? } else { BTreeMap::new() };
    let mut results = model(command, &sentences)?;
    let differ = kernel(command, &sentences, &mut results)?;
    if command.save {
        save(kept, &sentences, &results)?;
    }
    match command.format {
        ListFormat::Human => output::print(&human(&sentences, &results, &differ))?,
        ListFormat::Json => {
            let all = sentences.iter().zip(&results).map(|(one, saved)| (one.id.as_str(), saved));
            output::print_json(&all.collect::<BTreeMap<_, _>>())?;
        }
    }
    let wrong =
        |(sentence, saved): (&&Sentence, &Saved)| sentence.belief != saved.counterexample.is_some();
    let is_wrong = sentences.iter().zip(&results).any(wrong) || differ.iter().any(Option::is_some);
    Ok(if is_wrong { DIFFERS } else { HELD })
}

fn select(names: &[String]) -> Result<Vec<&'static Sentence>> {
    let table = guarantees::table()?;
    if names.is_empty() {
        return Ok(table.iter().collect());
    }
    let find = |name: &String| {
        let near = || {
            let near = embedded::near(name, table.iter().map(|one| one.id.as_str()));
            let hint = if near.is_empty() { "without a name, all are tried" } else { &near };
            anyhow!("there is no guarantee `{name}`: {hint}")
        };
        table.iter().find(|one| one.id == *name).ok_or_else(near)
    };
    names.iter().map(find).collect()
}

/// Searches in the model, each sentence on one core.
fn model(command: &Guarantees, sentences: &[&Sentence]) -> Result<Vec<Saved>> {
    let bar = progress::bar(sentences.len() as u64, "{pos} of {len} sentences, {elapsed}");
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(sentence) = sentences.get(nth) else { return results };
            results.push((nth, search(command, sentence)));
            bar.inc(1);
        }
    };
    let mut results: Vec<(usize, Result<Saved>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs::cores()).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|it| resume_unwind(it)))
            .collect()
    });
    bar.finish_and_clear();
    results.sort_by_key(|(nth, _)| *nth);
    results.into_iter().map(|(_, result)| result).collect()
}

fn search(command: &Guarantees, sentence: &Sentence) -> Result<Saved> {
    let guarantee = sentence.guarantee()?;
    let named = |why: String| anyhow!("{}: {why}", sentence.id);
    let tried = guarantee.search(command.steps, None).map_err(named)?;
    let mut saved = Saved {
        programs: tried.programs,
        steps: command.steps,
        states: tried.states,
        ..Saved::default()
    };
    let mut broken = tried.broken;
    if broken.is_none() {
        let random = guarantee.wander(command.random, RANDOM_STEPS, 1).map_err(named)?;
        (saved.random, saved.random_steps) = (random.programs, RANDOM_STEPS);
        broken = random.broken;
    }
    saved.counterexample = broken.map(|found| trace(&found));
    Ok(saved)
}

/// Runs programs on the kernel; returns for each sentence what the kernel shows and the model does not.
fn kernel(
    command: &Guarantees,
    sentences: &[&Sentence],
    results: &mut [Saved],
) -> Result<Vec<Option<String>>> {
    if command.kernel.is_zero() {
        return Ok(vec![None; sentences.len()]);
    }
    if let Some(why) = Keyrings::here().explain() {
        eprintln!("{why}");
        return Ok(vec![None; sentences.len()]);
    }
    let laboratory = Laboratory::new();
    let laboratory = laboratory.map_err(|error| anyhow!("no memory: {}", error.desc()))?;
    let release = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
    let mut differ = Vec::new();
    for (sentence, saved) in sentences.iter().zip(results) {
        let guarantee: Guarantee = sentence.guarantee()?;
        let end = Instant::now() + command.kernel;
        let observed = guarantee.observe(&laboratory, KERNEL_STEPS, end);
        if observed.programs == 0 {
            // Such as where /dev/null is missing, which a program opens.
            eprintln!("{}: not observed, because no program finished on this kernel", sentence.id);
            differ.push(None);
            continue;
        }
        (saved.observed, saved.kernel) = (observed.programs, release.clone());
        let broken = observed.broken.map(|found| trace(&found));
        let agrees = broken.is_some() == sentence.belief;
        differ.push((!agrees).then(|| broken.unwrap_or_else(|| "no program breaks it".to_owned())));
    }
    Ok(differ)
}

/// The saved results that stay if only these sentences are searched: none if all are, and none of a sentence that is gone.
fn kept(names: &[String]) -> Result<BTreeMap<String, Saved>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let path = project::root()?.join(SAVED);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut kept = guarantees::parse(&text)?;
    let table = guarantees::table()?;
    kept.retain(|id, _| table.iter().any(|one| one.id == *id));
    Ok(kept)
}

fn save(
    mut all: BTreeMap<String, Saved>,
    sentences: &[&Sentence],
    results: &[Saved],
) -> Result<()> {
    let path = project::root()?.join(SAVED);
    let ids = sentences.iter().map(|one| one.id.clone());
    all.extend(ids.zip(results.iter().cloned()));
    let text = serde_json::to_string_pretty(&all)? + "\n";
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    eprintln!("saved: {}; the next build of this program knows it", path.display());
    Ok(())
}

fn human(sentences: &[&Sentence], results: &[Saved], differ: &[Option<String>]) -> String {
    let mut text = String::new();
    let known = saved().unwrap_or_default();
    for ((sentence, saved), differs) in sentences.iter().zip(results).zip(differ) {
        let (style, word) = match (sentence.belief, saved.counterexample.is_some()) {
            (false, false) => (GOOD, "holds"),
            (true, true) => (GOOD, "a false belief, as known"),
            (false, true) => (BAD, "BROKEN"),
            (true, false) => (BAD, "NO COUNTEREXAMPLE"),
        };
        let Sentence { id, sentence, .. } = sentence;
        let _ = writeln!(text, "{NAME}{id}{NAME:#}: {style}{word}{style:#}\n    {sentence}");
        let _ = writeln!(text, "    {}", saved.tried());
        if let Some(trace) = &saved.counterexample {
            let _ = writeln!(text, "{}", output::indented("      ", trace));
        }
        if let Some(shown) = differs {
            let _ = writeln!(
                text,
                "    {BAD}this kernel differs{BAD:#}:\n{}",
                output::indented("      ", shown)
            );
        }
        if let Some(known) = known.get(id)
            && known.steps == saved.steps
            && (known.programs, known.states) != (saved.programs, saved.states)
        {
            let _ = writeln!(text, "    saved: {}", known.tried());
        }
    }
    text
}
