//! Names, events that leave a choice open, and the laws that were consulted.

use crate::{allowed, only, refused_at_its_end, trace};
use model::{Fact, Judge, KeySlot, Law, Permission, TRANSITIONS};
use trace::Event;

/// Keys that first appear together: only later events show which is which.
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
    only(&described("_pid", "_tid"), &described("_pid", "_pid"));
}

/// An event that leaves several worlds counts as one event.
#[test]
fn an_event_after_an_open_one() {
    refused_at_its_end(
        "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
         main  keyctl_invalidate(K1) = 0
         main  keyctl_read(@s) = {}
         main  keyctl_read(@s) = {K1}",
    );
}

/// The laws that the last event depended on, and all events so far.
#[test]
fn what_was_asked() {
    let event = |text: &str| -> Event { trace(text).events()[0].clone() };
    let mut judge = Judge::new();
    let (made, described) =
        (Law::from(Fact::NameOfThreadKeyring), Law::from(Fact::NamespaceOverflow));
    judge.event(&event("main  keyctl_get_keyring_ID(@t, 1) = K1")).unwrap();
    assert!(judge.has_just_asked(made) && !judge.has_just_asked(Law::from(Fact::ExecveHoldsOld)));
    judge.event(&event("main  keyctl_capabilities() = 0")).unwrap();
    assert!(!judge.has_just_asked(made) && judge.has_asked(made) && !judge.has_asked(described));
}

#[test]
fn what_key_arguments_require() {
    assert_eq!(KeySlot::Revoke.needs(), [Permission::Write, Permission::Setattr]);
    assert!(KeySlot::AddKey.creates() && !KeySlot::Revoke.creates());
}

#[test]
fn every_operation_of_the_helper_crate_has_a_transition() {
    let source = include_str!("../../../keyrings/src/api/keyctl.rs");
    let recorded = source.split('"').skip(1).step_by(2).filter(|text| {
        let is_name = text.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        is_name && ["keyctl_", "add_key", "request_key"].iter().any(|name| text.starts_with(name))
    });
    let recorded: Vec<&str> = recorded.collect();
    assert!(recorded.len() >= 30, "{recorded:?}");
    let has_transition = |call: &&&str| TRANSITIONS.iter().any(|row| row.calls.contains(*call));
    let missing: Vec<_> = recorded.iter().filter(|call| !has_transition(call)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
