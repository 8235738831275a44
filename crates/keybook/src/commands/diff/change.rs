//! The rules that differ between two states of the project.

use rulebook::{Rule, Rulebook, Snapshot, fingerprint};
use serde::Serialize;
use std::path::Path;
use trace::Trace;

/// The rules of one state of the project.
pub(super) struct Side {
    book: Rulebook,
    /// The trace of each rule, in the same order.
    traces: Vec<String>,
    pub(super) problems: usize,
}

/// What is different about a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    New,
    Gone,
    /// Its title, statement or reason.
    Reworded,
    /// Its page.
    Moved,
    /// Its verdict, or the sentences that it is about.
    Verdict,
    /// Its kernel functions, conditions or needs.
    Provenance,
    /// Its events, or their outcomes.
    Trace,
    /// Its program alone: the trace is the same.
    Program,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::New => "new",
            Kind::Gone => "gone",
            Kind::Reworded => "reworded",
            Kind::Moved => "moved",
            Kind::Verdict => "verdict",
            Kind::Provenance => "provenance",
            Kind::Trace => "trace",
            Kind::Program => "program",
        }
    }
}

/// A rule that differs.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) before: Option<State>,
    pub(super) after: Option<State>,
}

/// What is compared of a rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub(super) title: String,
    pub(super) statement: String,
    pub(super) reason: String,
    pub(super) page: String,
    pub(super) verdict: &'static str,
    pub(super) sentences: Vec<&'static str>,
    functions: Vec<String>,
    given: Vec<String>,
    needs: Vec<String>,
    pub(super) trace: String,
    #[serde(skip)]
    program: String,
}

impl Side {
    pub(super) fn read(root: &Path) -> Side {
        let book = Rulebook::read(root);
        let traces = book.rules.iter().map(|rule| {
            Snapshot::read(root, &rule.id).map(|snapshot| snapshot.contents).unwrap_or_default()
        });
        Side { traces: traces.collect(), problems: book.problems.len(), book }
    }

    fn state(&self, id: &str) -> Option<State> {
        let nth = self.book.rules.iter().position(|rule| rule.id == id)?;
        let Rule { title, statement, why, page, verdict, .. } = &self.book.rules[nth];
        let rule = &self.book.rules[nth];
        Some(State {
            title: title.clone(),
            statement: statement.clone(),
            reason: words(why),
            page: page.display().to_string(),
            verdict: verdict.word(),
            sentences: rule.from.clone(),
            functions: rule.kernel.clone(),
            given: rule.given.clone(),
            needs: rule.needs.clone(),
            trace: self.traces[nth].clone(),
            program: rule.program.clone(),
        })
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.book.rules.iter().map(|rule| rule.id.as_str())
    }
}

/// A text without its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The rules that differ: first those that exist now, in the order of the book, then those that are gone.
pub(super) fn changes(before: &Side, after: &Side) -> Vec<Change> {
    let gone = before.ids().filter(|id| after.book.rule(id).is_none());
    let all = after.ids().chain(gone);
    all.filter_map(|id| change(id, before.state(id), after.state(id))).collect()
}

fn change(id: &str, before: Option<State>, after: Option<State>) -> Option<Change> {
    let kinds = match (&before, &after) {
        (Some(before), Some(after)) => kinds(before, after),
        (None, _) => vec![Kind::New],
        (_, None) => vec![Kind::Gone],
    };
    (!kinds.is_empty()).then(|| Change { id: id.to_owned(), kinds, before, after })
}

fn kinds(before: &State, after: &State) -> Vec<Kind> {
    let text =
        |state: &State| [&state.title, &state.statement, &state.reason].map(|text| text.to_owned());
    let events = |state: &State| {
        // What is no trace is compared as text.
        let trace: Option<Trace> = state.trace.parse().ok();
        trace.map_or_else(|| state.trace.clone(), |trace| fingerprint(&trace))
    };
    let rest = |state: &State| (state.functions.clone(), state.given.clone(), state.needs.clone());
    let judged = |state: &State| (state.verdict, state.sentences.clone());
    let trace = events(before) != events(after);
    let all = [
        (Kind::Reworded, text(before) != text(after)),
        (Kind::Moved, before.page != after.page),
        (Kind::Verdict, judged(before) != judged(after)),
        (Kind::Provenance, rest(before) != rest(after)),
        (Kind::Trace, trace),
        (Kind::Program, !trace && before.program != after.program),
    ];
    all.into_iter().filter_map(|(kind, differs)| differs.then_some(kind)).collect()
}
