//! Each kind of finding has a log that shows it and a near miss that does not, and no input panics or shows a payload.

mod faults;
mod kinds;
mod properties;
mod rules;
mod unknown;

use findings::{ByModel, Explained, Explainer};
use model::Law;
use std::io::Cursor;
use strace::{Order, Place, Reader};

fn names(laws: &[Law]) -> Vec<String> {
    laws.iter().map(|law| law.name()).collect()
}

/// What is found in a log.
fn explained(log: impl Into<Vec<u8>>) -> Explained {
    let mut reader = Reader::new(Cursor::new(log.into()));
    let mut explainer = Explainer::new(Order::Log, Box::new(ByModel::new(names)));
    loop {
        explainer.first_pid(reader.first_pid());
        let Some(event) = reader.next().expect("the input is in memory") else { break };
        explainer.event(&event);
    }
    let place = |place: Place| format!("log:{}", place.line);
    explainer.finish(&place, &place)
}

/// The kinds of findings, the most telling first.
fn kinds(log: impl Into<Vec<u8>>) -> Vec<&'static str> {
    explained(log).findings.into_iter().map(|finding| finding.kind).collect()
}

/// All that is shown of a log.
fn output(log: impl Into<Vec<u8>>) -> String {
    serde_json::to_string(&explained(log)).expect("it is plain data")
}

/// A stored log.
fn stored(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/logs/{name}.log", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The same log with its secrets masked, and its names.
fn redacted(log: &[u8], names: bool) -> Vec<u8> {
    let mut output = Vec::new();
    strace::redact(&mut Cursor::new(log.to_vec()), &mut output, strace::Redaction { names })
        .expect("both are in memory");
    output
}
