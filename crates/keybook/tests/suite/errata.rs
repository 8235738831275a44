//! The programs of the errata show what the errata say.

use crate::driver::{am_root, keyrings_are_here};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the programs.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/errata")
}

/// Whether a command exists; prints a remark if not.
fn exists(program: &str, argument: &str) -> bool {
    let found = Command::new(program).arg(argument).output().is_ok();
    if !found {
        eprintln!("not observed: there is no {program}");
    }
    found
}

#[test]
fn every_program_belongs_to_a_claim() {
    let table: toml::Table =
        fs::read_to_string(folder().join("claims.toml")).unwrap().parse().unwrap();
    let manuals = table["manual"].as_array().unwrap().iter();
    let claims = manuals.flat_map(|manual| manual["claim"].as_array().unwrap());
    let named: BTreeSet<&str> = claims.filter_map(|claim| claim.get("program")?.as_str()).collect();
    let files = fs::read_dir(folder()).unwrap().flatten();
    let files = files.map(|file| file.file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter(|name| name.ends_with(".c")).collect();
    assert_eq!(named, files.iter().map(String::as_str).collect());
}

#[test]
fn every_program_compiles_without_warnings_and_its_erratum_holds() {
    if !exists("cc", "--version") {
        return;
    }
    let (keyrings, root, keyctl) = (keyrings_are_here(), am_root(), exists("keyctl", "--version"));
    let place = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for file in fs::read_dir(folder()).unwrap().flatten().map(|entry| entry.path()) {
        if file.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let name = file.file_stem().unwrap().to_str().unwrap();
        let program = place.path().join(name);
        let compiled = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .args([&program, &file])
            .output()
            .unwrap();
        if !compiled.status.success() {
            wrong.push(format!("{name}: {}", String::from_utf8_lossy(&compiled.stderr)));
            continue;
        }
        let can = match name {
            "thread-owner" => keyrings && root,
            "keyctl-link" => keyrings && keyctl,
            _ => keyrings,
        };
        let output = Command::new(&program).output().unwrap();
        let expected = if can { 0 } else { 2 };
        if output.status.code() != Some(expected) {
            let told = String::from_utf8_lossy(&output.stdout);
            wrong.push(format!("{name}: {}, not {expected}:\n{told}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
