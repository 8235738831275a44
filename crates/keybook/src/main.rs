//! keybook: the one program of this project. It builds the book, checks its rules against the
//! running kernel, and shows both in the terminal.

mod build;
mod check;
mod embedded;
mod explain;
mod html;
mod list;
mod preprocess;
mod report;
mod tables;

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand, ValueEnum};
use rulebook::Rulebook;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Builds the book of thread and process keyrings and checks its rules against this kernel.
///
/// Exit status: 0 if no rule differs; 1 if one does; 2 if the book or the command line is wrong; 3
/// if no rule can be observed here.
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
    /// Check rules against the running kernel.
    Check {
        /// Their ids, or beginnings of ids that end with `.` or `*`; without any, all.
        rules: Vec<String>,
        /// How to tell what came of it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// How many rules to check at a time.
        #[arg(long, value_name = "N")]
        jobs: Option<usize>,
    },
    /// List the rules.
    Rules {
        /// How to list them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show a rule: statement, provenance, snippet, trace.
    Explain {
        /// Its id.
        rule: String,
    },
    /// Stand between mdbook and its book: the preprocessor that book.toml names.
    #[command(hide = true)]
    Preprocess {
        /// `supports RENDERER`, as mdbook asks first.
        question: Vec<String>,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// Exit status: a rule differs.
const DIFFERS: u8 = 1;
/// Exit status: the book or the command line is wrong.
const MISUSE: u8 = 2;
/// Exit status: no rule can be observed here.
const NOTHING_HERE: u8 = 3;

fn main() -> ExitCode {
    // Snippets start this program again, to be one of their tasks.
    keyrings::serve_if_invited();
    let done = match Arguments::parse().command.unwrap_or(Action::Build) {
        Action::Build => build_and_check(),
        Action::Check { rules, format, jobs } => check_only(&rules, format, jobs),
        Action::Rules { format } => list::list(&book(), format).map(|()| ExitCode::SUCCESS),
        Action::Explain { rule } => {
            explain::explain(&book(), &root(), &rule).map(|()| ExitCode::SUCCESS)
        }
        Action::Preprocess { question } => preprocess::serve(&question).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| misuse(&error))
}

fn misuse(error: &anyhow::Error) -> ExitCode {
    eprintln!("keybook: {error:#}");
    ExitCode::from(MISUSE)
}

/// The project's folder: where book.toml is, here or above, else where this program was built.
fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let above = here.ancestors().find(|folder| folder.join("book.toml").exists());
    let built = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    above.map_or_else(built, Path::to_owned)
}

fn book() -> Rulebook {
    Rulebook::read(&root())
}

/// Refuses a book whose form is wrong.
fn sound(book: &Rulebook, root: &Path) -> Result<()> {
    let mut problems: Vec<String> =
        book.all_problems(root).iter().map(ToString::to_string).collect();
    for rule in &book.rules {
        if let Some(need) = rule.needs.iter().find(|need| !keyrings::place::is_known(need)) {
            let place = format!("{}/{}:{}", rulebook::SOURCE, rule.page.display(), rule.line);
            let (id, mend) = (&rule.id, "keyrings::place::NEEDS lists them");
            problems
                .push(format!("{place}: `{id}` has the need `{need}`, which there is not; {mend}"));
        }
    }
    match problems.len() {
        0 => Ok(()),
        _ => Err(anyhow!("the book is not well formed\n{}", problems.join("\n"))),
    }
}

fn build_and_check() -> Result<ExitCode> {
    let root = root();
    sound(&book(), &root)?;
    let nothing_here = report::nothing_here();
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
    let status = match nothing_here {
        Some(paragraph) => {
            eprintln!("{paragraph} The book shows what was observed elsewhere.");
            NOTHING_HERE
        }
        None => {
            let report: report::Report =
                serde_json::from_slice(&checked).context("the check came to no end")?;
            print!("{}", report::human(&report.rules));
            status(&report.rules)
        }
    };
    println!("the book is built: open {}", index.display());
    Ok(ExitCode::from(status))
}

/// Starts a check of all rules in a process of its own, whose progress is seen here.
fn start_checking() -> Result<std::process::Child> {
    let mut check = Command::new(std::env::current_exe()?);
    check.args(["check", "--format", "json"]).stdin(Stdio::null()).stdout(Stdio::piped());
    check.spawn().context("the check cannot be started")
}

fn check_only(rules: &[String], format: Format, jobs: Option<usize>) -> Result<ExitCode> {
    let rules = check::select(rules).map_err(|error| anyhow!(error))?;
    if let Some(paragraph) = report::nothing_here() {
        eprintln!("{paragraph}");
        return Ok(ExitCode::from(NOTHING_HERE));
    }
    let jobs = jobs.unwrap_or_else(check::default_jobs);
    let checked = check::check(&rules, jobs, &check::progress(rules.len()));
    let status = status(&checked);
    match format {
        Format::Human => print!("{}", report::human(&checked)),
        Format::Json => println!("{}", report::json(checked)?),
    }
    Ok(ExitCode::from(status))
}

fn status(checked: &[check::Checked]) -> u8 {
    if report::Count::of(checked).differ > 0 { DIFFERS } else { 0 }
}
