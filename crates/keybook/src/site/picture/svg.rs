//! The piece of the lanes beside a row. It has no `viewBox`: places are percentages, so the row can be as
//! high as its text, and CSS sets the width of a lane.

use super::lanes::{Lane, Lanes, ended, file, task};
use super::rows::{Row, Story, is_execve, is_own, is_waiting, slot};
use model::follow::{Kind, Life, Own, Place, State};
use std::fmt::Write;

/// What is drawn beside some rows that are shown as one.
pub(super) fn piece(story: &Story<'_>, lanes: &Lanes, rows: &[Row<'_>]) -> String {
    let ([first, ..], [.., last]) = (rows, rows) else { return String::new() };
    let mut piece = Piece { story, lanes, lines: Vec::new(), marks: Vec::new() };
    piece.tasks(story.before(first), story.after(last));
    piece.files(story.before(first), story.after(last));
    piece.keys(first, last);
    for row in rows {
        piece.acts(row);
    }
    let all = piece.lines.iter().chain(&piece.marks).map(String::as_str);
    format!("<svg aria-hidden=\"true\">{}</svg>", all.collect::<String>())
}

/// The class of a kind in the style sheet.
pub(super) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Thread => "t",
        Kind::Process => "p",
        Kind::Session => "s",
        Kind::Keyring => "r",
        Kind::Key => "k",
    }
}

struct Piece<'a> {
    story: &'a Story<'a>,
    lanes: &'a Lanes,
    lines: Vec<String>,
    /// What lies above the lines.
    marks: Vec<String>,
}

