//! The snapshots of the rules are traces. (This test stands beside them because cargo insta looks
//! for snapshots where the sources of tests are.)

use rulebook::{INDEX, Rulebook, Snapshot};
use std::path::PathBuf;
use trace::Trace;

#[test]
fn every_trace_can_be_read_back() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    for rule in Rulebook::read(&root).rules {
        assert_ne!(rule.id, INDEX);
        let Some(snapshot) = Snapshot::read(&root, &rule.id) else { continue };
        let trace: Trace = snapshot
            .contents
            .parse()
            .unwrap_or_else(|error| panic!("snapshots/{}.snap: {error}", rule.id));
        assert_eq!(trace.to_string(), snapshot.contents, "{}", rule.id);
    }
}
