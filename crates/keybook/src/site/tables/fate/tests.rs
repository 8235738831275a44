//! The table says what the traces show, and would not say otherwise.

use super::{Cells, Claim, ROWS, claim::fate};
use crate::site::tables::Seen;
use model::follow::Kind;
use rulebook::Rulebook;
use std::path::{Path, PathBuf};
use trace::Trace;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every claim with each kind of keyring that it is about.
fn claims() -> Vec<(&'static Claim, Kind)> {
    let mut all = Vec::new();
    for row in ROWS {
        let cells = match &row.cells {
            Cells::Both(cell) => vec![(cell, Kind::Thread), (cell, Kind::Process)],
            Cells::Each(thread, process) => vec![(thread, Kind::Thread), (process, Kind::Process)],
        };
        for (cell, kind) in cells {
            let conditions = cell.conditions.iter().map(|(_, claim)| claim);
            all.extend(cell.claims.iter().chain(conditions).map(|claim| (claim, kind)));
        }
    }
    all
}

fn id(claim: &Claim, kind: Kind) -> String {
    claim.rule.replace('@', if kind == Kind::Thread { "thread" } else { "process" })
}

#[test]
fn every_answer_is_what_the_trace_of_its_rule_shows() {
    let book = Rulebook::read(&root());
    let mut wrong = Vec::new();
    for (claim, kind) in claims() {
        let id = id(claim, kind);
        let Some(rule) = book.rule(&id) else {
            wrong.push(format!("{id} is no rule"));
            continue;
        };
        let found = fate(&Seen::trace(rule, &root()), claim, kind);
        if found != Some(claim.fate) {
            wrong.push(format!("{id}, {kind:?}: {:?}, but {found:?}", claim.fate));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(claims().len() > 30);
}

/// The fate that a trace shows for the claim of a rule.
fn shown(rule: &str, text: &str) -> Vec<Option<super::Fate>> {
    let trace: Trace = text.parse().unwrap();
    let about = claims().into_iter().filter(|(claim, kind)| id(claim, *kind) == rule);
    about.map(|(claim, kind)| fate(&trace, claim, kind)).collect()
}

#[test]
fn another_trace_shows_another_fate() {
    use super::Fate::{Absent, Destroyed, Kept, Shared};
    // The thread exists before the keyring.
    let early = "main  pthread_create() = B\n\
        main  add_key(\"user\", \"key\", \"payload\", @p) = K1\n\
        main  pthread_create() = C\n\
        C     keyctl_read(@p) = {K1}\n";
    assert_eq!(shown("process.threads.contents", early), [Some(Shared)]);
    let unasked: Vec<&str> = early.lines().take(2).collect();
    assert_eq!(shown("process.threads.contents", &unasked.join("\n")), [None]);
    // Another thread has it, too.
    let shared = "main    keyctl_get_keyring_ID(@p, 1) = K1\n\
        main    pthread_create() = worker\n\
        worker  pthread_exit()\n\
        main    keyctl_get_keyring_ID(@p, 0) = K1\n";
    assert_eq!(shown("process.end.worker", shared), [Some(Kept)]);
    let alone = "main    pthread_create() = worker\n\
        worker  keyctl_get_keyring_ID(@p, 1) = K1\n\
        worker  pthread_exit()\n";
    // Nothing shows yet that it is destroyed.
    assert_eq!(shown("process.end.worker", alone), [None]);
    let gone = format!("{alone}main  wait_until(K1) = -1 ENOKEY (Required key not available)\n");
    assert_eq!(shown("process.end.worker", &gone), [Some(Destroyed)]);
    let late = "main   keyctl_get_keyring_ID(@p, 1) = K1\n\
        main   pthread_create() = late\n\
        late   keyctl_get_keyring_ID(@p, 1) = K1\n";
    assert_eq!(shown("process.threads.before", late), [None]);
    let before = "main   pthread_create() = early\nmain   keyctl_get_keyring_ID(@p, 1) = K1\n";
    assert_eq!(shown("process.threads.before", before), [Some(Absent)]);
}
