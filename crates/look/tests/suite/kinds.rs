//! What BPF shows about threads, open files and programs.

use crate::driver::{Target, answer, remarks, thread};
use keyrings::KeySerial;
use look::{Answer, Lost, Remark};

pub fn threads_that_share_and_one_with_its_own() {
    let mut target = Target::start("pool");
    let [first, owner, without] = [target.numbers(), target.numbers(), target.numbers()];
    let (Ok([main, second, third, shared]), Ok([own, its])) =
        (<[i32; 4]>::try_from(first), <[i32; 2]>::try_from(owner))
    else {
        panic!("other numbers are printed")
    };
    let Some(process) = target.observed() else { return };
    assert_eq!(process.pid, main);
    for sharer in [main, second, third] {
        assert_eq!(thread(&process, sharer).held.process, answer(shared));
        assert_eq!(thread(&process, sharer).held.thread, Answer::Absent);
    }
    assert_eq!(thread(&process, own).held.process, answer(its));
    assert_eq!(thread(&process, without[0]).held.process, Answer::Absent);
    assert_eq!(process.threads.len(), 5);
    assert!(process.threads.iter().all(|thread| thread.real.is_none() && !thread.ended));
    let mut sharers = vec![main, second, third];
    sharers.sort_unstable();
    assert_eq!(
        remarks(&process),
        [
            Remark::Shared(KeySerial(shared), sharers),
            Remark::Own(KeySerial(its), own),
            Remark::Without(without),
            Remark::Workers(KeySerial(its), vec![own]),
        ]
    );
}

pub fn a_thread_keyring() {
    let mut target = Target::start("thread-keyring");
    let numbers = target.numbers();
    let Some(process) = target.observed() else { return };
    assert_eq!(thread(&process, numbers[0]).held.thread, answer(numbers[1]));
    assert_eq!(thread(&process, target.pid()).held.thread, Answer::Absent);
    assert!(!process.threads.iter().any(|thread| thread.held.process.keyring().is_some()));
    assert_eq!(remarks(&process), [Remark::ThreadKeyrings(vec![numbers[0]])]);
}

fn lost(t: i32, p: i32) -> Lost {
    Lost { thread: Some(KeySerial(t)), process: Some(KeySerial(p)) }
}

pub fn a_file_keeps_a_dead_threads_keyring() {
    let mut target = Target::start("lost-file");
    let numbers = target.numbers();
    let Some(process) = target.observed() else { return };
    let [file] = &process.files[..] else { panic!("{process:?}") };
    assert_eq!((file.fd as i32, file.lost), (numbers[0], lost(numbers[1], numbers[2])));
    assert_eq!(file.name.as_deref(), Some("/dev/null"));
    assert!(process.is_involved());
    assert_eq!(
        remarks(&process),
        [Remark::File(file.fd, Some("/dev/null".to_owned()), lost(numbers[1], numbers[2]))]
    );
}

pub fn a_file_of_a_living_thread_keeps_nothing_lost() {
    let mut target = Target::start("kept-file");
    target.numbers();
    let Some(process) = target.observed() else { return };
    assert_eq!(process.files, []);
}

pub fn the_program_before_execve() {
    let mut target = Target::start("execve");
    let numbers = target.numbers();
    // The new program reads its input only after execve has succeeded.
    while std::fs::read_to_string(format!("/proc/{}/cmdline", target.pid()))
        .is_ok_and(|line| !line.contains("\0wait\0"))
    {
        std::thread::yield_now();
    }
    let Some(process) = target.observed() else { return };
    assert_eq!(process.threads.len(), 1);
    assert!(!process.threads[0].held.any());
    assert_eq!(process.program, Some(lost(numbers[0], numbers[1])));
    let told = remarks(&process);
    assert!(told.contains(&Remark::Program(lost(numbers[0], numbers[1]))), "{told:?}");
}

pub fn an_ended_main_thread() {
    let mut target = Target::start("main-thread-ends");
    let numbers = target.numbers();
    let Some(process) = target.observed() else { return };
    let main = thread(&process, target.pid());
    assert!(main.ended);
    assert_eq!(main.held.thread, answer(numbers[0]));
    let keyrings = lost(numbers[0], numbers[1]);
    let told = remarks(&process);
    assert!(told.contains(&Remark::Ended { process: false, keyrings }), "{told:?}");
}

pub fn a_revoked_keyring() {
    let mut target = Target::start("revoked");
    let keyring = target.numbers()[0];
    assert_eq!(
        target.asked().threads[0].held.process,
        Answer::Refused(keyrings::EKEYREVOKED as i32)
    );
    assert_eq!(
        remarks(&target.asked()),
        [Remark::Unusable(keyrings::EKEYREVOKED as i32, vec![target.pid()])]
    );
    let Some(process) = target.observed() else { return };
    assert_eq!(process.threads[0].held.process, answer(keyring));
    // The tests' user owns it, so /proc/keys shows it to them.
    assert_eq!(remarks(&process), [Remark::Revoked(KeySerial(keyring), false)]);
}

pub fn every_line_of_proc_keys() {
    let mut target = Target::start("pool");
    let keyring = KeySerial(target.numbers()[3]);
    let keys = look::visible_keys().unwrap();
    let line = &keys[&keyring];
    assert_eq!((line.serial, line.key.kind.as_str()), (keyring, "keyring"));
    assert!(line.key.summary.starts_with("_pid"), "{line:?}");
    assert!(line.usage > 0);
}
