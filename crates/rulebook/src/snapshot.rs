//! Snapshots: where each is kept, and how insta writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use trace::Trace;

/// The folder of everything that is stored, relative to the project's root.
pub const SNAPSHOTS: &str = "snapshots";
/// The folder of the traces, one file for each rule.
const TRACES: &str = "snapshots/traces";
/// The index of all rules: id, verdict and statement.
pub const INDEX: &str = "snapshots/index/rules.snap";
/// The wrong models that each rule's trace refuses: the id, a tab, and the names of the laws.
pub const WRONG_MODELS: &str = "snapshots/model/wrong-models.txt";
/// The events for which the model allows more than one outcome.
pub const LEFT_OPEN: &str = "snapshots/model/left-open.txt";
/// How each rule behaves in other circumstances: see [`crate::Cells`].
pub const CIRCUMSTANCES: &str = "snapshots/circumstances/cells.txt";
/// The folder of the results from other kernels and environments.
pub const KERNELS: &str = "snapshots/kernels";

/// A snapshot as insta stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The pinned text.
    pub contents: String,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
}

impl Snapshot {
    /// The file of a rule's trace. Each part of the id but the last is a folder.
    pub fn path(root: &Path, id: &str) -> PathBuf {
        root.join(TRACES).join(id.replace('.', "/") + ".snap")
    }

    /// Reads the trace of a rule; `None` if it is not stored yet.
    pub fn read(root: &Path, id: &str) -> Option<Snapshot> {
        Snapshot::open(&Snapshot::path(root, id))
    }

    /// Reads the index of rules; `None` if it is not stored yet.
    pub fn index(root: &Path) -> Option<Snapshot> {
        Snapshot::open(&root.join(INDEX))
    }

    /// Every stored trace: the id of its rule, and its file.
    pub fn all(root: &Path) -> BTreeMap<String, PathBuf> {
        let mut found = BTreeMap::new();
        collect(&root.join(TRACES), "", &mut found);
        found
    }

    fn open(file: &Path) -> Option<Snapshot> {
        fs::read_to_string(file).ok().map(|text| Snapshot::parse(&text))
    }

    /// Separates the pinned text from insta's header, which stands between two lines of dashes.
    pub fn parse(text: &str) -> Snapshot {
        let parts = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (line, contents) =
            parts.map_or((1, text), |(header, body)| (header.lines().count() + 3, body));
        Snapshot { contents: format!("{}\n", contents.trim_end()), line }
    }
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.is_dir() {
            collect(&file, &format!("{prefix}{name}."), found);
        } else if let Some(last) = name.strip_suffix(".snap") {
            found.insert(format!("{prefix}{last}"), file);
        }
    }
}

/// Sixteen hexadecimal digits that stand for a trace. A result saved with another fingerprint is
/// older than the rule's trace and says nothing about it.
///
/// Only the events count: who called what with which arguments, and the outcome. The layout of the
/// text, the words that explain an errno, and the program do not.
pub fn fingerprint(trace: &Trace) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    // FNV-1a, because it is the same on every machine and in every release of Rust. Each part has an
    // end mark, so that different events never yield the same bytes.
    let mut part = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for event in trace.events() {
        part(&event.task);
        part(&event.call);
        event.args.iter().for_each(|arg| part(&arg.to_string()));
        let outcome = event.outcome.to_string();
        let words = outcome.strip_prefix("-1 ").and_then(|error| error.find(" ("));
        part("=");
        part(words.map_or(&outcome, |at| &outcome["-1 ".len()..][..at]));
    }
    format!("{hash:016x}")
}
