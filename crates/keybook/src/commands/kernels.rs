//! `keybook kernels`: the same executable on other kernels of this machine, and in other
//! environments on this kernel; the matrix rule × kernel.

mod companions;
mod environments;
mod executable;
mod matrix;

use crate::report::Report;
use crate::site::columns::{Column, ColumnKind};
use crate::site::environments::RESULTS;
use crate::status::{DIFFERS, HELD, MISUSE, NOTHING_HERE};
use crate::{jobs, output, progress, project};
use ::kernels::fetch::Step;
use ::kernels::{Limits, Place, Program};
use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use environments::Spot;
use indicatif::ProgressBar;
use output::{ListFormat, count};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Kernels {
    #[command(subcommand)]
    action: Option<Action>,
    /// The kernels and environments to run on, by the beginnings of their names; without any, all.
    names: Vec<String>,
    /// A kernel, a package with one, or a folder of these; without any, and without --cmd, the cache
    /// and the environments of the project.
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    /// A place that a command leads to: NAME=COMMAND, where `{}` stands for the executable, as in
    /// `pod=podman run --rm -v {}:/k:ro --rootfs /media:O /k`.
    #[arg(long = "cmd", value_name = "NAME=COMMAND")]
    commands: Vec<String>,
    /// The static executable to run; without it this one, or what `cargo static` makes.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// How many kernels to run at a time; by default one for each core.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// A kernel that is not done after so many seconds is started once more, and then given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    deadline: u32,
    /// Save the results in this folder; without it in the project's snapshots/kernels.
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// How to show the matrix.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

#[derive(Subcommand)]
enum Action {
    /// Take kernels from the distribution's package manager into the cache; nothing is installed.
    Fetch {
        /// Packages, by name; without any the newest kernel of every series and the oldest of all.
        packages: Vec<String>,
    },
    /// List the kernels and environments there are.
    List,
}

/// What came of one place.
struct Done {
    name: String,
    seconds: f64,
    result: Result<Column>,
}

pub(crate) fn run(asked: &Kernels) -> Result<u8> {
    match &asked.action {
        Some(Action::Fetch { packages }) => fetch(packages),
        Some(Action::List) => list(&places(asked)?),
        None => check(asked),
    }
}

fn fetch(packages: &[String]) -> Result<u8> {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let wanted = match packages {
        [] => ::kernels::fetch::Wanted::default(),
        packages => ::kernels::fetch::Wanted::Packages(packages.to_vec()),
    };
    let cache = ::kernels::cache();
    let found = ::kernels::fetch::fetch(&cache, &wanted, &mut |step| bar.set_message(words(step)))
        .map_err(|error| anyhow!("{error}"))?;
    bar.finish_and_clear();
    let names: String = found.iter().map(|kernel| format!("{}\n", kernel.name)).collect();
    output::print(&format!("{names}{} in {}\n", count(found.len(), "kernel"), cache.display()))?;
    Ok(HELD)
}

fn words(step: &Step) -> String {
    match step {
        Step::Lists => "reading what there is".to_owned(),
        Step::Lacking(address) => format!("the mirror has nothing at {address}"),
        Step::Chosen(packages) => count(packages, "package"),
        Step::Here(package) => format!("{package} is here"),
        Step::Fetch { package, bytes } => format!("{package}, {} MB", bytes / 1_000_000),
    }
}

fn list(places: &[Spot]) -> Result<u8> {
    let line = |place: &Spot| match &place.kernel.place {
        Place::Qemu { image } => format!("{:32} QEMU     {}\n", place.kernel.name, image.display()),
        Place::Uml { linux } => format!("{:32} UML      {}\n", place.kernel.name, linux.display()),
        Place::Command { words } => {
            format!("{:32} command  {}\n", place.kernel.name, words.join(" "))
        }
    };
    output::print(&places.iter().map(line).collect::<String>())?;
    Ok(HELD)
}

/// The places that were asked for.
fn places(asked: &Kernels) -> Result<Vec<Spot>> {
    let mut places = Vec::new();
    let cache = ::kernels::cache();
    let only_here = !asked.from.is_empty() || !asked.commands.is_empty();
    let from = if only_here { asked.from.clone() } else { vec![cache.clone()] };
    for path in from.iter().filter(|path| only_here || path.exists()) {
        for kernel in ::kernels::find(path).map_err(|error| anyhow!("{error}"))? {
            places.push(Spot { title: kernel.name.clone(), kind: ColumnKind::Kernel, kernel });
        }
    }
    for command in &asked.commands {
        places.push(environments::from_command(command)?);
    }
    if !only_here && let Ok(root) = project::root() {
        places.extend(environments::of_project(&root)?);
    }
    if !asked.names.is_empty() {
        if let Some(name) = asked
            .names
            .iter()
            .find(|name| !places.iter().any(|place| place.kernel.name.starts_with(name.as_str())))
        {
            bail!("there is no kernel or environment `{name}`: `keybook kernels list` names them");
        }
        places.retain(|place| {
            asked.names.iter().any(|name| place.kernel.name.starts_with(name.as_str()))
        });
    }
    if places.is_empty() {
        bail!(
            "there are no kernels in {}: `keybook kernels fetch` takes some from the \
             distribution, and --from names a folder that has some",
            cache.display()
        );
    }
    Ok(places)
}

fn check(asked: &Kernels) -> Result<u8> {
    let places = places(asked)?;
    let executable = executable::find(asked.program.as_deref())?;
    let folder = match &asked.save {
        Some(folder) => Some(folder.clone()),
        None => project::root().ok().map(|root| root.join(RESULTS)),
    };
    let begun = Instant::now();
    let done = run_all(&places, &executable, asked);
    let wall = begun.elapsed();
    let mut lost = false;
    for Done { name, result, .. } in &done {
        match (result, &folder) {
            (Ok(column), Some(folder)) => column.save(folder)?,
            (Ok(_), None) => {}
            (Err(error), _) => {
                eprintln!("keybook: {name}: {error:#}");
                lost = true;
            }
        }
    }
    if folder.is_none() {
        eprintln!("keybook: the results are not saved: --save says where to");
    }
    let times: Vec<(String, f64)> =
        done.iter().map(|done| (done.name.clone(), done.seconds)).collect();
    let filled: Vec<Column> = done.into_iter().filter_map(|done| done.result.ok()).collect();
    output::print(&match asked.format {
        ListFormat::Human => matrix::human(&filled, &times, wall),
        ListFormat::Json => matrix::json(&filled)?,
    })?;
    let differ = filled.iter().map(Column::count).any(|count| count.differ + count.broken > 0);
    let held = filled.iter().map(Column::count).any(|count| count.held > 0);
    Ok(match (lost || differ, held) {
        (true, _) => DIFFERS,
        (false, true) => HELD,
        (false, false) => NOTHING_HERE,
    })
}

/// Runs the executable at all places, several at a time.
fn run_all(places: &[Spot], executable: &Path, asked: &Kernels) -> Vec<Done> {
    let files = companions::find();
    let limits = Limits { end: Duration::from_secs(asked.deadline.into()), ..Limits::default() };
    let bar = progress::bar(places.len() as u64, "{pos}/{len} kernels, {elapsed} {msg}");
    bar.enable_steady_tick(Duration::from_millis(500));
    let next = Mutex::new(places.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let taken = next.lock().unwrap_or_else(|lock| lock.into_inner()).next();
            let Some((nth, place)) = taken else { break };
            let begun = Instant::now();
            let result = run_one(place, executable, &files, &limits);
            let seconds = begun.elapsed().as_secs_f64();
            bar.set_message(place.kernel.name.clone());
            bar.inc(1);
            let one = Done { name: place.kernel.name.clone(), seconds, result };
            done.lock().unwrap_or_else(|lock| lock.into_inner()).push((nth, one));
        }
    };
    thread::scope(|scope| {
        for _ in 0..asked.jobs.unwrap_or_else(jobs::cores).clamp(1, places.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(|lock| lock.into_inner());
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, done)| done).collect()
}

fn run_one(
    place: &Spot,
    executable: &Path,
    files: &[(PathBuf, String)],
    limits: &Limits,
) -> Result<Column> {
    let program = Program {
        executable: executable.to_owned(),
        args: ["check", "--format", "json"].map(str::to_owned).to_vec(),
        files: files.to_vec(),
    };
    let run =
        ::kernels::run(&place.kernel, &program, limits).map_err(|error| anyhow!("{error}"))?;
    let report: Report = serde_json::from_str(&run.output).with_context(|| {
        let last = run.output.lines().last().unwrap_or("nothing");
        format!(
            "it gave no report, but status {} and {last:?}{}",
            run.status,
            if run.status == i32::from(MISUSE) { ": is the executable another one?" } else { "" }
        )
    })?;
    Ok(Column::of(&place.kernel.name, &place.title, place.kind, &run.how, report))
}
