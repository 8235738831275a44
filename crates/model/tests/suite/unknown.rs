//! A trace that begins in the middle: what a known world allows is allowed, and what is one task's alone is judged.

use crate::snapshots::traces;
use crate::{table, trace};
use model::{Law, Onlooker, Refusal, Why};
use trace::{Event, Trace};

/// Judges a trace without what went before. Only the tasks that it begins with have neither keyring.
fn judge(judge: &mut Onlooker, events: &[Event]) -> Result<(), Box<Refusal>> {
    for event in events {
        match judge.event(event.clone()) {
            Err(refusal) if matches!(refusal.why, Why::Unknown(_)) => {
                judge.loses(&event.task);
            }
            other => other?,
        }
    }
    Ok(())
}

fn beginning(trace: &Trace) -> Onlooker {
    let mut judge = Onlooker::new();
    trace.events().first().iter().for_each(|event| judge.appears(&event.task));
    judge
}

#[test]
fn what_a_known_world_allows_is_never_refused() {
    let mut refused = Vec::new();
    let mut judged = 0;
    for (id, trace) in traces() {
        // From the beginning, and from each later event on, with tasks of which nothing is known.
        for from in 0..trace.events().len() {
            let mut start = if from == 0 { beginning(&trace) } else { Onlooker::new() };
            if let Err(refusal) = judge(&mut start, &trace.events()[from..]) {
                refused.push(format!("{id} from {from}: {refusal:?}"));
            }
            judged += 1;
        }
    }
    assert!(judged > 1000);
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

fn refusal(text: &str) -> (Refusal, Vec<Law>) {
    let trace = trace(text);
    let mut start = beginning(&trace);
    let refusal = judge(&mut start, trace.events()).expect_err(text);
    let laws = start.laws(&refusal);
    (*refusal, laws)
}

/// One trace is allowed, the other refused at its end.
fn only(text: &str, other: &str) {
    let known = trace(text);
    assert_eq!(judge(&mut beginning(&known), known.events()), Ok(()), "{text}");
    let refused = trace(other);
    assert_eq!(refusal(other).0.nth + 1, refused.events().len(), "{other}");
}

#[test]
fn a_refusal_says_what_is_allowed_and_which_law_explains_it() {
    let (refusal, laws) = refusal(
        "main  keyctl_get_keyring_ID(@p, 1) = K1
         main  fork() = child
         child  keyctl_get_keyring_ID(@p, 0) = K1",
    );
    let Why::Outcome { allowed, .. } = refusal.why else { panic!("{refusal:?}") };
    assert_eq!(allowed[0].to_string(), crate::ENOKEY);
    let names: Vec<String> = laws.iter().map(|law| law.name()).collect();
    assert!(names.contains(&"NotInherited.Fork.Process".to_owned()), "{names:?}");
    assert!(!table().rules(&laws).is_empty());
}

#[test]
fn serials_that_appear_from_nowhere_have_any_answer() {
    for answer in ["\"x\"", crate::ENOKEY, crate::EACCES, "-1 EKEYREVOKED (x)"] {
        let text = format!(
            "main  keyctl_read(K7) = {answer}
             main  keyctl_link(K7, @s) = 0
             main  request_key(\"user\", \"a\", NULL, 0) = K7"
        );
        let known = trace(&text);
        assert_eq!(judge(&mut beginning(&known), known.events()), Ok(()), "{text}");
    }
}

#[test]
fn a_key_of_one_task_alone_is_judged() {
    let add = "main  add_key(\"user\", \"a\", \"b\", @t) = K1\n";
    only(
        &format!("{add} main  keyctl_search(@t, \"user\", \"a\", 0) = K1"),
        &format!("{add} main  keyctl_search(@t, \"user\", \"a\", 0) = K2"),
    );
    only(
        &format!("{add} main  keyctl_revoke(K1) = 0\n main  keyctl_read(K1) = -1 EKEYREVOKED (x)"),
        &format!("{add} main  keyctl_revoke(K1) = 0\n main  keyctl_read(K1) = \"b\""),
    );
    let child = "main  fork() = child\n";
    only(
        &format!("{add}{child} child  keyctl_read(K1) = -1 EACCES (x)"),
        &format!("{add}{child} child  keyctl_read(K1) = \"b\""),
    );
}

#[test]
fn a_key_that_others_may_use_is_not() {
    let add = "main  add_key(\"user\", \"a\", \"b\", @t) = K1\n";
    let child = "main  fork() = child\nchild  keyctl_read(K1) = \"b\"";
    for shares in [
        "main  keyctl_link(K1, @s) = 0",
        "main  keyctl_link(@t, @u) = 0",
        "main  keyctl_setperm(K1, 0x3f030000) = 0",
        "main  request_key(\"user\", \"other\", \"callout\", 0) = K9",
    ] {
        let text = format!("{add}{shares}\n{child}");
        let known = trace(&text);
        assert_eq!(judge(&mut beginning(&known), known.events()), Ok(()), "{text}");
    }
}

#[test]
fn a_task_is_known_from_its_program_on() {
    let look = "other  keyctl_get_keyring_ID(@p, 0) = K5";
    let text = |between: &str| trace(&format!("main  fork() = child\n{look}\n{between}\n{look}"));
    let unknown = text("other  keyctl_read(@p) = {}");
    assert_eq!(judge(&mut beginning(&unknown), unknown.events()), Ok(()));
    let known = text("other  execve(self) = 0");
    assert!(judge(&mut beginning(&known), known.events()).is_err());
}

#[test]
fn a_call_that_something_else_refused_may_have_created_a_keyring() {
    for outcome in ["-1 EPERM (x)", "-1 ENOMEM (x)", crate::EACCES] {
        for then in ["K1", crate::ENOKEY] {
            let text = format!(
                "main  add_key(\"user\", \"a\", \"b\", @t) = {outcome}
                 main  keyctl_get_keyring_ID(@t, 0) = {then}"
            );
            let known = trace(&text);
            assert_eq!(judge(&mut beginning(&known), known.events()), Ok(()), "{text}");
        }
    }
}

/// A log of a program that runs for days: neither the memory nor the work for each event grows with its length.
#[test]
fn a_long_trace_takes_linear_time_and_little_memory() {
    let mut start = Onlooker::new();
    start.appears("main");
    let (mut largest, mut events) = (0, 0);
    for nth in (0..100_000).step_by(10) {
        let text = format!(
            "main  fork() = child{nth}
             child{nth}  add_key(\"user\", \"a\", [9, bytes], @p) = K{}
             child{nth}  keyctl_link(K{}, K5) = 0
             child{nth}  pthread_create() = thread{nth}
             thread{nth}  add_key(\"user\", \"b\", [9, bytes], @t) = K{}
             thread{nth}  keyctl_set_timeout(K{}, 60) = 0
             thread{nth}  request_key(\"user\", \"b\", NULL, 0) = K{}
             thread{nth}  keyctl_read(K77, 9) = -1 EACCES (x)
             thread{nth}  request_key(\"user\", \"c\", NULL, 0) = {}
             child{nth}  exit()",
            nth + 100,
            nth + 100,
            nth + 101,
            nth + 101,
            nth + 101,
            crate::ENOKEY,
        );
        assert_eq!(judge(&mut start, trace(&text).events()), Ok(()), "{text}");
        largest = largest.max(start.size());
        events += 10;
    }
    assert!(largest < 1000, "{largest} things");
    assert!(start.tried() < 8 * events, "{} paths through {events} events", start.tried());
}

/// A keyring of thousands of keys, and hundreds of tasks: what is too much is not followed.
#[test]
fn a_large_world_is_not_followed() {
    let mut start = Onlooker::new();
    start.appears("main");
    for nth in 0..3000 {
        let text = format!(
            "main  add_key(\"user\", \"name{nth}\", [9, bytes], @t) = K{}
             main  keyctl_read(K{}, 9) = 9
             main  fork() = child{nth}",
            nth + 100,
            nth / 2 + 100,
        );
        assert_eq!(judge(&mut start, trace(&text).events()), Ok(()), "{text}");
    }
    assert!(start.size() < 3000, "{} things", start.size());
    assert!(start.knows("child0") && !start.knows("child2999"));
}
