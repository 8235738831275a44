//! Cases that no rule of the book is about: what is allowed, and beside it what is not.

use model::{Fact, Judge, Law, judge};
use trace::{Event, Trace};

fn trace(text: &str) -> Trace {
    let lines = text.lines().map(|line| line.trim_start().to_owned() + "\n");
    lines.collect::<String>().parse().unwrap()
}

fn allowed(text: &str) {
    let trace = trace(text);
    if let Err(refusal) = judge(&trace) {
        panic!("{text}\nrefused: {refusal:?}");
    }
}

/// The last event is refused, and all before are allowed.
fn refused_at_its_end(text: &str) {
    let trace = trace(text);
    let refusal = judge(&trace).expect_err("the trace is allowed");
    assert_eq!(refusal.nth + 1, trace.events.len(), "{text}\n{refusal:?}");
}

const EDQUOT: &str = "-1 EDQUOT (Quota exceeded)";
const ENOKEY: &str = "-1 ENOKEY (Required key not available)";

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

/// A user with a full quota has room again for as much as was freed, and no more.
#[test]
fn room_that_comes_back() {
    let full = |how: &str, freed: &str, then: &str| {
        format!(
            "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
             main  add_key(\"user\", \"one\", \"12345678\", K2) = K3
             main  {how}
             main  {freed}
             main  wait_for_the_collector()
             main  {then}"
        )
    };
    let keys = format!("add_keys_until_refused(1, K1) = {EDQUOT}");
    let bytes = "use_up_bytes(K1) = 0";
    let (unlink, nothing) = ("keyctl_unlink(K3, K2) = 0", "keyctl_capabilities() = 0");
    let add = "add_key(\"user\", \"two\", \"12345678\", K2) = K4";
    let longer = "add_key(\"user\", \"two\", \"123456789\", K2)";
    for how in [keys.as_str(), bytes] {
        allowed(&full(how, unlink, add));
        refused_at_its_end(&full(how, nothing, add));
        allowed(&full(how, nothing, &format!("{} = {EDQUOT}", add.replace(" = K4", ""))));
    }
    allowed(&full(bytes, unlink, &format!("{longer} = {EDQUOT}")));
    refused_at_its_end(&full(bytes, unlink, &format!("{longer} = K4")));
}

/// A negative key has attributes, and nothing else.
#[test]
fn a_negative_key() {
    let made = format!(
        "main  request_key(\"user\", \"nobody:makes\", \"callout\", @t) = {ENOKEY}
         main  keyctl_read(@t) = {{K1}}"
    );
    let then = |call: &str, gives: &str| format!("{made}\nmain  {call} = {gives}");
    let text = "\"user;UID;GID;3f010000;nobody:makes\"";
    allowed(&then("keyctl_describe(K1)", text));
    allowed(&then("keyctl_setperm(K1, 0x3f3f0000)", "0"));
    allowed(&then("keyctl_chown(K1, UID, -1)", "0"));
    refused_at_its_end(&then("keyctl_describe(K1)", ENOKEY));
    for call in ["keyctl_update(K1, \"payload\")", "keyctl_read(K1)", "keyctl_link(K1, @s)"] {
        allowed(&then(call, ENOKEY));
        refused_at_its_end(&then(call, "0"));
    }
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

/// An invalidated key is refused as such, or as one that nobody possesses, its link being gone.
#[test]
fn a_key_that_loses_its_link_before_it_goes() {
    let then = |gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_invalidate(K1) = 0
             main  keyctl_read(K1) = {gives}"
        )
    };
    allowed(&then(ENOKEY));
    allowed(&then("-1 EACCES (Permission denied)"));
    refused_at_its_end(&then("\"payload\""));
}

/// The same for a search: the key may still be linked, or not.
#[test]
fn a_search_for_a_key_that_loses_its_link() {
    let then = |gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_invalidate(K1) = 0
             main  keyctl_search(@s, \"user\", \"key\", 0) = {gives}"
        )
    };
    allowed(&then(ENOKEY));
    allowed(&then("-1 EKEYREVOKED (Key has been revoked)"));
    refused_at_its_end(&then("K1"));
}
