//! A call printed as strace prints it is read as it was, and no input panics.

use proptest::prelude::*;
use strace::{Returned, Value, What};

use crate::reader;

/// How strace spells the bytes of a string.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spelling {
    Octal,
    Hex,
    HexAll,
}

pub(crate) fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![Just(Spelling::Octal), Just(Spelling::Hex), Just(Spelling::HexAll)]
}

/// A string as strace writes it, without quotes.
pub(crate) fn spelled(bytes: &[u8], spelling: Spelling) -> String {
    let mut output = String::new();
    for (nth, &byte) in bytes.iter().enumerate() {
        let digit_follows = bytes.get(nth + 1).is_some_and(u8::is_ascii_digit);
        output += &match (byte, spelling) {
            (_, Spelling::HexAll) => format!("\\x{byte:02x}"),
            (b'"', _) => "\\\"".into(),
            (b'\\', _) => "\\\\".into(),
            (b'\n', _) => "\\n".into(),
            (b'\t', _) => "\\t".into(),
            (b' '..=b'~', _) => char::from(byte).into(),
            (_, Spelling::Hex) => format!("\\x{byte:02x}"),
            (_, Spelling::Octal) if digit_follows => format!("\\{byte:03o}"),
            (_, Spelling::Octal) => format!("\\{byte:o}"),
        };
    }
    output
}

/// Bytes, with what means something to a parser.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let special = [
        "---",
        "+++",
        " = ",
        "\n",
        "\"",
        "\\",
        "\\\"",
        ", ",
        ")",
        "(",
        "[",
        "{",
        "=> ",
        "<",
        ">",
        "/*",
        "*/",
        " <unfinished ...>",
        "<... read resumed>",
        "...",
        "\u{e9}",
        "\u{1b}[31m",
        "strace: Process 5 attached",
    ];
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(special.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

#[derive(Clone, Debug)]
enum Printed {
    Str(Vec<u8>, bool),
    Number(i64),
    Hex(u64),
    Name(&'static str),
    Null,
    Struct(Vec<u8>),
}

fn argument() -> impl Strategy<Value = Printed> {
    prop_oneof![
        (bytes(), any::<bool>()).prop_map(|(bytes, cut)| Printed::Str(bytes, cut)),
        any::<i64>().prop_map(Printed::Number),
        any::<u64>().prop_map(Printed::Hex),
        Just(Printed::Name("KEY_SPEC_PROCESS_KEYRING")),
        Just(Printed::Null),
        bytes().prop_map(Printed::Struct),
    ]
}

impl Printed {
    fn print(&self, spelling: Spelling) -> String {
        match self {
            Printed::Str(bytes, cut) => {
                format!("\"{}\"{}", spelled(bytes, spelling), if *cut { "..." } else { "" })
            }
            Printed::Number(number) => number.to_string(),
            Printed::Hex(number) => format!("{number:#x}"),
            Printed::Name(name) => (*name).into(),
            Printed::Null => "NULL".into(),
            Printed::Struct(bytes) => format!("[{{a=\"{}\", b=1}}]", spelled(bytes, spelling)),
        }
    }

    fn is(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Printed::Str(bytes, cut), Value::Str(string)) => {
                *string.bytes() == **bytes && string.cut == *cut
            }
            (Printed::Number(number), Value::Number(read)) => read.long() == *number,
            (Printed::Hex(number), Value::Number(read)) => read.bits == *number,
            (Printed::Name(name), Value::Names(names)) => names.only() == Some(name.as_bytes()),
            (Printed::Null, Value::Null) => true,
            (Printed::Struct(bytes), Value::List(mut items)) => {
                let field = items.next().unwrap().field("a").unwrap();
                *field.string().unwrap().bytes() == **bytes
            }
            _ => false,
        }
    }
}

/// The text of a call, in one line or two.
fn log(arguments: &[Printed], spelling: Spelling, prefix: &str, cut: Option<usize>) -> String {
    let mut printed = String::new();
    for (nth, argument) in arguments.iter().enumerate() {
        if nth > 0 {
            printed += ", ";
        }
        if cut == Some(nth) {
            printed += &format!(" <unfinished ...>\n6 getuid() = 0\n{prefix}<... f resumed>");
        }
        printed += &argument.print(spelling);
    }
    format!("{prefix}f({printed}) = 7 (x) <0.000001>\n")
}

proptest! {
    #[test]
    fn a_call_survives_printing_and_parsing(
        arguments in prop::collection::vec(argument(), 0..5),
        spelling in spelling(),
        prefix in prop::sample::select(&[
            "5 ", "5<a) b> ", "[pid     5] ", "5   09:51:48.898761 ", "5 1795859508.907886 (+     0.000061) [ 250] ",
        ][..]),
        cut in 0usize..8,
    ) {
        let log = log(&arguments, spelling, prefix, Some(cut));
        let mut reader = reader(log.clone());
        let mut found = false;
        while let Some(event) = reader.next().unwrap() {
            let What::Call(call) = event.what else { continue };
            if call.name == b"getuid" {
                continue;
            }
            found = true;
            prop_assert_eq!(event.task, 5, "{}", log);
            prop_assert_eq!(call.count(), arguments.len(), "{} {:?}", log, call);
            for (argument, read) in arguments.iter().zip(call.args()) {
                prop_assert!(argument.is(read.value()), "{:?} {:?}", argument, read.value());
            }
            let outcome = call.outcome.unwrap();
            prop_assert!(matches!(outcome.returned, Returned::Number(number) if number.bits == 7));
            prop_assert_eq!(outcome.duration, Some(1000));
        }
        prop_assert!(found, "{}", log);
        prop_assert_eq!(reader.counts().unparsed, 0);
    }

    /// Random lines, and pieces of lines in random order.
    #[test]
    fn no_input_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        let log = pieces.concat();
        let mut reader = reader(log.clone());
        while let Some(event) = reader.next().unwrap() {
            let text = crate::line(&event);
            prop_assert!(!text.trim_end().contains(|char: char| char.is_control()), "{:?}", text);
            if let What::Call(call) = event.what {
                call.args().for_each(|arg| _ = (arg.value(), arg.field("a"), arg.has_flag("A", 1)));
            }
        }
        for (_, sample) in &reader.counts().samples {
            prop_assert!(!sample.contains(|char: char| char.is_control()), "{:?}", sample);
        }
        let mut output = Vec::new();
        strace::redact(&mut std::io::Cursor::new(&log), &mut output, Default::default()).unwrap();
        let newlines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(newlines(&output), newlines(&log));
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "5 ",
        "[pid 6] ",
        "6<a> ",
        "keyctl(",
        "add_key(\"user\", ",
        "read(3, ",
        "\"abcd",
        "\"",
        ", ",
        ")",
        " = 1",
        " = -1 ENOKEY (x)",
        " = ?",
        "\n",
        "\n",
        "\n",
        " <unfinished ...>",
        "<... read resumed>",
        "<... keyctl resumed>",
        "+++ exited with 0 +++",
        "+++ superseded by execve in pid 6 +++",
        "--- SIGCHLD {} ---",
        "strace: Process 6 attached\n",
        "strace: [ Process PID=5 runs in 32 bit mode. ]\n",
        " <pid changed to 5 ...>\n",
        " | 00000  61 62  ab |\n",
        "\u{1b}[1m",
        "execve(\"x\", [\"abcdefgh\"], NULL",
        "{a=",
        "}",
        "=> ",
        "|",
        "<",
        ">",
        "/*",
        "*/",
        "clone(",
        "vfork(",
        "0x1",
        "...",
    ];
    prop_oneof![
        4 => prop::sample::select(pieces.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}
