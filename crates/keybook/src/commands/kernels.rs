//! `keybook kernels`: checks the rules on other kernels and in other environments, and prints the
//! matrix of rules and kernels.

pub(super) mod companions;
mod environments;
pub(super) mod executable;
mod matrix;

use crate::report::Report;
use crate::site::columns::{Column, ColumnKind};
use crate::site::environments::RESULTS;
use crate::status::{DIFFERS, HELD, MISUSE, NOTHING_HERE, of_bisection};
use crate::{jobs, output, progress, project};
use ::kernels::fetch::{Progress, Wanted};
use ::kernels::{Architecture, Kernel, Limits, Payload, Target};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use environments::Subject;
use indicatif::ProgressBar;
use output::{ListFormat, count};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Kernels {
    #[command(subcommand)]
    action: Option<Action>,
    /// Kernels and environments to run on, by the start of their names; default: all.
    names: Vec<String>,
    /// A kernel, a package with one, or a folder of these; default without --cmd: the cache and the
    /// project's environments.
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    /// An environment that a command starts: NAME=COMMAND, where `{}` stands for the executable, as in
    /// `pod=podman run --rm -v {}:/k:ro --rootfs /media:O /k`.
    #[arg(long = "cmd", value_name = "NAME=COMMAND")]
    commands: Vec<String>,
    /// A static executable to run on kernels for its architecture, such as one for i686, also on those for x86-64;
    /// default: this one if it is static, or else what `cargo static`, `cargo static-aarch64`, … build.
    #[arg(long = "program", value_name = "PATH")]
    programs: Vec<PathBuf>,
    /// How many kernels to run at a time; default: one per core.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Seconds after which a kernel that has not finished is started again, once; it may take a fifth of them to boot.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    deadline: u32,
    /// Save the results in this folder; default: the project's snapshots/kernels.
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// Check only this rule, on one kernel, and exit as `git bisect run` asks: with 125 if it can't be observed there.
    #[arg(long, value_name = "RULE")]
    bisect: Vec<String>,
    /// How to show the matrix.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

#[derive(Subcommand)]
enum Action {
    /// Fetch kernels from Debian's mirror into the cache; nothing is installed.
    Fetch {
        /// Packages, by name; default: the newest kernel of every series, and the oldest of all; for another
        /// architecture, that of the first series and that of the last.
        packages: Vec<String>,
        /// The architecture, as uname(1) or Debian names it.
        #[arg(long, value_name = "NAME", value_parser = architecture, default_value = "x86_64")]
        arch: Architecture,
    },
    /// List the available kernels and environments.
    List,
}

/// The result for one subject.
struct Finished {
    name: String,
    seconds: f64,
    result: Result<Column>,
}

pub(crate) fn run(asked: &Kernels) -> Result<u8> {
    match &asked.action {
        Some(Action::Fetch { packages, arch }) => fetch(packages, *arch),
        Some(Action::List) => list(&subjects(asked)?),
        None if asked.bisect.is_empty() => check(asked),
        None => Ok(of_bisection(bisect(asked))),
    }
}

/// Reads the name of an architecture.
fn architecture(name: &str) -> Result<Architecture, String> {
    let known = || Architecture::ALL.into_iter().filter(|it| it.of_kernel() == *it);
    known().find(|it| [it.name(), it.debian()].contains(&name)).ok_or_else(|| {
        let names: Vec<&str> = known().map(Architecture::name).collect();
        format!("no kernels are fetched for it, but for {}", names.join(", "))
    })
}

fn fetch(packages: &[String], architecture: Architecture) -> Result<u8> {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let wanted = match packages {
        [] => Wanted::default(),
        packages => Wanted::Packages(packages.to_vec()),
    };
    let cache = ::kernels::cache();
    let mut report = |progress: &Progress| bar.set_message(words(progress));
    let found = ::kernels::fetch::fetch(&cache, architecture, &wanted, &mut report)?;
    bar.finish_and_clear();
    let names: String = found.iter().map(|kernel| format!("{}\n", kernel.name)).collect();
    output::print(&format!("{names}{} in {}\n", count(found.len(), "kernel"), cache.display()))?;
    Ok(HELD)
}

fn words(progress: &Progress) -> String {
    match progress {
        Progress::Lists => "reading package lists".to_owned(),
        Progress::Missing(address) => format!("the mirror has nothing at {address}"),
        Progress::Chosen(packages) => count(packages, "package"),
        Progress::Cached(package) => format!("{package} is in the cache"),
        Progress::Fetch { package, bytes } => format!("{package}, {} MB", bytes / 1_000_000),
    }
}

fn list(subjects: &[Subject]) -> Result<u8> {
    let line = |Subject { kernel: Kernel { name, target }, .. }: &Subject| match target {
        Target::Qemu { image, .. } => format!("{name:32} QEMU     {}\n", image.display()),
        Target::Uml { linux } => format!("{name:32} UML      {}\n", linux.display()),
        Target::Command { words } => format!("{name:32} command  {}\n", words.join(" ")),
    };
    output::print(&subjects.iter().map(line).collect::<String>())?;
    Ok(HELD)
}

/// Returns the subjects that the command line selects.
fn subjects(asked: &Kernels) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    let cache = ::kernels::cache();
    let only_these = !asked.from.is_empty() || !asked.commands.is_empty();
    let from = if only_these { asked.from.clone() } else { vec![cache.clone()] };
    for path in from.iter().filter(|path| only_these || path.exists()) {
        for kernel in ::kernels::find(path)? {
            subjects.push(Subject { title: kernel.name.clone(), kind: ColumnKind::Kernel, kernel });
        }
    }
    for command in &asked.commands {
        subjects.push(environments::from_command(command)?);
    }
    if !only_these && let Ok(root) = project::root() {
        subjects.extend(environments::of_project(&root)?);
    }
    if !asked.names.is_empty() {
        let named = |subject: &Subject, name: &String| subject.kernel.name.starts_with(name);
        let unknown = |name: &&String| !subjects.iter().any(|subject| named(subject, name));
        if let Some(name) = asked.names.iter().find(unknown) {
            bail!("there is no kernel or environment `{name}`: `keybook kernels list` lists them");
        }
        subjects.retain(|subject| asked.names.iter().any(|name| named(subject, name)));
    }
    if subjects.is_empty() {
        bail!(
            "there are no kernels in {}: `keybook kernels fetch` fetches some, or name a folder \
             with --from",
            cache.display()
        );
    }
    Ok(subjects)
}

