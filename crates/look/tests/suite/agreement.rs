//! Both ways to look say the same.

use crate::driver::Target;
use look::{Answer, Left};
use nix::sys::signal::Signal;
use std::fs;

pub fn bpf_and_ptrace_agree() {
    for program in ["pool", "thread-keyring", "lost-file", "kept-file", "many", "main-thread-ends"]
    {
        let mut target = Target::start(program);
        target.numbers();
        let asked = target.asked();
        let Some(observed) = target.observed() else { return };
        let observed = observed.threads.iter().filter(|thread| !thread.ended);
        let observed: Vec<_> =
            observed.map(|it| (it.tid, it.comm.clone(), it.held.thread, it.held.process)).collect();
        let answers = asked.threads.iter();
        let answers: Vec<_> =
            answers.map(|it| (it.tid, it.comm.clone(), it.held.thread, it.held.process)).collect();
        assert_eq!(observed, answers, "{program}");
        assert!(asked.threads.iter().all(|it| it.held.session == Answer::NotAsked));
        let left =
            if program == "main-thread-ends" { vec![(target.pid(), Left::Ended)] } else { vec![] };
        assert_eq!(asked.left, left, "{program}");
    }
}

fn state(pid: i32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find(|line| line.starts_with("State:")).unwrap().to_owned()
}

pub fn a_stopped_process_stays_stopped() {
    let mut target = Target::start("pool");
    target.numbers();
    target.signal(Signal::SIGSTOP);
    while !state(target.pid()).contains("(stopped)") {
        std::thread::yield_now();
    }
    assert_eq!(target.asked().threads.len(), 5);
    while !state(target.pid()).contains("(stopped)") {
        std::thread::yield_now();
    }
    target.signal(Signal::SIGCONT);
    assert_eq!(target.finish(), 0);
}

pub fn an_ended_process_is_nothing() {
    let target = Target::start("wait");
    let pid = target.pid();
    assert_eq!(target.finish(), 0);
    assert_eq!(look::stop_and_ask(pid), Ok(None));
    if let Ok(all) = look::observe() {
        assert!(!all.contains_key(&pid));
    }
}
