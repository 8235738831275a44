//! `look` at threads of this process, whose keyrings the test knows, and what it says where it cannot look.

use crate::driver::unused_user;
use crate::driver::{KEYBOOK, Program, am_root, json, keybook, keyrings_are_here, stderr, stdout};
use keyrings::{CREATE, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_THREAD_KEYRING, keyctl_get_keyring_ID};
use nix::unistd::gettid;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// A thread of this process that has asked for a thread keyring, a process keyring or both, and waits.
struct Thread {
    tid: i32,
    keyrings: Vec<i32>,
    end: Option<mpsc::Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    fn with(kinds: &'static [keyrings::KeySerial]) -> Thread {
        let (end, ended) = mpsc::channel();
        let (send, received) = mpsc::channel();
        let run = move || {
            let keyrings = kinds.iter().map(|kind| keyctl_get_keyring_ID(*kind, CREATE).unwrap().0);
            send.send((gettid().as_raw(), keyrings.collect())).unwrap();
            let _ = ended.recv();
        };
        // Others must not see the name as it is.
        let handle = thread::Builder::new().name("a\x1b[31mb".to_owned()).spawn(run).unwrap();
        let (tid, keyrings) = received.recv().unwrap();
        Thread { tid, keyrings, end: Some(end), handle: Some(handle) }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.handle.take().map(JoinHandle::join);
    }
}

fn own_pid() -> String {
    std::process::id().to_string()
}

/// Whether there is something to look at, and BPF works here; prints a remark if not.
fn can_look(output: &Output) -> bool {
    let can = output.status.code() != Some(3);
    if !can {
        eprintln!("not observed: {}", stderr(output));
    }
    can
}

/// Whether a child may trace its parent, which Yama refuses to ordinary users; prints a remark if not.
fn children_may_trace() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let may = scope.map_or(true, |scope| scope.trim() == "0");
    if !may {
        eprintln!("not observed: Yama refuses to trace a parent");
    }
    may
}

