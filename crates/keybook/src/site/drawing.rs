//! States side by side: tasks, their credentials, and the keyrings to which these refer.
//!
//! A page says `{{#states RULE BEFORE AFTER}}`, with two numbers of calls: the states of the rule's trace
//! after them. `{{#state RULE AFTER}}` is one of them.

#[cfg(test)]
mod tests;

use super::html::escape;
use super::marks;
use anyhow::{Context, Result};
use drawing::sentences;
use model::follow;
use model::follow::State;
use rulebook::Snapshot;
use std::path::Path;
use trace::Trace;

/// What the drawings that a mark stands for are drawn from: its words after the name.
type Draw = fn(&str, &Path) -> Result<String>;

const MARKS: [(&str, Draw); 2] = [("{{#states ", two_states), ("{{#state ", one_state)];

/// Replaces the marks in a page by the drawings they stand for.
///
/// # Errors
///
/// If a mark does not name a rule with a trace, or a number of its calls.
pub(crate) fn fill_in(text: &mut String, root: &Path) -> Result<()> {
    for (mark, draw) in MARKS {
        marks::replace(text, mark, |words| draw(words, root))?;
    }
    Ok(())
}

/// The words after a mark: the id of a rule and numbers of calls.
struct Words<'a> {
    id: &'a str,
    rest: std::str::SplitWhitespace<'a>,
    trace: Trace,
    states: Vec<State>,
}

impl<'a> Words<'a> {
    fn read(words: &'a str, root: &Path) -> Result<Words<'a>> {
        let mut rest = words.split_whitespace();
        let id = rest.next().context("the id of a rule is missing")?;
        let snapshot = Snapshot::read(root, id).with_context(|| format!("{id} has no trace"))?;
        let trace: Trace = snapshot.contents.parse()?;
        let states = follow(&trace);
        Ok(Words { id, rest, trace, states })
    }

    /// The next word, a number of calls of the trace.
    fn number(&mut self, what: &str) -> Result<usize> {
        let next = self.rest.next();
        let word = next.with_context(|| format!("the number of calls {what} is missing"))?;
        let number = word.parse().with_context(|| format!("`{word}` is no number"))?;
        let (id, calls) = (self.id, self.states.len() - 1);
        anyhow::ensure!(number <= calls, "{id} has {calls} calls, not {number}");
        Ok(number)
    }
}

/// The state of a rule's trace after a number of its calls, without a caption.
fn one_state(words: &str, root: &Path) -> Result<String> {
    let mut words = Words::read(words, root)?;
    let after = words.number("after")?;
    let state = &words.states[after];
    let said = escape(&sentences(state).join(" "));
    Ok(format!(
        "<figure class=\"one\">{}<figcaption>{said}</figcaption></figure>",
        drawing::state(state, None, &said)
    ))
}

fn two_states(words: &str, root: &Path) -> Result<String> {
    let mut words = Words::read(words, root)?;
    let (before, after) = (words.number("before")?, words.number("after")?);
    let Words { trace, states, .. } = words;
    anyhow::ensure!(before < after, "{before} does not come before {after}");
    let calls = trace.events()[before..after].iter();
    let calls = calls.filter(|call| call.outcome.errno_name().is_none());
    let calls: Vec<String> = calls
        .map(|call| format!("<code>{}</code> by {}", escape(&call.request()), escape(&call.task)))
        .collect();
    Ok(format!(
        "<div class=\"ba\">{}{}</div>",
        figure("Before", &states[before], None),
        figure(&format!("After {}", calls.join(", ")), &states[after], Some(&states[before]))
    ))
}

fn figure(caption: &str, state: &State, before: Option<&State>) -> String {
    let words = escape(&sentences(state).join(" "));
    let drawn = drawing::state(state, before, &words);
    format!("<figure><figcaption>{caption}</figcaption>{drawn}<p>{words}</p></figure>")
}
