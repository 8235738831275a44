//! What is shown once instead of many times: the second half of a trace that does the same with the other
//! keyring, and runs of like calls.

use super::rows::{Row, Story, is_name, is_waiting};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use trace::Trace;

/// The most calls before two like halves.
const LONGEST_START: usize = 4;
/// The fewest calls of a half.
const SHORTEST_HALF: usize = 3;
/// The fewest calls of a run.
const SHORTEST_RUN: usize = 4;

/// A trace does the same for one keyring and then for the other.
pub(in crate::site) struct Twin {
    /// The calls of the second half.
    pub(in crate::site) second: Range<usize>,
    /// What the second half uses instead.
    pub(in crate::site) with: &'static str,
}

/// The two longest like halves of a trace.
pub(in crate::site) fn twin(trace: &Trace) -> Option<Twin> {
    let events = trace.events();
    let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    let all = lines.len();
    let starts = 0..=LONGEST_START.min(all);
    let longest = |start: usize| {
        let mut sizes = (SHORTEST_HALF..=(all - start) / 2).rev();
        let size = sizes.find(|size| {
            let second = events[start + size..].iter().take(*size);
            let mut pairs = events[start..].iter().zip(second);
            // Cheap, and seldom true.
            pairs.all(|(one, other)| (&one.task, &one.call) == (&other.task, &other.call))
                && are_twins(&lines, start, *size)
        })?;
        Some((size, start))
    };
    // Of equally long ones, the first.
    let best = starts.filter_map(longest).max_by_key(|(size, start)| (*size, usize::MAX - start));
    let (size, start) = best?;
    let second = start + size..start + 2 * size;
    let has = |id: &str| lines[second.clone()].iter().any(|line| words(line).any(|it| it == id));
    let with = match (has("@t"), has("@p")) {
        (false, _) => "the process keyring",
        (_, false) => "the thread keyring",
        _ => "the two keyrings exchanged",
    };
    Some(Twin { second, with })
}

fn are_twins(lines: &[String], start: usize, size: usize) -> bool {
    let (first, second) = (&lines[start..start + size], &lines[start + size..start + 2 * size]);
    let is_about_own = first.iter().any(|line| words(line).any(|it| exchanged(it) != it));
    is_about_own
        && renamed(first, false) != renamed(second, false)
        && renamed(first, true) == renamed(second, false)
}

/// The pieces of a line: words, and what is between them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '@';
    line.split_inclusive(move |c| !is_word(c)).flat_map(move |piece| {
        let end = piece.trim_end_matches(move |c| !is_word(c)).len();
        [&piece[..end], &piece[end..]]
    })
}

/// A word with the other keyring in it.
fn exchanged(word: &str) -> &str {
    match word {
        "@t" => "@p",
        "@p" => "@t",
        "tid" => "pid",
        "pid" => "tid",
        "THREAD" => "PROCESS",
        "PROCESS" => "THREAD",
        other => other,
    }
}

/// Lines with keys named by the order of their appearance in them.
fn renamed(lines: &[String], exchange: bool) -> Vec<String> {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut rename = |word| {
        let word = if exchange { exchanged(word) } else { word };
        if !word.starts_with('K') || !is_name(word) {
            return word.to_owned();
        }
        let next = format!("#{}", known.len());
        known.entry(word).or_insert(next).clone()
    };
    lines.iter().map(|line| words(line).map(&mut rename).collect()).collect()
}

/// Rows that are shown as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// A single call.
    One,
    /// A task starts several.
    Starts,
    /// Several tasks make the same call.
    Each,
    /// A task makes calls that fail with the same error and change nothing.
    Fails,
}

/// The runs of the rows in a range, in order.
pub(super) fn runs(story: &Story<'_>, range: Range<usize>) -> Vec<(Run, Range<usize>)> {
    let mut runs = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let rows = &story.rows[start..range.end];
        let all = [
            (Run::Starts, starts(rows)),
            (Run::Each, each(rows)),
            (Run::Fails, fails(story, rows)),
        ];
        let long = all.into_iter().filter(|(_, size)| *size >= SHORTEST_RUN);
        let (run, size) = long.max_by_key(|(_, size)| *size).unwrap_or((Run::One, 1));
        runs.push((run, start..start + size));
        start += size;
    }
    runs
}

/// The number of rows from the first on in which a task starts another in the same way.
fn starts(rows: &[Row<'_>]) -> usize {
    let manner = |row: &Row<'_>| match row.notes.as_slice() {
        [note] if row.started.len() == 1 => {
            Some((request(row), row.event.task.clone(), note.manner()))
        }
        _ => None,
    };
    let first = manner(&rows[0]);
    rows.iter().take_while(|row| first.is_some() && manner(row) == first).count()
}

/// The number of rows in which different tasks make the same call with like outcomes.
fn each(rows: &[Row<'_>]) -> usize {
    let mut seen = BTreeSet::new();
    let first = &rows[0];
    let is_like = |row: &&Row<'_>| {
        request(row) == request(first)
            && row.failed() == first.failed()
            && row.event.outcome.errno_name() == first.event.outcome.errno_name()
            && row.created.len() == first.created.len()
            && row.started.is_empty()
    };
    rows.iter().take_while(is_like).take_while(|row| seen.insert(&row.event.task)).count()
}

/// The number of rows in which one task fails with one error, and nothing changes.
fn fails(story: &Story<'_>, rows: &[Row<'_>]) -> usize {
    let first = &rows[0].event;
    let is_like = |row: &&Row<'_>| {
        let (before, after) = (story.before(row), story.after(row));
        row.failed()
            && !is_waiting(row.event)
            && row.event.task == first.task
            && row.event.outcome.errno_name() == first.outcome.errno_name()
            && (&before.keys, &before.tasks) == (&after.keys, &after.tasks)
            && row.saw.is_empty()
    };
    rows.iter().take_while(is_like).count()
}

/// A call without the numbers of its keys.
fn request(row: &Row<'_>) -> String {
    let request = row.event.request();
    words(&request)
        .map(|word| if is_name(word) && word.starts_with('K') { "K" } else { word })
        .collect()
}
