//! Remarks in words, and the rules of the book that explain them.

use crate::output::count;
use keyrings::KeySerial;
use look::{Lost, Process, Remark, grouped};
use nix::errno::Errno;
use trace::Value;

/// The most threads that are listed by their ids.
const LISTED: usize = 8;

/// What is said, and the ids of the rules that explain it.
type Explained = (String, Vec<&'static str>);

/// A remark in words, with the ids of its rules. `name` names a keyring.
pub(super) fn explain(
    remark: &Remark,
    process: &Process,
    name: impl Fn(KeySerial) -> String,
) -> Explained {
    let all = process.threads.len();
    let lost = |lost: &Lost| {
        let kinds = [("process keyring", lost.process), ("thread keyring", lost.thread)];
        let both = kinds.map(|(kind, keyring)| Some(format!("the {kind} {}", name(keyring?))));
        both.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    };
    match remark {
        Remark::Shared(keyring, threads) => (
            format!("{} share {} as @p", some_of(threads, all), name(*keyring)),
            vec!["process.threads.after"],
        ),
        Remark::Own(keyring, thread) => own(process, *thread, &name(*keyring)),
        Remark::Without(threads) => (
            format!(
                "{} no process keyring, and cannot find the keys in the others'",
                some_have(threads, all)
            ),
            vec!["process.threads.before", "process.birth.asker"],
        ),
        Remark::Workers(keyring, threads) => workers(threads, &name(*keyring)),
        Remark::ThreadKeyrings(threads) => (
            format!(
                "{} a thread keyring, whose keys no other thread can read",
                some_have(threads, all)
            ),
            vec!["thread.birth.anchors", "thread.end"],
        ),
        Remark::Ended { process: whole, keyrings } => ended(*whole, keyrings, &lost(keyrings)),
        Remark::Overridden(threads) => {
            let act = if threads.len() == 1 { "acts" } else { "act" };
            let who = some_of(threads, all);
            (format!("{who} {act} with other credentials than their own at the moment"), vec![])
        }
        Remark::File(fd, file, keyrings) => {
            let file = file.as_ref().map(|file| format!(" ({})", Value::text(file)));
            let file = file.unwrap_or_default();
            (
                format!("the open file {fd}{file} keeps {}, which no thread has", lost(keyrings)),
                vec!["keyring.pin.file", "keyring.pin.keys"],
            )
        }
        Remark::Program(keyrings) => program(keyrings, &lost(keyrings)),
        Remark::Sessions(sessions) => (
            format!("its threads have {}", count(sessions, "session keyring")),
            vec!["thread.session.other-thread"],
        ),
        Remark::Revoked(keyring, is_session) => revoked(*is_session, &name(*keyring)),
        Remark::Expired(keyring, is_session) => expired(*is_session, &name(*keyring)),
        Remark::Unusable(errno, threads) => {
            unusable(Errno::from_raw(*errno), &some_of(threads, all))
        }
    }
}

fn own(process: &Process, thread: i32, keyring: &str) -> Explained {
    let groups = grouped(process.threads.iter(), |held| [held.process]);
    let different = groups.iter().filter(|(answer, _)| answer.keyring().is_some()).count();
    let rule = if different > 1 { "process.birth.eight-threads" } else { "process.birth.asker" };
    (format!("thread {thread} has its own @p, {keyring}"), vec![rule])
}

fn workers(threads: &[i32], keyring: &str) -> Explained {
    let last = match threads {
        [thread] => format!("thread {thread}"),
        threads => format!("the last of {}", count(threads.len(), "thread")),
    };
    let text = format!(
        "the main thread does not have {keyring}, which ends with {last}, even if the process runs on"
    );
    (text, vec!["process.end.worker"])
}

fn revoked(is_session: bool, keyring: &str) -> Explained {
    if is_session {
        (format!("the session keyring {keyring} is revoked"), vec!["keyring.session.revoked"])
    } else {
        (
            format!("{keyring} is revoked: calls with it fail with EKEYREVOKED"),
            vec!["keyring.revoked.reading", "keyring.revoked.never-replaced"],
        )
    }
}

/// No rule of the book is about an expired session keyring.
fn expired(is_session: bool, keyring: &str) -> Explained {
    if is_session {
        (format!("the session keyring {keyring} has expired"), vec![])
    } else {
        (
            format!("{keyring} has expired: calls with it fail with EKEYEXPIRED"),
            vec!["keyring.expired.reading"],
        )
    }
}

fn ended(whole: bool, keyrings: &Lost, what: &str) -> Explained {
    let (who, process, thread) = if whole {
        ("the process", "process.end.zombie", "thread.end.zombie")
    } else {
        ("the main thread", "process.end.leader", "thread.end.leader")
    };
    let rules = [keyrings.process.map(|_| process), keyrings.thread.map(|_| thread)];
    let text = format!("{who} has ended, and keeps {what} until the process is reaped");
    (text, rules.into_iter().flatten().collect())
}

fn program(keyrings: &Lost, what: &str) -> Explained {
    let rules = [
        keyrings.process.map(|_| "process.execve.lives-on"),
        keyrings.thread.map(|_| "thread.execve.lives-on"),
    ];
    let text = format!("the file of the running program keeps {what} of the one before execve(2)");
    (text, rules.into_iter().flatten().collect())
}

fn unusable(errno: Errno, who: &str) -> Explained {
    let rules = match errno {
        Errno::EKEYREVOKED => vec!["keyring.revoked.reading", "keyring.revoked.never-replaced"],
        Errno::EKEYEXPIRED => vec!["keyring.expired.reading"],
        _ => vec![],
    };
    (format!("{who}: a keyring cannot be named, because the kernel fails with {errno}"), rules)
}

/// Threads by their ids, as far as these are few.
pub(super) fn ids(threads: &[i32]) -> String {
    let shown = threads.iter().take(LISTED).map(i32::to_string).collect::<Vec<_>>().join(", ");
    match threads.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `3 of 4 threads (1, 2, 3)`, `all 3 threads`, or `thread 1`.
fn some_of(threads: &[i32], all: usize) -> String {
    match threads {
        [thread] => format!("thread {thread}"),
        [_, _] if all == 2 => "both threads".to_owned(),
        threads if threads.len() == all => format!("all {all} threads"),
        threads => format!("{} of {all} threads ({})", threads.len(), ids(threads)),
    }
}

fn some_have(threads: &[i32], all: usize) -> String {
    let have = if threads.len() == 1 { "has" } else { "have" };
    format!("{} {have}", some_of(threads, all))
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::embedded;
    use keyrings::{Errno, KeySerial};
    use look::{Lost, Process, Remark};

    /// Every remark has words, and names rules of the book.
    #[test]
    fn remarks_name_rules_of_the_book() {
        let keyring = KeySerial(1);
        let lost = Lost { thread: Some(keyring), process: Some(keyring) };
        let remarks = [
            Remark::Shared(keyring, vec![1, 2]),
            Remark::Own(keyring, 1),
            Remark::Without(vec![1]),
            Remark::Workers(keyring, vec![1]),
            Remark::ThreadKeyrings(vec![1]),
            Remark::Ended { process: true, keyrings: lost },
            Remark::Ended { process: false, keyrings: lost },
            Remark::File(3, None, lost),
            Remark::Program(lost),
            Remark::Sessions(2),
            Remark::Revoked(keyring, true),
            Remark::Revoked(keyring, false),
            Remark::Expired(keyring, false),
            Remark::Unusable(Errno::EKEYREVOKED as i32, vec![1]),
            Remark::Unusable(Errno::EKEYEXPIRED as i32, vec![1]),
        ];
        for remark in remarks {
            let (text, rules) = explain(&remark, &Process::default(), |_| "K1".to_owned());
            assert!(!text.is_empty() && !rules.is_empty(), "{remark:?}");
            for rule in rules {
                assert!(embedded::rule(rule).is_some(), "{rule} of {remark:?}");
            }
        }
    }
}
