//! The figure: the names of the lanes, a list of calls, and who has what in the end.

use super::fold::{Run, runs};
use super::lanes::{Lane, Lanes};
use super::rows::{Row, Story, is_name};
use super::{end, svg};
use crate::site::html::escape;
use model::follow::Kind;
use std::collections::BTreeSet;
use std::ops::Range;

/// The width of a letter of a lane's name, in pixels.
const LETTER: usize = 8;

/// Some rows of a trace.
pub(super) struct Figure<'a> {
    pub(super) story: &'a Story<'a>,
    pub(super) range: Range<usize>,
}

impl Figure<'_> {
    /// The figure. The words of an error stand where the trace first shows it; `explained` are those shown
    /// before.
    pub(super) fn html(&self, explained: &mut BTreeSet<String>) -> String {
        let lanes = Lanes::of(self.story, &self.range);
        let rows = runs(self.story, self.range.clone()).into_iter();
        let rows: String = rows
            .map(|(run, range)| self.row(&lanes, run, &self.story.rows[range], explained))
            .collect();
        let (head, end) = match lanes.are_worth {
            true => (self.head(&lanes), end::summary(self.story, &lanes, &self.range)),
            false => (String::new(), String::new()),
        };
        let end = match end.as_str() {
            "" => end,
            end => format!("<figcaption><b>In the end</b> {}.</figcaption>", escape(end)),
        };
        let (class, count) = (self.class(&lanes), lanes.drawn.len());
        format!(
            "<figure class=\"{class}\" style=\"--n:{count}\">{head}<ol>{rows}</ol>{end}</figure>"
        )
    }

    fn class(&self, lanes: &Lanes) -> String {
        if !lanes.are_worth {
            return "tr nopic".to_owned();
        }
        let count = lanes.drawn.len();
        let (width, size) = match count {
            0..=5 => (62, ""),
            6..=7 => (48, " many"),
            _ => (36, " many most"),
        };
        let longest = lanes.drawn.iter().map(|lane| self.name(lane).0.chars().count()).max();
        let turned = if longest.unwrap_or(0) * LETTER > width + 2 { " rot" } else { "" };
        format!("tr{size}{turned}")
    }

    /// The name of a lane, and what stands below it.
    fn name(&self, lane: &Lane) -> (String, String) {
        let key = match lane {
            Lane::Task(name) => return (name.clone(), String::new()),
            Lane::File(name) => return ((*name).to_owned(), String::new()),
            Lane::Key(key) => *key,
        };
        let id = match self.story.kind(key) {
            Kind::Thread => "@t",
            Kind::Process => "@p",
            Kind::Session => "@s",
            Kind::Keyring => "keyring",
            Kind::Key => "key",
        };
        match &self.story.last().keys[key].name {
            Some(name) => (name.clone(), id.to_owned()),
            None => (id.to_owned(), self.story.owner(key).unwrap_or_default().to_owned()),
        }
    }

    fn head(&self, lanes: &Lanes) -> String {
        let names = lanes.drawn.iter().map(|lane| {
            let (name, below) = self.name(lane);
            let below = if below.is_empty() { below } else { format!("<i>{}</i>", escape(&below)) };
            match lane {
                Lane::Key(key) => {
                    let class = svg::class(self.story.kind(*key));
                    format!("<span class=\"{class}\">{}{below}</span>", escape(&name))
                }
                _ => format!("<span>{}</span>", escape(&name)),
            }
        });
        format!("<div class=\"hd\" aria-hidden=\"true\">{}</div>", names.collect::<String>())
    }

    fn row(
        &self,
        lanes: &Lanes,
        run: Run,
        rows: &[Row<'_>],
        explained: &mut BTreeSet<String>,
    ) -> String {
        let first = &rows[0];
        let svg = match lanes.are_worth {
            true => svg::piece(self.story, lanes, rows),
            false => String::new(),
        };
        let all = |of: fn(&Row<'_>) -> String| rows.iter().map(of).collect::<Vec<_>>().join(", ");
        let (mut task, mut call) = (first.event.task.clone(), self.marked(&first.event.request()));
        let mut outcome = first.event.outcome.to_string();
        let mut notes: String = first.notes.iter().map(|note| format!("{note} ")).collect();
        let mut more = String::new();
        match run {
            Run::One => {}
            Run::Starts => {
                outcome = all(|row| row.event.outcome.to_string());
                let manner = first.notes.first().map(super::notes::Note::manner);
                notes = format!("{} tasks start{}.", rows.len(), manner.unwrap_or_default());
            }
            Run::Each => {
                task = all(|row| row.event.task.clone());
                if !first.failed() {
                    outcome = all(|row| row.event.outcome.to_string());
                }
                notes = each_notes(rows);
            }
            Run::Fails => {
                let calls = rows
                    .iter()
                    .map(|row| format!("<code>{}</code>", self.marked(&row.event.request())));
                let calls: String = calls.collect();
                call = format!("{} calls", rows.len());
                more =
                    format!("<details class=\"run\"><summary>show them</summary>{calls}</details>");
                notes.clear();
            }
        }
        let outcome = self.outcome(first, &outcome, explained);
        let notes = match notes.trim_end() {
            "" => String::new(),
            notes => format!("<span class=\"nt\">{}</span>", escape(notes)),
        };
        format!(
            "<li>{svg}<code><span class=\"tk\">{}</span> <span class=\"fn\">{call}</span>\
             {outcome}</code>{notes}{more}</li>",
            escape(&task)
        )
    }

    /// What a call returned. An error's words stand beside it once.
    fn outcome(&self, row: &Row<'_>, outcome: &str, explained: &mut BTreeSet<String>) -> String {
        if outcome.is_empty() {
            return String::new();
        }
        let Some(name) = row.event.outcome.errno_name() else {
            return format!(" <span class=\"rs\">= {}</span>", self.marked(outcome));
        };
        let words = match outcome.split_once(" (") {
            Some((_, words)) if explained.insert(name.to_string()) => {
                format!(
                    " <span class=\"wd\">{}</span>",
                    escape(words.strip_suffix(')').unwrap_or(words))
                )
            }
            _ => String::new(),
        };
        format!(" <span class=\"rs\">= -1 <b>{}</b>{words}</span>", escape(name))
    }

    /// Part of a call with the names of keys in their color.
    fn marked(&self, text: &str) -> String {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '@' || c == '_';
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match self.kind_of(word) {
                Some(kind) => out += &format!("<b class=\"{}\">{word}</b>", svg::class(kind)),
                None => out += &escape(word),
            }
            let next = after.find(is_part).unwrap_or(after.len());
            let (between, after) = after.split_at(next);
            out += &escape(between);
            rest = after;
        }
        out
    }

    fn kind_of(&self, word: &str) -> Option<Kind> {
        match word {
            "@t" => Some(Kind::Thread),
            "@p" => Some(Kind::Process),
            "@s" => Some(Kind::Session),
            word if is_name(word) => self.story.last().named(word).map(|key| self.story.kind(key)),
            _ => None,
        }
    }
}

/// What several calls have done, if each has done the same.
fn each_notes(rows: &[Row<'_>]) -> String {
    let creates = |row: &Row<'_>| !row.created.is_empty();
    if rows.iter().all(creates) {
        return format!("{} keyrings are created, one each.", rows.len());
    }
    rows.iter().flat_map(|row| &row.notes).map(|note| format!("{note} ")).collect()
}
