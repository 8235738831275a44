//! `keybook strace -- COMMAND…`: runs strace itself.

use super::{explain, text};
use crate::output::ListFormat;
use crate::status::MISUSE;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use strace::Order;

/// The calls that say something about keyrings, and those that open and close the files that pin them. `?`: not on every
/// architecture, or unknown to an old strace.
const CALLS: &str = "trace=keyctl,add_key,request_key,clone,clone3,?fork,?vfork,execve,execveat,exit,exit_group,\
                     %creds,prctl,seccomp,?open,openat,?openat2,?creat,close,?close_range,dup,?dup2,dup3,fcntl,\
                     ?pipe,pipe2,socket,socketpair,accept,accept4,memfd_create,?epoll_create,epoll_create1,\
                     timerfd_create,?eventfd,eventfd2,?signalfd,signalfd4,?inotify_init,inotify_init1,fanotify_init,\
                     userfaultfd,perf_event_open,?open_tree,?fsopen,?fsmount,?pidfd_open,?io_uring_setup";

pub(super) fn run(command: &[OsString], format: ListFormat) -> Result<u8> {
    warn_about_privilege(&command[0]);
    // Mode 0600, deleted when this function ends.
    let log = tempfile::NamedTempFile::new().context("no file for the log can be created")?;
    let status = started(log.path(), command, !is_filtered())?;
    let status = match status {
        Some(status) => status,
        // An old strace does not know the options for whole lines.
        None => started(log.path(), command, false)?.unwrap_or(MISUSE),
    };
    if std::fs::metadata(log.path()).is_ok_and(|log| log.len() == 0) {
        bail!("strace wrote nothing: it needs ptrace(2), which a container may forbid");
    }
    let path = PathBuf::from("the log");
    let reader = std::fs::File::open(log.path())
        .map(|file| strace::Reader::new(std::io::BufReader::new(file)));
    let text = text(&[explain(&[path], Order::Log, reader)], format)?;
    // Standard output is the command's.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
    Ok(status)
}

/// Runs the command under strace. `None` if strace refused its options.
fn started(log: &Path, command: &[OsString], with_filter: bool) -> Result<Option<u8>> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "4096", "-o"]).arg(log);
    if with_filter {
        strace.args(["--seccomp-bpf", "-e", "status=!detached"]);
    }
    strace.args(["-e", CALLS, "--"]).args(command);
    let status = match strace.status() {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "strace is not installed. Debian, Ubuntu: apt install strace. Fedora: dnf install strace. Alpine: apk add strace. \
             Arch: pacman -S strace"
        ),
        Err(error) => return Err(error).context("strace cannot be started"),
    };
    let nothing = std::fs::metadata(log).is_ok_and(|log| log.len() == 0);
    if with_filter && nothing && !status.success() {
        return Ok(None);
    }
    // strace ends as the command does.
    let signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(signal).unwrap_or(1);
    Ok(Some(u8::try_from(code).unwrap_or(1)))
}

/// Whether a seccomp filter is active already, as in a container. Where strace filters by seccomp too, it does not see the
/// calls that such a filter refuses.
fn is_filtered() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() != "0"))
}

/// A set-user-ID program behaves otherwise under strace.
fn warn_about_privilege(program: &OsString) {
    let path = Path::new(program);
    let candidates: Vec<PathBuf> = if path.components().count() > 1 {
        vec![path.to_owned()]
    } else {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).map(|folder| folder.join(path)).collect()
    };
    let found = candidates.iter().find_map(|path| std::fs::metadata(path).ok());
    if found.is_some_and(|found| found.is_file() && found.mode() & 0o6000 != 0) {
        eprintln!(
            "keybook: {} is set-user-ID or set-group-ID: under strace it runs without that privilege, and may behave otherwise",
            strace::shown(program.as_encoded_bytes())
        );
    }
}
