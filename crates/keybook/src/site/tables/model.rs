//! The model: its transitions, what its key arguments require, and the wrong models.

use super::input::Tables;
use crate::output;
use crate::site::html::{self, html, id_link};
use model::wrong::Refused;
use model::{Judge, KeySlot, Law, TRANSITIONS};
use rulebook::Rule;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Each transition with the kernel functions and the laws that it consults in the rules' traces.
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
        let laws: Vec<String> = laws.collect();
        let laws = match laws.len() {
            0 => "—".to_owned(),
            many => html::group("", &output::count(many, "law"), &laws.join(" ")),
        };
        let _ = writeln!(out, "<tr><td>{calls}</td><td>{kernel}</td><td>{laws}</td></tr>");
    }
    out + "</tbody>\n</table>\n"
}

/// The laws that each transition consults, without those of key arguments, which have their own table.
fn asked(tables: &Tables<'_>) -> BTreeMap<usize, BTreeSet<Law>> {
    let mut asked: BTreeMap<usize, BTreeSet<Law>> = BTreeMap::new();
    for seen in &tables.seen {
        let mut judge = Judge::new();
        for event in seen.trace.events() {
            if judge.event(event).is_err() {
                break;
            }
            let by_name = |nth: &usize| TRANSITIONS[*nth].calls.contains(&event.call.as_str());
            let Some(nth) = (0..TRANSITIONS.len()).find(by_name) else { break };
            let own = Law::all()
                .filter(|law| matches!(law, Law::Fact(_) | Law::Own(..) | Law::NotInherited(..)));
            let own = own.filter(|law| judge.has_just_asked(*law));
            asked.entry(nth).or_default().extend(own);
        }
    }
    // A law that most transitions consult says nothing about this one.
    let many = TRANSITIONS.len() / 4;
    let mut spread: BTreeMap<Law, usize> = BTreeMap::new();
    asked.values().flatten().for_each(|law| *spread.entry(*law).or_default() += 1);
    asked.values_mut().for_each(|laws| laws.retain(|law| spread[law] <= many));
    asked
}

/// What each key argument requires.
pub(super) fn places(_: &Tables<'_>) -> String {
    let mut out = String::from(
        "<table class=\"places\">\n<thead><tr><th>Place</th><th>An absent one is</th><th>Needs</th>\
         <th>An unusable keyring is</th></tr></thead>\n<tbody>\n",
    );
    for slot in KeySlot::ALL {
        let absent = match slot {
            KeySlot::GetKeyringId => "made if the flag says so",
            _ if slot.creates() => "made",
            _ => "refused: <code>ENOKEY</code>",
        };
        let (needs, unusable) = match slot {
            KeySlot::Read | KeySlot::DhCompute => {
                ("Read, or possession".to_owned(), "refused to who may read it")
            }
            KeySlot::UnlinkKey => (String::new(), "taken"),
            _ => {
                let needs = slot.needs().iter().map(|needs| format!("{needs:?}"));
                (needs.collect::<Vec<_>>().join(" or "), "refused")
            }
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{absent}</td><td>{}</td><td>{unusable}</td></tr>",
            html(slot.words()),
            if needs.is_empty() { "—" } else { &needs },
        );
    }
    out + "</tbody>\n</table>\n"
}

/// Every wrong model, and the rules that refuse it, folded by the kind of law.
pub(super) fn wrong(tables: &Tables<'_>) -> String {
    let rules: BTreeMap<&str, &Rule> =
        tables.book.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let mut kinds: Vec<(&str, Vec<&Refused>)> = Vec::new();
    for refused in &tables.wrong.rows {
        let kind = kind(refused.law);
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, of_kind)) => of_kind.push(refused),
            None => kinds.push((kind, vec![refused])),
        }
    }
    let groups = kinds.into_iter().map(|(kind, of_kind)| {
        let count = output::count(of_kind.len(), "wrong model");
        let rows = of_kind.into_iter().map(|refused| wrong_row(refused, &rules));
        let headings = ["A kernel that gets it wrong", "Refused by", "As by"];
        html::group(kind, &count, &html::table("wrong", &headings, rows))
    });
    groups.collect()
}

/// How many rules a row names at most.
const SHOWN: usize = 3;

fn wrong_row(Refused { law, by, named }: &Refused, rules: &BTreeMap<&str, &Rule>) -> String {
    let links = by[..*named].iter().take(SHOWN).filter_map(|id| rules.get(id.as_str()));
    let links: Vec<String> = links.map(|rule| id_link(rule)).collect();
    let (name, what, refused_by) = (law.name(), html(&law.wrong()), by.len());
    format!(
        "<tr id=\"{name}\"><td>{what}<br><small>{name}</small></td><td>{refused_by}</td>\
         <td>{}</td></tr>\n",
        links.join("<br>")
    )
}

/// What laws of this kind are about.
fn kind(law: Law) -> &'static str {
    match law {
        Law::Creates(_) => "Whether a call creates an absent keyring",
        Law::CreatesOne(_) => "Whether a call creates one of the two keyrings or both",
        Law::Needs(_) => "Which permission a call requires",
        Law::Sound(_) => "Whether a call refuses a revoked, expired or invalidated key",
        Law::AbsentErrno(_) => "The error for an absent keyring",
        Law::PermissionErrno(_) => "The error for a missing permission",
        Law::NotInherited(..) => "What a new process starts with",
        Law::NotPassedUp(..) => "What a new process creates",
        Law::Own(..) => "Whose keyring it is, and what ends it",
        Law::Fact(_) => "Single facts",
    }
}

/// The number of wrong models.
pub(super) fn wrong_count(_: &Tables<'_>) -> String {
    Law::all().count().to_string()
}
