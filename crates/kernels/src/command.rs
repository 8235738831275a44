//! Runs a program by a command of this machine: another user, a container, another machine.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::seconds;
use crate::group::Group;
use crate::{Error, Limits, Program, Run};

/// Runs `words` with `program`, until it ends or `limits` says so.
pub fn run(words: &[String], program: &Program, limits: &Limits) -> Result<Run, Error> {
    let Some(executable) = program.executable.to_str() else {
        return Err(Error::new(
            format!("the path {} is not UTF-8", program.executable.display()),
            "copy the executable elsewhere",
        ));
    };
    let mut line: Vec<String> = words.iter().map(|word| word.replace("{}", executable)).collect();
    if !words.iter().any(|word| word.contains("{}")) {
        line.push(executable.to_owned());
    }
    line.extend(program.args.iter().cloned());

    let start = Instant::now();
    let group = Group::new(None)?;
    let mut child = group.spawn(
        Command::new(&line[0]).args(&line[1..]).stdout(Stdio::piped()).stderr(Stdio::piped()),
        "see that it is installed and that you may run it",
    )?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (output, complaints) = (text(stdout), text(stderr));
    let (done, ended) = channel();
    let wait = thread::spawn(move || done.send(child.wait()));

    let status = ended.recv_timeout(limits.end).ok().transpose();
    // Ends what still runs, and with it the output.
    drop(group);
    let _ = wait.join();
    let complaints = complaints.recv_timeout(LAST).unwrap_or_default();

    let Some(status) = status.map_err(Error::doing("no word of the command's end"))? else {
        let last = complaints.trim_end().lines().last().unwrap_or("nothing");
        return Err(Error::new(
            format!(
                "`{}` did not end within {}; last it complained of: {last}",
                words.join(" "),
                seconds(limits.end)
            ),
            "try a longer deadline",
        ));
    };
    let output = output.recv_timeout(LAST).map_err(|_| {
        Error::new(
            format!("`{}` left a process that keeps its output open", words.join(" ")),
            "let it wait for all it starts",
        )
    })?;
    let status = status.code().or(status.signal().map(|n| 128 + n)).unwrap_or(-1);
    if status != 0 && output.is_empty() && !complaints.is_empty() {
        return Err(Error::new(
            format!(
                "`{}` printed nothing and gave {status}: {}",
                words.join(" "),
                complaints.trim_end()
            ),
            "try the command by hand",
        ));
    }
    Ok(Run { output, status, how: "command".into(), wall: start.elapsed() })
}

/// How long the end of the output is waited for when the command's processes were killed. Only one
/// that got away, into a session of its own, can keep it open.
const LAST: Duration = Duration::from_secs(5);

/// Reads all there is, in the background.
fn text(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (all, text) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.read_to_end(&mut bytes);
        }
        let _ = all.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}
