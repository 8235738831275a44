//! A state as SVG.

use crate::escape;
use crate::layout::{Block, KEY, Layout, Referrer, SLOTS, TASK, TOP, is_plain, keys};
use model::follow::{Kind, Place, Slot, State};
use std::fmt::{self, Write};

/// A length as it is printed: in tenths at most. To print every digit of any number takes much code, which the browser would load.
struct Px(f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        match tenths % 10 {
            0 => write!(f, "{}", tenths / 10),
            rest => write!(f, "{}.{}", tenths / 10, rest.abs()),
        }
    }
}

/// A column: its left edge, its width and its heading.
type Column = (f64, f64, &'static str);
const TASKS: Column = (2.0, 86.0, "tasks");
const CREDS: Column = (126.0, 92.0, "credentials");
const KEYRINGS: Column = (258.0, 100.0, "keyrings");

/// A state. What is new since `before` has a thick outline. `label` is the text alternative.
pub fn state(state: &State, before: Option<&State>, label: &str) -> String {
    let layout = Layout::of(state, before);
    let mut out = String::new();
    for (x, width, heading) in [TASKS, CREDS, KEYRINGS] {
        text(&mut out, "h", (x + width / 2.0, 14.0), heading);
    }
    for (y, height) in &layout.processes {
        let (x, width) = (Px(TASKS.0 - 1.0), Px(TASKS.1 + 2.0));
        let (top, height) = (Px(*y), Px(*height));
        let _ = write!(
            out,
            "<rect class=\"proc\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"7\"/>"
        );
        text(&mut out, "s", (TASKS.0 + 8.0, y + 14.0), "process");
    }
    // The arrows lie below the boxes.
    arrows(&mut out, state, &layout);
    layout.referrers.iter().for_each(|it| referrer(&mut out, it));
    layout.creds.iter().for_each(|it| cred(&mut out, state, it));
    layout.keyrings.iter().for_each(|it| keyring(&mut out, (state, before), it));
    let label = label.replace('"', "&quot;");
    let height = Px(layout.height.max(TOP));
    format!(
        "<svg class=\"sd\" viewBox=\"0 0 360 {height}\" role=\"img\" aria-label=\"{label}\">{out}</svg>"
    )
}

fn text(out: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    let (x, y) = (Px(x), Px(y));
    let _ = write!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
}

/// A box: its class, corner, size and the radius of its corners.
fn rect(out: &mut String, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), rx: f64) {
    let (x, y, width, height, rx) = (Px(x), Px(y), Px(width), Px(height), Px(rx));
    let _ = write!(
        out,
        "<rect class=\"bx {class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
         rx=\"{rx}\"/>"
    );
}

fn arrow(out: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let (a, b) = (Px(x1 + 20.0), Px(x2 - 20.0));
    let (x1, y1, x2, y2) = (Px(x1), Px(y1), Px(x2), Px(y2));
    let _ = write!(out, "<path class=\"ar{class}\" d=\"M{x1} {y1}C{a} {y1} {b} {y2} {x2} {y2}\"/>");
}

fn class(kind: Kind) -> &'static str {
    if kind == Kind::Thread { "t" } else { "p" }
}

fn arrows(out: &mut String, state: &State, layout: &Layout) {
    for by in &layout.referrers {
        let Some(cred) = layout.creds.iter().find(|cred| cred.nth == by.cred) else { continue };
        let from = (TASKS.0 + TASKS.1, by.y + TASK / 2.0);
        arrow(out, dim(by.runs), from, (CREDS.0, cred.y + cred.height / 2.0));
    }
    for cred in &layout.creds {
        let runs = layout.referrers.iter().any(|by| by.cred == cred.nth && by.runs);
        for (slot, at) in [cred.own.thread, cred.own.process].into_iter().zip(SLOTS) {
            let to = |it: &&Block| slot == Slot::Has(it.nth);
            let Some(keyring) = layout.keyrings.iter().find(to) else { continue };
            let class = format!(" {}{}", class(state.keys[keyring.nth].kind), dim(runs));
            let from = (CREDS.0 + CREDS.1 - 9.0, cred.y + at);
            arrow(out, &class, from, (KEYRINGS.0, keyring.y + 20.0));
        }
    }
}

/// The class of what refers to something without being a running task.
fn dim(runs: bool) -> &'static str {
    if runs { "" } else { " dim" }
}

