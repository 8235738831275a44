//! What *Play* loads: the modules, compiled for the browser, and the rules and their traces as data. The pages and scripts
//! are in `book/play/`.

mod compile;

use super::tables::Seen;
use crate::embedded;
use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
pub(crate) use compile::{Compiling, WITHOUT};
use rulebook::Rulebook;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use trace::Event;

/// The folder in the built book.
const FOLDER: &str = "play";

/// Writes modules and data into the built book.
///
/// # Errors
///
/// If the module cannot be compiled, or a file cannot be read or written.
pub(crate) fn write(
    built: &Path,
    root: &Path,
    book: &Rulebook,
    compiling: Compiling,
) -> Result<()> {
    let folder = built.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let save = |name: &str, contents: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, contents).with_context(|| file.display().to_string())
    };
    for (name, module) in compiling.modules()? {
        save(&format!("{name}.wasm"), &module)?;
        // A page that was opened as a file can load scripts only.
        let text = BASE64_STANDARD.encode(&module);
        save(&format!("{name}.wasm.js"), format!("Play.module({name:?}, {text:?});\n").as_bytes())?;
    }
    let traces = book.rules.iter().map(|rule| (rule, Seen::trace(rule, root)));
    let traces: Vec<_> = traces.collect();
    // An example of each call, if possible one that succeeded: in which rule's trace, and after how many calls.
    let mut events: Vec<(&Event, &str, usize)> = Vec::new();
    for (rule, trace) in &traces {
        let numbered = trace.events().iter().enumerate();
        events.extend(numbered.map(|(nth, event)| (event, rule.id.as_str(), nth)));
    }
    events.sort_by_key(|(event, ..)| event.outcome.errno_name().is_some());
    let mut examples: BTreeMap<&str, (String, &str, usize)> = BTreeMap::new();
    for (event, id, nth) in events {
        examples.entry(&event.call).or_insert_with(|| (event.request(), id, nth));
    }
    let table = ::play::table::text(embedded::wrong_models()?);
    let rules: BTreeMap<&str, [String; 2]> = book
        .rules
        .iter()
        .map(|rule| (rule.id.as_str(), [rule.title.replace('`', ""), rule.link()]))
        .collect();
    let data = json!({ "rules": rules, "examples": examples, "table": table });
    save("data.js", format!("Play.data({data});\n").as_bytes())?;
    let text: String =
        traces.iter().map(|(rule, trace)| format!("# {}\n{trace}", rule.id)).collect();
    save("traces.js", format!("Play.traces({});\n", json!(text)).as_bytes())
}
