//! What is stored here is valid. (These tests are here because cargo-insta looks for snapshots in
//! the folders of a package's test sources.)

use rulebook::{KERNELS, LEFT_OPEN, Rulebook, Snapshot, WRONG_MODELS, fingerprint};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use trace::Trace;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The traces of all rules.
fn traces() -> BTreeMap<String, Trace> {
    let read = |id: String| {
        let text = Snapshot::read(&root(), &id).unwrap().contents;
        let trace: Trace = text.parse().unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(trace.to_string(), text, "{id}");
        (id, trace)
    };
    Snapshot::all(&root()).into_keys().map(read).collect()
}

#[test]
fn every_trace_can_be_read_back() {
    assert!(!traces().is_empty());
}

/// A result whose fingerprint is another than its rule's is not shown: the matrix would lose it.
#[test]
fn every_saved_result_is_of_the_present_trace() {
    let now = traces().into_iter().map(|(id, trace)| (id, fingerprint(&trace)));
    let now: BTreeMap<String, String> = now.collect();
    for file in fs::read_dir(root().join(KERNELS)).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let column: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for (id, result) in column["rules"].as_object().unwrap() {
            let saved = result.as_str().and_then(|result| result.split(' ').nth(1));
            let fix = "its trace has changed since: run `keybook kernels --save` again, or delete the line";
            let now = now.get(id).map(String::as_str);
            assert_eq!(saved, now, "{}: {id}: {fix}", file.display());
        }
    }
}

/// Sorted tables with one line for each fact merge without conflicts.
#[test]
fn every_table_is_sorted() {
    for table in [WRONG_MODELS, LEFT_OPEN] {
        let text = fs::read_to_string(root().join(table)).unwrap();
        let ids = text.lines().map(|line| line.split(['\t', ':']).next().unwrap());
        assert!(ids.is_sorted(), "{table}");
    }
    assert!(rulebook::KERNEL_FUNCTIONS.lines().is_sorted(), "kernel-functions.txt");
    let index = Rulebook::read(&root()).index();
    assert!(index.lines().map(|line| line.split(' ').next()).is_sorted());
}
