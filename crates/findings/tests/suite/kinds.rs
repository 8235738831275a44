//! Logs of real programs, recorded with strace 6.1 from `tests/logs/program.c`.

use crate::{explained, kinds, output, redacted, stored};

/// A log, what it shows first, and whether a near miss is stored beside it.
const LOGS: &[(&str, &[&str])] = &[
    ("second", &["second-process-keyring", "thread-ended"]),
    ("older", &["older-thread"]),
    ("other-thread", &["other-thread"]),
    ("forked", &["forked-child"]),
    ("execve", &["after-execve"]),
    ("processes", &["other-process"]),
    ("session", &["other-session"]),
    ("thread-ended", &["thread-ended"]),
    ("not-possessed", &["not-possessed"]),
    ("ids", &["ids-changed"]),
    ("mask", &["no-permission"]),
    ("revoked", &["revoked"]),
    ("expired", &["expired"]),
    ("invalidated", &["invalidated"]),
    ("destroyed", &["destroyed"]),
    ("quota", &["quota"]),
    ("callout", &["empty-callout"]),
    ("seccomp", &["seccomp"]),
    ("secret", &["secret-after-execve"]),
    ("pinned", &["pinned-by-file"]),
    ("timeout", &["timeout-removed"]),
    ("default", &["default-destination"]),
    ("exits", &["exits-at-once"]),
];

