//! What the model refuses, and what a refusal says.

use crate::{EINVAL, ENOKEY, refused, table, trace};
use model::wrong::Table;
use model::{Verdict, Why, judge};

/// Where a trace is refused, the allowed outcomes, the laws and the rules.
fn told(trace: &str) -> (usize, Vec<String>, Vec<String>, Vec<String>) {
    let refusal = refused(trace);
    let Why::Outcome { allowed, laws, rules } = refusal.why else { panic!("{refusal:?}") };
    let allowed = allowed.iter().map(ToString::to_string).collect();
    (refusal.nth, allowed, laws.iter().map(|law| law.name()).collect(), rules)
}

#[test]
fn a_keyring_that_is_inherited() {
    let (nth, allowed, laws, rules) = told(
        "main   keyctl_get_keyring_ID(@t, 1) = K1
         main   vfork() = child
         child  keyctl_get_keyring_ID(@t, 0) = K1",
    );
    assert_eq!((nth, allowed), (2, vec![ENOKEY.to_owned()]));
    assert_eq!(laws, ["NotInherited.Vfork.Thread"]);
    assert!(rules.contains(&"thread.vfork".to_owned()), "{rules:?}");
}

#[test]
fn a_process_keyring_that_is_shared_with_an_older_thread() {
    let (nth, allowed, laws, rules) = told(
        "main   pthread_create() = older
         main   keyctl_get_keyring_ID(@p, 1) = K1
         older  keyctl_get_keyring_ID(@p, 0) = K1",
    );
    assert_eq!((nth, allowed), (2, vec![ENOKEY.to_owned()]));
    assert_eq!(laws, ["OfMainThreadOnly.Process", "NotOfSibling.Process"]);
    assert!(rules.contains(&"process.threads.before".to_owned()), "{rules:?}");
}

#[test]
fn another_error() {
    let (nth, allowed, laws, _) = told(
        "main  keyctl_revoke(@t) = -1 ENOKEY (Required key not available)
         main  keyctl_get_keyring_ID(@t, 1) = K1
         main  keyctl_revoke(@t) = 0
         main  keyctl_read(@t) = -1 EPERM (Operation not permitted)",
    );
    assert_eq!(nth, 3);
    assert_eq!(allowed, ["-1 EKEYREVOKED (Key has been revoked)"]);
    // No single law explains this outcome.
    assert_eq!(laws, Vec::<String>::new());
}

/// Fewer rules depend on the first law than on the second.
#[test]
fn the_most_telling_law_comes_first() {
    let (_, _, laws, _) = told(
        "main  keyctl_get_keyring_ID(@t, 1) = K1
         main  keyctl_revoke(@t) = 0
         main  keyctl_read(@t) = {}",
    );
    assert_eq!(laws, ["ReadStateErrno", "RevokedIsRefused"]);
}

