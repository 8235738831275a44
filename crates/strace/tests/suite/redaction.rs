//! Redaction leaves no 4 successive bytes of a secret, and changes nothing else.

use std::io::Cursor;

use proptest::prelude::*;
use strace::{Redaction, WINDOW, redact};

use crate::properties::{Spelling, spelled, spelling};

fn redacted(log: &str) -> String {
    with(log, Redaction::default())
}

fn with(log: &str, options: Redaction) -> String {
    let mut output = Vec::new();
    redact(&mut Cursor::new(log), &mut output, options).unwrap();
    String::from_utf8(output).unwrap()
}

#[test]
fn each_kind_of_secret() {
    let log = r#"9 execve("/usr/bin/keyctl", ["keyctl", "add", "user", "x", "hunter2-secret"], 0x7ffc /* 35 vars */) = 0
9 openat(AT_FDCWD, "/home/hunter2/x", O_RDONLY) = 3</home/hunter2/x>
9 read(0</dev/pts/0>, "hunter2-secret\n", 1024) = 15
9 add_key("user", "my key", "hunter2-secret", 14, KEY_SPEC_PROCESS_KEYRING) = 5
9 request_key("user", "other", "callout!", 0) = 6
9 keyctl(KEYCTL_READ, 5, "hunter2"..., 14) = 14
9 keyctl(KEYCTL_DESCRIBE, 5, "user;0;0;3f010000;my key", 64) = 25
9 keyctl(0x2 /* KEYCTL_UPDATE */, 5, "new payload", 11) = 0
9 keyctl(operation=KEYCTL_INSTANTIATE_IOV, key=5, payload_iov=[{iov_base="hun", iov_len=3}, {iov_base="ter2", iov_len=4}], ioc=2) = 0
9 sendmsg(3, {msg_name={sa_family=AF_UNIX, sun_path="/run/x"}, msg_iov=[{iov_base="ab\1\n", iov_len=4}]}, 0) = 4
 | 00000  68 75 6e 74 65 72 32 2d  73 65                    hunter2-se       |
9 write(1, "a\"b", 3) = 3
9 --- SIGCHLD {si_signo=SIGCHLD} ---
hunter2 was printed by "the program"
"#;
    let expected = r#"9 execve("/usr/bin/keyctl", ["******", "***", "****", "*", "**************"], 0x7ffc /* 35 vars */) = 0
9 openat(AT_FDCWD, "/home/*******/x", O_RDONLY) = 3</home/*******/x>
9 read(0</dev/pts/0>, "***************", 1024) = 15
9 add_key("user", "my key", "**************", 14, KEY_SPEC_PROCESS_KEYRING) = 5
9 request_key("user", "other", "********", 0) = 6
9 keyctl(KEYCTL_READ, 5, "*******"..., 14) = 14
9 keyctl(KEYCTL_DESCRIBE, 5, "user;0;0;3f010000;my key", 64) = 25
9 keyctl(0x2 /* KEYCTL_UPDATE */, 5, "***********", 11) = 0
9 keyctl(operation=KEYCTL_INSTANTIATE_IOV, key=5, payload_iov=[{iov_base="***", iov_len=3}, {iov_base="****", iov_len=4}], ioc=2) = 0
9 sendmsg(3, {msg_name={sa_family=AF_UNIX, sun_path="/run/x"}, msg_iov=[{iov_base="****", iov_len=4}]}, 0) = 4
 | 00000  ** ** ** ** ** ** ** **  ** **                    **************** |
9 write(1, "***", 3) = 3
9 --- SIGCHLD {si_signo=SIGCHLD} ---
******* was printed by "***********"
"#;
    assert_eq!(redacted(log), expected);
}

/// The second half of a call alone does not say which argument its strings are.
#[test]
fn calls_in_two_halves() {
    assert_eq!(
        redacted(
            "5 keyctl(KEYCTL_READ, 7,  <unfinished ...>\n6 keyctl(KEYCTL_DESCRIBE, 7 <unfinished ...>\n\
             5 <... keyctl resumed>\"payload!\", 8) = 8\n6 <... keyctl resumed>, \"user;0;0;0;name\", 9) = 16\n\
             7 <... read resumed>\"unknown\", 9) = 7\n"
        ),
        "5 keyctl(KEYCTL_READ, 7,  <unfinished ...>\n6 keyctl(KEYCTL_DESCRIBE, 7 <unfinished ...>\n\
         5 <... keyctl resumed>\"********\", 8) = 8\n6 <... keyctl resumed>, \"user;0;0;0;name\", 9) = 16\n\
         7 <... read resumed>\"*******\", 9) = 7\n"
    );
    // The first task's pid appears only in the second half.
    assert_eq!(
        redacted("read(3,  <unfinished ...>\n[pid 5] <... read resumed>\"payload!\", 8) = 8\n"),
        "read(3,  <unfinished ...>\n[pid 5] <... read resumed>\"********\", 8) = 8\n"
    );
    assert_eq!(
        redacted("write(1strace: Process 5 attached\n, \"payload!\", 8) = 8\n"),
        "write(1strace: Process 5 attached\n, \"********\", 8) = 8\n"
    );
}

