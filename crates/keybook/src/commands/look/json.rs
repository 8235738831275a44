//! What was seen, for programs. README.md of the crate `look` describes the form.

use super::{Seen, words};
use keyrings::KeySerial;
use look::{Answer, Held, Lost, PinningFile, Process, Thread};
use nix::errno::Errno;
use serde_json::{Value, json};

pub(super) fn value(seen: &Seen) -> Value {
    let others = seen.others.map(
        |(processes, sessions)| json!({ "processes": processes, "session_keyrings": sessions }),
    );
    json!({
        "method": if seen.asked { "ptrace" } else { "bpf" },
        "processes": seen.processes.iter().map(|it| process(it, seen)).collect::<Vec<_>>(),
        "keyrings": seen.keyrings().into_iter().map(|it| keyring(it, seen)).collect::<Vec<_>>(),
        "proc_keys_error": seen.keys.as_ref().err(),
        "others": others,
    })
}

fn process(process: &Process, seen: &Seen) -> Value {
    let remarks = seen.remarks(process).into_iter().map(|remark| {
        let (text, rules) = words::explain(&remark, process, |it| it.0.to_string());
        json!({ "text": text, "rules": rules })
    });
    let left = process.left.iter();
    let left = left.map(|(tid, left)| json!({ "tid": tid, "because": left.to_string() }));
    json!({
        "pid": process.pid,
        "comm": process.comm,
        "threads": process.threads.iter().map(thread).collect::<Vec<_>>(),
        "files": process.files.iter().map(file).collect::<Vec<_>>(),
        "program": process.program.as_ref().map(lost),
        "not_asked": left.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
    })
}

fn thread(Thread { tid, comm, ended, held: its, real }: &Thread) -> Value {
    json!({ "tid": tid, "comm": comm, "ended": ended, "cred": held(its), "real_cred": real.as_ref().map(held) })
}

fn held(held: &Held) -> Value {
    json!({
        "thread": answer(held.thread),
        "process": answer(held.process),
        "session": answer(held.session),
    })
}

/// A serial number, null for no keyring, or a word for an unknown one.
fn answer(answer: Answer) -> Value {
    match answer {
        Answer::Keyring(KeySerial(serial)) => serial.into(),
        Answer::Absent => Value::Null,
        Answer::Refused(errno) => Errno::from_raw(errno).to_string().into(),
        Answer::NotAsked => "not asked".into(),
    }
}

fn lost(lost: &Lost) -> Value {
    let serial = |keyring: Option<KeySerial>| keyring.map(|keyring| keyring.0);
    json!({ "thread": serial(lost.thread), "process": serial(lost.process) })
}

fn file(file: &PinningFile) -> Value {
    json!({ "tid": file.tid, "fd": file.fd, "name": file.name, "keeps": lost(&file.lost) })
}

fn keyring(keyring: KeySerial, seen: &Seen) -> Value {
    let shown = seen.key(keyring).map(|line| {
        json!({
            "flags": line.key.flags,
            "usage": line.usage,
            "timeout": line.key.timeout,
            "perm": line.key.perm,
            "uid": line.key.uid,
            "gid": line.key.gid,
            "type": line.key.kind,
            "summary": line.key.summary,
        })
    });
    json!({ "serial": keyring.0, "proc_keys": shown })
}
