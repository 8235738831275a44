//! Which rules notice a mistake of a kernel.

use model::{Judge, Law, Why};
use serde::Serialize;
use trace::Trace;

/// A wrong model.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The law that does not hold in it.
    pub law: String,
    /// What such a kernel does.
    pub does: String,
}

/// All wrong models.
pub fn all() -> Vec<Wrong> {
    Law::all().map(|law| Wrong { law: law.name(), does: law.wrong() }).collect()
}

/// A rule that notices the mistake: a kernel with it does not give its trace.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Noticed {
    /// The id of the rule.
    pub rule: String,
    /// The first line that such a kernel does not give, from 1.
    pub line: usize,
    /// What a correct kernel gives.
    pub event: String,
    /// What such a kernel gives.
    pub instead: Vec<String>,
}

/// Judges traces by the wrong model in which this law does not hold; `None` if there is no such law. The text has, for each
/// rule, a line `# ID` and its trace.
pub fn wrong(law: &str, traces: &str) -> Option<Vec<Noticed>> {
    let law = Law::all().find(|one| one.name() == law)?;
    let traces = traces.strip_prefix("# ").unwrap_or_default().split("\n# ");
    Some(traces.filter_map(|one| noticed(law, one)).collect())
}

fn noticed(law: Law, text: &str) -> Option<Noticed> {
    let (rule, text) = text.split_once('\n')?;
    let trace: Trace = text.parse().ok()?;
    let refusal = Judge::wrong(law).events(trace.events()).err()?;
    let instead = match &refusal.why {
        Why::Outcome { allowed, .. } => allowed.iter().map(crate::judge::outcome).collect(),
        Why::NotUnderstood(_) | Why::Unknown(_) => Vec::new(),
    };
    let (line, event) = (refusal.nth + 1, refusal.event.to_string());
    Some(Noticed { rule: rule.to_owned(), line, event, instead })
}