fn new(is_new: bool) -> &'static str {
    if is_new { " new" } else { "" }
}

fn referrer(out: &mut String, it: &Referrer) {
    let is_zombie = it.is_task && !it.runs;
    let (class, rx) = if it.is_task { ("task", TASK / 2.0) } else { ("file", 2.0) };
    let class = format!("{class}{}{}", if is_zombie { " z" } else { "" }, new(it.is_new));
    rect(out, &class, (TASKS.0 + 6.0, it.y), (TASKS.1 - 12.0, TASK), rx);
    let middle = TASKS.0 + TASKS.1 / 2.0;
    text(out, "m", (middle, it.y + if is_zombie { 13.0 } else { 19.5 }), &it.name);
    if is_zombie {
        text(out, "s c", (middle, it.y + 25.0), "zombie");
    }
}

fn cred(out: &mut String, state: &State, it: &Block) {
    rect(out, &format!("cred{}", new(it.is_new)), (CREDS.0, it.y), (CREDS.1, it.height), 4.0);
    text(out, "s", (CREDS.0 + 9.0, it.y + 15.0), "credentials");
    let slots = [("@t", "t", it.own.thread), ("@p", "p", it.own.process)];
    for ((id, kind, slot), at) in slots.into_iter().zip(SLOTS) {
        let y = it.y + at;
        let (class, name) = match slot {
            // The drawing's last column says what it is.
            Slot::Has(key) => (kind, state.keys[key].name.as_deref().unwrap_or("one")),
            Slot::Empty => ("off", "none"),
            Slot::Unknown => ("off", "unknown"),
        };
        text(out, &format!("k {class}"), (CREDS.0 + 9.0, y + 4.5), id);
        let faint = if class == "off" { "s off" } else { "s" };
        text(out, faint, (CREDS.0 + 34.0, y + 4.0), name);
        let (x, y) = (Px(CREDS.0 + CREDS.1 - 11.0), Px(y));
        let _ = write!(out, "<circle class=\"sk {class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
    }
}

fn keyring(out: &mut String, (state, before): (&State, Option<&State>), it: &Block) {
    let key = &state.keys[it.nth];
    let kind = class(key.kind);
    let (place, line) = match key.place {
        Place::Reachable => ("reach", ""),
        Place::Held => ("held", "out of reach"),
        Place::Loose => ("loose", "nothing holds it"),
        Place::Unknown => ("loose", "may be destroyed"),
        Place::Destroyed => ("gone", ""),
    };
    let (left, right) = (KEYRINGS.0, KEYRINGS.0 + KEYRINGS.1);
    let outline = format!("ring {kind} {place}{}", new(it.is_new));
    rect(out, &outline, (left, it.y), (KEYRINGS.1, it.height), 4.0);
    if matches!(key.place, Place::Reachable | Place::Held) {
        let (x, top, end) = (Px(left + 3.5), Px(it.y + 1.0), Px(it.y + it.height - 1.0));
        let _ = write!(
            out,
            "<line class=\"edge {kind} {place}\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{end}\"/>"
        );
    }
    let name = key.name.as_deref().unwrap_or("a keyring");
    text(out, &format!("m l {kind}"), (left + 15.0, it.y + 17.0), name);
    let words = match (key.place, key.kind) {
        (Place::Destroyed, _) => "destroyed",
        (_, Kind::Thread) => "thread keyring",
        _ => "process keyring",
    };
    text(out, "s", (left + 15.0, it.y + 32.0), words);
    let mut y = it.y + 39.0;
    if !is_plain(key.place) {
        text(out, "s i", (left + 15.0, y + 7.0), line);
        y += 15.0;
    }
    if key.place == Place::Destroyed {
        let (x, y) = (Px(right - 22.0), Px(it.y + 8.0));
        let _ = write!(out, "<path class=\"xx\" d=\"M{x} {y}l12 12m0-12-12 12\"/>");
    }
    for link in keys(state, it.nth) {
        let is_new = before.is_some_and(|before| link >= before.keys.len());
        let width = KEYRINGS.1 - 22.0;
        rect(out, &format!("key{}", new(is_new)), (left + 14.0, y - 1.0), (width, 19.0), 9.5);
        let name = state.keys[link].name.as_deref().unwrap_or("a");
        text(out, "s c", (left + 14.0 + width / 2.0, y + 12.5), &format!("{name} key"));
        y += KEY;
    }
}
