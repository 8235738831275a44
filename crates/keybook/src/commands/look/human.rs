//! What was seen, for people.

use super::{Seen, words};
use crate::output::{NAME, UNKNOWN, count};
use keyrings::KeySerial;
use look::{Answer, Held, Process, Thread, grouped};
use nix::errno::Errno;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use trace::Value;

/// The most keyrings of one kind that are listed for a process.
const LISTED: usize = 8;

/// Names of keyrings in the order in which they are first named: `K1`, `K2`.
#[derive(Default)]
struct Names {
    places: RefCell<HashMap<KeySerial, usize>>,
    named: RefCell<Vec<KeySerial>>,
}

impl Names {
    fn name(&self, keyring: KeySerial) -> String {
        let mut named = self.named.borrow_mut();
        let mut places = self.places.borrow_mut();
        let place = places.entry(keyring).or_insert_with(|| {
            named.push(keyring);
            named.len()
        });
        format!("K{place}")
    }
}

/// Everything that was seen.
pub(super) fn text(seen: &Seen) -> String {
    let names = Names::default();
    let mut text = String::new();
    for process in &seen.processes {
        text += &about(process, seen, &names);
        text += "\n";
    }
    text += &legend(seen, &names);
    if let Err(error) = &seen.keys {
        let _ = writeln!(text, "/proc/keys cannot be read: {error}");
    }
    if seen.asked {
        text +=
            "Not asked for: session keyrings, because the question creates one, and open files.\n";
    }
    if let Some((processes, sessions)) = seen.others {
        let _ = writeln!(
            text,
            "Not listed: {} without a thread or process keyring, with {}.",
            if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") },
            count(sessions, "session keyring")
        );
    }
    text
}

fn about(process: &Process, seen: &Seen, names: &Names) -> String {
    let Process { pid, comm, threads, left, .. } = process;
    let all = count(threads.len() + left.len(), "thread");
    let mut text = format!("{NAME}{pid}{NAME:#} {}: {all}\n", Value::text(comm));
    let both = group("@p", threads, |held| held.process, names)
        + &group("@t", threads, |held| held.thread, names);
    text += if both.is_empty() { "  no thread has a thread or process keyring\n" } else { &both };
    text += &group("@s", threads, |held| held.session, names);
    for Thread { tid, real, .. } in threads {
        if let Some(Held { thread, process, session }) = real {
            let [t, p, s] = [thread, process, session].map(|it| answer(*it, names));
            let _ = writeln!(text, "  real_cred of {tid}: @p {p}, @t {t}, @s {s}");
        }
    }
    for (tid, because) in left {
        let _ = writeln!(text, "  {UNKNOWN}not asked{UNKNOWN:#}: thread {tid} {because}");
    }
    for remark in seen.remarks(process) {
        let (words, rules) = words::explain(&remark, process, |keyring| names.name(keyring));
        let rules =
            if rules.is_empty() { String::new() } else { format!("  [{}]", rules.join(", ")) };
        let _ = writeln!(text, "  - {words}{rules}");
    }
    text
}

/// The keyrings of one kind, and the threads that have each.
fn group(kind: &str, threads: &[Thread], which: impl Fn(&Held) -> Answer, names: &Names) -> String {
    let groups = grouped(threads.iter(), |held| [which(held)]);
    let told = groups.iter().filter(|(answer, _)| !matches!(answer, Answer::NotAsked));
    if !told.clone().any(|(answer, _)| *answer != Answer::Absent) {
        return String::new();
    }
    let mut text = String::new();
    for (nth, (its_answer, its_threads)) in told.clone().take(LISTED).enumerate() {
        let kind = if nth == 0 { kind } else { "" };
        let who = match its_threads.len() {
            all if all == threads.len() => String::new(),
            1 => format!(": thread {}", words::ids(its_threads)),
            some => format!(": {some} threads, {}", words::ids(its_threads)),
        };
        let _ = writeln!(text, "  {kind:2}  {}{who}", answer(*its_answer, names));
    }
    if told.clone().count() > LISTED {
        let _ = writeln!(text, "      and {} more", told.count() - LISTED);
    }
    text
}

fn answer(answer: Answer, names: &Names) -> String {
    match answer {
        Answer::Keyring(keyring) => names.name(keyring),
        Answer::Absent => "none".to_owned(),
        Answer::Refused(errno) => format!("{}", Errno::from_raw(errno)),
        Answer::NotAsked => "not asked".to_owned(),
    }
}

/// What is known about each keyring that was named.
fn legend(seen: &Seen, names: &Names) -> String {
    let keyrings = names.named.borrow();
    let width = keyrings.len().to_string().len() + 1;
    let mut text = String::new();
    for (nth, keyring) in keyrings.iter().enumerate() {
        let what = match seen.key(*keyring) {
            None => "not visible to this user in /proc/keys".to_owned(),
            Some(line) => {
                let key = &line.key;
                format!(
                    "{} {}, flags {}, {}, mask {}, uid {}, gid {}, timeout {}",
                    Value::text(&key.kind),
                    Value::text(&key.summary),
                    key.flags,
                    count(line.usage, "reference"),
                    key.perm,
                    key.uid,
                    key.gid,
                    key.timeout
                )
            }
        };
        let _ = writeln!(text, "{:width$}  {:10}  {what}", format!("K{}", nth + 1), keyring.0);
    }
    text
}