#[test]
fn colors_stay() {
    assert_eq!(
        redacted(
            "\x1b[1m5\x1b[0m add_key(\x1b[32m\"user\"\x1b[0m, \"n\", \x1b[32m\"payload\"\x1b[0m, 7, 3) = 5\r\n"
        ),
        "\x1b[1m5\x1b[0m add_key(\x1b[32m\"user\"\x1b[0m, \"n\", \x1b[32m\"*******\"\x1b[0m, 7, 3) = 5\r\n"
    );
}

/// Equal names stay equal, others different; the kernel's own names and the length stay.
#[test]
fn names() {
    let log = "add_key(\"user\", \"alice's key\", NULL, 0, 3) = 5\nkeyctl(KEYCTL_SEARCH, 3, \"user\", \"alice's key\", 0) = 5\n\
               keyctl(KEYCTL_SEARCH, 3, \"user\", \"bob's keys.\", 0) = 5\n\
               keyctl(KEYCTL_DESCRIBE, 5, \"user;0;0;0;alice's key\", 64) = 23\n\
               keyctl(KEYCTL_DESCRIBE, 6, \"keyring;0;0;0;_pid\", 64) = 23\n\
               openat(AT_FDCWD, \"/home/bob\", O_RDONLY) = 3</home/bob>\n";
    assert_eq!(
        with(log, Redaction { names: true }),
        "add_key(\"user\", \"n1*********\", NULL, 0, 3) = 5\nkeyctl(KEYCTL_SEARCH, 3, \"user\", \"n1*********\", 0) = 5\n\
         keyctl(KEYCTL_SEARCH, 3, \"user\", \"n2*********\", 0) = 5\n\
         keyctl(KEYCTL_DESCRIBE, 5, \"user;0;0;0;n1*********\", 64) = 23\n\
         keyctl(KEYCTL_DESCRIBE, 6, \"keyring;0;0;0;_pid\", 64) = 23\n\
         openat(AT_FDCWD, \"n3*******\", O_RDONLY) = 3<n3*******>\n"
    );
}

/// On a terminal the program's output stands in the middle of strace's.
#[test]
fn what_the_program_prints() {
    let log = "add_key(\"user\", \"u\", \"hunter2-secret\", 14, 3) = 5\nwrite(1, \"hunter2-secret\\n\", 15hunter2-secret\n) = 15\n";
    let expected = "add_key(\"user\", \"u\", \"**************\", 14, 3) = 5\nwrite(1, \"***************\", 15**************\n) = 15\n";
    assert_eq!(redacted(log), expected);
}

/// A payload that contains a type's name does not change the type; another word there is masked.
#[test]
fn types() {
    let log = "add_key(\"user\", \"u\", \"user:secret\", 11, 3) = 5\nadd_key(\"r:secret\", \"u\", NULL, 0, 3) = 5\n";
    let expected = "add_key(\"user\", \"u\", \"***********\", 11, 3) = 5\nadd_key(\"********\", \"u\", NULL, 0, 3) = 5\n";
    assert_eq!(redacted(log), expected);
}

/// A log without secrets stays byte for byte.
#[test]
fn nothing_else_changes() {
    let logs = [include_str!("../logs/threadexec-stderr.log"), include_str!("../logs/detach.log")];
    for log in logs {
        let argv = log
            .replace("[\"./te\"]", "[\"****\"]")
            .replace("[\"./te\", \"x\"]", "[\"****\", \"*\"]");
        assert_eq!(redacted(log), argv);
    }
    assert_eq!(redacted("getuid() = 0"), "getuid() = 0");
    assert_eq!(redacted(""), "");
}

/// A redacted log tells the same: only strings differ.
#[test]
fn a_redacted_log_is_read_the_same() {
    let blank = |text: String| {
        let quoted = text.split('"').enumerate();
        quoted.filter(|(nth, _)| nth % 2 == 0).map(|(_, part)| part).collect::<String>()
    };
    let mut logs = 0;
    for path in crate::forms::logs() {
        let log = String::from_utf8(std::fs::read(&path).unwrap()).unwrap().replace("\\\"", "'");
        let after = redacted(&log);
        let events = |log: String| blank(crate::events(log));
        assert_eq!(events(after), events(log), "{}", path.display());
        logs += 1;
    }
    assert!(logs > 40);
}