fn check(asked: &Kernels) -> Result<u8> {
    let subjects = subjects(asked)?;
    let runs = programs(subjects, &asked.programs)?;
    let folder = match &asked.save {
        Some(folder) => Some(folder.clone()),
        None => project::root().ok().map(|root| root.join(RESULTS)),
    };
    let start = Instant::now();
    let finished = run_all(&runs, asked);
    let wall = start.elapsed();
    let mut failed = false;
    for Finished { name, result, .. } in &finished {
        match (result, &folder) {
            (Ok(column), Some(folder)) => column.save(folder)?,
            (Ok(_), None) => {}
            (Err(error), _) => {
                eprintln!("keybook: {name}: {error:#}");
                failed = true;
            }
        }
    }
    if folder.is_none() {
        eprintln!("keybook: the results are not saved: name a folder with --save");
    }
    let (columns, seconds): (Vec<Column>, Vec<f64>) =
        finished.into_iter().filter_map(|one| Some((one.result.ok()?, one.seconds))).unzip();
    output::print(&match asked.format {
        ListFormat::Human => matrix::human(&columns, &seconds, wall),
        ListFormat::Json => matrix::json(&columns)?,
    })?;
    let differ = columns.iter().map(Column::count).any(|count| count.differ + count.broken > 0);
    let held = columns.iter().map(Column::count).any(|count| count.held > 0);
    Ok(match (failed || differ, held) {
        (true, _) => DIFFERS,
        (false, true) => HELD,
        (false, false) => NOTHING_HERE,
    })
}

