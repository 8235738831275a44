//! Lines: times, results, what is skipped, what cannot be read.

use strace::{Body, LONGEST_LINE, Line, Returned, Time, What, shown};

use crate::{events, reader};

#[test]
fn times() {
    let parse = |text: &str| {
        let line = Line::parse(text.as_bytes());
        assert!(matches!(line.body, Body::Call { name: b"getuid", .. }), "{text}");
        (line.pid, line.time, line.since)
    };
    let seconds = |value: u64| value * 1_000_000_000;
    let day = Some(Time::Day(seconds(9 * 3600 + 51 * 60 + 48) + 898_761_000));
    let unix = Some(Time::Unix(seconds(1_795_859_508) + 907_886_000));
    assert_eq!(parse("getuid() = 0"), (None, None, None));
    assert_eq!(parse("5 09:51:48.898761 getuid() = 0"), (Some(5), day, None));
    assert_eq!(parse("1795859508.907886 getuid() = 0"), (None, unix, None));
    assert_eq!(
        parse("1795859508 getuid() = 0"),
        (None, Some(Time::Unix(seconds(1_795_859_508))), None)
    );
    assert_eq!(parse("     0.000019 getuid() = 0"), (None, None, Some(19_000)));
    assert_eq!(parse("     1 getuid() = 0"), (None, None, Some(seconds(1))));
    assert_eq!(parse("[pid    5]      0.000019 getuid() = 0"), (Some(5), None, Some(19_000)));
    assert_eq!(
        parse("5<a b> 1795859508.907886 (+     0.000061) [ 250] [00007f50aabbccdd] getuid() = 0"),
        (Some(5), unix, Some(61_000))
    );
}

#[test]
fn results() {
    let check = |text: &str, expected: &dyn Fn(Returned<'_>, &[u8]) -> bool| {
        let mut reader = reader(format!("f(){text}\n"));
        let event = reader.next().unwrap().unwrap_or_else(|| panic!("{text}"));
        let What::Call(call) = event.what else { panic!("{text}") };
        let outcome = call.outcome.unwrap();
        assert!(expected(outcome.returned, outcome.note), "{text}: {outcome:?}");
    };
    let number = |bits: u64| move |returned: Returned<'_>, _: &[u8]| matches!(returned, Returned::Number(n) if n.bits == bits);
    check(" = 18446744073709551615", &number(u64::MAX));
    check("  = -1", &number(u64::MAX));
    check(" = 0x2370d5e5", &number(0x2370_d5e5));
    check(" = 022", &number(18));
    check(" = 3</tmp/a b>", &number(3));
    check(" = 824<t>", &number(824));
    let errno = |name: &'static str| {
        move |returned: Returned<'_>, _: &[u8]| returned == Returned::Error(name.as_bytes())
    };
    check(" = -1 ENOKEY (Required key not available)", &errno("ENOKEY"));
    check(" = -1 ENOKEY (Required key not available) (INJECTED) <0.000163>", &errno("ENOKEY"));
    check(" = -1 (errno 4095)", &errno("errno 4095"));
    check(" = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", &|returned, _| {
        returned == Returned::Restart(b"ERESTARTSYS")
    });
    check(" = ? <unavailable>", &|returned, note| {
        returned == Returned::Unknown && note == b"<unavailable>"
    });
    check(
        " = 2<t> /* 11363 in strace's PID NS */",
        &|returned, _| matches!(returned, Returned::Number(pid) if pid.pid_of_strace() == Some(11363)),
    );
    check(" = 1 ([{fd=3, revents=POLLIN}])", &|_, note| note == b"([{fd=3, revents=POLLIN}])");
}

#[test]
fn lines_that_are_not_events() {
    let log = " > /lib/libc.so.6(syscall+0x19) [0x101829]\n | 00000  68 65  he |\n * 7 bytes in buffer 0\n\n\
               # comment\nstrace: Can't stat 'x': No such file\n/usr/bin/strace: exec: Permission denied\n\
               % time     seconds  usecs/call     calls    errors syscall\n\
               ------ ----------- ----------- --------- --------- ----------------\n\
               97.00    0.000291         145         2           wait4\n\
               100.00    0.000300           7        42         4 total\n";
    assert_eq!(events(log), "");
}

/// A sample shows no string and cannot move the cursor.
#[test]
fn samples_are_masked_and_escaped() {
    assert_eq!(
        events("garbage \"secret\" \x1b]2J\x07 x\nkeyctl(\"hun\n"),
        "unparsed 1: garbage \"******\" \\x1b]2J\\x07 x\nunparsed 2: ***********\n"
    );
    assert_eq!(shown(b"a\x1b\xff\xe2\x80\xaeb\n"), "a\\x1b\\xff\\u{202e}b\\n");
}

#[test]
fn samples_are_few_and_all_lines_are_counted() {
    let mut reader = reader("nonsense\n".repeat(1000));
    assert!(reader.next().unwrap().is_none());
    let counts = reader.counts();
    assert_eq!((counts.lines, counts.unparsed, counts.cut), (1000, 1000, 0));
    assert_eq!(counts.samples.len(), strace::SAMPLES);
}

#[test]
fn a_long_line_is_cut_and_counted() {
    let log = format!("write(1, \"{}\", 9) = 9\ngetuid() = 0\n", "a".repeat(LONGEST_LINE));
    let mut reader = reader(log);
    let event = reader.next().unwrap().unwrap();
    assert!(matches!(event.what, What::Call(call) if call.name == b"getuid"));
    assert!(reader.next().unwrap().is_none());
    let counts = reader.counts();
    assert_eq!((counts.lines, counts.unparsed, counts.cut), (2, 0, 1));
}

/// Each of these was quadratic in some parser.
#[test]
fn broken_lines_take_linear_time() {
    for unit in ["1<", "/*", "<... ", "\"\\", "[{(", "1<\"", "a=", "=> ", "f(<unfinished ...>"] {
        let line = format!("f({}\n", unit.repeat(LONGEST_LINE / unit.len() - 2));
        let _ = events(line);
    }
    let _ = events("5 <... f resumed>a <unfinished ...>\n".repeat(20_000));
}
