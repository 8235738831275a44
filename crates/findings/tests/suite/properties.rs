//! No input panics, and no payload is shown, whatever else stands in the log.

use crate::output;
use proptest::prelude::*;

/// Lines of calls with random tasks, keys and results.
fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("KEY_SPEC_THREAD_KEYRING".to_owned()),
        Just("KEY_SPEC_PROCESS_KEYRING".to_owned()),
        Just("KEY_SPEC_SESSION_KEYRING".to_owned()),
        Just("KEY_SPEC_USER_KEYRING".to_owned()),
        (0..6i32).prop_map(|serial| serial.to_string()),
    ];
    let result = prop_oneof![
        (0..6i32).prop_map(|serial| serial.to_string()),
        Just("-1 ENOKEY (Required key not available)".to_owned()),
        Just("-1 EACCES (Permission denied)".to_owned()),
        Just("-1 EKEYREVOKED (Key has been revoked)".to_owned()),
        Just("-1 EDQUOT (Disk quota exceeded)".to_owned()),
        Just("-1 EPERM (Operation not permitted)".to_owned()),
        Just("?".to_owned()),
    ];
    let call = (0..24usize, key.clone(), key, 0..4u32);
    (1..5u32, call, result).prop_map(|(pid, (nth, key, to, number), result)| {
        let call = match nth {
            0 => format!("add_key(\"user\", \"name{number}\", \"Zq7!Zq8?Zq9\", 11, {to})"),
            1 => format!("request_key(\"user\", \"name{number}\", \"\", {to})"),
            2 => format!("request_key(\"keyring\", \"Zq7!\", NULL, {to})"),
            3 => format!("keyctl(KEYCTL_SEARCH, {key}, \"user\", \"name{number}\", {to})"),
            4 => format!("keyctl(KEYCTL_GET_KEYRING_ID, {key}, {number})"),
            5 => format!("keyctl(KEYCTL_LINK, {key}, {to})"),
            6 => format!("keyctl(KEYCTL_UNLINK, {key}, {to})"),
            7 => format!("keyctl(KEYCTL_MOVE, {key}, {to}, {key}, 0)"),
            8 => format!("keyctl(KEYCTL_CLEAR, {key})"),
            9 => format!("keyctl(KEYCTL_REVOKE, {key})"),
            10 => format!("keyctl(KEYCTL_INVALIDATE, {key})"),
            11 => "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)".to_owned(),
            12 => format!("keyctl(KEYCTL_SET_TIMEOUT, {key}, {number})"),
            13 => format!("keyctl(KEYCTL_UPDATE, {key}, \"Zq7!Zq8?Zq9\", 11)"),
            14 => format!("clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD|{number})"),
            15 => "fork()".to_owned(),
            16 => "execve(\"/p\", [\"Zq7!Zq8?Zq9\"], 0x1 /* 3 vars */)".to_owned(),
            17 => "exit(0)".to_owned(),
            18 => "exit_group(0)".to_owned(),
            19 => format!("openat(AT_FDCWD, \"/tmp/f{number}\", O_RDONLY)"),
            20 => format!("close({number})"),
            21 => format!("setresuid({number}, -1, {number})"),
            22 => format!("+++ superseded by execve in pid {number} +++"),
            _ => return format!("{pid} +++ exited with 0 +++"),
        };
        format!("{pid} {call} = {result}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        output(bytes);
    }

    #[test]
    fn no_log_panics_or_shows_a_payload(lines in proptest::collection::vec(line(), 0..60)) {
        let secret = "1 add_key(\"user\", \"a\", \"Zq7!Zq8?Zq9\", 11, KEY_SPEC_USER_KEYRING) = 9\n";
        let output = output(secret.to_owned() + &lines.join("\n"));
        for window in b"Zq7!Zq8?Zq9".windows(4) {
            let shown = output.as_bytes().windows(4).any(|part| part == window);
            prop_assert!(!shown, "{}", output);
        }
    }
}
