//! The text of a trace: what it looks like, what is refused, and that printing and parsing agree.

use trace::{Event, Outcome, Owner, Trace, Value};

fn event(task: &str, call: &str, args: Vec<Value>, outcome: Outcome) -> Event {
    Event { task: task.into(), call: call.into(), args, outcome }
}

fn failed(errno: &str, words: &str) -> Outcome {
    Outcome::Failed { errno: errno.into(), words: words.into() }
}

/// A trace with one of everything that a running program records.
fn raw() -> Trace {
    let ring = Value::Serial(271828182);
    let described = Value::Described {
        kind: "keyring".into(),
        uid: 1000,
        gid: 100,
        perm: 0x3f01_0000,
        description: "a;b;c".into(),
    };
    let missing = failed("ENOKEY", "Required key not available");
    Trace {
        events: vec![
            event(
                "main",
                "keyctl_get_keyring_ID",
                vec![Value::word("@p"), Value::Int(1)],
                Outcome::Returned(ring.clone()),
            ),
            event("main", "fork", vec![], Outcome::Returned(Value::word("child"))),
            event("child", "keyctl_read", vec![Value::word("@p")], missing),
            event("child", "exit", vec![Value::Int(0)], Outcome::Nothing),
            event("main", "keyctl_describe", vec![ring.clone()], Outcome::Returned(described)),
            event(
                "main",
                "setresuid",
                vec![Value::Int(-1), Value::Uid(70000), Value::Uid(1000)],
                Outcome::Returned(Value::Int(0)),
            ),
            event(
                "older thread",
                "keyctl_read",
                vec![Value::word("@s")],
                Outcome::Returned(Value::Set(vec![Value::Serial(31415926), ring])),
            ),
            event(
                "main",
                "keyctl_program",
                vec![Value::text("list"), Value::Printed("271828182".into())],
                Outcome::Returned(Value::List(vec![
                    Value::Int(1),
                    Value::Printed("271828182: a\t\"b\\\"\nof 31415926\u{1}".into()),
                ])),
            ),
            event("main", "keyctl_setperm", vec![Value::Hex(0x3f3f_0000)], Outcome::Nothing),
        ],
    }
}

const OWNER: Owner = Owner { uid: 1000, gid: 100 };

#[test]
fn a_normal_trace_reads_like_strace() {
    let text = raw().normalise(OWNER).to_string();
    assert_eq!(
        text,
        r#"main          keyctl_get_keyring_ID(@p, 1) = K1
main          fork() = child
child         keyctl_read(@p) = -1 ENOKEY (Required key not available)
child         exit(0)
main          keyctl_describe(K1) = "keyring;UID;GID;3f010000;a;b;c"
main          setresuid(-1, UID2, UID) = 0
older thread  keyctl_read(@s) = {K1, K2}
main          keyctl_program("list", "K1") = [1, "K1: a\t\"b\\\"\nof K2\u{1}"]
main          keyctl_setperm(0x3f3f0000)
"#
    );
}

#[test]
fn printing_and_parsing_are_inverse() {
    for trace in [raw(), raw().normalise(OWNER)] {
        let text = trace.to_string();
        assert_eq!(text.parse::<Trace>().as_ref(), Ok(&trace), "{text}");
    }
}

#[test]
fn normalising_again_changes_nothing() {
    let once = raw().normalise(OWNER);
    assert_eq!(once.clone().normalise(OWNER), once);
}

#[test]
fn names_do_not_depend_on_numbers() {
    let shifted = raw().to_string().replace("271828182", "99999");
    let shifted = shifted.replace("uid#1000", "uid#0").replace(";1000;", ";0;");
    let shifted: Trace = shifted.parse().unwrap();
    let owner = Owner { uid: 0, gid: 100 };
    assert_eq!(shifted.normalise(owner), raw().normalise(OWNER));
}

#[test]
fn an_id_without_a_counterpart_keeps_its_number() {
    let seen = Trace {
        events: vec![event(
            "main",
            "f",
            vec![Value::Uid(65534), Value::Gid(65534)],
            Outcome::Nothing,
        )],
    };
    assert_eq!(seen.clone().normalise(OWNER).to_string(), "main  f(65534, 65534)\n");
    let nobody = Owner { uid: 65534, gid: 65534 };
    assert_eq!(seen.normalise(nobody).to_string(), "main  f(UID, GID)\n");
}

#[test]
fn malformed_text_is_refused_with_place_and_expectation() {
    let refusals = [
        ("main fork() = child", "line 1, column 1: expected the name of a task, then two spaces"),
        ("main  fork", "line 1, column 11: expected `(`"),
        ("main  f()\n\nmain  f(K1", "line 3, column 11: expected `,` or `)`"),
        ("main  f() = -1 nokey", "line 1, column 16: expected the name of an error"),
        ("main  f() = -1 ENOKEY", "line 1, column 22: expected ` (` and the meaning of the error"),
        ("main  f() = {K1; K2}", "line 1, column 16: expected `,` or `}`"),
        ("main  f(\"a)", "line 1, column 12: expected `\"` at the end of the text"),
        ("main  f(0x123456789)", "line 1, column 20: expected a mask of 32 bits"),
        ("main  f(#x)", "line 1, column 10: expected a number"),
        (
            "main  f(who#1)",
            "line 1, column 13: expected `uid#`, `gid#`, `described#` or `printed#`",
        ),
        (
            "main  f() and more",
            "line 1, column 10: expected ` = ` and an outcome, or the end of the line",
        ),
    ];
    for (text, refusal) in refusals {
        assert_eq!(text.parse::<Trace>().unwrap_err().to_string(), refusal, "{text}");
    }
    let deep = format!("main  f({}", "[".repeat(1_000_000));
    assert_eq!(
        deep.parse::<Trace>().unwrap_err().to_string(),
        "line 1, column 25: expected no more than 16 sets and lists within each other"
    );
}
