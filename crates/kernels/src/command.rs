//! Runs a payload by a command of this machine: as another user, in a container, on another machine.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::seconds;
use crate::group::Group;
use crate::{Error, Limits, Payload, Run};

/// After the command's processes were killed, only one that left the session can hold the output
/// open. This is how long to wait for it.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the command `words` with `payload` until it ends or a deadline passes.
pub fn run(words: &[String], payload: &Payload, limits: &Limits) -> Result<Run, Error> {
    let line = line(words, payload)?;
    let start = Instant::now();
    let group = Group::new(None)?;
    let mut child = group.spawn(
        Command::new(&line[0]).args(&line[1..]).stdout(Stdio::piped()).stderr(Stdio::piped()),
        "check that it is installed and that you may run it",
    )?;
    let (output, messages) = (text(child.stdout.take()), text(child.stderr.take()));
    let (sender, ended) = channel();
    let wait = thread::spawn(move || sender.send(child.wait()));

    let status = ended.recv_timeout(limits.end).ok().transpose();
    // Kills background processes too, so that the output ends.
    drop(group);
    let _ = wait.join();
    let messages = messages.recv_timeout(GRACE).unwrap_or_default();
    let messages = messages.trim_end();

    let command = words.join(" ");
    let Some(status) = status.map_err(Error::doing("the command cannot be waited for"))? else {
        let limit = seconds(limits.end);
        let last = messages.lines().last().unwrap_or("no message");
        return Err(Error::new(
            format!("`{command}` did not end within {limit}; last message: {last}"),
            "try a longer deadline",
        ));
    };
    let output = output.recv_timeout(GRACE).map_err(|_| {
        Error::new(
            format!("`{command}` left a process that keeps its output open"),
            "let it wait for all processes that it starts",
        )
    })?;
    let status = number(status);
    if status != 0 && output.is_empty() && !messages.is_empty() {
        return Err(Error::new(
            format!("`{command}` printed nothing and exited with {status}: {messages}"),
            "try the command by hand",
        ));
    }
    Ok(Run { output, status, how: "command".into(), wall: start.elapsed() })
}

/// Returns the command line.
fn line(words: &[String], payload: &Payload) -> Result<Vec<String>, Error> {
    let executable = payload.executable.to_str().ok_or_else(|| {
        Error::new(
            format!("the path {} is not UTF-8", payload.executable.display()),
            "copy the executable elsewhere",
        )
    })?;
    let mut line: Vec<String> = words.iter().map(|word| word.replace("{}", executable)).collect();
    if !words.iter().any(|word| word.contains("{}")) {
        line.push(executable.to_owned());
    }
    line.extend(payload.args.iter().cloned());
    Ok(line)
}

/// Returns the exit status as a shell reports it.
fn number(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|n| 128 + n)).unwrap_or(-1)
}

/// Reads everything, in the background.
fn text(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, text) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}
