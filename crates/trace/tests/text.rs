//! The text of a trace: its form, its errors, and that printing and parsing are inverse.

use proptest::collection::vec;
use proptest::prelude::*;
use trace::{AnyTrace, Errno, Event, Outcome, Owner, RawTrace, Trace, Value};

fn event(task: &str, call: &str, args: Vec<Value>, outcome: Outcome) -> Event {
    Event { task: task.into(), call: call.into(), args, outcome }
}

/// A trace with one of everything that a running program records.
fn raw() -> RawTrace {
    let text = r##"
main  keyctl_get_keyring_ID(@p, 1) = #271828182
main  fork() = child
child  keyctl_read(@p) = -1 ENOKEY (Required key not available)
child  exit(0)
main  keyctl_describe(#271828182) = described#"keyring;1000;100;3f010000;a;b;c"
main  setresuid(-1, uid#70000, uid#1000) = 0
older thread  keyctl_read(@s) = {#31415926, #271828182}
main  keyctl_program("list", printed#"271828182") = [1, printed#"271828182: a\t\"b\\\"\nof 31415926\u{1}"]
main  keyctl_setperm(0x3f3f0000)
"##;
    text.parse().unwrap()
}

const OWNER: Owner = Owner { uid: 1000, gid: 100 };

#[test]
fn a_normal_trace_reads_like_strace() {
    let text = raw().normalize(OWNER).to_string();
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

/// Text that is hard on a grammar: separators, quotes, escapes, control characters.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".*",
        r#"[ \n\t\r"\\(){}\[\],;=#\-0-9a-c…\u{1}\u{85}\u{2028}]{0,12}"#,
        "(K|UID|GID|word|printed|E|@)[#0-9 \"]{0,3}",
        " = |---|-1 ENOKEY|/no such/program|65534|0x10|",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let described = (text(), any::<u32>(), any::<u32>(), any::<u32>(), text());
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::Hex),
        text().prop_map(Value::Word),
        text().prop_map(Value::Text),
        any::<i32>().prop_map(Value::Serial),
        any::<u32>().prop_map(Value::Uid),
        prop_oneof![Just(65534), any::<u32>()].prop_map(Value::Gid),
        described.prop_map(|(kind, uid, gid, perm, description)| Value::Described {
            kind,
            uid,
            gid,
            perm,
            description
        }),
        text().prop_map(Value::Printed),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let several = vec(inner, 0..4);
        prop_oneof![several.clone().prop_map(Value::Set), several.prop_map(Value::List)]
    })
}

fn raw_trace() -> impl Strategy<Value = RawTrace> {
    let outcome = prop_oneof![
        Just(Outcome::Nothing),
        value().prop_map(Outcome::Returned),
        (text(), text()).prop_map(|(name, words)| Outcome::failed(&name, &words)),
    ];
    let event = (text(), text(), vec(value(), 0..4), outcome)
        .prop_map(|(task, call, args, outcome)| Event { task, call, args, outcome });
    vec(event, 0..4).prop_map(|events| RawTrace { events })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..Default::default() })]

    #[test]
    fn printing_and_parsing_are_inverse(raw in raw_trace()) {
        let text = raw.to_string();
        prop_assert_eq!(text.parse::<RawTrace>(), Ok(raw.clone()), "{}", text);
        let trace = raw.normalize(OWNER);
        let text = trace.to_string();
        prop_assert_eq!(text.parse::<Trace>(), Ok(trace.clone()), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(main  f\\()?.*", line in text()) {
        let _ = format!("{text}{line}").parse::<AnyTrace>();
    }
}

#[test]
fn what_the_grammar_cannot_hold_is_quoted() {
    let path = vec![Value::word("/no such/program"), Value::word("@t")];
    let outcome = Outcome::failed("UnknownErrno", "Unknown (524)");
    let seen = RawTrace { events: vec![event("a  b", "f(", path, outcome)] };
    assert_eq!(
        seen.to_string(),
        "\"a  b\"  \"f(\"(word#\"/no such/program\", @t) = -1 UnknownErrno (Unknown (524\\u{29})\n"
    );
}

#[test]
fn a_known_error_has_one_meaning() {
    let text = "main  f() = -1 ENOKEY (no key)\nmain  f() = -1 EFOO (no foo)\n";
    let trace: Trace = text.parse().unwrap();
    assert_eq!(trace.events()[0].outcome, Outcome::Failed(Errno::ENOKEY));
    assert_eq!(trace.events()[1].outcome, Outcome::failed("EFOO", "no foo"));
    assert_eq!(trace.events()[1].outcome.errno_name(), Some("EFOO"));
    assert_eq!(trace.to_string(), text.replace("no key", "Required key not available"));
}

#[test]
fn the_kind_of_a_trace_shows_in_its_values() {
    let kind = |text: &str| match text.parse::<AnyTrace>() {
        Ok(AnyTrace::Raw(raw)) => {
            let owner = raw.first_owner();
            format!("raw, of {} and {}", owner.uid, owner.gid)
        }
        Ok(AnyTrace::Normalized(_)) => "normalized".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(kind("main  f(0, @t) = 1"), "normalized");
    assert_eq!(kind("main  f(K, Kx, UIDx) = #1"), "raw, of 0 and 0");
    let described = "main  f(uid#65534, [uid#7]) = described#\"a;8;9;0;b\"";
    assert_eq!(kind(described), "raw, of 7 and 9");
    for name in ["K1", "UID", "GID2"] {
        assert_eq!(
            kind(&format!("main  f(#1)\nmain  g() = [{name}]")),
            "line 2, column 14: expected a number such as `#1`, as the trace has numbers before this name"
        );
    }
    assert_eq!(
        kind("main  f(K1, #1)"),
        "line 1, column 13: expected a name such as `K1`, as the trace has names before this number"
    );
    assert_eq!(
        "main  f(1, #1)".parse::<Trace>().unwrap_err().to_string(),
        "line 1, column 12: expected a name such as `K1`, not the number of a raw trace"
    );
}

#[test]
fn names_do_not_depend_on_numbers() {
    let shifted = raw().to_string().replace("271828182", "99999");
    let shifted = shifted.replace("uid#1000", "uid#0").replace(";1000;", ";0;");
    let shifted: RawTrace = shifted.parse().unwrap();
    let owner = Owner { uid: 0, gid: 100 };
    assert_eq!(shifted.normalize(owner), raw().normalize(OWNER));
}

#[test]
fn an_id_without_a_counterpart_keeps_its_number() {
    let ids = vec![Value::Uid(65534), Value::Gid(65534)];
    let seen = RawTrace { events: vec![event("main", "f", ids, Outcome::Nothing)] };
    assert_eq!(seen.clone().normalize(OWNER).to_string(), "main  f(65534, 65534)\n");
    let nobody = Owner { uid: 65534, gid: 65534 };
    assert_eq!(seen.normalize(nobody).to_string(), "main  f(UID, GID)\n");
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
        ("main  f(0x12345678901234567)", "line 1, column 28: expected a mask of 64 bits"),
        ("main  f(#x)", "line 1, column 10: expected a number"),
        (
            "main  f(who#1)",
            "line 1, column 13: expected `uid#`, `gid#`, `described#`, `printed#` or `word#`",
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