#[test]
fn every_kind_of_finding_has_a_log_that_shows_it() {
    for (name, expected) in LOGS {
        assert_eq!(kinds(stored(name)), *expected, "{name}");
    }
    let shown: Vec<&str> = LOGS.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
    let missing: Vec<&str> = findings::Kind::ALL
        .iter()
        .map(|kind| kind.id())
        .filter(|id| *id != "kernel-fault" && !shown.contains(id))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_correct_program_near_each_of_them_shows_nothing() {
    for (name, _) in LOGS {
        let near = explained(stored(&format!("{name}-near")));
        assert_eq!(near.findings, [], "{name}-near");
        assert!(near.key_calls > 0, "{name}-near");
    }
}

#[test]
fn a_process_keyring_that_a_worker_creates_ends_with_it() {
    let found = explained(stored("worker")).findings;
    assert_eq!(found[0].kind, "thread-ended");
    assert!(found[0].rules.iter().any(|rule| rule == "process.end.worker"), "{found:?}");
}

#[test]
fn a_redacted_log_is_explained_the_same() {
    for (name, _) in LOGS {
        for name in [name.to_string(), format!("{name}-near")] {
            let log = stored(&name);
            assert_eq!(kinds(redacted(&log, true)), kinds(&*log), "{name}");
            assert_eq!(output(redacted(&log, false)), output(log), "{name}");
        }
    }
}

#[test]
fn no_payload_is_shown() {
    let payload = b"s3cr3t-payload";
    for (name, _) in LOGS {
        let output = output(stored(name));
        let shows = |part: &[u8]| output.as_bytes().windows(4).any(|window| window == part);
        assert!(!payload.windows(4).any(shows), "{name}: {output}");
    }
}

#[test]
fn every_finding_names_lines_and_equal_ones_are_counted() {
    let log = "1 execve(\"/p\", [], 0x0) = 0\n".to_owned()
        + "1 keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) = 9\n"
        + &"1 request_key(\"user\", \"a\", \"\", 0) = -1 ENOKEY (Required key not available)\n"
            .repeat(20);
    let found = explained(log).findings;
    assert_eq!((found.len(), found[0].count), (1, 20));
    assert_eq!(found[0].places[0], "log:3");
    assert!(found[0].places.len() < 20);
}

#[test]
fn the_story_of_a_keyring_says_who_shares_it_and_what_ends_it() {
    let stories = explained(stored("older-near")).stories;
    let ring = stories.iter().find(|story| story.name.starts_with("process keyring")).unwrap();
    let all: Vec<&str> = ring.sentences.iter().map(|sentence| &*sentence.text).collect();
    assert!(all[0].starts_with("Created for "), "{all:?}");
    assert!(all[1].contains("shares it from its creation on"), "{all:?}");
    assert!(all.last().unwrap().contains("the kernel destroys it"), "{all:?}");
}

#[test]
fn many_findings_of_a_kind_do_not_hide_the_others() {
    let mut log = "1 execve(\"/p\", [], 0x0) = 0\n".to_owned();
    for serial in 1000..1300 {
        log += &format!("1 keyctl(KEYCTL_READ, {serial}, NULL, 0) = -1 ENOKEY (x)\n");
    }
    log += "1 request_key(\"user\", \"a\", \"\", 0) = -1 ENOKEY (x)\n";
    let explained = explained(log);
    assert_eq!((explained.findings.len(), explained.findings_left_out), (101, 200));
    assert_eq!(explained.findings[100].kind, "empty-callout");
}

const THREAD: &str =
    "clone(child_stack=0x7f01, flags=CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD)";

#[test]
fn a_shared_keyring_that_ends_with_its_last_thread_matters_if_the_process_goes_on_with_keys() {
    let begin = format!(
        "1 execve(\"/p\", [], 0x0) = 0\n1 {THREAD} = 2\n\
         2 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) = 9\n2 {THREAD} = 3\n\
         3 add_key(\"user\", \"a\", \"....\", 4, KEY_SPEC_PROCESS_KEYRING) = 10\n\
         3 exit(0) = ?\n3 +++ exited with 0 +++\n2 exit(0) = ?\n2 +++ exited with 0 +++\n"
    );
    let end = "1 exit_group(0) = ?\n1 +++ exited with 0 +++\n";
    assert_eq!(kinds(begin.clone() + end), [""; 0]);
    let look = "1 keyctl(KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, \"user\", \"a\", 0) = -1 ENOKEY (Required key not available)\n";
    assert!(kinds(begin + look + end).contains(&"thread-ended"));
}

#[test]
fn a_key_that_another_process_revoked_in_its_own_keyring_is_in_another_process() {
    let run = |pid: u32, serial: u32| {
        let look = format!(
            "{pid} request_key(\"user\", \"a\", NULL, KEY_SPEC_PROCESS_KEYRING) = -1 ENOKEY (Required key not available)\n"
        );
        format!(
            "1 vfork() = {pid}\n{pid} execve(\"/p\", [], 0x0) = 0\n{look}\
             {pid} add_key(\"user\", \"a\", \"....\", 4, KEY_SPEC_PROCESS_KEYRING) = {serial}\n\
             {pid} keyctl(KEYCTL_REVOKE, {serial}) = 0\n{look}{pid} exit_group(0) = ?\n{pid} +++ exited with 0 +++\n"
        )
    };
    let log = "1 execve(\"/sh\", [], 0x0) = 0\n".to_owned() + &run(2, 10);
    assert_eq!(kinds(&*log), ["revoked"]);
    assert_eq!(kinds(log + &run(3, 11)), ["other-process", "revoked", "revoked"]);
}

#[test]
fn what_a_program_keeps_after_execve_ends_with_it() {
    let log = [
        r#"1 execve("/bin/one", ["one"], 0x1 /* 0 vars */) = 0"#,
        r#"1 add_key("user", "a", "secret payload", 14, KEY_SPEC_PROCESS_KEYRING) = 41"#,
        r#"1 execve("/bin/two", ["two"], 0x1 /* 0 vars */) = 0"#,
        r#"1 execve("/bin/three", ["three"], 0x1 /* 0 vars */) = 0"#,
        r#"1 execve("/proc/self/exe", ["four"], 0x1 /* 0 vars */) = 0"#,
        r#"1 keyctl(KEYCTL_DESCRIBE, 41, NULL, 0) = -1 ENOKEY (Required key not available)"#,
    ];
    let output = output(log.join("\n"));
    assert!(output.contains("process 1 (one, then three)"), "{output}");
    assert!(output.contains("execve(2) of process 1 (one, then three) released it"), "{output}");
    assert!(output.contains("It ended with the process keyring"), "{output}");
    assert!(output.contains("is destroyed: what kept it ended at log:4"), "{output}");
}

#[test]
fn a_key_without_links_is_possessed_by_nobody_until_it_is_destroyed() {
    let log = [
        r#"1 execve("/p", ["p"], 0x1 /* 0 vars */) = 0"#,
        r#"1 add_key("user", "a", "secret payload", 14, KEY_SPEC_PROCESS_KEYRING) = 41"#,
        r#"1 keyctl(KEYCTL_REVOKE, KEY_SPEC_PROCESS_KEYRING) = 0"#,
        r#"1 keyctl(KEYCTL_READ, 41, NULL, 0) = -1 EACCES (Permission denied)"#,
        r#"1 keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) = -1 EKEYREVOKED (x)"#,
    ];
    let output = output(log.join("\n"));
    assert!(output.contains("process 1 (p) removed the last link to it at log:3"), "{output}");
    assert!(output.contains("because the process keyring (@p) was revoked"), "{output}");
}
