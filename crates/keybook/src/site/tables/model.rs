//! The model: its transitions, what they ask for, and its wrong brothers.

use super::input::Tables;
use crate::site::html::{html, id_link};
use model::wrong::{Saved, saved};
use model::{Judge, Law, Place, TRANSITIONS};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Each transition with the kernel's functions and the laws it asks for, as the rules' traces show.
pub(super) fn transitions(tables: &Tables<'_>) -> String {
    let asked = asked(tables);
    let mut out = String::from(
        "<table class=\"transitions\">\n<thead><tr><th>Call</th><th>Kernel</th><th>Decides</th></tr>\
         </thead>\n<tbody>\n",
    );
    for (nth, transition) in TRANSITIONS.iter().enumerate() {
        let code = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| format!("<code>{name}</code>")).collect::<Vec<_>>().join(", ")
        };
        let calls = code(&mut transition.calls.iter().copied());
        let kernel = code(&mut transition.kernel.split(", "));
        let laws = asked.get(&nth).into_iter().flatten();
        let laws = laws.map(|law| {
            format!("<a href=\"{{up}}model/wrong-models.html#{0}\">{0}</a>", law.name())
        });
        let laws = laws.collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "<tr><td>{calls}</td><td>{kernel}</td><td>{laws}</td></tr>");
    }
    out + "</tbody>\n</table>\n"
}

/// The laws that each transition asks for, without those of places, which have a table of theirs.
fn asked(tables: &Tables<'_>) -> BTreeMap<usize, BTreeSet<Law>> {
    let mut asked: BTreeMap<usize, BTreeSet<Law>> = BTreeMap::new();
    for seen in &tables.seen {
        let mut judge = Judge::new();
        for event in &seen.trace.events {
            if judge.event(event).is_err() {
                break;
            }
            let by_name = |nth: &usize| TRANSITIONS[*nth].calls.contains(&event.call.as_str());
            let Some(nth) = (0..TRANSITIONS.len()).find(by_name) else { break };
            let own = Law::all().filter(|law| matches!(law, Law::Fact(_) | Law::NotInherited(..)));
            let own = own.filter(|law| judge.has_just_asked(*law));
            asked.entry(nth).or_default().extend(own);
        }
    }
    // What every other transition asks for says nothing of this one.
    let many = TRANSITIONS.len() / 4;
    let mut spread: BTreeMap<Law, usize> = BTreeMap::new();
    asked.values().flatten().for_each(|law| *spread.entry(*law).or_default() += 1);
    asked.values_mut().for_each(|laws| laws.retain(|law| spread[law] <= many));
    asked
}

/// What each place where a key is given asks for.
pub(super) fn places(_: &Tables<'_>) -> String {
    let mut out = String::from(
        "<table class=\"places\">\n<thead><tr><th>Place</th><th>An absent one is</th><th>Needs</th>\
         <th>An unsound one is</th></tr></thead>\n<tbody>\n",
    );
    for place in Place::ALL {
        let absent = match place {
            Place::GetKeyringId => "made if the flag says so",
            _ if place.creates() => "made",
            _ => "refused: <code>ENOKEY</code>",
        };
        let (needs, unsound) = match place {
            Place::Read | Place::DhCompute => {
                ("Read, or possession".to_owned(), "refused to who may read it")
            }
            Place::UnlinkKey => (String::new(), "taken"),
            _ => (place.needs().join(" or "), "refused"),
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{absent}</td><td>{}</td><td>{unsound}</td></tr>",
            html(place.words()),
            if needs.is_empty() { "—" } else { &needs },
        );
    }
    out + "</tbody>\n</table>\n"
}

/// Every wrong model, and the rules that refuse it.
pub(super) fn wrong(tables: &Tables<'_>) -> String {
    let rules: BTreeMap<&str, _> =
        tables.book.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let mut out = String::from(
        "<table class=\"wrong\">\n<thead><tr><th>A kernel that gets it wrong</th><th>Refused by</th>\
         <th>As by</th></tr></thead>\n<tbody>\n",
    );
    for Saved { law, refused_by, rules: ids } in saved() {
        let links = ids.iter().filter_map(|id| rules.get(id)).map(|rule| id_link(rule));
        let links = links.collect::<Vec<_>>().join("<br>");
        let (name, what) = (law.name(), html(&law.wrong()));
        let _ = writeln!(
            out,
            "<tr id=\"{name}\"><td>{what}<br><small>{name}</small></td><td>{refused_by}</td>\
             <td>{links}</td></tr>"
        );
    }
    out + "</tbody>\n</table>\n"
}

/// How many wrong models there are.
pub(super) fn wrong_count(_: &Tables<'_>) -> String {
    Law::all().count().to_string()
}
