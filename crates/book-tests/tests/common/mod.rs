//! What the harness knows of the project.

use rulebook::{Rule, Rulebook, SNAPSHOTS};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Names the needs, separated by commas, that must be met: a rule that lacks one of them fails.
const REQUIRED_VARIABLE: &str = "KEYBOOK_REQUIRE";

/// The folder of the project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The book, read once.
pub fn book() -> &'static Rulebook {
    static BOOK: OnceLock<Rulebook> = OnceLock::new();
    BOOK.get_or_init(|| Rulebook::read(&root()))
}

/// The first need of a rule that is not met here, and why.
pub fn unmet(rule: &Rule) -> Option<(&str, String)> {
    rule.needs.iter().find_map(|need| Some((need.as_str(), keyrings::place::unmet(need)?)))
}

/// Says that a rule is not observed; fails if it must be.
pub fn not_observed(rule: &str, need: &str, reason: &str) {
    let message = format!("{rule}: not observed, because it needs {need}, and {reason}");
    let required = std::env::var(REQUIRED_VARIABLE).unwrap_or_default();
    assert!(!required.split(',').any(|must| must.trim() == need), "{message}");
    eprintln!("{message}");
}

/// insta's settings for what is pinned in the project's folder of snapshots.
pub fn settings(description: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join(SNAPSHOTS));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    settings
}
