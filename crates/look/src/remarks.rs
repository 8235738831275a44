//! What is worth saying about the keyrings of a process. Which rule of the book explains a remark is not
//! decided here.

use crate::tasks::{Answer, Held, Lost, Process, Thread};
use keyrings::{KeySerial, ProcKey, ProcKeysLine};
use std::collections::{BTreeMap, HashMap};

/// A fact about a process's keyrings. Threads are named by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Several threads have this process keyring.
    Shared(KeySerial, Vec<i32>),
    /// One thread alone has this process keyring, and others have another one.
    Own(KeySerial, i32),
    /// These threads have no process keyring, and others have one.
    Without(Vec<i32>),
    /// Only these threads, and not the main thread, have this process keyring: it ends with the last of them.
    Workers(KeySerial, Vec<i32>),
    /// Threads with thread keyrings, in a process with several threads.
    ThreadKeyrings(Vec<i32>),
    /// A main thread that has ended, or the whole process, keeps its keyrings until it is reaped.
    Ended {
        /// Whether all threads have ended.
        process: bool,
        /// The keyrings.
        keyrings: Lost,
    },
    /// Threads that act with other credentials than their own.
    Overridden(Vec<i32>),
    /// An open file keeps keyrings that no task has: its descriptor, its name and the keyrings.
    File(u32, Option<String>, Lost),
    /// The file of the running program keeps keyrings of the one before.
    Program(Lost),
    /// The threads use this number of session keyrings.
    Sessions(usize),
    /// This keyring is revoked, and whether it is a session keyring.
    Revoked(KeySerial, bool),
    /// This keyring has expired, and whether it is a session keyring.
    Expired(KeySerial, bool),
    /// The kernel refused with this errno to name a keyring of these threads.
    Unusable(i32, Vec<i32>),
}

/// The remarks about a process. `keys` are those that `/proc/keys` shows to the caller.
pub fn remarks(process: &Process, keys: &BTreeMap<KeySerial, ProcKeysLine>) -> Vec<Remark> {
    let mut remarks = about_process_keyrings(process);
    let threads = || process.threads.iter().filter(|thread| !thread.ended);
    let ids = |chosen: &dyn Fn(&Thread) -> bool| -> Vec<i32> {
        threads().filter(|thread| chosen(thread)).map(|thread| thread.tid).collect()
    };
    let private = ids(&|thread| thread.held.thread.keyring().is_some());
    if !private.is_empty() && process.threads.len() > 1 {
        remarks.push(Remark::ThreadKeyrings(private));
    }
    let main = process.threads.iter().find(|thread| thread.tid == process.pid && thread.ended);
    if let Some(Thread { held, .. }) = main.filter(|main| main.held.any()) {
        let keyrings = Lost { thread: held.thread.keyring(), process: held.process.keyring() };
        remarks.push(Remark::Ended { process: threads().next().is_none(), keyrings });
    }
    remarks.extend(unusable(process, keys));
    let overridden = ids(&|thread| thread.real.is_some());
    if !overridden.is_empty() {
        remarks.push(Remark::Overridden(overridden));
    }
    let sessions = grouped(threads(), |held| [held.session]).len();
    if sessions > 1 {
        remarks.push(Remark::Sessions(sessions));
    }
    let files = process.files.iter();
    remarks.extend(files.map(|file| Remark::File(file.fd, file.name.clone(), file.lost)));
    remarks.extend(process.program.map(Remark::Program));
    remarks
}

/// Keyrings with which calls fail.
fn unusable(process: &Process, keys: &BTreeMap<KeySerial, ProcKeysLine>) -> Vec<Remark> {
    let sessions = grouped(process.threads.iter(), |held| [held.session]);
    let is_session =
        |keyring| sessions.iter().any(|(session, _)| session.keyring() == Some(keyring));
    let told = process.keyrings().into_iter().filter_map(|keyring| {
        let ProcKey { flags, timeout, .. } = &keys.get(&keyring)?.key;
        match (flags.contains('R'), timeout == "expd") {
            (true, _) => Some(Remark::Revoked(keyring, is_session(keyring))),
            (false, true) => Some(Remark::Expired(keyring, is_session(keyring))),
            (false, false) => None,
        }
    });
    let refused = grouped(process.threads.iter(), |held| [held.thread, held.process]);
    let refused = refused.into_iter().filter_map(|(answer, threads)| match answer {
        Answer::Refused(errno) => Some(Remark::Unusable(errno, threads)),
        Answer::Keyring(_) | Answer::Absent | Answer::NotAsked => None,
    });
    told.chain(refused).collect()
}

fn about_process_keyrings(process: &Process) -> Vec<Remark> {
    let mut remarks = Vec::new();
    // An ended main thread cannot use its keyring, but a living thread that shares it is not alone.
    let groups = grouped(process.threads.iter(), |held| [held.process]);
    if process.threads.len() < 2 || groups.iter().all(|(answer, _)| answer.keyring().is_none()) {
        return remarks;
    }
    for (answer, threads) in &groups {
        match (answer, &threads[..]) {
            (Answer::Keyring(keyring), [thread]) => remarks.push(Remark::Own(*keyring, *thread)),
            (Answer::Keyring(keyring), _) => {
                remarks.push(Remark::Shared(*keyring, threads.clone()))
            }
            (Answer::Absent, _) => remarks.push(Remark::Without(threads.clone())),
            (Answer::Refused(_) | Answer::NotAsked, _) => {}
        }
    }
    let main_is_known = process.threads.iter().any(|thread| thread.tid == process.pid);
    for (answer, threads) in &groups {
        if let Answer::Keyring(keyring) = answer
            && main_is_known
            && !threads.contains(&process.pid)
        {
            remarks.push(Remark::Workers(*keyring, threads.clone()));
        }
    }
    // The keyring that most threads share is what the others lack.
    remarks.sort_by_key(|remark| match remark {
        Remark::Shared(_, threads) => (0, usize::MAX - threads.len()),
        Remark::Own(..) => (1, 0),
        Remark::Without(_) => (2, 0),
        _ => (3, 0),
    });
    remarks
}

/// The threads that have the same answer, in the order of each answer's first thread.
pub fn grouped<'a, const N: usize>(
    threads: impl Iterator<Item = &'a Thread>,
    which: impl Fn(&Held) -> [Answer; N],
) -> Vec<(Answer, Vec<i32>)> {
    let mut groups: Vec<(Answer, Vec<i32>)> = Vec::new();
    let mut places: HashMap<Answer, usize> = HashMap::new();
    for thread in threads {
        for answer in which(&thread.held) {
            let place = *places.entry(answer).or_insert_with(|| {
                groups.push((answer, Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(thread.tid);
        }
    }
    groups
}
