//! Starts programs of `target`, talks with them, and looks at them.

use keyrings::KeySerial;
use look::{Answer, Process, Thread};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The argument after which the name of a program of `target` stands.
pub const PROGRAM: &str = "__program";

/// Whether there are keyrings; prints a remark if not.
pub fn keyrings_are_here() -> bool {
    let nothing = keyrings::probe::Keyrings::here().explain();
    if let Some(nothing) = &nothing {
        eprintln!("not observed: {nothing}");
    }
    nothing.is_none()
}

/// A command that runs a program of `target`.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(PROGRAM).arg(program).args(args);
    command
}

/// A running program. It ends when its standard input is closed.
pub struct Target {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Target {
    pub fn start(program: &str) -> Target {
        Target::start_with(program, &[])
    }

    pub fn start_with(program: &str, args: &[&str]) -> Target {
        let mut command = command(program, args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Target { child, input, output }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// The numbers on the program's next line.
    pub fn numbers(&mut self) -> Vec<i32> {
        let line = self.output.next().expect("the program has ended").unwrap();
        line.split_whitespace().map(|number| number.parse().unwrap()).collect()
    }

    /// Ends the program's input, and returns its exit status, or the negative number of the signal that ended it.
    pub fn finish(mut self) -> i32 {
        drop(self.input.take());
        self.status()
    }

    fn status(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait().unwrap();
        status.code().unwrap_or_else(|| -status.signal().unwrap())
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    fn tids(&self) -> impl Iterator<Item = i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().flatten();
        tasks.filter_map(|task| task.file_name().to_str()?.parse().ok())
    }

    /// Sends a signal to each thread. A thread may have ended meanwhile.
    #[expect(unsafe_code, reason = "nix has no tgkill")]
    pub fn signal_each_thread(&self, signal: nix::sys::signal::Signal) {
        for tid in self.tids() {
            // SAFETY: takes numbers only.
            unsafe { libc::syscall(libc::SYS_tgkill, self.pid(), tid, signal as i32) };
        }
    }

    /// Whether one of its threads has a tracer.
    pub fn is_traced(&self) -> bool {
        self.tids().any(|tid| {
            let status = std::fs::read_to_string(format!("/proc/{}/task/{tid}/status", self.pid()));
            status.is_ok_and(|it| it.contains("TracerPid") && !it.contains("TracerPid:\t0"))
        })
    }

    /// Its exit status, once it has ended.
    pub fn ended(mut self) -> i32 {
        self.status()
    }

    /// What BPF shows about it, or `None`, with a remark, where BPF cannot be used.
    pub fn observed(&self) -> Option<Process> {
        match look::observe() {
            Ok(mut all) => Some(all.remove(&self.pid()).expect("it is there")),
            Err(missing) => {
                for missing in missing {
                    eprintln!("not observed: {missing}");
                }
                None
            }
        }
    }

    /// What its threads answer.
    pub fn asked(&self) -> Process {
        look::stop_and_ask(self.pid()).expect("it can be asked").expect("it is there")
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread of a process.
pub fn thread(process: &Process, tid: i32) -> &Thread {
    process.threads.iter().find(|thread| thread.tid == tid).unwrap_or_else(|| panic!("{process:?}"))
}

/// A keyring by its number, 0 for none.
pub fn answer(serial: i32) -> Answer {
    if serial == 0 { Answer::Absent } else { Answer::Keyring(KeySerial(serial)) }
}

/// The remarks about a process, as the caller sees its keyrings.
pub fn remarks(process: &Process) -> Vec<look::Remark> {
    look::remarks(process, &look::visible_keys().unwrap())
}
