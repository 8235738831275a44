//! The state after each event.

use crate::snapshots::traces;
use crate::trace;
use model::follow;
use model::follow::{Holder, Kind, Life, Place, Slot, State, Unusable};

/// The places of a key before the first event and after each; `None` before its creation.
fn places(states: &[State], name: &str) -> Vec<Option<Place>> {
    states.iter().map(|state| state.named(name).map(|key| state.keys[key].place)).collect()
}

fn holders(state: &State, name: &str) -> Vec<Holder> {
    state.keys[state.named(name).unwrap()].held_by.clone()
}

#[test]
fn a_keyring_of_a_worker() {
    let states = follow(&trace(
        "main    keyctl_get_keyring_ID(@s, 0) = K1
         main    pthread_create() = worker
         worker  keyctl_get_keyring_ID(@p, 1) = K2
         worker  add_key(\"user\", \"token\", \"1\", @p) = K3
         worker  pthread_exit()
         main    wait_until(K2) = -1 ENOKEY (Required key not available)
         main    wait_for_the_collector()",
    ));
    use Place::{Destroyed, Loose, Reachable};
    let [reachable, loose, destroyed] = [Reachable, Loose, Destroyed].map(Some);
    assert_eq!(
        places(&states, "K2"),
        [None, None, None, reachable, reachable, loose, destroyed, destroyed]
    );
    assert_eq!(places(&states, "K3"), [None, None, None, None, reachable, loose, loose, destroyed]);
    assert_eq!(places(&states, "K1"), [reachable; 8]);

    let after = &states[4];
    let (main, worker) = (&after.tasks[0], &after.tasks[1]);
    let ring = after.named("K2").unwrap();
    assert_eq!((main.own.process, worker.own.process), (Slot::Empty, Slot::Has(ring)));
    assert_eq!((worker.own.thread, worker.main_thread), (Slot::Empty, 0));
    assert_eq!(states[2].tasks[0].cred, states[2].tasks[1].cred);
    assert_ne!(main.cred, worker.cred);
    assert_eq!(after.keys[ring].reached_by, [1]);
    assert_eq!(after.keys[ring].kind, Kind::Process);
    assert_eq!(after.keys[ring].links, [after.named("K3").unwrap()]);
    assert_eq!(after.keys[after.named("K3").unwrap()].kind, Kind::Key);
    assert_eq!(states[5].tasks[1].life, Life::Ended);
    assert_eq!((states[4].running("worker"), states[5].running("worker")), (Some(1), None));
}

/// A program, a zombie, a file, a mapping and a traced task refer to keyrings.
#[test]
fn what_holds_a_keyring() {
    let states = follow(&trace(
        "main    fork() = child
         child   keyctl_get_keyring_ID(@t, 1) = K1
         child   execve(self) = 0
         child   keyctl_get_keyring_ID(@p, 1) = K2
         child   exit(0)
         main    waitpid(child) = child",
    ));
    assert_eq!(holders(&states[2], "K1"), []);
    assert_eq!(holders(&states[3], "K1"), [Holder::Program("child".into())]);
    assert_eq!(holders(&states[5], "K2"), [Holder::Zombie("child".into())]);
    assert_eq!(states[5].tasks[1].life, Life::Zombie);
    assert_eq!(
        places(&states, "K1")[3..],
        [Place::Held, Place::Held, Place::Loose, Place::Loose].map(Some)
    );
    assert_eq!(places(&states, "K2")[5..], [Place::Held, Place::Loose].map(Some));

    let states = follow(&trace(
        "main    pthread_create() = worker
         worker  keyctl_get_keyring_ID(@t, 1) = K1
         worker  open(\"/dev/null\") = file
         worker  mmap(file) = mapping
         worker  pthread_exit()
         main    close(file) = 0
         main    munmap(mapping) = 0",
    ));
    let mapping = Holder::Mapped("mapping".into());
    assert_eq!(holders(&states[5], "K1"), [mapping.clone(), Holder::File]);
    let ring = Slot::Has(states[5].named("K1").unwrap());
    assert!(states[5].holders.iter().any(|it| it.by == Holder::File && it.own.thread == ring));
    assert_eq!(holders(&states[6], "K1"), [mapping]);
    assert_eq!(places(&states, "K1")[7], Some(Place::Loose));

    let states = follow(&trace(
        "main    keyctl_get_keyring_ID(@t, 1) = K1
         main    fork() = child
         main    ptrace(PTRACE_SEIZE, child) = 0",
    ));
    assert_eq!(holders(&states[3], "K1"), [Holder::Traced("child".into())]);
    assert_eq!(places(&states, "K1")[3], Some(Place::Reachable));
}

#[test]
fn why_a_key_cannot_be_used() {
    let states = follow(&trace(
        "main  add_key(\"user\", \"a\", \"1\", @s) = K1
         main  keyctl_revoke(K1) = 0
         main  add_key(\"user\", \"b\", \"1\", @s) = K2
         main  keyctl_set_timeout(K2, 1) = 0
         main  keyctl_read(K2) = -1 EKEYEXPIRED (Key has expired)
         main  add_key(\"user\", \"c\", \"1\", @s) = K3
         main  keyctl_invalidate(K3) = 0",
    ));
    let last = states.last().unwrap();
    let why = |name: &str| last.keys[last.named(name).unwrap()].unusable;
    let [revoked, expired, invalidated] =
        [Unusable::Revoked, Unusable::Expired, Unusable::Invalidated].map(Some);
    assert_eq!([why("K1"), why("K2"), why("K3")], [revoked, expired, invalidated]);
    let before = &states[1];
    assert_eq!(before.keys[before.named("K1").unwrap()].unusable, None);
}

/// A call about one key with a choice leaves two worlds; what they agree on is known.
#[test]
fn what_is_unknown() {
    let states = follow(&trace(
        "main  add_key(\"user\", \"a\", \"1\", @t) = K1
         main  add_key(\"user\", \"b\", \"1\", @t) = K2
         main  keyctl_setperm(K1, 0x0) = 0
         main  keyctl_unlink(K1, @t) = 0
         main  proc_keys(K1) = nothing",
    ));
    assert_eq!(states.len(), 6);
    assert_eq!(places(&states, "K1")[4..], [Place::Loose, Place::Unknown].map(Some));
    assert_eq!(places(&states, "K2")[5], Some(Place::Reachable));
}

/// A trace calls every file the same. Which one was closed shows later.
#[test]
fn what_a_later_event_shows() {
    let until = |last: &str| {
        follow(&trace(&format!(
            "main    pthread_create() = worker
             worker  keyctl_get_keyring_ID(@t, 1) = K1
             worker  open(\"/dev/null\") = file
             main    open(\"/dev/null\") = file
             worker  pthread_exit()
             main    close(file) = 0
             {last}"
        )))
    };
    let closed = |last: &str| places(&until(last), "K1")[6].unwrap();
    assert_eq!(closed(""), Place::Unknown);
    assert_eq!(
        closed("main  wait_until(K1) = -1 ENOKEY (Required key not available)"),
        Place::Loose
    );
}

/// What no kernel shows ends it.
#[test]
fn a_refused_trace() {
    let states = follow(&trace("main  fork() = child\n main  keyctl_get_keyring_ID(@t, 0) = K1"));
    assert_eq!(states.len(), 2);
}

/// In the book's traces, the state is known to the end.
#[test]
fn the_traces_of_the_book() {
    for (id, trace) in traces() {
        let states = follow(&trace);
        assert_eq!(states.len(), trace.events().len() + 1, "{id}");
        for state in &states {
            for key in &state.keys {
                let reached = !key.reached_by.is_empty();
                assert_eq!(reached, key.place == Place::Reachable, "{id}: {key:?}");
            }
        }
    }
}

#[test]
fn the_last_states_are_those_of_all() {
    for (_, trace) in traces() {
        let all = follow(&trace);
        let (number, last) = model::follow::last(&trace);
        assert_eq!(number + 1, all.len());
        assert_eq!(last, all[all.len().saturating_sub(2)..]);
    }
}
