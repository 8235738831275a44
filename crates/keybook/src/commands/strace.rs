//! `keybook strace`: explains what happened to the keyrings of a program, from a log of strace.

mod human;
mod program;

use crate::embedded;
use crate::output::{self, ListFormat};
use crate::status::{DIFFERS, HELD, MISUSE, NO_KEY_CALL};
use anyhow::{Context, Result, anyhow, bail};
use findings::{ByModel, Explained};
use model::Law;
use play::strace::{Log, LogResult};
use std::ffi::OsString;
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use strace::{Order, Reader, Redaction, Run};

#[derive(clap::Args)]
pub(crate) struct Strace {
    /// Logs of strace; `-` is standard input. Files named NAME.PID (strace -ff) are one run.
    ///
    /// Record one with: strace -f -o FILE -s 4096 --seccomp-bpf -e status='!detached' -e
    /// trace=keyctl,add_key,request_key,clone,clone3,fork,vfork,execve,execveat,exit,exit_group,%creds PROGRAM
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
    /// Copy one log to standard output with its secrets masked, safe to post, and explained just the same.
    #[arg(long, conflicts_with_all = ["format", "command"])]
    redact: bool,
    /// Mask descriptions and paths too.
    #[arg(long, requires = "redact")]
    names: bool,
    /// Run this command under strace and explain it on standard error. The exit status is the command's.
    ///
    /// A set-user-ID program runs without its privilege under strace.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "files")]
    command: Vec<OsString>,
}

const STDIN: &str = "-";

pub(crate) fn run(options: &Strace) -> Result<u8> {
    if !options.command.is_empty() {
        return program::run(&options.command, options.format);
    }
    let input = [PathBuf::from(STDIN)];
    let files = if options.files.is_empty() { &input[..] } else { &options.files[..] };
    if options.redact {
        let [file] = files else { bail!("--redact copies one log; give one FILE") };
        return redact(file, Redaction { names: options.names });
    }
    let mut logs = Vec::new();
    for file in files.iter().filter(|file| file.as_os_str() == STDIN) {
        let reader = Ok(Reader::new(BufReader::new(std::io::stdin())));
        logs.push(explain(std::slice::from_ref(file), Order::Log, reader));
    }
    let mut named: Vec<PathBuf> =
        files.iter().filter(|file| file.as_os_str() != STDIN).cloned().collect();
    named.retain(|path| match std::fs::File::open(path).map(|_| path.is_dir()) {
        Ok(false) => true,
        Ok(true) => unreadable(&mut logs, path, "it is a directory"),
        Err(error) => unreadable(&mut logs, path, &error.to_string()),
    });
    match strace::runs(&named) {
        Ok(runs) => logs.extend(runs.iter().map(of_run)),
        Err((path, error)) => _ = unreadable(&mut logs, &path, &error.to_string()),
    }
    output::print(&text(&logs, options.format)?)?;
    let first = |wanted: &u8| logs.iter().any(|log| status(log) == *wanted);
    Ok([MISUSE, DIFFERS, NO_KEY_CALL].into_iter().find(first).unwrap_or(HELD))
}

/// What happened in a log, which is called `name`.
pub(crate) fn explained(name: &Path, file: &Path) -> Result<Explained> {
    let reader = std::fs::File::open(file).map(|file| Reader::new(BufReader::new(file)));
    match explain(&[name.to_owned()], Order::Log, reader).result {
        LogResult::Explained { explained, .. } => Ok(explained),
        LogResult::Unreadable { because } => bail!("{because}"),
    }
}

fn unreadable(logs: &mut Vec<Log>, path: &Path, because: &str) -> bool {
    let result = LogResult::Unreadable { because: because.to_owned() };
    logs.push(Log { files: vec![name(path)], result });
    false
}

fn of_run(run: &Run) -> Log {
    explain(&run.paths, run.order, run.open())
}

/// A path, safe to print.
fn name(path: &Path) -> String {
    match path.to_str() {
        Some(STDIN) => "standard input".to_owned(),
        _ => strace::shown(path.as_os_str().as_encoded_bytes()),
    }
}

fn explain(paths: &[PathBuf], order: Order, reader: std::io::Result<Reader>) -> Log {
    // Only a kernel fault needs the table.
    let rules =
        |laws: &[Law]| embedded::wrong_models().map(|table| table.rules(laws)).unwrap_or_default();
    let model = Box::new(ByModel::new(rules));
    play::strace::explain(paths.iter().map(|path| name(path)).collect(), order, reader, model)
}

/// The result for all logs; what cannot be read is reported at once.
fn text(logs: &[Log], format: ListFormat) -> Result<String> {
    if let ListFormat::Json = format {
        return Ok(serde_json::to_string_pretty(&logs)? + "\n");
    }
    let mut all = Vec::new();
    for log in logs {
        match &log.result {
            LogResult::Unreadable { because } => {
                eprintln!("keybook: {}: {because}", log.files.join(", "));
            }
            LogResult::Explained { .. } => all.push(human::text(log)),
        }
    }
    Ok(all.join("\n"))
}

/// The exit status for a log.
fn status(log: &Log) -> u8 {
    match &log.result {
        LogResult::Unreadable { .. } => MISUSE,
        LogResult::Explained { explained, .. } if !explained.findings.is_empty() => DIFFERS,
        // Not a log at all.
        LogResult::Explained { explained, lines, unparsed, .. }
            if explained.key_calls == 0 && *lines > 0 && unparsed == lines =>
        {
            MISUSE
        }
        LogResult::Explained { explained, .. } if explained.key_calls == 0 => NO_KEY_CALL,
        LogResult::Explained { .. } => HELD,
    }
}

/// Copies a log to standard output without its secrets.
fn redact(path: &Path, options: Redaction) -> Result<u8> {
    let mut file = if path.as_os_str() == STDIN {
        spooled().context("standard input cannot be read")?
    } else {
        std::fs::File::open(path).with_context(|| format!("{} cannot be opened", name(path)))?
    };
    if file.seek(SeekFrom::Start(0)).is_err() {
        bail!("{} is read twice, so it must be a file; `-` reads a pipe", name(path));
    }
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let redacted = strace::redact(&mut BufReader::new(file), &mut output, options);
    match redacted.and_then(|redacted| output.flush().map(|()| redacted)) {
        Ok(redacted) => {
            if redacted.unparsed > 0 {
                eprintln!(
                    "keybook: {} could not be read; strings in them are masked",
                    output::count(redacted.unparsed, "line")
                );
            }
            Ok(HELD)
        }
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(HELD),
        Err(error) => Err(anyhow!(error).context(format!("{} cannot be copied", name(path)))),
    }
}

/// Standard input as a file that only this process can see.
fn spooled() -> std::io::Result<std::fs::File> {
    let mut file = tempfile::tempfile()?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
    Ok(file)
}