/// The entry of a thread.
fn thread_of(told: &Value, tid: i32) -> &Value {
    let mut threads = told["processes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|process| process["threads"].as_array().unwrap());
    threads.find(|thread| thread["tid"] == tid).unwrap_or_else(|| panic!("{tid} is not in {told}"))
}

const BOTH: &[keyrings::KeySerial] = &[KEY_SPEC_THREAD_KEYRING, KEY_SPEC_PROCESS_KEYRING];

#[test]
fn threads_are_shown_for_programs_and_people() {
    if !keyrings_are_here() {
        return;
    }
    let (one, other) = (Thread::with(BOTH), Thread::with(BOTH));
    let pid = own_pid();
    // All processes, one by its id, and one by the id of a thread.
    let tid = one.tid.to_string();
    let ways: [&[&str]; 4] = [&[], &[&pid], &[&tid], &["--stop", &pid]];
    for args in ways {
        let output = keybook(&[&["look", "--format", "json"][..], args].concat());
        if !can_look(&output) {
            continue;
        }
        assert_eq!(output.status.code(), Some(0));
        let told = json(&output);
        for thread in [&one, &other] {
            let cred = &thread_of(&told, thread.tid)["cred"];
            assert_eq!(cred["thread"], thread.keyrings[0], "{args:?}");
            assert_eq!(cred["process"], thread.keyrings[1], "{args:?}");
        }
        let keyrings = told["keyrings"].as_array().unwrap();
        let keyring = keyrings.iter().find(|it| it["serial"] == one.keyrings[0]).unwrap();
        assert_eq!(keyring["proc_keys"]["type"], "keyring");
        assert_eq!(keyring["proc_keys"]["summary"], "_tid: empty");

        let output = keybook(&[&["look"][..], args].concat());
        let told = stdout(&output);
        for tid in [one.tid, other.tid] {
            let words = format!("  - thread {tid} has its own @p, K");
            let line = told.lines().find(|line| line.starts_with(&words));
            let line = line.unwrap_or_else(|| panic!("{words:?} is not in {told}"));
            assert!(line.ends_with("  [process.birth.eight-threads]"), "{line}");
        }
        assert!(
            told.contains(" \"keyring\" \"_pid: empty\", flags I--Q---, 1 reference,"),
            "{told}"
        );
        assert!(!told.contains('\x1b'), "control characters are escaped, and there are no colors");
    }
}

#[test]
fn a_process_that_does_not_exist_is_misuse() {
    // No process has a higher id than this.
    for args in [&["look", "4194305"][..], &["look", "--stop", "4194305"]] {
        let output = keybook(args);
        if can_look(&output) {
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert_eq!(stderr(&output), "keybook: there is no process 4194305\n");
        }
    }
    for args in [&["look", "0"][..], &["look", "-1"], &["look", "--stop"], &["look", "--watch=0"]] {
        assert_eq!(keybook(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn an_ordinary_user_learns_what_is_missing() {
    let Some(program) = Program::copy().filter(|_| am_root()) else { return };
    let user = unused_user(8);
    let run = |args: &[&str]| {
        Command::new(&program.path).arg("look").args(args).uid(user).gid(user).output().unwrap()
    };
    let output = run(&[]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("this user lacks CAP_BPF and CAP_PERFMON: run it as root\n"), "{told}");
    assert!(told.contains("`keybook look --stop PID` asks "), "{told}");
    assert_eq!(stdout(&output), "");

    // Another user's process may not be asked; nothing of it was observed.
    let output = run(&["--stop", &own_pid()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains(" may not be traced by this user (EPERM"), "{output:?}");

    // One's own may be, without any privilege.
    if !children_may_trace() {
        return;
    }
    let script = "\"$0\" look --stop --format json $PPID";
    let mut sh = Command::new("sh");
    sh.args(["-c", &format!("sh -c '{script}' \"$0\" & wait $!")]).arg(&program.path);
    let output = sh.uid(user).gid(user).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = json(&output);
    assert_eq!(told["processes"][0]["threads"][0]["cred"]["process"], Value::Null);
    assert_eq!(told["processes"][0]["threads"][0]["cred"]["session"], "not asked");
}

#[test]
fn a_missing_proc_is_named() {
    let Some(program) = Program::copy().filter(|_| am_root()) else { return };
    let without =
        "exec unshare --mount sh -c 'mount -t tmpfs none /proc && exec \"$0\" look' \"$0\"";
    let output = program.sh(without).output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("  - /proc is not mounted: `mount -t proc proc /proc`\n"), "{told}");
}

#[test]
fn another_pid_namespace_is_named() {
    let Some(program) = Program::copy().filter(|_| am_root()) else { return };
    let output = program.sh("exec unshare --pid --fork --mount-proc \"$0\" look").output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("  - this program is in a PID namespace"), "{told}");
}

/// Each look prints a document; it ends with its reader, or by a signal.
#[test]
fn watching_ends_with_its_reader_or_by_a_signal() {
    if !keyrings_are_here() || !children_may_trace() {
        return;
    }
    let pid = own_pid();
    let args = ["look", "--stop", &pid, "--watch=0.01"];
    for signal in [Some(nix::sys::signal::Signal::SIGTERM), None] {
        let mut watch = Command::new(KEYBOOK);
        let mut watch =
            watch.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
        let heads =
            lines.by_ref().filter(|line| line.as_ref().unwrap().starts_with(&format!("{pid} ")));
        assert_eq!(heads.take(3).count(), 3);
        if let Some(signal) = signal {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(watch.id() as i32), signal).unwrap();
            let status = watch.wait().unwrap();
            assert_eq!(status.signal(), Some(signal as i32));
        } else {
            drop(lines);
            assert_eq!(watch.wait().unwrap().code(), Some(0));
        }
    }
}

#[test]
fn watching_ends_with_the_process() {
    if !children_may_trace() {
        return;
    }
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut cat = cat.spawn().unwrap();
    let mut watch = Command::new(KEYBOOK);
    watch.args(["look", "--stop", &cat.id().to_string(), "--watch=0.01"]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(watch.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with(&cat.id().to_string()), "{first}");
    drop(cat.stdin.take());
    cat.wait().unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
