//! Benchmarks of exploring and of judging: `cargo bench -p explore`.
//!
//! One after the other:
//!
//! - programs generated, executed on the kernel and judged, per second, by one process per core;
//! - calls parsed and calls judged, per second on one core: in the traces of those programs, and in the
//!   book's traces;
//! - how the time to judge a trace grows with its length;
//! - the memory of a process that judges a million traces, after a tenth of them and at the end.
//!
//! SibylFS (SOSP 2015), which judges file systems in the same way, reports 21,000 traces executed and
//! judged in under 5 minutes: 70 per second.

use explore::random::{Can, Random};
use explore::{Judgment, Laboratory, exhaustive};
use model::Verdict;
use rulebook::{Rulebook, Snapshot, Timings};
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use trace::Trace;

/// The time for executing programs.
const EXPLORING: Duration = Duration::from_secs(20);
/// The time for judging each set of traces.
const JUDGING: Duration = Duration::from_secs(3);
/// How many traces are judged to measure memory.
const MANY: usize = 1_000_000;
const SEED: u64 = 1;

fn main() {
    keyrings::serve_if_invited();
    let args: Vec<String> = env::args().collect();
    // `cargo test --all-targets` builds benches too and passes this.
    if args.iter().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    if let Some(part) = args.iter().find_map(|arg| arg.strip_prefix("--part=")) {
        println!("{}", explored(part.parse().expect("a number"), cores()));
        return;
    }
    let mut timings = Timings::new("cargo bench -p explore", "SibylFS (SOSP 2015)");
    if let Some(paragraph) = keyrings::probe::Keyrings::here().explain() {
        println!("programs executed and judged: not measured. {paragraph}");
    } else {
        run_and_judged(&mut timings);
        let random = seen();
        judged(&mut timings, "random programs", &random);
    }
    let book = book();
    judged(&mut timings, "the book", &book);
    linear(&mut timings);
    memory(&mut timings, &book);
    timings.finish("explore").expect("the results can be saved");
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Executes and judges programs, exhaustive and random ones, with one process per core.
fn run_and_judged(timings: &mut Timings) {
    let itself = env::current_exe().expect("the path of this program");
    let begun = Instant::now();
    let start = |part| {
        let mut process = Command::new(&itself);
        let process = process.arg(format!("--part={part}")).stdout(Stdio::piped());
        process.spawn().expect("this program starts again")
    };
    let parts: Vec<_> = (0..cores()).map(start).collect();
    let counts = parts.into_iter().map(|part| {
        let output = part.wait_with_output().expect("the process ends");
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse::<u64>()
            .expect("the process prints a number")
    });
    let all: u64 = counts.sum();
    let seconds = begun.elapsed().as_secs_f64();
    let here = format!("{:.0} per second on {} cores", all as f64 / seconds, cores());
    timings.row("generated programs executed and judged", here, "70 per second".into());
}

/// The share of one process; returns how many programs it judged.
fn explored(part: usize, of: usize) -> u64 {
    let laboratory = Laboratory::new().expect("memory for the record");
    let begun = Instant::now();
    let mut judged = 0;
    let mut judge = |one: Judgment| judged += u64::from(!matches!(one, Judgment::Unjudged(_)));
    for program in exhaustive::programs(3).skip(part).step_by(of) {
        if begun.elapsed() > EXPLORING / 2 {
            break;
        }
        judge(laboratory.judge(&program));
    }
    let random = Random::new(SEED, Can::here());
    for number in (part as u64..).step_by(of) {
        if begun.elapsed() > EXPLORING {
            break;
        }
        judge(laboratory.judge(&random.program(number).expect("a program")));
    }
    judged
}

/// The traces of random programs.
fn seen() -> Vec<String> {
    let laboratory = Laboratory::new().expect("memory for the record");
    let random = Random::new(SEED, Can::here());
    let programs = (0..500).filter_map(|number| random.program(number));
    let seen = programs.filter_map(|program| laboratory.run(&program).ok());
    seen.map(|(_, trace)| trace.to_string()).collect()
}

/// The book's traces.
fn book() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rules = Rulebook::read(&root).rules;
    let trace = |id: &str| Snapshot::read(&root, id).expect("a snapshot").contents;
    rules.iter().map(|rule| trace(&rule.id)).collect()
}

/// Prints how many calls are parsed and judged per second.
fn judged(timings: &mut Timings, what: &str, texts: &[String]) {
    let traces: Vec<Trace> = texts.iter().map(|text| text.parse().expect("a trace")).collect();
    let calls: usize = traces.iter().map(|trace| trace.events().len()).sum();
    let parsed = rate(calls, || {
        for text in texts {
            let _ = black_box(text.parse::<Trace>());
        }
    });
    let allowed: Vec<&Trace> =
        traces.iter().filter(|trace| judge_by_model(trace) == Verdict::Allowed).collect();
    let calls: usize = allowed.iter().map(|trace| trace.events().len()).sum();
    let judged = rate(calls, || {
        for trace in &allowed {
            let _ = black_box(judge_by_model(trace));
        }
    });
    let per_second = |calls: f64| format!("{calls:.0} per second on one core");
    timings.row(format!("calls parsed, {what}"), per_second(parsed), String::new());
    timings.row(format!("calls judged, {what}"), per_second(judged), String::new());
}

fn judge_by_model(trace: &Trace) -> Verdict {
    model::judge(trace, &model::wrong::Table::default())
}

/// Calls per second, where `work` handles this many.
fn rate(calls: usize, work: impl Fn()) -> f64 {
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < JUDGING {
        work();
        rounds += 1;
    }
    (calls * rounds) as f64 / begun.elapsed().as_secs_f64()
}

/// A trace with this many rounds of five calls, each of which creates and ends a task and a keyring.
fn long(rounds: usize) -> Trace {
    let mut text = String::from("main  keyctl_get_keyring_ID(@p, 1) = K1\n");
    for nth in 0..rounds {
        let key = nth + 2;
        let _ = write!(
            text,
            "main  fork() = child{nth}\nchild{nth}  keyctl_get_keyring_ID(@p, 1) = K{key}\n\
             child{nth}  keyctl_get_keyring_ID(@p, 0) = K{key}\nchild{nth}  exit(0)\n\
             main  waitpid(child{nth}) = child{nth}\n"
        );
    }
    text.parse().expect("a trace")
}

/// Prints how long judging takes for longer and longer traces.
fn linear(timings: &mut Timings) {
    for rounds in [20, 200, 2_000, 20_000] {
        let trace = long(rounds);
        let begun = Instant::now();
        assert_eq!(judge_by_model(&trace), Verdict::Allowed, "a long trace is allowed");
        let took = begun.elapsed().as_secs_f64();
        let what = format!("a trace of {} calls judged", trace.events().len());
        timings.row(what, format!("{:.1} ms", took * 1000.0), String::new());
    }
}

/// Prints the memory after parsing and judging many traces.
fn memory(timings: &mut Timings, texts: &[String]) {
    let mut early = String::new();
    for (nth, text) in texts.iter().cycle().take(MANY).enumerate() {
        if nth == MANY / 10 {
            early = status();
        }
        let trace: Trace = text.parse().expect("a trace");
        let _ = black_box(judge_by_model(&trace));
    }
    timings.row(format!("memory after judging {} traces", MANY / 10), early, String::new());
    timings.row(format!("memory after judging {MANY} traces"), status(), String::new());
}

/// The peak memory of this process.
fn status() -> String {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap_or("unknown").trim().to_owned()
}