/// Where a secret may stand besides the call that has it.
fn elsewhere() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "9 execve(\"/bin/x\", [\"x\", \"@\"], NULL) = 0",
            "9 write(1, \"a@b\"..., 99) = 99",
            "9 openat(AT_FDCWD, \"/home/@\", O_RDONLY) = 3",
            "9 readlink(\"@\", 0x7f, 9) = 3</tmp/@>",
            "9 f({a=[\"@\", 1], b=\"x@\"...}) = 0",
            "9 <... read resumed>\"@\"..., 9) = 5",
            "9 add_key(\"user\", \"@\", NULL, 0, 3) = 7",
            "9 keyctl(KEYCTL_DESCRIBE, 5, \"user;0;0;0;@\", 9) = 7",
            "9 keyctl(KEYCTL_DESCRIBE, 5, \"\\x75\\x3b\\x30\\x3b\\x30\\x3b\\x30\\x3b@\", 9) = 7",
            "9 request_key(\"@\", \"x\", NULL, 0) = 7",
            "what the program printed: @ \"@\"",
            "9 broken(\"@",
            "write(1, \"x\", 9@",
        ][..],
    )
}

proptest! {
    #[test]
    fn no_part_of_a_secret_is_left(
        secret in prop::collection::vec(any::<u8>(), 8..40),
        (spelling, other) in (spelling(), spelling()),
        (place, from, to) in (elsewhere(), 0usize..40, 4usize..40),
        cut in prop::option::of(8usize..40),
    ) {
        let shown = &secret[..cut.unwrap_or(secret.len()).min(secret.len())];
        let part = &shown[from.min(shown.len() - 4)..];
        let part = &part[..to.min(part.len())];
        // strace escapes angle brackets in the path of a descriptor.
        let angles = place.contains("</tmp/");
        let spelled_part = spelled(part, other);
        let spelled_part = match angles {
            true => spelled_part.replace('<', "\\074").replace('>', "\\076"),
            false => spelled_part,
        };
        let template = format!(
            "{}\n9 add_key(\"user\", \"d\", \"{}\"..., 40, KEY_SPEC_PROCESS_KEYRING) = 5\n{}\n",
            place.replace('@', &spelled_part), spelled(shown, spelling), place,
        );
        let output = redacted(&template);
        let decoded = decode(&output);
        // What the template says without the secret, such as `/home`, is not a leak.
        let public = decode(&place.replace('@', "\u{0}"));
        let fixed = "add_key(\"user\", \"d\", \"\"..., 40, KEY_SPEC_PROCESS_KEYRING) = 5 ****************";
        for window in shown.windows(WINDOW) {
            let known = |text: &[u8]| text.windows(WINDOW).any(|other| other == window);
            if !known(&public) && !known(fixed.as_bytes()) {
                prop_assert!(!known(&decoded), "{:?} in {}", window, output);
            }
        }
        // Stars aside, nothing changed outside of strings, and no line.
        prop_assert_eq!(output.lines().count(), template.lines().count());
        let last = |text: &str| text.lines().last().unwrap().replace('*', "").len();
        prop_assert!(last(&output) <= last(&template));
    }

    /// Each secret byte becomes one star, so that lengths stay.
    #[test]
    fn lengths_stay(secret in prop::collection::vec(any::<u8>(), 0..40), spelling in spelling()) {
        let log = format!("add_key(\"user\", \"d\", \"{}\"..., 40, 5) = 5\n", spelled(&secret, spelling));
        let stars = "*".repeat(secret.len());
        prop_assert_eq!(redacted(&log), format!("add_key(\"user\", \"d\", \"{stars}\"..., 40, 5) = 5\n"));
    }
}

/// The bytes that a text stands for, however they are spelled.
fn decode(text: &str) -> Vec<u8> {
    let mut reader =
        crate::reader(format!("f(\"{}\") = 0\n", text.replace('\n', " ").replace('"', "")));
    match reader.next().unwrap().unwrap().what {
        strace::What::Call(call) => call.arg(0).unwrap().string().unwrap().bytes().into_owned(),
        other => panic!("{other:?}"),
    }
}

/// A payload that is written in hexadecimal digits, as `keyctl add -x` reads it.
#[test]
fn hexadecimal_digits() {
    let digits: String = b"hunter2-secret".iter().map(|byte| format!("{byte:02x}")).collect();
    let log = format!(
        "openat(AT_FDCWD, \"/x/{digits}\", 0) = 3\nadd_key(\"user\", \"d\", \"{}\", 14, 5) = 5\n",
        spelled(b"hunter2-secret", Spelling::Octal)
    );
    assert!(redacted(&log).contains(&format!("\"/x/{}\"", "*".repeat(28))));
}

#[test]
fn a_nameless_rest_is_masked_as_the_call_it_belongs_to() {
    let log = "5 keyctl(KEYCTL_READ, 77,  <unfinished ...>\n\"secret-1\", 64) = 8\n5 openat(AT_FDCWD, \"/x/secret-1\", 0) = 3\n";
    let mut output = Vec::new();
    strace::redact(&mut std::io::Cursor::new(log), &mut output, strace::Redaction::default())
        .unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("\n\"********\", 64) = 8\n"), "{output}");
    assert!(output.contains("\"/x/********\""), "{output}");
}
