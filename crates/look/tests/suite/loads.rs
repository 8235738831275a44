//! Many threads, threads that work meanwhile, and askers that are killed.

use crate::driver::{Target, answer};
use look::Answer;
use nix::sys::signal::Signal;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub fn a_thousand_threads() {
    let mut target = Target::start("many");
    let shared = target.numbers()[0];
    let Some(process) = target.observed() else { return };
    assert_eq!(process.threads.len(), 1000);
    assert!(process.threads.iter().all(|thread| thread.held.process == answer(shared)));
    let own: HashSet<_> =
        process.threads.iter().map(|it| it.held.thread.keyring().unwrap()).collect();
    assert_eq!(own.len(), 1000);
}

pub fn threads_go_on_correctly() {
    let mut target = Target::start("work");
    target.numbers();
    for _ in 0..200 {
        let process = target.asked();
        assert_eq!(process.left, []);
        assert!(process.threads.len() >= 6, "{process:?}");
    }
    assert_eq!(target.finish(), 0);
}

/// A handler must not run with the registers of a question.
pub fn signals_meanwhile() {
    let mut target = Target::start("work");
    target.numbers();
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                target.signal_each_thread(Signal::SIGUSR2);
            }
        });
        for _ in 0..100 {
            let process = look::stop_and_ask(target.pid()).unwrap().unwrap();
            let answers = process.threads.iter().map(|it| (it.held.thread, it.held.process));
            let wrong = answers.filter(|it| *it != (Answer::Absent, Answer::Absent)).count();
            if wrong > 0 || !process.left.is_empty() {
                enough.store(true, Ordering::Relaxed);
                panic!("{process:?}");
            }
        }
        enough.store(true, Ordering::Relaxed);
    });
    assert_eq!(target.finish(), 0);
}

/// Each asker is killed while it is attached to a thread.
pub fn killed_askers_leave_threads_correct() {
    let mut target = Target::start("work");
    target.numbers();
    let pid = target.pid().to_string();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        for _ in 0..20 {
            let mut asker = Target::start_with("asker", &[&pid]);
            asker.numbers();
            let end = Instant::now() + Duration::from_secs(10);
            while !target.is_traced() {
                assert!(Instant::now() < end, "no thread is traced: were its registers wrong?");
            }
            asker.signal(signal);
            assert_eq!(asker.ended(), -(signal as i32));
        }
    }
    assert_eq!(target.finish(), 0);
}

pub fn threads_that_end_meanwhile() {
    let mut target = Target::start("short-lived");
    target.numbers();
    for _ in 0..50 {
        let process = target.asked();
        assert_eq!(process.left, [], "a thread that ends is left out");
        assert!(process.threads.len() >= 5);
        if target.observed().is_none() {
            return;
        }
    }
    assert_eq!(target.finish(), 0);
}
