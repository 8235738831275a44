//! What happens to both keyrings at each event, derived from the traces.

mod outcome;

use super::input::Tables;
use crate::output::count;
use crate::site::html::{self, NOTHING, code, html, link};
use rulebook::Rule;
use std::fmt::Write;

/// The columns: prefix of the ids of their rules, and special id of the keyring.
const COLUMNS: [(&str, &str); 2] = [("thread.", "@t"), ("process.", "@p")];

/// An outcome for a keyring under a condition, and the rules that show it.
struct Fate<'a> {
    outcome: &'static str,
    condition: Option<&'static str>,
    rules: Vec<&'a Rule>,
}

struct Row<'a> {
    event: String,
    cells: [Vec<Fate<'a>>; 2],
}

/// What decides between the outcomes of an event, by the end of the rule's id.
const CONDITIONS: &[(&str, &str)] = &[
    ("thread.threads.grandchild", "if its creator has one"),
    ("thread.threads.whose", "if its creator has no thread keyring"),
    ("thread.threads.without", "if its creator has no thread keyring"),
    ("process.threads.grandchild", "if its creator has the same"),
    ("process.threads.whose", "if its creator has another"),
    ("process.threads.without", "if its creator has no process keyring"),
    ("execve.again", "if the calling thread had it"),
    ("execve.clear-first", "if the calling thread had it"),
    ("execve.lives-on", "if the calling thread had it"),
    ("execve.no-access", "if the calling thread had it"),
    ("execve.keys-live-on", "if the calling thread had it"),
    ("execve.wide-mask", "if the calling thread had it"),
    ("execve.siblings", "if only other threads had it"),
    ("end.leader", "if the thread is the main thread, until the process is reaped"),
    ("end.leader.execve", "if the thread is the main thread, until the process is reaped"),
    ("end.linked", "while another keyring links to it"),
    ("end.traced", "if the thread is traced, until its tracer waits or ends"),
    ("process.end", "if no other thread has it"),
    ("process.end.keys", "if no other thread has it"),
    ("process.end.last", "if no other thread has it"),
    ("process.end.maker", "if no other thread has it"),
    ("process.end.sharer", "if no other thread has it"),
    ("process.end.worker", "if no other thread has it"),
    ("thread.end", "if the thread is not the main thread"),
    ("thread.end.keys", "if the thread is not the main thread"),
    ("thread.end.last", "if the thread is not the main thread"),
    ("thread.end.maker", "if the thread is not the main thread"),
    ("thread.ids.setresuid.unchanged", "if the filesystem user stays the same"),
    ("thread.ids.setresgid.unchanged", "if the filesystem group stays the same"),
    ("namespace.unmapped", "as seen inside, while its ids are not mapped"),
    ("namespace.mapped", "as seen inside, while its ids are not mapped"),
];

fn condition(rule: &Rule) -> Option<&'static str> {
    let of = |id: &str| rule.id == id || rule.id.ends_with(&format!(".{id}"));
    CONDITIONS.iter().find(|(id, _)| of(id)).map(|(_, words)| *words)
}

pub(super) fn table(tables: &Tables<'_>) -> String {
    let headings = ["Event", "Thread keyring", "Process keyring"];
    let rows = rows(tables).into_iter().map(|Row { event, cells: [thread, process] }| {
        html::labeled_row(&headings, [code(&event), cell(&thread), cell(&process)])
    });
    html::table("lifecycle", &headings, rows)
}

fn rows<'a>(tables: &'a Tables<'_>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for seen in tables.seen.iter().filter(|seen| is_about_lifecycle(seen.rule)) {
        for (column, (subject, special)) in COLUMNS.iter().enumerate() {
            if !seen.rule.id.starts_with(subject) && !seen.rule.id.starts_with("keyring.") {
                continue;
            }
            let Some((event, outcome)) = outcome::of(&seen.trace, special) else { continue };
            let row = rows.iter().position(|row| row.event == event).unwrap_or_else(|| {
                rows.push(Row { event, cells: [Vec::new(), Vec::new()] });
                rows.len() - 1
            });
            let (fates, condition) = (&mut rows[row].cells[column], condition(seen.rule));
            let known =
                |known: &&mut Fate<'_>| known.outcome == outcome && known.condition == condition;
            match fates.iter_mut().find(known) {
                Some(fate) => fate.rules.push(seen.rule),
                None => fates.push(Fate { outcome, condition, rules: vec![seen.rule] }),
            }
        }
    }
    rows.iter_mut().flat_map(|row| &mut row.cells).for_each(merge);
    rows
}

