//! How many programs a second are run and judged, and how long judging alone takes.
//!
//! `cargo bench -p explore` measures, one after the other:
//!
//! - programs generated, run on the kernel and judged, per second, by one process for each core;
//! - calls parsed, and calls judged, per second on one core: the traces of those programs, and those of
//!   the book;
//! - how much longer the judge takes for a trace that is ten times as long;
//! - the memory of a process that judges a million traces, after a tenth of them and in the end.
//!
//! SibylFS (SOSP 2015), which judges file systems in the same way, reports 21,000 traces run and judged
//! in under 5 minutes: 70 a second.

use explore::random::Random;
use explore::{Laboratory, Verdict, exhaustive};
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use trace::Trace;

/// So long programs are run.
const EXPLORING: Duration = Duration::from_secs(20);
/// So long the judge is timed for each kind of traces.
const JUDGING: Duration = Duration::from_secs(3);
/// So many traces are judged for the measure of memory.
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
    if let Some(paragraph) = keyrings::place::Keyrings::here().explain() {
        println!("programs run and judged: not measured. {paragraph}");
    } else {
        run_and_judged();
        let random = seen();
        judged("random programs", &random);
    }
    let book = book();
    judged("the book", &book);
    linear();
    memory(&book);
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Programs from both sources, run by one process for each core.
fn run_and_judged() {
    let itself = env::current_exe().expect("this program has a path");
    let begun = Instant::now();
    let start = |part| {
        let mut part_of_it = Command::new(&itself);
        let part_of_it = part_of_it.arg(format!("--part={part}")).stdout(Stdio::piped());
        part_of_it.spawn().expect("this program can be run again")
    };
    let parts: Vec<_> = (0..cores()).map(start).collect();
    let counts = parts.into_iter().map(|part| {
        let output = part.wait_with_output().expect("a part ends");
        String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().expect("a part says a number")
    });
    let all: u64 = counts.sum();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "programs run and judged: {:.0} per second on {} cores ({all} in {seconds:.1} s)",
        all as f64 / seconds,
        cores()
    );
}

/// The share of one process; gives how many programs it judged.
fn explored(part: usize, of: usize) -> u64 {
    let laboratory = Laboratory::new().expect("memory for the record");
    let begun = Instant::now();
    let mut judged = 0;
    let mut judge =
        |verdict: Verdict| judged += u64::from(!matches!(verdict, Verdict::NotJudged(_)));
    for program in exhaustive::programs(3).skip(part).step_by(of) {
        if begun.elapsed() > EXPLORING / 2 {
            break;
        }
        judge(laboratory.judge(&program));
    }
    let random = Random::new(SEED, keyrings::getuid() == 0);
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
    let random = Random::new(SEED, keyrings::getuid() == 0);
    let programs = (0..500).filter_map(|number| random.program(number));
    let seen = programs.filter_map(|program| laboratory.run(&program).ok());
    seen.map(|(_, trace)| trace.to_string()).collect()
}

/// The traces of the book.
fn book() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../snapshots");
    let files = fs::read_dir(folder).expect("snapshots").map(|entry| entry.expect("a file").path());
    let snapshots = files.filter(|file| {
        file.extension().is_some_and(|extension| extension == "snap")
            && file.file_stem().is_some_and(|name| name != "rules")
    });
    let text = |file| fs::read_to_string(file).expect("a snapshot");
    snapshots.map(text).filter_map(|text| Some(text.split_once("\n---\n")?.1.to_owned())).collect()
}

/// Calls parsed and calls judged per second.
fn judged(what: &str, texts: &[String]) {
    let traces: Vec<Trace> = texts.iter().map(|text| text.parse().expect("a trace")).collect();
    let calls: usize = traces.iter().map(|trace| trace.events.len()).sum();
    let parsed = rate(calls, || {
        for text in texts {
            let _ = black_box(text.parse::<Trace>());
        }
    });
    let allowed: Vec<&Trace> = traces.iter().filter(|trace| model::judge(trace).is_ok()).collect();
    let calls: usize = allowed.iter().map(|trace| trace.events.len()).sum();
    let judged = rate(calls, || {
        for trace in &allowed {
            let _ = black_box(model::judge(trace));
        }
    });
    println!(
        "{what}: {parsed:.0} calls parsed per second on one core, {judged:.0} judged ({} of {} traces)",
        allowed.len(),
        traces.len()
    );
}

/// How many calls a second, if `work` goes through so many.
fn rate(calls: usize, work: impl Fn()) -> f64 {
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < JUDGING {
        work();
        rounds += 1;
    }
    (calls * rounds) as f64 / begun.elapsed().as_secs_f64()
}

/// A trace of so many rounds of five calls, in which tasks and keyrings come and go.
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

/// Traces that become longer.
fn linear() {
    let mut before: Option<f64> = None;
    for rounds in [20, 200, 2_000, 20_000] {
        let trace = long(rounds);
        let begun = Instant::now();
        assert_eq!(model::judge(&trace), Ok(()), "a long trace is allowed");
        let took = begun.elapsed().as_secs_f64();
        let times =
            before.map_or(String::new(), |before| format!(", {:.1} times as long", took / before));
        println!("a trace of {} calls: {:.1} ms{times}", trace.events.len(), took * 1000.0);
        before = Some(took);
    }
}

/// Memory while many traces are parsed and judged.
fn memory(texts: &[String]) {
    let mut early = String::new();
    for (nth, text) in texts.iter().cycle().take(MANY).enumerate() {
        if nth == MANY / 10 {
            early = status();
        }
        let trace: Trace = text.parse().expect("a trace");
        let _ = black_box(model::judge(&trace));
    }
    println!("{MANY} traces: after a tenth {early}, in the end {}", status());
}

/// The memory of this process, now and at most.
fn status() -> String {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}
