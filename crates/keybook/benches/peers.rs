//! How many rules a second `keybook check` observes, beside the peers that test the same system
//! calls: LTP's keyctl, add_key and request_key programs, and the test suite of keyutils.
//!
//! `cargo bench -p keybook --bench peers --profile dev` runs each suite once, as root; with `-- 3`
//! three times, and prints the median. (Snippets wait for the kernel. To optimize hundreds of them
//! takes minutes and gains nothing.) The peers are not part of this project: for a suite that cannot
//! run, a line says why, and the others run all the same.
//!
//! A case is the smallest thing that a suite reports itself: a rule, a result of an LTP program, a
//! step that a script of keyutils announces. The suites test different facts, so the numbers say how
//! long one waits for a result, not which suite is better.

use anyhow::{Context, Result, bail};
use rulebook::Timings;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

const NO_LTP: &str = "build https://github.com/linux-test-project/ltp and set LTPROOT to the folder \
                      it is installed in";
const NO_KEYUTILS: &str = "unpack `apt-get source keyutils`, set KEYUTILS_TESTS to its folder tests, \
                           and install lsb-release and keyutils";

type Suite = fn() -> Result<Run>;

/// One run of a suite.
struct Run {
    took: Duration,
    /// Number of programs, and what they are called.
    programs: (usize, &'static str),
    /// Number of cases, and what they are called.
    cases: (usize, &'static str),
    /// Names of the programs or cases that failed.
    failed: Vec<String>,
    slowest: Option<(String, Duration)>,
}

fn main() {
    let args: Vec<String> = env::args().collect();
    // `cargo test --all-targets` runs benches with this argument.
    if args.iter().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    let rounds = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(1).max(1);
    let suites: [(&str, Suite); 3] = [
        ("keybook check", keybook),
        ("LTP's keyctl, add_key and request_key", ltp),
        ("keyutils' test suite", keyutils),
    ];
    let mut timings = Timings::new("cargo bench -p keybook --bench peers --profile dev", "");
    let mut runs = suites.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, suite), runs) in suites.iter().zip(&mut runs) {
            runs.push(suite());
        }
    }
    for ((name, _), runs) in suites.iter().zip(runs) {
        match runs.into_iter().collect::<Result<Vec<Run>>>() {
            Ok(runs) => add(&mut timings, name, runs),
            Err(why) => println!("{name}: cannot run: {why:#}"),
        }
    }
    if let Err(why) = explain(&mut timings) {
        println!("keybook strace: cannot run: {why:#}");
    }
    timings.finish("peers").expect("the results can be saved");
}

fn add(timings: &mut Timings, name: &str, mut runs: Vec<Run>) {
    runs.sort_by_key(|run| run.took);
    let Run { took, programs, cases, failed, slowest } = &runs[runs.len() / 2];
    let ((programs, called), (cases, cases_called)) = (programs, cases);
    let seconds = took.as_secs_f64();
    let what = format!("{name}: {cases} {cases_called} of {programs} {called}");
    let rate = *cases as f64 / seconds;
    timings.row(what, format!("{seconds:.2} s, {rate:.1} per second"), String::new());
    if let Some((program, time)) = slowest {
        println!("  slowest: {program}, {:.2} s", time.as_secs_f64());
    }
    if !failed.is_empty() {
        println!("  failed: {}", failed.join(", "));
    }
}

