//! `keybook explore`: generated programs, run on this kernel and judged by the rules.

mod guest;
mod report;
mod worker;

use crate::status::{DIFFERS, HELD, MISUSE, NOTHING_HERE};
use crate::{jobs, output, progress};
use ::explore::snippet::snippet;
use ::explore::{Judgment, TaskProgram};
use anyhow::{Context, Result, anyhow, bail};
use keyrings::probe::Keyrings;
use report::{Findings, Found, Message, NO_RULE_YET};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use worker::{Limits, Part, laboratory};

#[derive(clap::Args)]
pub(crate) struct Explore {
    /// How long to explore: `60s`, `10m`, `1h`.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    budget: Duration,
    /// How many random programs to run, instead of a time.
    #[arg(long, value_name = "N", conflicts_with = "budget")]
    programs: Option<u64>,
    /// Run every program of up to this many steps first, for at most half of the time.
    #[arg(long, value_name = "STEPS", default_value_t = 3)]
    length: usize,
    /// The seed of the random programs; by default another one each time, which is printed.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many programs to run at a time; by default three per core, because some wait for the kernel.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Explore this kernel instead, in a guest, by a part of its name as `keybook kernels list` shows it. There programs
    /// also handle their own requests, in place of request-key(8).
    #[arg(long, value_name = "KERNEL")]
    on: Option<String>,
    /// Run this program only, as `explore` prints one that disagrees, and show its trace.
    #[arg(long, value_name = "PROGRAM")]
    again: Option<TaskProgram>,
    /// Be a worker: the nth, from 0, of this many.
    #[arg(long, value_name = "NTH/OF", hide = true)]
    part: Option<Part>,
}

/// Parses a time such as `60s`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let units = [("", 1), ("s", 1), ("m", 60), ("h", 3600)];
    let unit = units.iter().find(|(name, _)| *name == unit);
    let time = unit.and_then(|(_, seconds)| number.parse::<u64>().ok()?.checked_mul(*seconds));
    time.map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is not a time: write 60s, 10m or 1h"))
}

pub(crate) fn run(explore: &Explore) -> Result<u8> {
    if explore.jobs == Some(0) {
        bail!("--jobs requires a number above zero");
    }
    let seed = explore.seed.unwrap_or_else(drawn);
    if let Some(kernel) = &explore.on {
        return guest::run(kernel, explore, seed);
    }
    if let Some(paragraph) = Keyrings::here().explain() {
        eprintln!("{paragraph}");
        return Ok(NOTHING_HERE);
    }
    if let Some(program) = &explore.again {
        return again(program);
    }
    let after = |time| explore.programs.is_none().then(|| Instant::now() + time);
    let limits = Limits {
        end: after(explore.budget),
        half: after(explore.budget / 2),
        programs: explore.programs.unwrap_or(u64::MAX),
        length: explore.length,
        seed,
    };
    match explore.part {
        Some(part) => worker::work(part, &limits),
        None => all(explore, seed),
    }
}

/// A seed for a run without `--seed`.
fn drawn() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Few digits, because people copy it.
    now.map_or(1, |now| now.as_millis() as u64 % 1_000_000)
}

/// Starts the workers, each its own process, and reports what they find.
fn all(explore: &Explore, seed: u64) -> Result<u8> {
    let jobs = explore.jobs.unwrap_or_else(|| jobs::snippets(3));
    let begun = Instant::now();
    let length = explore.programs.unwrap_or(explore.budget.as_millis() as u64);
    let bar = progress::bar(length, "{elapsed}, {msg}");
    let mut findings = Findings::new(seed, explore.length, jobs);
    let (sender, messages) = mpsc::channel();
    let mut workers = Vec::new();
    for nth in 0..jobs {
        let mut worker = start(explore, seed, &format!("{nth}/{jobs}"))?;
        let pipe = worker.stdout.take().context("the standard output of a worker is missing")?;
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str::<Message>(&line).map_err(|_| line));
            }
        });
        workers.push(worker);
    }
    drop(sender);
    for message in messages {
        match message {
            Ok(message) => findings.take(message),
            Err(line) => bail!("not a worker's message: {line}"),
        }
        match explore.programs {
            Some(_) => bar.set_position(findings.random()),
            None => bar.set_position(begun.elapsed().as_millis() as u64),
        }
        bar.set_message(findings.brief());
    }
    bar.finish_and_clear();
    for mut worker in workers {
        let status = worker.wait().context("cannot wait for a worker")?;
        if !status.success() {
            bail!("worker failed: {status}");
        }
    }
    findings.took = begun.elapsed();
    output::print(&findings.human())?;
    Ok(findings.status())
}

fn start(explore: &Explore, seed: u64, part: &str) -> Result<Child> {
    // Without /proc, the path by which this program was started.
    let itself =
        std::env::current_exe().ok().or_else(|| std::env::args_os().next().map(PathBuf::from));
    let mut worker = Command::new(itself.context("cannot find this program")?);
    worker.arg("explore").args(["--part", part, "--seed", &seed.to_string()]);
    worker.args(["--length", &explore.length.to_string()]);
    match explore.programs {
        Some(programs) => worker.args(["--programs", &programs.to_string()]),
        None => worker.args(["--budget", &format!("{}s", explore.budget.as_secs())]),
    };
    // Not /dev/null, which may be missing.
    worker.stdin(Stdio::piped()).stdout(Stdio::piped());
    worker.spawn().context("cannot start a worker")
}

/// Runs one program and prints its trace and its snippet.
fn again(program: &TaskProgram) -> Result<u8> {
    let laboratory = laboratory()?;
    let (text, status) = match laboratory.judge(program) {
        Judgment::Disagrees(found) => (Found::of(&found, String::new())?.human(), DIFFERS),
        Judgment::Unjudged(why) => {
            eprintln!("keybook: the program did not finish: {why}");
            return Ok(MISUSE);
        }
        Judgment::Allowed => {
            // A second run, because a judgment does not keep the trace of an allowed one.
            let (executed, trace) = laboratory.run(program).map_err(|why| anyhow!(why))?;
            (format!("allowed\n\n{trace}\n{}", snippet(NO_RULE_YET, &executed)), HELD)
        }
    };
    output::print(&text)?;
    Ok(status)
}
