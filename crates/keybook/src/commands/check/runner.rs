//! Runs the snippets of rules, several in parallel, and compares their traces with the pinned ones.

use crate::embedded::Embedded;
use crate::output::count;
use crate::report::{CheckResult, Checked};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use keyrings::program::{Ended, RunningSnippet, Watch, WatchEvent};
use keyrings::room::Turn;
use keyrings::{NO_KEYRINGS, NO_ROOM, Signal, needs};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Number of rules to check in parallel.
    pub(super) jobs: usize,
    /// A snippet that runs longer is killed.
    pub(super) deadline: Duration,
}

/// How long to let other programs of this user go first before checking without a turn. One that is
/// stopped by a debugger may hold all turns forever.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long to wait for the tasks of killed snippets.
const LEFT_BEHIND: Duration = Duration::from_secs(2);

/// Signals by which a program ends through an error in it.
const CRASHES: [&str; 6] = ["SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTRAP"];

/// Checks rules and reports progress to `bar`. If a signal stops it, returns the results so far with
/// that signal.
///
/// Each rule runs in a fork of this process: 625 rules take 1.0 s on two cores. Starting the program
/// anew takes 9 ms, longer than most rules run.
///
/// # Errors
///
/// If this process cannot wait for its children.
pub(super) fn check(
    rules: &[&'static Embedded],
    limits: Limits,
    bar: &ProgressBar,
) -> Result<(Vec<Checked>, Option<Signal>)> {
    let watch = Watch::begin().context("cannot wait for child processes")?;
    let mut runner = Runner::new(rules, limits, bar);
    let stopped = runner.run(&watch)?;
    watch.end(LEFT_BEHIND);
    bar.finish_and_clear();
    let checked = rules.iter().zip(runner.results);
    let checked = checked.filter_map(|(rule, result)| Some(Checked::new(rule, result?)));
    Ok((checked.collect(), stopped))
}

struct Runner<'a> {
    rules: &'a [&'static Embedded],
    limits: Limits,
    bar: &'a ProgressBar,
    begun: Instant,
    /// Results by index of the rule.
    results: Vec<Option<CheckResult>>,
    /// Indices of rules that have not started.
    waiting: VecDeque<usize>,
    running: Vec<Running>,
    /// Turns of snippets that have ended. They are kept for the next ones, because snippets that
    /// run now have inherited their sockets: a returned turn would not be free yet, and a check
    /// would take 1.9 s instead of 1.0 s.
    turns: Vec<Turn>,
}

/// A rule whose snippet runs.
struct Running {
    /// Index of the rule.
    rule: usize,
    program: RunningSnippet,
    turn: Turn,
    /// Whether it was killed at its deadline.
    late: bool,
}

impl<'a> Runner<'a> {
    fn new(rules: &'a [&'static Embedded], limits: Limits, bar: &'a ProgressBar) -> Runner<'a> {
        let results: Vec<Option<CheckResult>> = rules.iter().map(|rule| unmet(rule)).collect();
        bar.inc(results.iter().flatten().count() as u64);
        let waiting = (0..rules.len()).filter(|rule| results[*rule].is_none()).collect();
        let begun = Instant::now();
        Runner {
            rules,
            limits,
            bar,
            begun,
            results,
            waiting,
            running: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// Runs until every rule has a result or a signal stops it.
    fn run(&mut self, watch: &Watch) -> Result<Option<Signal>> {
        let mut stopped = None;
        loop {
            self.start_waiting();
            if self.waiting.is_empty() {
                self.turns.clear();
            }
            if self.waiting.is_empty() && self.running.is_empty() {
                return Ok(stopped);
            }
            match watch.wait(self.next_wakeup())? {
                WatchEvent::Ended(pid, ended) => self.reap(pid, ended),
                WatchEvent::Time => self.kill_late(),
                // Running snippets end as usual and clean up; a second signal kills them.
                WatchEvent::Stop(signal) if stopped.is_none() => {
                    stopped = Some(signal);
                    self.waiting.clear();
                }
                WatchEvent::Stop(_) => {
                    self.running.iter().for_each(|running| running.program.kill())
                }
            }
        }
    }

    fn start_waiting(&mut self) {
        while self.running.len() < self.limits.jobs
            && let Some(rule) = self.waiting.front().copied()
        {
            let patient = self.begun.elapsed() < PATIENCE || !self.running.is_empty();
            let turn = self.turns.pop().or_else(|| Turn::take(self.limits.jobs));
            let Some(turn) = turn.or_else(|| (!patient).then(Turn::none)) else { return };
            self.waiting.pop_front();
            let observe = self.rules[rule].observe;
            match RunningSnippet::start(observe, self.limits.deadline) {
                Ok(program) => {
                    self.running.push(Running { rule, program, turn, late: false });
                }
                Err(error) => {
                    self.turns.push(turn);
                    let because = format!("cannot start the snippet: {error:?} ({})", error.desc());
                    self.finish(rule, not_observed("a process", because));
                }
            }
        }
    }

    /// The next time at which a deadline passes or a turn may be free.
    fn next_wakeup(&self) -> Instant {
        let pause = if self.waiting.is_empty() {
            PATIENCE
        } else {
            // The longer others hold the turns, the less often this asks: many may be waiting.
            (self.begun.elapsed() / 16).clamp(Duration::from_millis(20), Duration::from_secs(1))
        };
        let in_time = self.running.iter().filter(|running| !running.late);
        let deadlines = in_time.map(|running| running.program.deadline());
        deadlines.fold(Instant::now() + pause, Instant::min)
    }

    fn reap(&mut self, pid: i32, ended: Ended) {
        // Tasks that snippets left behind are reaped here too.
        let nth = self.running.iter().position(|running| running.program.pid() == pid);
        let Some(nth) = nth else { return };
        let Running { rule, program, turn, late } = self.running.swap_remove(nth);
        self.turns.push(turn);
        if ended != Ended::Exited(0) {
            program.kill();
        }
        let (trace, message) = program.printed();
        let message = message.trim_end().to_owned();
        let late = late.then_some(self.limits.deadline);
        let result = result(self.rules[rule].snapshot, ended, late, trace, message);
        self.finish(rule, result);
    }

    fn kill_late(&mut self) {
        let now = Instant::now();
        for running in self.running.iter_mut().filter(|running| !running.late) {
            if now >= running.program.deadline() {
                running.late = true;
                running.program.kill();
            }
        }
    }

    fn finish(&mut self, rule: usize, result: CheckResult) {
        self.results[rule] = Some(result);
        self.bar.inc(1);
    }
}

/// The result of a rule with a need that is not met.
fn unmet(rule: &Embedded) -> Option<CheckResult> {
    rule.needs.iter().find_map(|need| Some(not_observed(need, needs::unmet(need)?)))
}

fn not_observed(needs: &str, because: String) -> CheckResult {
    CheckResult::NotObserved { needs: needs.to_owned(), because }
}

/// The result of a rule whose snippet ended; `late` is the deadline that it missed.
fn result(
    pinned: Option<&str>,
    ended: Ended,
    late: Option<Duration>,
    trace: String,
    message: String,
) -> CheckResult {
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
            format!("hung: it did not end within {}", count(deadline.as_secs(), "second"))
        }
        (Ended::Killed(signal), _) if CRASHES.contains(&signal) => format!("crashed ({signal})"),
        (Ended::Killed(signal), _) => format!("was killed by {signal}"),
        (Ended::Exited(status), _) => format!("exited with status {status}"),
    }
}
