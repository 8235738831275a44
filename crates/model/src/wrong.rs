//! Rules against wrong models: which rule's trace notices which mistake of a kernel.

use crate::{Judge, Law};
use std::collections::BTreeMap;
use std::fmt;
use trace::{Event, Trace};

/// The number of rules listed for a law, beside those that no other law lists.
const NAMED: usize = 8;

/// A wrong model, and the rules whose traces it does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The law that does not hold in the wrong model.
    pub law: Law,
    /// The ids of all rules that refuse it; first those that refuse fewest others.
    pub by: Vec<String>,
    /// The number of these that the table lists.
    pub named: usize,
}

/// Judges every rule's trace by every wrong model.
pub fn refused(traces: &[(String, Trace)]) -> Vec<Refused> {
    let mut by_law: BTreeMap<Law, Vec<usize>> = Law::all().map(|law| (law, Vec::new())).collect();
    let mut others = vec![0; traces.len()];
    for (nth, (_, trace)) in traces.iter().enumerate() {
        for law in decided(trace) {
            if !allows(law, trace.events()) {
                by_law.entry(law).or_default().push(nth);
                others[nth] += 1;
            }
        }
    }
    let sizes: BTreeMap<Law, usize> = by_law.iter().map(|(law, by)| (*law, by.len())).collect();
    // The law that fewest rules notice lists the rule.
    let mut own: BTreeMap<usize, (usize, Law)> = BTreeMap::new();
    for (law, by) in &by_law {
        for nth in by {
            let this = (sizes[law], *law);
            let best = own.entry(*nth).or_insert(this);
            *best = this.min(*best);
        }
    }
    Law::all()
        .map(|law| {
            let mut by = by_law.remove(&law).unwrap_or_default();
            let is_own = |nth: &usize| own.get(nth).is_some_and(|(_, own)| *own == law);
            by.sort_by_key(|nth| (!is_own(nth), others[*nth], &traces[*nth].0));
            let owns = by.iter().filter(|nth| is_own(nth)).count();
            let named = by.len().min(owns.max(NAMED));
            let by = by.into_iter().map(|nth| traces[nth].0.clone()).collect();
            Refused { law, by, named }
        })
        .collect()
}

/// The laws that a trace depends on.
fn decided(trace: &Trace) -> Vec<Law> {
    let mut judge = Judge::new();
    // Of a refused trace, those up to there.
    let _ = judge.events(trace.events());
    Law::all().filter(|law| judge.has_asked(*law)).collect()
}

/// Whether the wrong model without this law allows these events.
pub(crate) fn allows(law: Law, events: &[Event]) -> bool {
    Judge::wrong(law).events(events).is_ok()
}

/// The table of wrong models as `keybook wrong --save` writes it: a line for each law with its name,
/// what goes wrong, the number of rules that refuse it, and the ids of those it lists, separated by tabs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The lines.
    pub rows: Vec<Row>,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The law that does not hold.
    pub law: Law,
    /// The number of rules that refuse a kernel without it.
    pub refused_by: usize,
    /// The rules that it lists.
    pub rules: Vec<String>,
}

/// Why a text is not a table of wrong models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

impl std::error::Error for TableError {}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    ///
    /// If a line has another form, or names a law that doesn't exist.
    pub fn parse(text: &str) -> Result<Table, TableError> {
        let laws: BTreeMap<String, Law> = Law::all().map(|law| (law.name(), law)).collect();
        let row = |line: &str| {
            let (law, refused_by, rules) = match line.split('\t').collect::<Vec<_>>()[..] {
                [law, _wrong, refused_by, rules] => (law, refused_by.parse().ok(), rules),
                [law, _wrong, rules] => (law, Some(rules.split_whitespace().count()), rules),
                _ => return Err("expected a law, what goes wrong, a number and rules".to_owned()),
            };
            let law = *laws.get(law).ok_or_else(|| format!("there is no law `{law}`"))?;
            let refused_by =
                refused_by.ok_or("expected the number of rules in the third column")?;
            Ok(Row {
                law,
                refused_by,
                rules: rules.split_whitespace().map(str::to_owned).collect(),
            })
        };
        let rows = text
            .lines()
            .enumerate()
            .map(|(nth, line)| row(line).map_err(|what| TableError { line: nth + 1, what }));
        Ok(Table { rows: rows.collect::<Result<_, _>>()? })
    }

    /// Puts laws first that few rules depend on: they say most about what is wrong.
    pub(crate) fn most_telling_first(&self, laws: &mut [Law]) {
        let of = |law: &Law| self.rows.iter().find(|row| row.law == *law);
        laws.sort_by_key(|law| of(law).map_or(usize::MAX, |row| row.refused_by));
    }

    /// The first of the rules that are listed for laws, without repetition.
    pub(crate) fn rules(&self, laws: &[Law]) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for law in laws {
            let rows = self.rows.iter().filter(|row| row.law == *law);
            for rule in rows.flat_map(|row| row.rules.iter().take(OF_EACH)) {
                if !rules.contains(rule) && rules.len() < AT_MOST {
                    rules.push(rule.clone());
                }
            }
        }
        rules
    }
}

/// The number of rules in a refusal, for each law and in all.
const OF_EACH: usize = 3;
const AT_MOST: usize = 6;

/// The table as text.
pub fn to_save(table: &[Refused]) -> String {
    let line = |line: &Refused| {
        let rules = line.by[..line.named].join(" ");
        let (name, wrong) = (line.law.name(), line.law.wrong());
        format!("{name}\t{wrong}\t{}\t{rules}\n", line.by.len())
    };
    table.iter().map(line).collect()
}
