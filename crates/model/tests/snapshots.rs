//! The model allows every trace of the book.

use std::fs;
use std::path::Path;
use trace::Trace;

/// The traces of all rules, by the rule's id.
fn traces() -> Vec<(String, Trace)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../snapshots");
    let mut traces = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(id) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".snap"))
        else {
            continue;
        };
        if id == "rules" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (_, trace) = text.split_once("\n---\n").unwrap();
        traces.push((id.to_owned(), trace.parse().unwrap()));
    }
    traces.sort_by(|a: &(String, Trace), b| a.0.cmp(&b.0));
    traces
}

#[test]
fn every_trace_of_the_book_is_allowed() {
    let mut refused = Vec::new();
    for (id, trace) in traces() {
        if let Err(refusal) = model::judge(&trace) {
            refused.push(format!("{id} {} {} -- {:?}", refusal.nth, refusal.event, refusal.why));
        }
    }
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn analysis() {
    let traces = traces();
    let mut by_rule = std::collections::BTreeMap::new();
    let judge_all = |law| {
        let mut refused = Vec::new();
        for (id, trace) in &traces {
            let mut judge = model::Judge::wrong(law);
            if trace.events.iter().any(|event| judge.event(event).is_err()) {
                refused.push(id.clone());
            }
        }
        refused
    };
    for law in model::Law::all() {
        let refused = judge_all(law);
        println!("LAW {} {} {:?}", refused.len(), law.name(), &refused[..refused.len().min(3)]);
        for id in refused {
            by_rule.entry(id).or_insert_with(Vec::new).push(law.name());
        }
    }
    for (id, _) in &traces {
        println!("RULE {} {id} {:?}", by_rule.get(id).map_or(0, Vec::len), by_rule.get(id));
    }
}
