//! The `keybook` program: command line and dispatch.

mod commands;
mod embedded;
mod failed;
mod guarantees;
mod init;
mod jobs;
mod man;
mod output;
mod progress;
mod project;
mod report;
mod runner;
mod site;
mod status;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use commands::{
    build, check, diff, explain, explore, guarantees as guarantees_command, judge, kernels, look,
    man as man_command, preprocess, rules, strace, vary, wrong,
};
use status::{ABORT, HELD, MISUSE};
use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

/// Builds the book of thread and process keyrings and checks its rules against the running kernel.
///
/// Exit status: 0 if no rule differs, or every trace is allowed; 1 if a rule differs, or its snippet
/// hangs, crashes or is killed, a trace is refused, a log shows a finding, or a rule differs from the
/// revision that `diff` names; 2 if the book, a trace, a log or the command line is invalid, there is no
/// such process, or the output cannot be written; 3 if no rule, or no process, can be observed on this
/// system; 4 if a log has no call about keys; 5 if the rules do not know a call; 128 and the number of the
/// signal if stopped by a signal.
#[derive(Parser)]
#[command(version, override_usage = "keybook [COMMAND]")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What `explain` is asked.
const EXAMPLES: &str = "Examples:
  keybook explain ENOKEY
  keybook explain Required key not available
  keybook explain \"Key has been revoked\"
  keybook explain 'add_key: Disk quota exceeded'
  keybook explain KEYCTL_SEARCH
  keybook explain process.fork";

#[derive(Subcommand)]
enum Command {
    /// Build the book into target/book and check every rule meanwhile (the default).
    Build,
    /// Check rules against the running kernel (the default as the first process of a machine, which
    /// is powered off afterwards).
    Check(check::Check),
    /// Check rules in other circumstances on the running kernel.
    Vary(vary::Vary),
    /// Check rules on other kernels and in other environments of this machine.
    Kernels(kernels::Kernels),
    /// Judge traces by the rules: show which line no correct kernel returns, what would be allowed
    /// there, and the rules that say so.
    Judge(judge::Judge),
    /// Show the keyrings of running threads: which share one, which has its own, what keeps keyrings of ended
    /// threads, and the rules that explain it.
    Look(look::Look),
    /// Explain an strace log: why a key is missing or a call failed ("Required key not available", "Key has been
    /// revoked", "Disk quota exceeded"), what each keyring's story is, and what to do instead.
    Strace(strace::Strace),
    /// Run generated programs on this kernel and judge their traces by the rules.
    Explore(explore::Explore),
    /// Search all short programs, and random ones, for one that breaks a sentence people stake secrets on.
    Guarantees(guarantees_command::Guarantees),
    /// List the rules.
    Rules {
        /// Output format.
        #[arg(long, value_enum, default_value_t)]
        format: rules::Format,
    },
    /// Show which rules a change of the book adds, removes, rewords or moves, and whose verdict or trace it
    /// changes.
    Diff(diff::Diff),
    /// Say why a call failed ("Required key not available", "Key has been revoked", "Disk quota exceeded"), or
    /// show a rule: statement, provenance, snippet, trace.
    #[command(after_help = EXAMPLES)]
    Explain {
        /// An error by name, number or words, a call, a line with both, or the id of a rule.
        #[arg(
            required = true,
            value_name = "ERRNO|WORDS|CALL|RULE",
            allow_negative_numbers = true
        )]
        what: Vec<String>,
    },
    /// Print a manual page of the two keyrings, of this program or of a command, for `man -l` or installation; list them
    /// without a name.
    Man {
        /// Name of the page, such as `thread-keyring`, `keybook` or `check`.
        name: Option<String>,
    },
    /// Print the completions of this command line for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Judge every rule's trace by every wrong model, which is a kernel with one mistake.
    Wrong {
        /// Save the table in the project's snapshots/model/wrong-models.txt.
        #[arg(long)]
        save: bool,
    },
    /// Preprocess the book for mdBook, as book.toml says.
    #[command(hide = true)]
    Preprocess {
        /// `supports RENDERER`, which mdBook asks first.
        question: Vec<String>,
    },
}

fn main() -> ExitCode {
    // Snippets run this program again, as one of their tasks.
    keyrings::serve_if_invited();
    if let Some(rule) = keyrings::resume() {
        return ExitCode::from(vary::go_on(&rule));
    }
    if let Some(rule) = keyrings::handler::begin() {
        keyrings::handler::end(vary::go_on(&rule));
    }
    if init::is_first_process() {
        init::run(|| run("check"))
    }
    ExitCode::from(run("build"))
}

/// Runs the subcommand of the command line, or `default` if there is none; returns the exit status.
fn run(default: &str) -> u8 {
    let mut args: Vec<OsString> = env::args_os().collect();
    if args.len() < 2 {
        args.push(default.into());
    }
    let command = match CommandLine::try_parse_from(args) {
        Ok(command_line) => command_line.command,
        Err(error) => {
            let _ = error.print();
            return match error.use_stderr() {
                true if env::args_os().any(|arg| arg == "--bisect") => ABORT,
                true => MISUSE,
                false => HELD,
            };
        }
    };
    let status = match command {
        Command::Build => build::run(),
        Command::Check(check) => check::run(&check),
        Command::Vary(vary) => vary::run(&vary),
        Command::Kernels(kernels) => kernels::run(&kernels),
        Command::Judge(judge) => judge::run(&judge),
        Command::Look(look) => look::run(&look),
        Command::Strace(strace) => strace::run(&strace),
        Command::Explore(explore) => explore::run(&explore),
        Command::Guarantees(guarantees) => guarantees_command::run(&guarantees),
        Command::Rules { format } => rules::run(format),
        Command::Explain { what } => explain::run(&what),
        Command::Diff(diff) => diff::run(&diff),
        Command::Man { name } => man_command::run(name.as_deref()),
        Command::Completions { shell } => completions(shell),
        Command::Wrong { save } => wrong::run(save),
        Command::Preprocess { question } => preprocess::run(&question),
    };
    status.unwrap_or_else(|error| {
        eprintln!("keybook: {error:#}");
        MISUSE
    })
}

/// Prints the completions for a shell.
fn completions(shell: Shell) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "keybook", &mut text);
    output::print(&String::from_utf8_lossy(&text))?;
    Ok(HELD)
}
