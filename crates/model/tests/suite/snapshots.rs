//! The model allows every trace of the book, and the tables made from these traces are as saved.

use crate::table;
use model::wrong::{Table, laws, refused, to_save, weak};
use model::{Judge, Verdict, judge};
use rulebook::Snapshot;
use std::fs;
use std::path::{Path, PathBuf};
use trace::Trace;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The traces of all rules, by the rule's id.
pub(crate) fn traces() -> Vec<(String, Trace)> {
    let ids = Snapshot::all(&root()).into_keys();
    ids.map(|id| {
        let trace = Snapshot::read(&root(), &id).unwrap().contents.parse().unwrap();
        (id, trace)
    })
    .collect()
}

#[test]
fn every_trace_of_the_book_is_allowed() {
    let mut refused = Vec::new();
    for (id, trace) in traces() {
        let verdict = judge(&trace, &Table::default());
        if verdict != Verdict::Allowed {
            refused.push(format!("{id}: {verdict:?}"));
        }
    }
    assert!(refused.is_empty(), "{} not allowed:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn the_table_of_wrong_models_is_as_saved() {
    let traces = traces();
    let allowed = |trace: &Trace| Judge::new().events(trace.events()).is_ok();
    assert!(traces.iter().all(|(_, trace)| allowed(trace)), "see the other tests");
    let laws = laws(&traces);
    let now = refused(&laws);
    let unnoticed = now.iter().filter(|line| line.by.is_empty());
    let unnoticed: Vec<_> = unnoticed.map(|line| line.law.wrong()).collect();
    assert_eq!(unnoticed, Vec::<String>::new(), "no rule refuses these");
    for (id, _) in &traces {
        let named = now.iter().any(|line| line.by[..line.named].contains(id));
        assert!(named, "{id} refuses no wrong model: it proves nothing");
    }
    let saved = include_str!("../../../../snapshots/model/wrong-models.txt");
    assert!(to_save(&laws) == saved, "the table has changed: `cargo run -- wrong --save` saves it");
    assert_eq!(table().rows, now);
}

/// The rules that notice only what many others notice, and why: at most twenty.
const WEAK: &[(&str, &str)] = &[
    ("keyring.absent.get-keyring-id", "hundreds of rules ask whether a keyring exists"),
    ("keyring.attributes.mask", "it describes a new keyring, as every rule about describing does"),
    ("keyring.attributes.serial", "the same"),
    ("keyring.link.last", "every rule about an end sees that an unlinked key is destroyed"),
    ("keyring.no-permission.read-owner", "every rule about Read sees the errno"),
    (
        "keyring.no-permission.search-possession",
        "every rule about Search depends on a new key's mask",
    ),
    ("keyring.read.own-links", "it adds keys to an absent keyring, as a program would"),
    ("keyring.read.serials", "the same"),
    ("keyring.revoked.get-persistent", "the destination fails like that of any other call"),
    ("keyring.serial.child.read", "every rule about Read sees the errno"),
    ("keyring.special-id.add-key", "every rule that adds a key uses the special ids"),
    ("keyring.special-id.describe", "every rule that describes a keyring uses the special ids"),
    ("keyring.special-id.read", "every rule that reads a keyring uses the special ids"),
    ("keyring.special-id.setperm", "every rule about masks uses the special ids"),
    ("process.birth.asking", "hundreds of rules create a keyring so"),
    ("process.birth.empty", "every rule that reads a new keyring sees that it is empty"),
    ("process.special-id", "every rule about two processes sees two keyrings"),
    ("thread.birth.asking", "hundreds of rules create a keyring so"),
    ("thread.birth.empty", "every rule that reads a new keyring sees that it is empty"),
];

#[test]
fn only_the_listed_rules_are_weak() {
    assert!(WEAK.len() <= 20, "at most twenty rules may notice only what many others notice");
    let laws = laws(&traces());
    let table = refused(&laws);
    let mut weak: Vec<&str> = weak(&laws, &table).iter().map(|weak| weak.rule).collect();
    weak.sort_unstable();
    let listed: Vec<&str> = WEAK.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(weak, listed, "a law is missing, or the list is too long");
}

/// The events with several allowed outcomes are as saved.
#[test]
fn what_is_left_open() {
    let mut open = String::new();
    for (id, trace) in traces() {
        let mut judge = Judge::new();
        for event in trace.events() {
            let allowed = judge.allowed(event);
            if allowed != [event.outcome.clone()] {
                let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
                let (task, request) = (&event.task, event.request());
                open += &format!("{id}: {task}  {request}: {}\n", allowed.join(" | "));
            }
            judge.event(event).unwrap();
        }
    }
    let saved = root().join(rulebook::LEFT_OPEN);
    if fs::read_to_string(&saved).unwrap_or_default() != open {
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("left-open.txt");
        fs::write(&now, open).unwrap();
        panic!("{} is not as {} is now", saved.display(), now.display());
    }
}