/// A million lines of strace, explained, beside programs that only read them.
fn explain(timings: &mut Timings) -> Result<()> {
    const LINES: usize = 1_000_000;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("million.log");
    let mut log = String::from("1 execve(\"/p\", [\"/p\"], 0x0 /* 3 vars */) = 0\n");
    for (serial, pid) in (1000..1000 + LINES / 5).zip((2..).flat_map(|pid| [pid; 25])) {
        let call = match serial % 25 {
            0 => format!("1 clone(child_stack=0x7f00, flags=CLONE_VM|CLONE_THREAD) = {pid}"),
            24 => format!("{pid} exit(0) = ?"),
            nth => format!("{pid} request_key(\"user\", \"b{nth}\", NULL, 0) = -1 ENOKEY (x)"),
        };
        let ring = "KEY_SPEC_THREAD_KEYRING";
        log += &format!(
            "{call}\n1 add_key(\"user\", \"a\", \"secret\", 6, {ring}) = {serial}\n\
             1 keyctl(KEYCTL_READ, {serial}, \"secret\", 64) = 6\n\
             1 keyctl(KEYCTL_SEARCH, {ring}, \"user\", \"a\", 0) = {serial}\n\
             1 keyctl(KEYCTL_UNLINK, {serial}, {ring}) = 0\n"
        );
    }
    fs::write(&path, log)?;
    let readers: [(&str, &[&str]); 3] = [
        (env!("CARGO_BIN_EXE_keybook"), &["strace"]),
        ("grep", &["-cE", "keyctl|add_key|request_key"]),
        ("wc", &["-l"]),
    ];
    for (program, args) in readers {
        let start = Instant::now();
        let output = Command::new(program).args(args).arg(&path).stdin(Stdio::null()).output();
        let output = output.with_context(|| program.to_owned())?;
        if !matches!(output.status.code(), Some(0 | 1)) {
            bail!("{program}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        let what = format!("{name} {}: a log of {LINES} lines", args.join(" "));
        timings.row(what, format!("{:.2} s", start.elapsed().as_secs_f64()), String::new());
    }
    fs::remove_file(&path)?;
    Ok(())
}

/// Every rule of the book, checked by the program that was built with this bench.
fn keybook() -> Result<Run> {
    let mut check = Command::new(env!("CARGO_BIN_EXE_keybook"));
    check.args(["check", "--format", "json"]).stdin(Stdio::null());
    let start = Instant::now();
    let output = check.output()?;
    let took = start.elapsed();
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("it ended with {}: {message}", output.status))?;
    let rules = report["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |results: &[&str]| -> Vec<String> {
        let result =
            |rule: &serde_json::Value| rule["result"].as_str().unwrap_or_default().to_owned();
        let rules = rules.iter().filter(|rule| results.contains(&result(rule).as_str()));
        rules.map(|rule| rule["id"].as_str().unwrap_or_default().to_owned()).collect()
    };
    // A rule that is not observed takes no time.
    let observed = of(&["held", "differs", "broken"]).len();
    if observed == 0 {
        bail!("{message}");
    }
    let failed = of(&["differs", "broken"]);
    Ok(Run { took, programs: (1, "program"), cases: (observed, "rules"), failed, slowest: None })
}

/// LTP's programs, with its runner's environment.
fn ltp() -> Result<Run> {
    let root = PathBuf::from(env::var_os("LTPROOT").context(NO_LTP)?);
    let bin = root.join("testcases/bin");
    let mut programs = entries(&bin).context(NO_LTP)?;
    programs.retain(|path| path.file_name().is_some_and(|name| is_ltp(&name.to_string_lossy())));
    let mut path = vec![bin.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path)?;
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.env("LTPROOT", &root).env("PATH", &path).current_dir(env::temp_dir());
        command
    };
    // LTP's status for a program whose requirements are not met is 32.
    let run = run_all(&bin, &programs, command, &[0, 32], ltp_results).context(NO_LTP)?;
    Ok(Run { programs: (programs.len(), "programs"), cases: (run.cases.0, "results"), ..run })
}

/// Whether a program is keyctl01 or the like; not keyctl01.sh, which changes limits of the system.
fn is_ltp(name: &str) -> bool {
    let number = ["keyctl", "add_key", "request_key"].iter().find_map(|it| name.strip_prefix(it));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The sum of the numbers in the summary at the end of a program's output.
fn ltp_results(output: &str) -> usize {
    let number = |line: &str| {
        let (what, number) = line.split_once(' ')?;
        let counts = ["passed", "failed", "broken", "skipped"].contains(&what);
        if counts { number.trim().parse::<usize>().ok() } else { None }
    };
    output.lines().filter_map(number).sum()
}

/// The scripts of keyutils, one by one as its own runner starts them, in a copy: they write to their
/// folders.
fn keyutils() -> Result<Run> {
    let tests = env::var_os("KEYUTILS_TESTS").context(NO_KEYUTILS)?;
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keyutils-tests");
    let _ = fs::remove_dir_all(&copy);
    Command::new("cp").arg("-r").arg(&tests).arg(&copy).status()?;
    let mut scripts = Vec::new();
    for group in ["bugzillas", "features", "keyctl"] {
        find_scripts(&copy.join(group), &mut scripts).context(NO_KEYUTILS)?;
    }
    let command = |script: &Path| {
        let mut command = Command::new("bash");
        command.arg("./runtest.sh").current_dir(script.parent().unwrap_or(&copy));
        command
    };
    let steps = |output: &str| output.lines().filter(|line| line.starts_with("+++ ")).count();
    let run = run_all(&copy, &scripts, command, &[0], steps).context(NO_KEYUTILS);
    fs::remove_dir_all(&copy)?;
    let run = run?;
    Ok(Run { programs: (scripts.len(), "scripts"), cases: (run.cases.0, "steps"), ..run })
}

fn find_scripts(folder: &Path, scripts: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            find_scripts(&path, scripts)?;
        } else if path.ends_with("runtest.sh") {
            scripts.push(path);
        }
    }
    Ok(())
}

/// The files in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Runs programs one after the other and counts the cases in their output.
fn run_all(
    root: &Path,
    programs: &[PathBuf],
    command: impl Fn(&Path) -> Command,
    passed: &[i32],
    count: fn(&str) -> usize,
) -> Result<Run> {
    if programs.is_empty() {
        bail!("no tests in {}", root.display());
    }
    let (mut cases, mut failed, mut slowest) = (0, Vec::new(), None);
    let start = Instant::now();
    for program in programs {
        let began = Instant::now();
        let output = command(program).stdin(Stdio::null()).output()?;
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
    let (programs, cases) = ((programs.len(), "programs"), (cases, "cases"));
    Ok(Run { took: start.elapsed(), programs, cases, failed, slowest })
}
