//! `rules.json` beside the built book is of the form that its schema describes.

use crate::driver::{book, json, keybook};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_schema_describes_every_member_and_lies_beside_the_rules() {
    let schema = read(&book().join("rules.schema.json"));
    let item = &schema["items"];
    let required: BTreeSet<&str> =
        item["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let rules = read(&book().join("rules.json"));
    assert!(rules.as_array().unwrap().len() > 600);
    for rule in rules.as_array().unwrap() {
        assert_eq!(names(rule), required, "{}", rule["id"]);
        assert_eq!(names(rule), names(&item["properties"]), "{}", rule["id"]);
    }
    assert_eq!(rules, json(&keybook(&["rules", "--format", "json"])));
}

#[test]
fn a_validator_accepts_the_rules_and_refuses_others() {
    // The program that .ci/schemas installs.
    let installed = Path::new(ROOT).join("target/schemas/venv/bin/check-jsonschema");
    if !installed.exists() {
        eprintln!("not observed: check-jsonschema is not installed: .ci/schemas does that");
        return;
    }
    let schema = book().join("rules.schema.json");
    let accepts = |file: &Path| {
        let mut validator = Command::new(&installed);
        let output = validator.arg("--schemafile").arg(&schema).arg(file).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let file = book().join("rules.json");
    let (accepted, why) = accepts(&file);
    assert!(accepted, "{why}");
    let mut wrong = read(&file);
    wrong[0]["verdict"] = "probable".into();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    fs::write(&file, wrong.to_string()).unwrap();
    let (accepted, why) = accepts(&file);
    assert!(!accepted && why.contains("probable"), "{why}");
}
