//! A trace as a space-time picture: one row for each call, with its piece of the lanes at the left.
//!
//! ```text
//! rows   the calls with what they saw and changed, from the states of the model
//! notes  the sentence below a call
//! lanes  which tasks, files and keys get a lane
//! fold   what is shown once instead of many times
//! svg    the piece of the lanes beside a row
//! end    who has what in the end
//! html   the figure
//! ```
//!
//! What is between two observations is the model's: [`mod@model::follow`]. A trace that the model does not
//! allow, or in which nothing happens, is shown as rows without lanes.

mod end;
mod fold;
mod html;
mod lanes;
mod notes;
mod rows;
mod svg;
#[cfg(test)]
mod tests;

pub(super) use fold::twin;
use html::Figure;
use rows::Story;
use std::collections::BTreeSet;
use std::fmt::Write;
use trace::Trace;

/// The picture of a trace, and below it the trace as text, folded; one block of Markdown.
pub(crate) fn picture(text: &str) -> String {
    let Ok(trace) = text.parse::<Trace>() else { return as_text(text) };
    let story = Story::new(&trace);
    let mut explained = BTreeSet::new();
    let mut figure = |range| Figure { story: &story, range }.html(&mut explained);
    let mut out = String::new();
    let all = story.rows.len();
    match twin(&trace) {
        None => out.push_str(&figure(0..all)),
        Some(twin) => {
            out.push_str(&figure(0..twin.second.start));
            let _ = write!(
                out,
                "<details class=\"again\"><summary>The same with {} <span>{} calls, the same \
                 answers</span></summary>{}</details>",
                twin.with,
                twin.second.len(),
                figure(twin.second.clone())
            );
            if twin.second.end < all {
                out.push_str(&figure(twin.second.end..all));
            }
        }
    }
    let text = as_text(text);
    format!(
        "{out}\n\n<details class=\"plain\">\n<summary>As text</summary>\n\n{text}\n</details>\n"
    )
}

fn as_text(text: &str) -> String {
    format!("```text\n{text}```\n")
}
