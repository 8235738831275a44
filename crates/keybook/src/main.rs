//! keybook: the one program of this project. It builds the book, checks its rules against the
//! running kernel, and shows both in the terminal. Linked statically it carries the rules to any
//! other machine, and runs there as its first process too.

mod commands;
mod embedded;
mod init;
mod output;
mod report;
mod site;

use crate::commands::{build, check, explain, explore, judge, kernels, rules, wrong};
use crate::site::preprocess;
use anyhow::{Context, Result, anyhow, bail};
use clap::{Parser, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use report::Report;
use rulebook::Rulebook;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Builds the book of thread and process keyrings and checks its rules against this kernel.
///
/// Exit status: 0 if no rule differs, or every trace is allowed; 1 if a rule differs, or its program
/// hangs, crashes or is killed, or a trace is refused; 2 if the book, a trace or the command line is
/// wrong, or the result cannot be written; 3 if no rule can be observed here. Stopped by a signal: 128
/// and the number of the signal.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Build the book into target/book and check every rule meanwhile (what is done by default).
    Build,
    /// Check rules against the running kernel (what is done by default as the first process of a
    /// machine, which is turned off then).
    Check(Check),
    /// Run this program on other kernels, and in other environments, of this machine.
    Kernels(kernels::Kernels),
    /// Judge traces by the rules: what no correct kernel gives is shown, with what would be allowed
    /// there and the rules that say so.
    Judge(judge::Judge),
    /// Run generated programs on this kernel and have the rules judge what it does.
    Explore(explore::Explore),
    /// List the rules.
    Rules {
        /// How to list them.
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Show a rule: statement, provenance, snippet, trace.
    Explain {
        /// Its id.
        rule: String,
    },
    /// Hold every rule's trace against every wrong model: a kernel that gets one thing wrong.
    Wrong {
        /// Save the table in the project's snapshots/wrong-models.txt.
        #[arg(long)]
        save: bool,
    },
    /// Stand between mdbook and its book: the preprocessor that book.toml names.
    #[command(hide = true)]
    Preprocess {
        /// `supports RENDERER`, as mdbook asks first.
        question: Vec<String>,
    },
}

#[derive(clap::Args, Default)]
struct Check {
    /// Their ids, or beginnings of ids that end with `.` or `*`; without any, all.
    rules: Vec<String>,
    /// How to tell what came of it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// How many rules to check at a time; by default twelve for each core, as most of them wait,
    /// and as far as the quota of keys goes.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// A rule that has not come to its end after so many seconds is ended.
    #[arg(long, value_name = "SECONDS", default_value_t = DEADLINE)]
    deadline: u32,
}

/// Three times as long as a snippet waits for anything.
const DEADLINE: u32 = 180;

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people, with colours on a terminal.
    #[default]
    Human,
    /// For programs.
    Json,
    /// The Test Anything Protocol, version 13.
    Tap,
    /// The kernel's TAP, which `kunit.py parse` reads.
    Ktap,
    /// JUnit's XML.
    Junit,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum ListFormat {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// Exit status: no rule differs.
const HELD: u8 = 0;
/// Exit status: a rule differs, or its program came to no end.
const DIFFERS: u8 = 1;
/// Exit status: the book or the command line is wrong, or the result cannot be written.
const MISUSE: u8 = 2;
/// Exit status: no rule can be observed here.
const NOTHING_HERE: u8 = 3;

/// Snippets run in copies of this program.
#[global_allocator]
static HEAP: keyrings::Heap = keyrings::Heap;

fn main() -> ExitCode {
    // Snippets start this program again, to be one of their tasks.
    keyrings::serve_if_invited();
    if init::is_first_process() {
        init::run(|| run(Action::Check(Check::default())))
    }
    ExitCode::from(run(Action::Build))
}

/// Does what the command line says, or else this; gives the exit status.
fn run(otherwise: Action) -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { MISUSE } else { HELD };
        }
    };
    let done = match arguments.command.unwrap_or(otherwise) {
        Action::Build => build_and_check(),
        Action::Check(check) => check_only(&check),
        Action::Kernels(kernels) => kernels::run(&kernels),
        Action::Explore(explore) => explore::run(&explore),
        Action::Judge(judge) => judge::run(&judge),
        Action::Rules { format } => book().and_then(|book| rules::list(&book, format)),
        Action::Explain { rule } => {
            book().and_then(|book| explain::explain(&book, &root()?, &rule))
        }
        Action::Wrong { save } => wrong::run(save),
        Action::Preprocess { question } => preprocess::serve(&question).map(|()| HELD),
    };
    done.unwrap_or_else(|error| {
        eprintln!("keybook: {error:#}");
        MISUSE
    })
}

