//! How many rules a second `keybook check` observes, beside the peers that test the same system
//! calls: LTP's keyctl, add_key and request_key programs, and the test suite of keyutils.
//!
//! `cargo bench -p keybook --bench peers --profile dev` runs them in turn, as root, once; with
//! `-- 3` three times, and the time is the median. (Snippets wait for the kernel: to optimise
//! hundreds of them takes minutes and gains nothing.) Nothing of the peers is part of this project:
//! each runs where it is installed, and where it is not, a line says how to get it.
//!
//! What counts as a case is the smallest thing that a suite itself reports: a rule; a result of an
//! LTP program; a step that a script of keyutils announces. The suites do not test the same facts,
//! so the numbers say how long one waits for an answer, not which suite is the better one.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const NO_LTP: &str = "build https://github.com/linux-test-project/ltp and set LTPROOT to the folder \
                      it is installed in";
const NO_KEYUTILS: &str = "unpack `apt-get source keyutils`, set KEYUTILS_TESTS to its folder tests, \
                           and install lsb-release and keyutils";

/// One run of a suite.
struct Run {
    took: Duration,
    /// How many programs it has, with their name in the plural.
    programs: (usize, &'static str),
    /// How many cases they reported, with their name in the plural.
    cases: (usize, &'static str),
    /// How many programs failed, each with its name.
    failed: Vec<String>,
    slowest: Option<(String, Duration)>,
}

/// What runs a suite, or says how to get it.
type Suite = fn() -> io::Result<Result<Run, &'static str>>;

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().collect();
    // `cargo test --all-targets` builds benches too and passes this.
    if args.iter().any(|arg| arg == "--test" || arg == "--list") {
        return Ok(());
    }
    let rounds = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(1).max(1);
    let suites: [(&str, Suite); 3] = [
        ("keybook check", keybook),
        ("LTP's keyctl, add_key and request_key", ltp),
        ("keyutils' test suite", keyutils),
    ];
    let mut runs = suites.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, suite), runs) in suites.iter().zip(&mut runs) {
            runs.push(suite()?);
        }
    }
    for ((name, _), runs) in suites.iter().zip(runs) {
        match runs.into_iter().collect::<Result<Vec<Run>, _>>() {
            Ok(runs) => tell(name, runs),
            Err(how) => println!("{name}: not installed: {how}"),
        }
    }
    Ok(())
}

fn tell(name: &str, mut runs: Vec<Run>) {
    runs.sort_by_key(|run| run.took);
    let Run { took, programs, cases, failed, slowest } = &runs[runs.len() / 2];
    let seconds = took.as_secs_f64();
    println!(
        "{name}: {:.1} {} per second ({} {}, {} {}, {seconds:.2} s)",
        cases.0 as f64 / seconds,
        cases.1,
        programs.0,
        programs.1,
        cases.0,
        cases.1,
    );
    if let Some((program, time)) = slowest {
        println!("  slowest: {program}, {:.2} s", time.as_secs_f64());
    }
    if !failed.is_empty() {
        println!("  failed: {}", failed.join(", "));
    }
}

/// Every rule of the book, by the program that was built with this bench.
fn keybook() -> io::Result<Result<Run, &'static str>> {
    let mut check = Command::new(env!("CARGO_BIN_EXE_keybook"));
    check.args(["check", "--format", "json"]).stdin(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let output = check.output()?;
    let took = start.elapsed();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| io::Error::other(format!("{check:?} ended with {}", output.status)))?;
    let rules = report["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed =
        rules.iter().filter(|rule| rule["result"] == "differs" || rule["result"] == "broken");
    Ok(Ok(Run {
        took,
        programs: (1, "program"),
        // A rule that is not observed here is not waited for either.
        cases: (rules.iter().filter(|rule| rule["result"] != "not-observed").count(), "rules"),
        failed: failed.map(|rule| rule["id"].as_str().unwrap_or_default().to_owned()).collect(),
        slowest: None,
    }))
}

