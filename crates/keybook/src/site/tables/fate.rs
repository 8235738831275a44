//! What happens to a key in a thread or process keyring: the table of the first page.
//!
//! Each answer names a rule and the call that decides. What became of the keyring is read from the states
//! in which the model leaves that rule's trace, so the table cannot say what no trace shows.

mod claim;
#[cfg(test)]
mod tests;

use super::input::{Seen, Tables};
use crate::report::ResultKind;
use crate::site::columns::ColumnKind;
use crate::site::html::{explorer_of, link};
use anyhow::{Context, Result};
use claim::{Claim, Fate, Whose, events, fate};
use model::follow::Kind;
use std::fmt::Write;

/// An event, and what it does to a key in each of the two keyrings.
struct Row {
    event: &'static str,
    /// The calls or the situation, in small letters.
    small: &'static str,
    cells: Cells,
}

enum Cells {
    /// The same for both: a claim about `thread.…` and `process.…`, or about `keyring.…`.
    Both(Cell),
    /// The thread keyring, then the process keyring.
    Each(Cell, Cell),
}

/// An answer.
struct Cell {
    /// What the answer rests on; it links to the rule of the first.
    claims: &'static [Claim],
    /// Smaller sentences, each with the claim that it rests on and links to.
    conditions: &'static [(&'static str, Claim)],
}

/// A claim about the task that calls, that it creates, and so on. `@` stands for `thread` or `process`.
const fn claim(rule: &'static str, call: &'static str, whose: Whose, fate: Fate) -> Claim {
    Claim { rule, call, whose, fate }
}

#[rustfmt::skip]
const ROWS: &[Row] = {
    use Fate::{Absent, Another, Destroyed, InFile, InProgram, InZombie, Kept, NewOwner, SameOwner, Shared};
    use Whose::{AtTheEnd, Caller, KeyAtTheEnd, NewTask, OldThreads, Owner};
    const OTHER_USER: &[Claim] = &[
        claim("@.ids.setresuid", "setresuid", Caller, Kept),
        claim("@.ids.effective", "setresuid", Caller, Kept),
        claim("@.ids.setfsuid", "setfsuid", Caller, Kept),
    ];
    &[
        Row {
            event: "A new thread starts",
            small: "pthread_create",
            cells: Cells::Each(
                Cell {
                    claims: &[claim("@.threads.contents", "pthread_create", NewTask, Another)],
                    conditions: &[(
                        "It starts with a new, empty @t.",
                        claim("@.threads.after", "pthread_create", NewTask, Another),
                    )],
                },
                Cell {
                    claims: &[claim("@.threads.contents", "pthread_create", NewTask, Shared)],
                    conditions: &[(
                        "A thread created before @p does not see it.",
                        claim("@.threads.before", "keyctl_get_keyring_ID", OldThreads, Absent),
                    )],
                },
            ),
        },
        Row {
            event: "A thread ends",
            small: "not the main thread",
            cells: Cells::Each(
                Cell {
                    claims: &[claim("@.end.keys", "pthread_exit", Caller, Destroyed)],
                    conditions: &[],
                },
                Cell {
                    claims: &[claim("@.end.worker", "pthread_exit", Caller, Destroyed)],
                    conditions: &[(
                        "Unless another thread shares it.",
                        claim("@.birth.anchors-until", "pthread_exit", Caller, Kept),
                    )],
                },
            ),
        },
        Row {
            event: "A child process starts",
            small: "fork, vfork, posix_spawn",
            cells: Cells::Both(Cell {
                claims: &[
                    claim("@.fork", "fork", NewTask, Absent),
                    claim("@.vfork", "vfork", NewTask, Absent),
                    claim("@.posix-spawn", "posix_spawn", NewTask, Absent),
                ],
                conditions: &[("The parent keeps its own.", claim("@.fork.own", "fork", Caller, Kept))],
            }),
        },
        Row {
            event: "Another program runs",
            small: "execve",
            cells: Cells::Both(Cell {
                claims: &[claim("@.execve.keys-live-on", "execve", Caller, InProgram)],
                conditions: &[
                    (
                        "Until the new program ends.",
                        claim("@.execve.keys-live-on", "execve", AtTheEnd, Destroyed),
                    ),
                    (
                        "Clear the keyring before execve to wipe it.",
                        claim("@.execve.clear-first", "keyctl_clear", KeyAtTheEnd, Destroyed),
                    ),
                ],
            }),
        },
        Row {
            event: "The user changes",
            small: "setresuid, seteuid, setfsuid",
            cells: Cells::Each(
                Cell {
                    claims: OTHER_USER,
                    conditions: &[(
                        "Its owner follows the filesystem user.",
                        claim("@.ids.setfsuid", "setfsuid", Owner, NewOwner),
                    )],
                },
                Cell {
                    claims: OTHER_USER,
                    conditions: &[(
                        "Its owner stays.",
                        claim("@.ids.setresuid", "setresuid", Owner, SameOwner),
                    )],
                },
            ),
        },
        Row {
            event: "The process is dead, not reaped",
            small: "a zombie, with its main thread’s keyrings",
            cells: Cells::Both(Cell {
                claims: &[claim("@.end.zombie", "exit", Caller, InZombie)],
                conditions: &[(
                    "Until its parent waits for it.",
                    claim("@.end.zombie", "exit", AtTheEnd, Destroyed),
                )],
            }),
        },
        Row {
            event: "The task ends, what it opened does not",
            small: "an open file, pipe, mapping or connection",
            cells: Cells::Both(Cell {
                claims: &[
                    claim("keyring.pin.keys", "pthread_exit", Caller, InFile),
                    claim("keyring.pin.pipe", "pthread_exit", Caller, InFile),
                    claim("keyring.pin.mapping", "pthread_exit", Caller, InFile),
                    claim("keyring.pin.peer", "exit", Caller, InFile),
                ],
                conditions: &[(
                    "Until the last of them is closed.",
                    claim("keyring.pin.file", "pthread_exit", AtTheEnd, Destroyed),
                )],
            }),
        },
    ]
};