/// Each of the three laws lists three rules or more.
#[test]
fn no_more_than_six_rules_are_named() {
    let (_, _, laws, rules) = told(
        "main  keyctl_get_keyring_ID(@t, 1) = K1
         main  keyctl_revoke(@t) = 0
         main  add_key(\"user\", \"key\", \"payload\", @t) = K2",
    );
    assert_eq!(laws, ["Sound.AddKey", "UnsoundIsKept", "RevokedIsRefused"]);
    assert_eq!(rules.len(), 6, "{rules:?}");
}

#[test]
fn every_outcome_that_is_left_open_is_named() {
    let (nth, allowed, _, _) = told(
        "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
         main  keyctl_invalidate(K1) = 0
         main  keyctl_read(@s) = {K1, K2}",
    );
    assert_eq!((nth, allowed), (2, vec!["{K1}".to_owned(), "{}".to_owned()]));
}

/// Each of four keys may or may not still be linked: sixteen outcomes.
#[test]
fn no_more_than_eight_outcomes_are_named() {
    let keys: String = (1..=4)
        .map(|nth| {
            format!(
                "main  add_key(\"user\", \"{nth}\", \"payload\", @s) = K{nth}
                 main  keyctl_invalidate(K{nth}) = 0\n"
            )
        })
        .collect();
    let (_, allowed, _, _) = told(&format!("{keys}main  keyctl_read(@s) = \"text\""));
    assert_eq!(allowed.len(), 8, "{allowed:?}");
}

#[test]
fn what_is_no_event_of_this_book() {
    let expected = |trace: &str| match refused(trace).why {
        Why::NotUnderstood(expected) => expected,
        other => panic!("{other:?}"),
    };
    assert_eq!(expected("main  keyctl_read() = {}"), "a value as argument 1 of keyctl_read");
    assert_eq!(expected("main  keyctl_read(\"@t\") = {}"), "a key as argument 1 of keyctl_read");
    assert_eq!(
        expected("main  add_key(user, \"key\", \"payload\", @t) = K1"),
        "text or NULL as argument 1 of add_key"
    );
    let add = |payload: &str| {
        expected(&format!("main  add_key(\"user\", \"key\", {payload}, @t) = {EINVAL}"))
    };
    assert_eq!(add("NOTHING"), "a payload as argument 3 of add_key");
    for payload in ["[-1, bytes]", "[NULL, -1, bytes]"] {
        assert_eq!(add(payload), "a length that is not negative as argument 3 of add_key");
    }
    assert_eq!(
        expected("main  keyctl_move(@t, @p, @s, KEYCTL_MOVE) = 0"),
        "a number as argument 4 of keyctl_move"
    );
    assert_eq!(expected("child  keyctl_read(@t) = {}"), "a task that runs, not `child`");
}

/// The verdict on a trace in which main has created its thread keyring.
fn verdict(text: &str) -> Verdict {
    judge(&trace(&format!("main  keyctl_get_keyring_ID(@t, 1) = K1\n{text}")), &table())
}

#[test]
fn a_call_that_the_model_does_not_know_is_unknown() {
    let unknown = |calls: &[usize], until| Verdict::Unknown { calls: calls.to_vec(), until };
    let flies = "main  keyctl_fly(@t) = 0\n";
    assert_eq!(verdict(flies), unknown(&[1], None));
    assert_eq!(
        verdict(&format!("{flies}main  keyctl_read(@t) = {{}}\n{flies}")),
        unknown(&[1, 3], None)
    );
    // The call may have linked a key, so nobody knows whether this is allowed.
    assert_eq!(verdict(&format!("{flies}main  keyctl_read(@t) = {{K2}}")), unknown(&[1], Some(2)));
    // It may have created a task.
    assert_eq!(verdict(&format!("{flies}child  keyctl_read(@t) = {{}}")), unknown(&[1], Some(2)));
    assert_eq!(
        verdict("main  keyctl_program(\"fly\", \"@t\") = [status, 0, stdout, \"\", stderr, \"\"]"),
        unknown(&[1], None)
    );
}

#[test]
fn what_an_unknown_call_cannot_have_caused_is_refused() {
    // A call that fails changes nothing.
    let refusal = verdict(&format!(
        "main  keyctl_fly(@t) = {EINVAL}\n\
         main  fork() = child\n\
         child  keyctl_get_keyring_ID(@t, 0) = K1"
    ));
    let refusal = refusal.refusal().expect("a refusal");
    assert_eq!(refusal.nth, 3);
    assert!(matches!(refusal.why, Why::Outcome { laws, .. } if !laws.is_empty()));
    // Neither does one that concerns no key.
    let child = "main  fork() = child\nchild  keyctl_get_keyring_ID(@t, 0) = K1";
    assert_eq!(verdict(&format!("main  getpid() = 7\n{child}")).refusal().expect("one").nth, 3);
    // What comes before a call is not its effect.
    let before = "main  keyctl_read(@t) = {K2}\nmain  keyctl_fly(@t) = 0";
    assert_eq!(verdict(before).refusal().expect("a refusal").nth, 1);
}

/// The name of another key, a set with one key too many, text instead of a set, and the like.
#[test]
fn outcomes_of_another_form() {
    for line in [
        "keyctl_get_keyring_ID(@p, 1) = K1",
        "keyctl_read(@t) = {K2, K2}",
        "keyctl_read(@t) = \"text\"",
        "keyctl_describe(@t) = K2",
        "keyctl_link(@t, @s) = 1",
        "keyctl_link(@t, @s)",
    ] {
        let trace = format!("main  keyctl_get_keyring_ID(@t, 1) = K1\nmain  {line}");
        assert_eq!(refused(&trace).nth, 1, "{line}");
    }
}

#[test]
fn an_error_that_no_rule_knows() {
    let (nth, allowed, laws, _) = told("main  keyctl_get_keyring_ID(@t, 1) = -1 ENOSYS (Not here)");
    assert_eq!((nth, allowed, laws), (0, vec!["K1".to_owned()], vec![]));
}

#[test]
fn a_table_with_a_law_that_does_not_exist() {
    let good = "a.rule\tCreates.AddKey NewIsEmpty\nanother.rule\tCreates.AddKey\nidle.rule\t\n";
    let table = Table::parse(good).unwrap();
    let row = |name| table.rows.iter().find(|row| row.law.name() == name).unwrap();
    assert_eq!(row("Creates.AddKey").by, ["another.rule", "a.rule"]);
    assert_eq!(row("NewIsEmpty").by, ["a.rule"]);
    for (bad, what) in [
        ("b.rule\tNoSuchLaw", "4: there is no law `NoSuchLaw`"),
        ("b.rule", "4: expected a rule, a tab and laws"),
    ] {
        assert_eq!(Table::parse(&format!("{good}{bad}\n")).unwrap_err().to_string(), what);
    }
}
