//! Threads that must not be asked.

use crate::driver::{Target, thread};
use look::{Answer, Left};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A filter that would kill the process for keyctl(2): it lives on.
pub fn a_filter() {
    let mut target = Target::start("filtered");
    let filtered = target.numbers()[0];
    let process = target.asked();
    assert_eq!(process.left, [(filtered, Left::Seccomp)]);
    assert_eq!(thread(&process, target.pid()).held.process, Answer::Absent);
    assert_eq!(target.finish(), 0);
}

pub fn a_tracer() {
    let mut target = Target::start("thread-keyring");
    let worker = target.numbers()[0];
    ptrace::seize(Pid::from_raw(worker), ptrace::Options::empty()).unwrap();
    let process = target.asked();
    // This test runs in a thread, and a tracer is a thread.
    assert_eq!(process.left, [(worker, Left::Tracer(nix::unistd::gettid().as_raw()))]);
    assert_eq!(process.threads.len(), 1);
    // Otherwise the ended thread would wait for its tracer.
    let worker = Pid::from_raw(worker);
    ptrace::interrupt(worker).unwrap();
    waitpid(worker, Some(WaitPidFlag::__WALL)).unwrap();
    ptrace::detach(worker, None).unwrap();
    assert_eq!(target.finish(), 0);
}

/// A thread that waits for its child cannot be stopped.
pub fn vfork() {
    let mut target = Target::start("vfork");
    let parent = target.numbers()[0];
    let wchan = format!("/proc/{parent}/stat");
    while !std::fs::read_to_string(&wchan).unwrap().contains(") D ") {
        std::thread::yield_now();
    }
    assert_eq!(target.asked().left, [(parent, Left::Busy)]);
    assert_eq!(target.finish(), 0);
}
