//! Runs the program, reads its output, and waits for processes and keys to vanish.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const KEYBOOK: &str = env!("CARGO_BIN_EXE_keybook");

pub fn keybook(args: &[&str]) -> Output {
    Command::new(KEYBOOK).args(args).output().unwrap()
}

/// Runs a program that reads `input`.
pub fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().unwrap();
    running.stdin.take().unwrap().write_all(input).unwrap();
    running.wait_with_output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The entry of a rule in a report or a list.
pub fn rule<'a>(rules: &'a Value, id: &str) -> &'a Value {
    rules.as_array().unwrap().iter().find(|rule| rule["id"] == id).unwrap()
}

/// The rules that differ or are broken.
pub fn wrong(report: &Value) -> Vec<String> {
    let rules = report["rules"].as_array().unwrap().iter();
    let wrong = rules.filter(|rule| rule["result"] == "differs" || rule["result"] == "broken");
    wrong.map(ToString::to_string).collect()
}

/// Held by tests that load the whole machine, have a deadline, or build the book.
pub fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of the book, which the first call builds.
pub fn book() -> &'static Path {
    static BOOK: OnceLock<PathBuf> = OnceLock::new();
    BOOK.get_or_init(|| {
        let _alone = alone();
        let told = stdout(&keybook(&[]));
        let index = told.lines().find_map(|line| line.strip_prefix("the book is built: open "));
        Path::new(index.unwrap_or_else(|| panic!("{told}"))).parent().unwrap().to_owned()
    })
}

/// All pages of the book.
pub fn pages(book: &Path) -> Vec<PathBuf> {
    fn pages_in(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pages_in(&path, pages);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                pages.push(path);
            }
        }
    }
    let mut pages = Vec::new();
    pages_in(book, &mut pages);
    pages
}

/// Every part of a text from `before` to the next quote.
pub fn attributes<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// A copy of the program, which every user can run. Its path distinguishes its processes from those
/// of other tests.
pub struct Program {
    pub folder: TempDir,
    pub path: PathBuf,
}

impl Program {
    /// Copies the program with cp(1); `None` where there are no keyrings. If this process wrote the file, a child that another test
    /// starts meanwhile could inherit the open file, and execve would fail with `ETXTBSY`.
    pub fn copy() -> Option<Program> {
        if !keyrings_are_here() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("keybook");
        assert!(Command::new("cp").arg(KEYBOOK).arg(&path).status().unwrap().success());
        Some(Program { folder, path })
    }

    /// Runs a shell script in which `$0` is the program.
    pub fn sh(&self, script: &str) -> Command {
        let mut sh = Command::new("sh");
        sh.args(["-c", script]).arg(&self.path);
        sh
    }

    /// The ids of the processes that run it.
    pub fn processes(&self) -> Vec<String> {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let ours = all.filter(|entry| {
            fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == self.path)
        });
        ours.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    pub fn wait_until_gone(&self) {
        wait_until("no process is left", || self.processes().is_empty());
    }
}

/// The id of a user without keys, one for each `nth` in this run of the tests.
pub fn unused_user(nth: u32) -> u32 {
    0x6000_0000 + std::process::id() * 16 + nth
}

/// Whether this runs as root; prints a remark if not.
pub fn am_root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        eprintln!("not observed: only root can become another user");
    }
    root
}

/// Whether there are keyrings; prints a remark if not.
pub fn keyrings_are_here() -> bool {
    let nothing = keyrings::probe::Keyrings::here().explain();
    if let Some(nothing) = &nothing {
        eprintln!("not observed: {nothing}");
    }
    nothing.is_none()
}

/// The first word of each line of a file in /proc.
pub fn first_words(file: &str) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Waits until everything that is new since `before` has vanished.
pub fn wait_until_nothing_is_new(file: &str, before: &BTreeSet<String>) {
    let mut new: BTreeSet<String> = first_words(file).difference(before).cloned().collect();
    wait_until(&format!("{new:?} have left {file}"), || {
        let now = first_words(file);
        new.retain(|word| now.contains(word));
        new.is_empty()
    });
}

/// Polls a condition for at most a minute.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "timed out waiting until {what}");
        sleep(Duration::from_millis(5));
    }
}
