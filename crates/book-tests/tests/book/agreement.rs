//! The two runners of the snippets, skeptic's and `keybook check`, have the same result for every
//! rule.

use crate::run::{known_result, nothing_here};
use crate::{TESTS, book, root};
use serde_json::Value;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::process::Command;

/// What `keybook check` reports for each rule: `held`, `differs`, `not-observed`.
fn checked() -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "keybook", "--", "check", "--format", "json"])
        // In cargo's own environment RUSTC would mean the whole build.
        .env_remove("RUSTC")
        .current_dir(root())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let rules = report["rules"].as_array().unwrap();
    rules.iter().map(|rule| (word(&rule["id"]), word(&rule["result"]))).collect()
}

#[test]
fn the_two_runners_agree_on_every_rule() {
    if let Some(why) = nothing_here() {
        eprintln!("not observed: {why}");
        return;
    }
    let checked = checked();
    for test in TESTS {
        // Its own test reports a failure.
        let _ = catch_unwind(test);
    }
    for rule in &book().rules {
        let by_skeptic = known_result(&rule.id);
        let by_check = checked.get(&rule.id).map_or("not run", String::as_str);
        assert_eq!(by_skeptic, by_check, "skeptic and `keybook check` on {}", rule.id);
    }
    assert_eq!(checked.len(), book().rules.len());
}