/// The project's folder: where book.toml is, here or above, else where this program was built.
fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let built = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut folders = here.ancestors().chain([built]);
    let found = folders.find(|folder| folder.join("book.toml").exists());
    found.map(Path::to_owned).with_context(|| {
        format!(
            "there is no book in {} nor above it (no book.toml): go to the project's folder, or \
             check the rules without their book by `keybook check`",
            here.display()
        )
    })
}

fn book() -> Result<Rulebook> {
    Ok(Rulebook::read(&root()?))
}

/// Refuses a book whose form is wrong.
fn sound(book: &Rulebook, root: &Path) -> Result<()> {
    let mut problems: Vec<String> =
        book.all_problems(root).iter().map(ToString::to_string).collect();
    for rule in &book.rules {
        if let Some(need) = rule.needs.iter().find(|need| !keyrings::needs::is_known(need)) {
            let place = format!("{}/{}:{}", rulebook::SOURCE, rule.page.display(), rule.line);
            let (id, mend) = (&rule.id, "keyrings::needs::NEEDS lists them");
            problems
                .push(format!("{place}: `{id}` has the need `{need}`, which there is not; {mend}"));
        }
    }
    match problems.len() {
        0 => Ok(()),
        _ => Err(anyhow!("the book is not well formed\n{}", problems.join("\n"))),
    }
}

fn build_and_check() -> Result<u8> {
    let root = root()?;
    sound(&Rulebook::read(&root), &root)?;
    let nothing_here = keyrings::place::Keyrings::here().explain();
    let checking = match nothing_here {
        Some(_) => None,
        None => Some(start_checking()?),
    };
    let built = build::build(&root);
    let checked = match checking {
        Some(checking) => checking.wait_with_output().map(|output| output.stdout)?,
        None => Vec::new(),
    };
    let index = built.context("the book cannot be built")?;
    let (told, status) = match nothing_here {
        Some(paragraph) => {
            eprintln!("{paragraph} The book shows what was observed elsewhere.");
            (String::new(), NOTHING_HERE)
        }
        None => {
            let report: Report =
                serde_json::from_slice(&checked).context("the check came to no end")?;
            (report::brief(&report), report.status())
        }
    };
    output::print(&format!("{told}the book is built: open {}\n", index.display()))?;
    Ok(status)
}

/// Starts a check of all rules in a process of its own, whose progress is seen here.
fn start_checking() -> Result<std::process::Child> {
    let mut check = Command::new(std::env::current_exe()?);
    check.args(["check", "--format", "json"]).stdin(Stdio::null()).stdout(Stdio::piped());
    check.spawn().context("the check cannot be started")
}

fn check_only(Check { rules, format, jobs, deadline }: &Check) -> Result<u8> {
    let rules = check::select(rules).map_err(|error| anyhow!(error))?;
    if *deadline == 0 || *jobs == Some(0) {
        bail!("--deadline and --jobs want a number above zero");
    }
    let (checked, stopped) = match keyrings::place::Keyrings::here().explain() {
        Some(paragraph) => {
            eprintln!("{paragraph}");
            if matches!(format, Format::Human) {
                return Ok(NOTHING_HERE);
            }
            (check::none(&rules), None)
        }
        None => {
            let how = check::How {
                jobs: jobs.unwrap_or_else(check::default_jobs),
                deadline: Duration::from_secs((*deadline).into()),
            };
            check::check(&rules, how, &progress(rules.len()))?
        }
    };
    let report = Report::of(checked);
    output::print(&match format {
        Format::Human => report::human(&report),
        Format::Json => report::json(&report)?,
        Format::Tap => report::tap(&report),
        Format::Ktap => report::ktap(&report),
        Format::Junit => report::junit(&report)?,
    })?;
    match stopped {
        None => Ok(report.status()),
        Some(signal) => {
            let left = rules.len() - report.rules.len();
            eprintln!("keybook: stopped by {signal}; {left} rules were not checked");
            Ok(128 + signal as u8)
        }
    }
}

/// A progress bar for so many rules, which only a terminal shows; the first process of a machine
/// has none.
fn progress(rules: usize) -> ProgressBar {
    if init::is_first_process() { ProgressBar::hidden() } else { check::progress(rules) }
}
