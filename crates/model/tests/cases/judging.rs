//! What a judge makes of names, of open events, and of what was asked.

use crate::{allowed, refused_at_its_end, trace};
use model::{Fact, Judge, Law};
use trace::Event;

/// Keys that appear together for the first time: only later events tell which is which.
#[test]
fn names_that_are_told_together() {
    let both = "main  keyctl_link(@t, @s) = 0
                main  keyctl_link(@p, @s) = 0
                main  keyctl_read(@s) = {K1, K2}";
    let described = |one: &str, other: &str| {
        format!(
            "{both}
             main  keyctl_describe(K1) = \"keyring;UID;GID;3f010000;{one}\"
             main  keyctl_describe(K2) = \"keyring;UID;GID;3f010000;{other}\""
        )
    };
    allowed(&described("_tid", "_pid"));
    allowed(&described("_pid", "_tid"));
    refused_at_its_end(&described("_pid", "_pid"));
}

/// What an event left open is counted as an event too.
#[test]
fn an_event_after_an_open_one() {
    refused_at_its_end(
        "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
         main  keyctl_invalidate(K1) = 0
         main  keyctl_read(@s) = {}
         main  keyctl_read(@s) = {K1}",
    );
}

/// What the last event had to do with, and all so far.
#[test]
fn what_was_asked() {
    let event = |text: &str| -> Event { trace(text).events.remove(0) };
    let mut judge = Judge::new();
    let (made, described) =
        (Law::from(Fact::NameOfThreadKeyring), Law::from(Fact::NamespaceOverflow));
    judge.event(&event("main  keyctl_get_keyring_ID(@t, 1) = K1")).unwrap();
    assert!(judge.has_just_asked(made) && !judge.has_just_asked(Law::from(Fact::ExecveHoldsOld)));
    judge.event(&event("main  keyctl_capabilities() = 0")).unwrap();
    assert!(!judge.has_just_asked(made) && judge.has_asked(made) && !judge.has_asked(described));
}