/// Where one rule shows that the task keeps the keyring, those that only show that the keyring exists say
/// no less.
fn merge(fates: &mut Vec<Fate<'_>>) {
    for (exists, kept) in outcome::KEPT {
        let place = |outcome| fates.iter().position(|fate: &Fate<'_>| fate.outcome == outcome);
        if let (Some(exists), Some(kept)) = (place(exists), place(kept))
            && fates[exists].condition == fates[kept].condition
        {
            let rules = std::mem::take(&mut fates[exists].rules);
            fates[kept].rules.extend(rules);
            fates.remove(exists);
        }
    }
}

/// Whether a rule is on a page about the life cycle of keyrings.
fn is_about_lifecycle(rule: &Rule) -> bool {
    let page = rule.page.to_string_lossy();
    let about = page.starts_with("thread-keyring/") || page.starts_with("process-keyring/");
    (about && !page.ends_with("/birth.md"))
        || ["both/session.md", "both/namespaces.md"].contains(&&*page)
}

/// Each outcome as a link to the rule with the shortest id, with its condition and the other rules.
fn cell(fates: &[Fate<'_>]) -> String {
    if fates.is_empty() {
        return NOTHING.to_owned();
    }
    let fate = |Fate { outcome, condition, rules }: &Fate<'_>| {
        let first = rules.iter().min_by_key(|rule| rule.id.len())?;
        let mut out = format!("<div class=\"fate\">{}", link(first, outcome));
        if let Some(condition) = condition {
            let _ = write!(out, " <span class=\"when\">{condition}</span>");
        }
        let others = rules.iter().filter(|rule| rule.id != first.id);
        let others: Vec<String> = others.map(|rule| link(rule, &html(&rule.title))).collect();
        if !others.is_empty() {
            let more = count(others.len(), "more rule");
            let others = others.join(" · ");
            let _ = write!(out, " <details><summary>{more}</summary>{others}</details>");
        }
        Some(out + "</div>")
    };
    fates.iter().filter_map(fate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;
    use rulebook::Rulebook;

    #[test]
    fn where_an_event_has_several_outcomes_the_table_says_what_decides() {
        let root = project::root().unwrap();
        let book = Rulebook::read(&root);
        let tables = Tables::new(&book, &[], &root).unwrap();
        let rows = rows(&tables);
        assert!(rows.len() > 25, "{}", rows.len());
        let is_about_task = |fate: &&Fate<'_>| outcome::ABOUT_TASK.contains(&fate.outcome);
        for Row { event, cells } in &rows {
            for cell in cells {
                let (task, keyring): (Vec<_>, Vec<_>) = cell.iter().partition(is_about_task);
                for question in [task, keyring].into_iter().filter(|it| it.len() > 1) {
                    let all: Vec<_> =
                        question.iter().map(|fate| (fate.outcome, fate.condition)).collect();
                    let open = all.iter().filter(|(_, condition)| condition.is_none()).count();
                    assert!(open <= 1, "{event}: {all:?}");
                }
            }
        }
        let execve = rows.iter().find(|row| row.event == "execve(program)").unwrap();
        for cell in &execve.cells {
            let fate = |outcome| cell.iter().find(|fate| fate.outcome == outcome).unwrap();
            assert_eq!(fate(outcome::EXISTS).condition, Some("if the calling thread had it"));
            assert_eq!(fate(outcome::DESTROYED).condition, Some("if only other threads had it"));
        }
    }
}
