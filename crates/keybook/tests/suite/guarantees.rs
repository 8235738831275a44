//! `keybook guarantees`: what it saves.

use crate::driver::{KEYBOOK, stderr};
use std::fs;
use std::process::Command;

#[test]
fn saving_one_sentence_keeps_the_others_and_drops_those_that_are_gone() {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("book.toml"), "").unwrap();
    let saved = project.path().join("snapshots/model/guarantees.json");
    fs::create_dir_all(saved.parent().unwrap()).unwrap();
    let kept = "{\"programs\":1,\"steps\":9,\"states\":1,\"random\":0,\"random_steps\":0,\
                \"observed\":0,\"kernel\":\"\",\"counterexample\":null}";
    let before = format!("{{\"gone\":{kept},\"revoked-for-good\":{kept}}}");
    let save = |before: &str| {
        fs::write(&saved, before).unwrap();
        let args = "guarantees child-inherits --steps 1 --random 1 --kernel 0s --save";
        Command::new(KEYBOOK).args(args.split(' ')).current_dir(&project).output().unwrap()
    };

    let output = save(&before);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let after: serde_json::Value = serde_json::from_slice(&fs::read(&saved).unwrap()).unwrap();
    let ids: Vec<&String> = after.as_object().unwrap().keys().collect();
    assert_eq!(ids, ["child-inherits", "revoked-for-good"]);
    assert_eq!(after["revoked-for-good"]["steps"], 9);
    assert!(after["child-inherits"]["counterexample"].is_string());

    let output = save("{");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("guarantees.json: not valid"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&saved).unwrap(), "{", "nothing is overwritten");
}