/// Assigns executables to subjects. A subject without one is left out, with a message, unless all are.
fn programs(subjects: Vec<Subject>, named: &[PathBuf]) -> Result<Vec<(Subject, PathBuf)>> {
    let mut runs = Vec::new();
    let mut lacking = BTreeMap::new();
    for subject in subjects {
        let architecture = subject.architecture();
        for executable in match executable::for_kernel(architecture, named) {
            Ok(executables) => executables,
            Err(error) => {
                lacking.insert(architecture, error);
                continue;
            }
        } {
            runs.push((subject.with_program(&executable)?, executable));
        }
    }
    for (architecture, error) in lacking {
        if runs.is_empty() {
            return Err(error);
        }
        eprintln!("keybook: kernels for {} are skipped: {error:#}", architecture.name());
    }
    Ok(runs)
}

/// Runs executables on subjects, several at a time.
fn run_all(runs: &[(Subject, PathBuf)], asked: &Kernels) -> Vec<Finished> {
    let limits = limits(asked);
    let bar = progress::bar(runs.len() as u64, "{pos}/{len} kernels, {elapsed} {msg}");
    bar.enable_steady_tick(Duration::from_millis(500));
    let next = Mutex::new(runs.iter().enumerate());
    let finished = Mutex::new(Vec::new());
    let work = || {
        loop {
            let taken = next.lock().unwrap_or_else(|lock| lock.into_inner()).next();
            let Some((nth, (subject, executable))) = taken else { break };
            let name = subject.kernel.name.clone();
            let start = Instant::now();
            let result = run_one(subject, executable, &limits);
            let seconds = start.elapsed().as_secs_f64();
            bar.set_message(name.clone());
            bar.inc(1);
            let one = Finished { name, seconds, result };
            finished.lock().unwrap_or_else(|lock| lock.into_inner()).push((nth, one));
        }
    };
    thread::scope(|scope| {
        for _ in 0..asked.jobs.unwrap_or_else(jobs::cores).clamp(1, runs.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let mut finished = finished.into_inner().unwrap_or_else(|lock| lock.into_inner());
    finished.sort_by_key(|(nth, _)| *nth);
    finished.into_iter().map(|(_, one)| one).collect()
}

/// Checks the rules that a bisection is about on the only kernel that is selected.
fn bisect(asked: &Kernels) -> Result<u8> {
    let runs = programs(subjects(asked)?, &asked.programs)?;
    let [(subject, executable)] = &runs[..] else {
        bail!("--bisect is for one kernel: name it, or the folder with it by --from");
    };
    let args = ["check", "--bisect"].map(str::to_owned).into_iter().chain(asked.bisect.clone());
    match ::kernels::run(&subject.kernel, &payload(subject, executable, args), &limits(asked)) {
        Ok(run) => {
            output::print(&run.output)?;
            Ok(u8::try_from(run.status)?)
        }
        Err(error) => {
            eprintln!("keybook: {error:#}");
            Ok(NOTHING_HERE)
        }
    }
}

fn limits(asked: &Kernels) -> Limits {
    let end = Duration::from_secs(asked.deadline.into());
    Limits { begin: end / 5, end, ..Limits::default() }
}

fn payload(
    subject: &Subject,
    executable: &Path,
    args: impl IntoIterator<Item = String>,
) -> Payload {
    Payload {
        executable: executable.to_owned(),
        args: args.into_iter().collect(),
        files: companions::find(subject.architecture()),
    }
}

fn run_one(subject: &Subject, executable: &Path, limits: &Limits) -> Result<Column> {
    let payload = payload(subject, executable, ["check", "--format", "json"].map(str::to_owned));
    let run = ::kernels::run(&subject.kernel, &payload, limits)?;
    let report: Report = serde_json::from_str(&run.output).with_context(|| {
        let last = run.output.lines().last().unwrap_or("nothing");
        let hint =
            if run.status == i32::from(MISUSE) { ": is the executable another one?" } else { "" };
        format!("no report, but exit status {} and {last:?}{hint}", run.status)
    })?;
    Ok(Column::of(&subject.kernel.name, &subject.title, subject.kind, &run.how, report))
}
