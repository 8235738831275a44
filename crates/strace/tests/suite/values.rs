//! Arguments.

use strace::{Constant, Value, What};

use crate::reader;

fn with(arguments: &str, check: impl FnOnce(strace::Call<'_>)) {
    let mut reader = reader(format!("f({arguments}) = 0\n"));
    let event = reader.next().unwrap().unwrap_or_else(|| panic!("{arguments}"));
    let What::Call(call) = event.what else { panic!("{arguments}") };
    check(call);
}

#[test]
fn a_number_in_each_spelling() {
    with("-2, 0xfffffffffffffffe, -2 /* KEY_SPEC_PROCESS_KEYRING */, 824<t>", |call| {
        let numbers: Vec<i32> =
            call.args().take(3).map(|arg| arg.number().unwrap().int()).collect();
        assert_eq!(numbers, [-2, -2, -2]);
        assert_eq!(call.arg(2).unwrap().symbol(), Some(&b"KEY_SPEC_PROCESS_KEYRING"[..]));
        assert_eq!(call.arg(3).unwrap().number().unwrap().long(), 824);
        assert!(call.arg(4).is_none());
    });
    with("0x63 /* KEYCTL_??? */, 99999999999999999999", |call| {
        assert_eq!(call.arg(0).unwrap().symbol(), None);
        assert_eq!(call.arg(0).unwrap().number().unwrap().bits, 0x63);
        assert!(matches!(call.arg(1).unwrap().value(), Value::Other(_)));
    });
}

#[test]
fn flags_by_name_and_by_number() {
    let thread = |arguments: &str, expected: bool| {
        with(arguments, |call| {
            let flags = call.named("flags").unwrap();
            assert_eq!(flags.has_flag("CLONE_THREAD", 0x10000), expected, "{arguments}");
        });
    };
    thread("{flags=CLONE_VM|CLONE_THREAD, exit_signal=0} => {parent_tid=[5]}, 88", true);
    thread("{flags=CLONE_VM, exit_signal=0} => {parent_tid=[5]}, 88", false);
    thread("{flags=0x3d0f00, exit_signal=0}, 88", true);
    thread("{flags=0x3d0f00 /* CLONE_VM|CLONE_THREAD */}, 88", true);
    thread("child_stack=NULL, flags=0x1200000 /* CLONE_CHILD_CLEARTID */|17 /* SIGCHLD */", false);
    thread("child_stack=NULL, flags=CLONE_THREAD|SIGCHLD, child_tidptr=0x7f0000000000", true);
    thread("child_stack=NULL, flags=0x10000|17", true);
}

#[test]
fn constants() {
    with("A|B|0x4, A, AT_FDCWD</home/a>, NULL", |call| {
        let Value::Names(names) = call.arg(0).unwrap().value() else { panic!() };
        let [Constant::Name(b"A"), Constant::Name(b"B"), Constant::Number(number)] =
            names.collect::<Vec<_>>()[..]
        else {
            panic!()
        };
        assert_eq!(number.bits, 4);
        assert_eq!(call.arg(0).unwrap().symbol(), None);
        assert_eq!(call.arg(1).unwrap().symbol(), Some(&b"A"[..]));
        assert_eq!(call.arg(2).unwrap().symbol(), Some(&b"AT_FDCWD"[..]));
        assert_eq!(call.arg(3).unwrap().value(), Value::Null);
    });
}

#[test]
fn strings() {
    let check = |text: &str, bytes: &[u8], cut: bool| {
        with(text, |call| {
            let string = call.arg(0).unwrap().string().unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*string.bytes(), string.cut), (bytes, cut), "{text}");
            assert_eq!(string.length(), bytes.len());
        });
    };
    check(r#""a---b (+++ x) = 3, [{""#, b"a---b (+++ x) = 3, [{", false);
    check(r#""d\"q\n\1;""#, b"d\"q\n\x01;", false);
    check(r#""caf\303\251"..."#, "caf\u{e9}".as_bytes(), true);
    check(r#""\x61\x6""#, b"a\x06", false);
    check(r#""\0011\\""#, b"\x011\\", false);
    check(r#"payload="p""#, b"p", false);
    check(r#"@"abstract""#, b"abstract", false);
}

#[test]
fn lists_and_structures() {
    with(r#"[{iov_base="a,]}", iov_len=4}, {iov_base="b"}], {a=[1, 2], b={c=3}}"#, |call| {
        let Value::List(items) = call.arg(0).unwrap().value() else { panic!() };
        let bases: Vec<_> = items.map(|item| item.field("iov_base").unwrap().text).collect();
        assert_eq!(bases, [&b"\"a,]}\""[..], b"\"b\""]);
        let inner = call.arg(1).unwrap().field("b").unwrap().field("c").unwrap();
        assert_eq!(inner.number().unwrap().bits, 3);
    });
    with("[0xeb /* A|B */, 0x3], [], {}", |call| {
        let Value::List(items) = call.arg(0).unwrap().value() else { panic!() };
        let bits: Vec<u64> = items.map(|item| item.number().unwrap().bits).collect();
        assert_eq!(bits, [0xeb, 3]);
        assert!(matches!(call.arg(1).unwrap().value(), Value::List(items) if items.count() == 0));
    });
}

/// Commas and brackets inside annotations, comments and strings belong to them.
#[test]
fn what_annotates_is_not_syntax() {
    with("3</tmp/x->, 4</tmp/a (b>(deleted), 5", |call| {
        let numbers: Vec<u64> = call.args().map(|arg| arg.number().unwrap().bits).collect();
        assert_eq!(numbers, [3, 4, 5]);
    });
    with(
        r#"3<TCP:[a->b], (x>, 4</dev/null<char 1:3>>, 0x1 /* a, (b) */, 5<UNIX:[1->2, "x>"]>, 1<<2"#,
        |call| {
            assert_eq!(call.count(), 5, "{call:?}");
            assert_eq!(call.arg(0).unwrap().number().unwrap().bits, 3);
            assert_eq!(call.arg(1).unwrap().number().unwrap().bits, 4);
        },
    );
}
