//! Runs the snippets of rules, several in parallel, each in a fork of this process.

use crate::embedded::Embedded;
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use keyrings::circumstance::Circumstance;
use keyrings::program::{Ended, RunningSnippet, Watch, WatchEvent};
use keyrings::room::Turn;
use keyrings::{Errno, Signal};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Number of snippets to run in parallel.
    pub(crate) jobs: usize,
    /// A snippet that runs longer is killed.
    pub(crate) deadline: Duration,
}

/// A snippet to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) rule: &'static Embedded,
    pub(crate) circumstance: Option<&'static Circumstance>,
}

/// A snippet that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    /// The deadline, if the snippet was killed at it.
    pub(crate) late: Option<Duration>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error, without space at its end.
    pub(crate) stderr: String,
}

/// How long to let other programs of this user go first before running without a turn. One that is
/// stopped by a debugger may hold all turns forever.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long to wait for the tasks of killed snippets.
const LEFT_BEHIND: Duration = Duration::from_secs(2);

/// Runs snippets and reports progress to `bar`. Returns what `judge` makes of each, and the signal if one
/// stopped it, then without the snippets that did not run. `judge` sees the errno of a snippet that could
/// not be started.
///
/// Each snippet runs in a fork of this process: 625 rules take 1.0 s on two cores. Starting the program
/// anew takes 9 ms, longer than most rules run.
///
/// # Errors
///
/// If this process cannot wait for its children.
pub(crate) fn run<T>(
    jobs: &[Job],
    limits: Limits,
    bar: &ProgressBar,
    judge: impl Fn(Job, std::result::Result<Finished, Errno>) -> T,
) -> Result<(Vec<Option<T>>, Option<Signal>)> {
    let watch = Watch::begin().context("cannot wait for child processes")?;
    let mut runner = Runner {
        jobs,
        limits,
        bar,
        judge,
        begun: Instant::now(),
        results: jobs.iter().map(|_| None).collect(),
        waiting: (0..jobs.len()).collect(),
        running: Vec::new(),
        turns: Vec::new(),
    };
    let stopped = runner.run(&watch)?;
    watch.end(LEFT_BEHIND);
    bar.finish_and_clear();
    Ok((runner.results, stopped))
}

struct Runner<'a, T, J> {
    jobs: &'a [Job],
    limits: Limits,
    bar: &'a ProgressBar,
    judge: J,
    begun: Instant,
    /// Results by index of the job.
    results: Vec<Option<T>>,
    /// Indices of jobs that have not started.
    waiting: VecDeque<usize>,
    running: Vec<Running>,
    /// Turns of snippets that have ended. They are kept for the next ones, because snippets that
    /// run now have inherited their sockets: a returned turn would not be free yet, and a check
    /// would take 1.9 s instead of 1.0 s.
    turns: Vec<Turn>,
}

/// A snippet that runs.
struct Running {
    /// Index of the job.
    job: usize,
    program: RunningSnippet,
    turn: Turn,
    /// Whether it was killed at its deadline.
    late: bool,
}

impl<T, J: Fn(Job, std::result::Result<Finished, Errno>) -> T> Runner<'_, T, J> {
    /// Runs until every job has a result or a signal stops it.
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
            && let Some(job) = self.waiting.front().copied()
        {
            let patient = self.begun.elapsed() < PATIENCE || !self.running.is_empty();
            let turn = self.turns.pop().or_else(|| Turn::take(self.limits.jobs));
            let Some(turn) = turn.or_else(|| (!patient).then(Turn::none)) else { return };
            self.waiting.pop_front();
            let Job { rule, circumstance } = self.jobs[job];
            let variation = circumstance.map(|circumstance| (circumstance, rule.needs));
            match RunningSnippet::start(rule.observe, self.limits.deadline, variation) {
                Ok(program) => {
                    self.running.push(Running { job, program, turn, late: false });
                }
                Err(error) => {
                    self.turns.push(turn);
                    self.finish(job, Err(error));
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
        let Running { job, program, turn, late } = self.running.swap_remove(nth);
        self.turns.push(turn);
        if ended != Ended::Exited(0) {
            program.kill();
        }
        let (stdout, stderr) = program.printed();
        let stderr = stderr.trim_end().to_owned();
        let late = late.then_some(self.limits.deadline);
        self.finish(job, Ok(Finished { ended, late, stdout, stderr }));
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

    fn finish(&mut self, job: usize, finished: std::result::Result<Finished, Errno>) {
        self.results[job] = Some((self.judge)(self.jobs[job], finished));
        self.bar.inc(1);
    }
}
