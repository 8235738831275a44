//! `keybook explore`: generated programs, run on this kernel and judged by the rules.

mod report;
mod worker;

use crate::{DIFFERS, HELD, MISUSE, NOTHING_HERE, output};
use ::explore::snippet::snippet;
use ::explore::{Disagreement, Laboratory, Program, Verdict};
use anyhow::{Context, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use keyrings::place::Keyrings;
use report::Findings;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use worker::{Part, Told};

/// The name that a snippet has until somebody gives it one.
const NO_RULE_YET: &str = "explored";

#[derive(clap::Args)]
pub(crate) struct Explore {
    /// How long to explore: `60s`, `10m`, `1h`.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    budget: Duration,
    /// So many random programs, however long that takes, instead of a time.
    #[arg(long, value_name = "N", conflicts_with = "budget")]
    programs: Option<u64>,
    /// Every program of up to so many steps is run, before random ones and for half of the time at most.
    #[arg(long, value_name = "STEPS", default_value_t = 3)]
    length: usize,
    /// The same number gives the same random programs; without it, one is drawn and told.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many programs to run at a time; by default three for each core, as some wait for the kernel.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Run this program only, as `explore` tells one that disagrees, and show what came of it.
    #[arg(long, value_name = "PROGRAM")]
    again: Option<Program>,
    /// Be one of those that run programs: the nth, from 0, of so many.
    #[arg(long, value_name = "NTH/OF", hide = true)]
    part: Option<Part>,
}

/// Reads a time such as `60s`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write 60s, 10m or 1h");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

pub(crate) fn run(explore: &Explore) -> Result<u8> {
    if explore.jobs == Some(0) {
        bail!("--jobs wants a number above zero");
    }
    if let Some(paragraph) = Keyrings::here().explain() {
        eprintln!("{paragraph}");
        return Ok(NOTHING_HERE);
    }
    if let Some(program) = &explore.again {
        return again(program);
    }
    let limits = worker::Limits {
        end: explore.programs.is_none().then(|| Instant::now() + explore.budget),
        half: explore.programs.is_none().then(|| Instant::now() + explore.budget / 2),
        programs: explore.programs.unwrap_or(u64::MAX),
        length: explore.length,
        seed: explore.seed.unwrap_or_else(drawn),
    };
    match explore.part {
        Some(part) => worker::work(part, &limits),
        None => all(explore, limits.seed),
    }
}

/// A seed that nobody chose.
fn drawn() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Few digits, as people copy it.
    now.map_or(1, |now| now.as_millis() as u64 % 1_000_000)
}

/// Has workers explore, each in a process of its own, and tells what they found.
fn all(explore: &Explore, seed: u64) -> Result<u8> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = explore.jobs.unwrap_or_else(|| default_jobs(cores));
    let begun = Instant::now();
    let bar = progress(explore);
    let mut findings = Findings::new(seed, explore.length, jobs);
    let (sender, told) = mpsc::channel();
    let mut workers = Vec::new();
    for nth in 0..jobs {
        let mut worker = start(explore, seed, Part { nth, of: jobs })?;
        let pipe = worker.stdout.take().context("a worker has no standard output")?;
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str::<Told>(&line).map_err(|_| line));
            }
        });
        workers.push(worker);
    }
    drop(sender);
    for told in told {
        match told {
            Ok(told) => findings.take(told),
            Err(line) => bail!("a worker says what nobody understands: {line}"),
        }
        match explore.programs {
            Some(_) => bar.set_position(findings.random()),
            None => bar.set_position(begun.elapsed().as_millis() as u64),
        }
        bar.set_message(findings.brief());
    }
    bar.finish_and_clear();
    for mut worker in workers {
        let ended = worker.wait().context("a worker cannot be waited for")?;
        if !ended.success() {
            bail!("a worker came to no good end: {ended}");
        }
    }
    findings.took = begun.elapsed();
    output::print(&findings.human())?;
    Ok(findings.status())
}

fn start(explore: &Explore, seed: u64, part: Part) -> Result<Child> {
    let mut worker = Command::new(std::env::current_exe().context("where is this program?")?);
    worker.arg("explore").args(["--part", &part.to_string(), "--seed", &seed.to_string()]);
    worker.args(["--length", &explore.length.to_string()]);
    match explore.programs {
        Some(programs) => worker.args(["--programs", &programs.to_string()]),
        None => worker.args(["--budget", &format!("{}s", explore.budget.as_secs())]),
    };
    worker.stdin(Stdio::null()).stdout(Stdio::piped());
    worker.spawn().context("a worker cannot be started")
}

/// How many programs to run at a time, as far as the quota of keys goes.
fn default_jobs(cores: usize) -> usize {
    use keyrings::room;
    let most = room::room_for_keys().map_or(usize::MAX, |keys| keys / room::KEYS_OF_A_RULE);
    (cores * 3).min(most).max(1)
}

/// A progress bar, which only a terminal shows.
fn progress(explore: &Explore) -> ProgressBar {
    let length = explore.programs.unwrap_or(explore.budget.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:40} {elapsed}, {msg}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Runs one program and shows all there is to be seen of it.
fn again(program: &Program) -> Result<u8> {
    let laboratory = laboratory()?;
    let (text, status) = match laboratory.judge(program) {
        Verdict::Disagrees(found) => (report::Found::of(&found, String::new()).human(), DIFFERS),
        Verdict::NotJudged(why) => {
            eprintln!("keybook: the program came to no end: {why}");
            return Ok(MISUSE);
        }
        Verdict::Allowed => {
            // Its trace is of another run, as the verdict needs none.
            let (played, trace) = laboratory.run(program).map_err(|why| anyhow!(why))?;
            (format!("allowed\n\n{trace}\n{}", snippet(NO_RULE_YET, &played)), HELD)
        }
    };
    output::print(&text)?;
    Ok(status)
}

fn laboratory() -> Result<Laboratory> {
    Laboratory::new()
        .map_err(|error| anyhow!("there is no memory for the record: {}", error.desc()))
}