impl Piece<'_> {
    fn line(&mut self, class: &str, from: (&str, &str), to: (&str, &str)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let line =
            format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    /// A lane by the class of its half above the event and of its half below; `None` where it is not.
    fn lane(&mut self, x: &str, above: Option<&str>, below: Option<&str>) {
        if let Some(class) = above
            && below == above
        {
            return self.line(class, (x, "0"), (x, "100%"));
        }
        if let Some(class) = above {
            self.line(class, (x, "0"), (x, "50%"));
        }
        if let Some(class) = below {
            self.line(class, (x, "50%"), (x, "100%"));
        }
    }

    fn tie(&mut self, class: &str, from: &str, to: &str) {
        self.line(class, (from, "50%"), (to, "50%"));
    }

    fn mark(&mut self, mark: String) {
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    fn dot(&mut self, class: &str, x: &str, radius: &str) {
        self.mark(format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"50%\" r=\"{radius}\"/>"));
    }

    fn glyph(&mut self, class: &str, x: &str, path: &str) {
        self.mark(format!(
            "<svg class=\"at\" x=\"{x}\" y=\"50%\"><path class=\"{class}\" d=\"{path}\"/></svg>"
        ));
    }

    fn end(&mut self, x: &str) {
        self.glyph("end", x, "M-7 0H7");
    }

    /// The lanes of the tasks, with a stripe for each keyring that they have.
    fn tasks(&mut self, before: &State, after: &State) {
        for (nth, lane) in self.lanes.drawn.iter().enumerate() {
            let (Lane::Task(name), Some(x)) = (lane, self.lanes.x(&self.lanes.drawn[nth])) else {
                continue;
            };
            let (was, is) = (task(before, name), task(after, name));
            let class = |life: Life| if life == Life::Runs { "ln" } else { "ln z" };
            self.lane(&x, was.map(|it| class(it.life)), is.map(|it| class(it.life)));
            for kind in [Kind::Thread, Kind::Process] {
                let class = |life: Life| match (kind, life) {
                    (Kind::Thread, Life::Runs) => "st t",
                    (Kind::Thread, _) => "st t f",
                    (_, Life::Runs) => "st p",
                    _ => "st p f",
                };
                let has = |own: Own| {
                    slot(own, kind).keyring().is_some_and(|key| self.lanes.keys.contains(&key))
                };
                let stripe =
                    [was, is].map(|it| it.filter(|it| has(it.own)).map(|it| class(it.life)));
                self.lane(&x, stripe[0], stripe[1]);
            }
        }
    }

    /// The lanes of files and mappings, with a broken stripe for each keyring that they hold.
    fn files(&mut self, before: &State, after: &State) {
        for lane in &self.lanes.drawn {
            let (Lane::File(name), Some(x)) = (lane, self.lanes.x(lane)) else { continue };
            let (was, is) = (file(before, name), file(after, name));
            self.lane(&x, was.as_ref().map(|_| "ln f"), is.as_ref().map(|_| "ln f"));
            for (kind, class) in [(Kind::Thread, "st t f"), (Kind::Process, "st p f")] {
                let stripe = [&was, &is].map(|held| {
                    let mut held = held.iter().flatten();
                    let is_it = |key: &usize| {
                        self.lanes.keys.contains(key) && self.story.kind(*key) == kind
                    };
                    held.any(is_it).then_some(class)
                });
                self.lane(&x, stripe[0], stripe[1]);
            }
        }
    }

    /// The bars: the life of each key.
    fn keys(&mut self, first: &Row<'_>, last: &Row<'_>) {
        for lane in &self.lanes.drawn {
            let (Lane::Key(key), Some(x)) = (lane, self.lanes.x(lane)) else { continue };
            let (above, below) = (self.bar(*key, first.nth), self.bar(*key, last.nth + 1));
            self.lane(&x, above.as_deref(), below.as_deref());
            let above = self.is_hollow(*key, self.story.before(first)).then_some("in");
            let below = self.is_hollow(*key, self.story.after(last)).then_some("in");
            self.lane(&x, above, below);
        }
    }

    fn bar(&self, key: usize, at: usize) -> Option<String> {
        let class = class(self.story.kind(key));
        match self.story.place(key, at)? {
            Place::Reachable => Some(format!("br {class}")),
            Place::Held => Some(format!("br {class} h")),
            Place::Loose | Place::Unknown => Some(format!("br {class} l")),
            Place::Destroyed => None,
        }
    }

    /// A bar is hollow if the key is in its place but unusable.
    fn is_hollow(&self, key: usize, state: &State) -> bool {
        let is = |key: &model::follow::Key| {
            key.unusable.is_some() && matches!(key.place, Place::Reachable | Place::Held)
        };
        state.keys.get(key).is_some_and(is)
    }

    /// What a call did and saw.
    fn acts(&mut self, row: &Row<'_>) {
        let Some(x) = self.lanes.task_x(&row.event.task) else { return };
        for task in &row.started {
            self.starts(row, *task, &x);
        }
        for name in ended(self.story, row) {
            let Some(other) = self.lanes.task_x(name) else { continue };
            if name != row.event.task {
                self.tie("cn", &x, &other);
            }
            self.end(&other);
        }
        self.opens_or_closes(row, &x);
        for key in row.created.iter().chain(&row.saw) {
            let Some(place) = self.lanes.x(&Lane::Key(*key)) else { continue };
            let kind = self.story.kind(*key);
            self.tie(&format!("cn {}", class(kind)), &x, &place);
            let radius = if is_own(kind) { "5" } else { "3.5" };
            match () {
                () if self.story.ends_at(*key, row) => {
                    self.glyph("gone", &place, "M-5-5 5 5M5-5-5 5")
                }
                () if row.created.contains(key) => {
                    self.dot(&format!("nw {}", class(kind)), &place, radius)
                }
                () => self.dot(&format!("dt {}", class(kind)), &place, "3.6"),
            }
        }
        self.call(row, &x);
    }

    /// The mark of the call on the lane of its task.
    fn call(&mut self, row: &Row<'_>, x: &str) {
        match () {
            () if ended(self.story, row).any(|name| name == row.event.task) => {}
            () if is_execve(row.event) => self.glyph("nd", x, "M-5-5H5V5H-5z"),
            () if is_waiting(row.event) => self.dot("nd w", x, "3.2"),
            () if row.failed() => self.dot("nd no", x, "4.5"),
            () => self.dot("nd", x, "4.5"),
        }
    }

    /// A task starts: a line from its creator, and lines to the keyrings that it shares.
    fn starts(&mut self, row: &Row<'_>, started: usize, from: &str) {
        let after = self.story.after(row);
        let Some(x) = self.lanes.task_x(&after.tasks[started].name) else { return };
        self.tie("cn", from, &x);
        for key in after.tasks[started].own.keyrings() {
            let is_new = row.created.contains(&key);
            let Some(bar) = self.lanes.x(&Lane::Key(key)).filter(|_| !is_new) else { continue };
            let mut class = String::from(class(self.story.kind(key)));
            self.tie(&format!("cn {class}"), &x, &bar);
            let _ = write!(class, " dt");
            self.dot(&class, &bar, "3.6");
        }
        self.dot("lb", &x, "3.5");
    }

    fn opens_or_closes(&mut self, row: &Row<'_>, from: &str) {
        let (before, after) = (self.story.before(row), self.story.after(row));
        let request = row.event.request();
        for lane in &self.lanes.drawn {
            let (Lane::File(name), Some(x)) = (lane, self.lanes.x(lane)) else { continue };
            let is_in =
                |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|it| it == *name);
            let (was, is) = (file(before, name).is_some(), file(after, name).is_some());
            if is && is_in(&row.event.outcome.to_string()) {
                self.tie("cn", from, &x);
                self.glyph("lb", &x, "M-4-4H4V4H-4z");
            } else if was && !is {
                self.tie("cn", from, &x);
                self.end(&x);
            } else if is && is_in(&request) && !row.failed() {
                self.tie("cn", from, &x);
                self.dot("lb", &x, "3.5");
            }
        }
    }
}