/// The sentence that introduces the table, and the table.
///
/// # Errors
///
/// If a rule is missing, or its trace says otherwise than the table.
pub(super) fn table(tables: &Tables<'_>) -> Result<String> {
    let mut rules: Vec<&Seen<'_>> = Vec::new();
    let mut rows = String::new();
    for row in ROWS {
        let cells = match &row.cells {
            Cells::Both(cell) => {
                write_cell(tables, row, cell, &[Kind::Thread, Kind::Process], &mut rules)?
            }
            Cells::Each(thread, process) => {
                write_cell(tables, row, thread, &[Kind::Thread], &mut rules)?
                    + &write_cell(tables, row, process, &[Kind::Process], &mut rules)?
            }
        };
        let Row { event, small, .. } = row;
        let _ =
            writeln!(rows, "<tr><th scope=\"row\">{event}<small>{small}</small></th>{cells}</tr>");
    }
    Ok(format!(
        "<p class=\"lede\">A key is in your thread keyring (<b class=\"kt\">@t</b>) or process keyring \
         (<b class=\"kp\">@p</b>). Then something happens. Every answer is a rule{}.</p>\n\n\
         <table class=\"fate\"><thead><tr><th scope=\"col\">What happens</th>\
         <th scope=\"col\" class=\"kt\">key in @t</th><th scope=\"col\" class=\"kp\">key in @p</th>\
         </tr></thead>\n<tbody>\n{rows}</tbody></table>\n",
        held(tables, &rules)
    ))
}

/// A cell, which is about these keyrings. Adds the rules that it rests on.
fn write_cell<'a>(
    tables: &'a Tables<'_>,
    row: &Row,
    cell: &Cell,
    kinds: &[Kind],
    rules: &mut Vec<&'a Seen<'a>>,
) -> Result<String> {
    let mut seen = |claim: &Claim| -> Result<&'a Seen<'a>> {
        let mut last = None;
        for kind in kinds {
            let seen = proof(tables, claim, *kind)?;
            rules.push(seen);
            last = Some(seen);
        }
        last.context("a cell is about no keyring")
    };
    let first = cell.claims.first().context("a cell without a claim")?;
    let leads = seen(first)?;
    for claim in &cell.claims[1..] {
        seen(claim)?;
    }
    let (label, class, span) = match kinds {
        [Kind::Thread] => ("@t", "t", ""),
        [Kind::Process] => ("@p", "p", ""),
        _ => ("both", "", " colspan=\"2\""),
    };
    let (glyph, words) = first.fate.shown();
    let answer = format!("<strong>{words}</strong>");
    let mut text = link(leads.rule, &answer);
    if let Some(made) = kinds.last().and_then(|kind| events(&leads.trace, first, *kind)) {
        let words = format!("explore<span class=\"vh\">: {}, {label}</span>", row.event);
        let _ =
            write!(text, " <span class=\"go\">{}</span>", explorer_of(leads.rule, made, &words));
    }
    for (words, claim) in cell.conditions {
        let _ = write!(text, " <small>{}</small>", link(seen(claim)?.rule, words));
    }
    Ok(format!(
        "<td{span}><span class=\"lbl k{class}\">{label}</span><svg class=\"gl {class}\" viewBox=\"0 0 16 16\" \
         aria-hidden=\"true\">{glyph}</svg><span>{text}</span></td>"
    ))
}

/// The rule that a claim about a kind of keyring rests on; an error if the rule's trace says otherwise.
fn proof<'a>(tables: &'a Tables<'_>, claim: &Claim, kind: Kind) -> Result<&'a Seen<'a>> {
    let subject = if kind == Kind::Thread { "thread" } else { "process" };
    let id = claim.rule.replace('@', subject);
    let mut all = tables.seen.iter();
    let seen = all.find(|seen| seen.rule.id == id).with_context(|| format!("{id} is no rule"))?;
    let found = fate(&seen.trace, claim, kind);
    anyhow::ensure!(
        found == Some(claim.fate),
        "the table of the first page says {:?} by {id}, its trace says {found:?}",
        claim.fate
    );
    Ok(seen)
}

/// On how many kernels all of these rules held, as the end of a sentence.
fn held(tables: &Tables<'_>, rules: &[&Seen<'_>]) -> String {
    let kernels = tables.columns.iter().filter(|column| column.kind == ColumnKind::Kernel);
    let on_all = kernels.filter(|column| {
        rules.iter().all(|seen| {
            let cell = column.cell(&seen.rule.id, &seen.fingerprint);
            cell.is_some_and(|cell| cell.result == ResultKind::Held)
        })
    });
    let series: Vec<&str> = on_all.map(|column| column.short.as_str()).collect();
    match series.as_slice() {
        [] => String::new(),
        [one] => format!(", held on Linux {one}"),
        [first, .., last] => {
            format!(", held on {} kernels, Linux {first} to {last}", series.len())
        }
    }
}
