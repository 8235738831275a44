//! `keybook look`: the keyrings of running threads.

mod human;
mod json;
mod words;

use crate::output::{self, ListFormat};
use crate::status::{HELD, MISUSE, NOTHING_HERE};
use anyhow::{Context, Result};
use keyrings::{KeySerial, ProcKeysLine};
use look::{Left, Missing, Process};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, stdout};
use std::os::fd::AsFd;
use std::time::Duration;

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

#[derive(clap::Args)]
pub(crate) struct Look {
    /// Id of a process, or of one of its threads; without it, every process with a thread or process keyring.
    #[arg(value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// Ask the threads of PID through ptrace(2), which stops each for a moment.
    ///
    /// For your own processes where BPF is not available. Threads with a seccomp filter, with a tracer or
    /// in 32-bit mode are not asked, and no thread is asked for its session keyring.
    #[arg(long, requires = "pid")]
    stop: bool,
    /// Look again every SECONDS, 2 by default, until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
          default_missing_value = "2", value_parser = seconds)]
    watch: Option<Duration>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// What there is to tell.
struct Seen {
    /// Whether the threads were asked through ptrace(2).
    asked: bool,
    processes: Vec<Process>,
    /// What `/proc/keys` shows, or why it cannot be read.
    keys: Result<BTreeMap<KeySerial, ProcKeysLine>, String>,
    /// Processes that are not listed, and their session keyrings.
    others: Option<(usize, usize)>,
}

impl Seen {
    /// The line of `/proc/keys` about a keyring.
    fn key(&self, keyring: KeySerial) -> Option<&ProcKeysLine> {
        self.keys.as_ref().ok()?.get(&keyring)
    }

    /// The keyrings that processes have, each once.
    fn keyrings(&self) -> Vec<KeySerial> {
        let mut seen = BTreeSet::new();
        let all = self.processes.iter().flat_map(Process::keyrings);
        all.filter(|keyring| seen.insert(*keyring)).collect()
    }

    /// The remarks about a process.
    fn remarks(&self, process: &Process) -> Vec<look::Remark> {
        let unknown = BTreeMap::new();
        look::remarks(process, self.keys.as_ref().unwrap_or(&unknown))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a number of seconds from 0.01 to 86400 is expected".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    if (0.01..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(wrong())
    }
}

pub(crate) fn run(look: &Look) -> Result<u8> {
    let Some(interval) = look.watch else { return once(look, "") };
    let clear = stdout().is_terminal() && matches!(look.format, ListFormat::Human);
    let mut status = once(look, if clear { CLEAR } else { "" })?;
    // Where nothing can be observed, waiting changes nothing; a process that ends while it is watched is no mistake.
    while status == HELD && reader_waits(interval)? {
        status = once(look, if clear { CLEAR } else { "" })?;
        if status == MISUSE {
            return Ok(HELD);
        }
    }
    Ok(status)
}

/// Waits; whether somebody still reads the output.
fn reader_waits(interval: Duration) -> Result<bool> {
    let stdout = stdout();
    let mut reader = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let timeout = PollTimeout::try_from(interval).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut reader, timeout).context("cannot wait")? == 0)
}

/// Looks once; returns the exit status.
fn once(look: &Look, before: &str) -> Result<u8> {
    let seen = match see(look) {
        Ok(Some(seen)) => seen,
        Ok(None) => {
            let pid = look.pid.unwrap_or_default();
            eprintln!("keybook: there is no process {pid}");
            return Ok(MISUSE);
        }
        Err(missing) => {
            eprint!("{}", complaint(look, &missing));
            return Ok(NOTHING_HERE);
        }
    };
    match look.format {
        ListFormat::Human => output::print(&format!("{before}{}", human::text(&seen)))?,
        ListFormat::Json => output::print_json(&json::value(&seen))?,
    }
    // A process none of whose living threads could be asked was not observed.
    let unseen = |process: &Process| {
        process.threads.is_empty() && process.left.iter().any(|(_, left)| *left != Left::Ended)
    };
    Ok(if seen.processes.iter().any(unseen) { NOTHING_HERE } else { HELD })
}

/// Looks; `None` if there is no such process.
fn see(look: &Look) -> Result<Option<Seen>, Vec<Missing>> {
    let (processes, others) = match look.pid {
        Some(pid) if look.stop => (look::stop_and_ask(pid)?, None),
        Some(pid) => {
            let all = look::observe()?;
            let contains =
                |process: &Process| process.threads.iter().any(|thread| thread.tid == pid);
            (all.into_values().find(contains), None)
        }
        None => return observe_all().map(Some),
    };
    Ok(processes.map(|process| Seen::of(look.stop, vec![process], others)))
}

impl Seen {
    fn of(asked: bool, processes: Vec<Process>, others: Option<(usize, usize)>) -> Seen {
        let keys = look::visible_keys().map_err(|error| error.to_string());
        Seen { asked, processes, keys, others }
    }
}

/// All processes that have anything to do with thread and process keyrings.
fn observe_all() -> Result<Seen, Vec<Missing>> {
    let (involved, others): (Vec<_>, Vec<_>) =
        look::observe()?.into_values().partition(Process::is_involved);
    let sessions: BTreeSet<KeySerial> = others.iter().flat_map(Process::keyrings).collect();
    Ok(Seen::of(false, involved, Some((others.len(), sessions.len()))))
}

/// What is missing, and what to do instead.
fn complaint(look: &Look, missing: &[Missing]) -> String {
    let list: String = missing.iter().map(|missing| format!("  - {missing}\n")).collect();
    let instead = match (look.stop, look.pid) {
        (true, _) => String::new(),
        (false, pid) => {
            let pid = pid.map_or("PID".to_owned(), |pid| pid.to_string());
            format!(
                "`keybook look --stop {pid}` asks the threads of a process that you may trace; each stops for a \
                 moment.\n"
            )
        }
    };
    format!("keybook: the keyrings of running tasks cannot be observed here:\n{list}{instead}")
}
