//! `keybook vary`: rules in other circumstances.

use crate::driver::{
    Program, alone, am_root, first_words, json, keybook, keyrings_are_here, stderr, stdout,
    wait_until, wait_until_nothing_is_new,
};
use std::process::{Command, Stdio};

#[test]
fn circumstances_are_listed_and_unknown_names_are_refused_with_near_ones() {
    let list = keybook(&["vary", "--list"]);
    let list = stdout(&list);
    assert!(list.lines().count() >= 24, "{list}");
    assert!(list.contains("a tracer is attached"), "{list}");
    let all = json(&keybook(&["vary", "--list", "--format", "json"]));
    assert_eq!(all.as_array().unwrap().len(), list.lines().count());
    for (args, near) in [
        (["vary", "--in", "user-ns"], "there is no circumstance `user-ns`: is it user"),
        (["vary", "--in", "moon"], "there is no circumstance `moon`: `keybook vary --list`"),
        (["vary", "process.forks", "--list"], ""),
    ] {
        let output = keybook(&args);
        assert_eq!(output.status.code(), Some(if near.is_empty() { 0 } else { 2 }));
        assert!(stderr(&output).contains(near), "{}", stderr(&output));
    }
    let output = keybook(&["vary", "process.forks"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(", process.fork,"), "{}", stderr(&output));
}

#[test]
fn some_rules_are_as_saved_in_every_circumstance() {
    if !keyrings_are_here() {
        return;
    }
    let _alone = alone();
    let output = keybook(&["vary", "process.fork*", "thread.threads.", "keyring.quota."]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(stdout(&output).contains(": 0 not as saved"), "{}", stdout(&output));
}

#[test]
fn a_cell_says_what_became_of_a_rule() {
    if !keyrings_are_here() || !am_root() {
        return;
    }
    let args = ["--in", "thread-keyring", "user", "threads", "--format", "json"];
    let output = keybook(
        &[&["vary", "thread.birth.asking", "keyring.namespace.threads"], &args[..]].concat(),
    );
    let cells = json(&output);
    let result = |rule: &str, circumstance: &str| {
        let cells = cells.as_array().unwrap().iter();
        let cell =
            cells.clone().find(|it| it["rule"] == rule && it["circumstance"] == circumstance);
        cell.unwrap()["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(result("thread.birth.asking", "thread-keyring"), "differs");
    assert_eq!(result("thread.birth.asking", "user"), "same");
    assert_eq!(output.status.code(), Some(0), "as saved");
}

#[test]
fn a_killed_vary_leaves_nothing() {
    let Some(program) = Program::copy() else { return };
    let _alone = alone();
    let (keys, users) = (first_words("/proc/keys"), first_words("/proc/key-users"));
    let mut vary = Command::new(&program.path).arg("vary").stdout(Stdio::null()).spawn().unwrap();
    wait_until("snippets run", || program.processes().len() > 10);
    vary.kill().unwrap();
    vary.wait().unwrap();
    program.wait_until_gone();
    wait_until_nothing_is_new("/proc/keys", &keys);
    wait_until_nothing_is_new("/proc/key-users", &users);
}