/// LTP's programs, with the environment that its own runner gives them.
fn ltp() -> io::Result<Result<Run, &'static str>> {
    let Some(root) = env::var_os("LTPROOT").map(PathBuf::from) else { return Ok(Err(NO_LTP)) };
    let bin = root.join("testcases/bin");
    let mut programs: Vec<PathBuf> = entries(&bin)?;
    programs.retain(|path| path.file_name().is_some_and(|name| is_ltp(&name.to_string_lossy())));
    if programs.is_empty() {
        return Ok(Err(NO_LTP));
    }
    let mut path = vec![bin.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path).map_err(io::Error::other)?;
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.env("LTPROOT", &root).env("PATH", &path).current_dir(env::temp_dir());
        command
    };
    // 32: what the program needs is not there.
    run_all(&bin, &programs, "programs", "results", command, &[0, 32], ltp_results).map(Ok)
}

/// keyctl01 and the like; not keyctl01.sh, which changes the limits of the whole system.
fn is_ltp(name: &str) -> bool {
    let number = ["keyctl", "add_key", "request_key"].iter().find_map(|it| name.strip_prefix(it));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The sum of the numbers in the summary that a program ends with.
fn ltp_results(output: &str) -> usize {
    let number = |line: &str| {
        let (what, number) = line.split_once(' ')?;
        let counts = ["passed", "failed", "broken", "skipped"].contains(&what);
        if counts { number.trim().parse::<usize>().ok() } else { None }
    };
    output.lines().filter_map(number).sum()
}

/// The scripts of keyutils, one by one as its own runner does, in a copy: they write where they are.
fn keyutils() -> io::Result<Result<Run, &'static str>> {
    let Some(tests) = env::var_os("KEYUTILS_TESTS").map(PathBuf::from) else {
        return Ok(Err(NO_KEYUTILS));
    };
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keyutils-tests");
    let _ = fs::remove_dir_all(&copy);
    let copied = Command::new("cp").arg("-r").arg(&tests).arg(&copy).status()?;
    let mut scripts = Vec::new();
    if copied.success() {
        for group in ["bugzillas", "features", "keyctl"] {
            find_scripts(&copy.join(group), &mut scripts)?;
        }
    }
    if scripts.is_empty() {
        return Ok(Err(NO_KEYUTILS));
    }
    let command = |script: &Path| {
        let mut command = Command::new("bash");
        command.arg("./runtest.sh").current_dir(script.parent().unwrap_or(&copy));
        command
    };
    let steps = |output: &str| output.lines().filter(|line| line.starts_with("+++ ")).count();
    let run = run_all(&copy, &scripts, "scripts", "steps", command, &[0], steps);
    fs::remove_dir_all(&copy)?;
    run.map(Ok)
}

fn find_scripts(folder: &Path, scripts: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            find_scripts(&path, scripts)?;
        } else if path.ends_with("runtest.sh") {
            scripts.push(path);
        }
    }
    Ok(())
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Runs programs one after the other and counts the cases in what they print.
fn run_all(
    root: &Path,
    programs: &[PathBuf],
    called: &'static str,
    cases_called: &'static str,
    command: impl Fn(&Path) -> Command,
    passed: &[i32],
    count: fn(&str) -> usize,
) -> io::Result<Run> {
    let (mut cases, mut failed, mut slowest) = (0, Vec::new(), None);
    let start = Instant::now();
    for program in programs {
        let mut command = command(program);
        let began = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        let took = began.elapsed();
        let name = program.strip_prefix(root).unwrap_or(program).display().to_string();
        let name = name.trim_end_matches("/runtest.sh").to_owned();
        cases += count(&String::from_utf8_lossy(&output.stdout));
        cases += count(&String::from_utf8_lossy(&output.stderr));
        if !output.status.code().is_some_and(|code| passed.contains(&code)) {
            failed.push(name.clone());
        }
        if slowest.as_ref().is_none_or(|(_, time)| took > *time) {
            slowest = Some((name, took));
        }
    }
    Ok(Run {
        took: start.elapsed(),
        programs: (programs.len(), called),
        cases: (cases, cases_called),
        failed,
        slowest,
    })
}
