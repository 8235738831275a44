//! Rules against wrong models: which rule's trace notices which mistake of a kernel.

use crate::{Judge, Law};
use std::cmp::Reverse;
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

/// The laws without which a kernel could not give a rule's trace, by the rule's id.
pub type Laws = BTreeMap<String, Vec<Law>>;

/// Judges every rule's trace by every wrong model.
pub fn laws(traces: &[(String, Trace)]) -> Laws {
    let of = |(id, trace): &(String, Trace)| {
        let laws = decided(trace).into_iter().filter(|law| !allows(*law, trace.events()));
        (id.clone(), laws.collect())
    };
    traces.iter().map(of).collect()
}

/// The rules of each law.
pub fn refused(laws: &Laws) -> Vec<Refused> {
    let mut by_law: BTreeMap<Law, Vec<&String>> = Law::all().map(|law| (law, Vec::new())).collect();
    for (id, laws) in laws {
        laws.iter().for_each(|law| by_law.entry(*law).or_default().push(id));
    }
    // The law that fewest rules notice lists the rule.
    let own = |id: &String| laws[id].iter().min_by_key(|law| (by_law[law].len(), **law));
    let refused = |law: Law| {
        let mut by = by_law[&law].clone();
        by.sort_by_key(|id| (own(id) != Some(&law), laws[*id].len(), *id));
        let owns = by.iter().filter(|id| own(id) == Some(&law)).count();
        let named = by.len().min(owns.max(NAMED));
        Refused { law, by: by.into_iter().cloned().collect(), named }
    };
    Law::all().map(refused).collect()
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

/// A rule is weak if each law that it notices is noticed by more other rules than this.
pub const WEAK: usize = 20;

/// A rule that proves little: even its rarest law is noticed by more than [`WEAK`] other rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weak<'a> {
    /// The id of the rule.
    pub rule: &'a str,
    /// Its rarest law.
    pub law: Law,
    /// How many rules notice this law.
    pub by: usize,
}

/// The weak rules, the weakest first.
pub fn weak<'a>(laws: &'a Laws, table: &[Refused]) -> Vec<Weak<'a>> {
    let noticed: BTreeMap<Law, usize> = table.iter().map(|it| (it.law, it.by.len())).collect();
    let rarest = laws.iter().filter_map(|(rule, laws)| {
        let law = *laws.iter().min_by_key(|law| noticed.get(*law))?;
        Some(Weak { rule, law, by: noticed.get(&law).copied().unwrap_or_default() })
    });
    let mut weak: Vec<_> = rarest.filter(|rule| rule.by > WEAK + 1).collect();
    weak.sort_by_key(|weak| (Reverse(weak.by), weak.rule));
    weak
}

/// The table of wrong models, from the text that `keybook wrong --save` writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The rules of each law.
    pub rows: Vec<Refused>,
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
        let names: BTreeMap<String, Law> = Law::all().map(|law| (law.name(), law)).collect();
        let row = |line: &str| {
            let (id, laws) = line.split_once('\t').ok_or("expected a rule, a tab and laws")?;
            let law = |name| names.get(name).copied().ok_or(format!("there is no law `{name}`"));
            let laws = laws.split_whitespace().map(law).collect::<Result<_, String>>()?;
            Ok((id.to_owned(), laws))
        };
        let rows = text.lines().enumerate().map(|(nth, line)| {
            row(line).map_err(|what: String| TableError { line: nth + 1, what })
        });
        Ok(Table { rows: refused(&rows.collect::<Result<_, _>>()?) })
    }

    /// Puts laws first that few rules depend on: they say most about what is wrong.
    pub(crate) fn most_telling_first(&self, laws: &mut [Law]) {
        let of = |law: &Law| self.rows.iter().find(|row| row.law == *law);
        laws.sort_by_key(|law| of(law).map_or(usize::MAX, |row| row.by.len()));
    }

    /// The first of the rules that are listed for laws, without repetition.
    pub fn rules(&self, laws: &[Law]) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for law in laws {
            let rows = self.rows.iter().filter(|row| row.law == *law);
            for rule in rows.flat_map(|row| row.by[..row.named].iter().take(OF_EACH)) {
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

/// The table as text: a line for each rule, with its id, a tab, and the names of the laws in
/// alphabetical order. It holds no counts, so that rules added by two people merge.
pub fn to_save(laws: &Laws) -> String {
    let line = |(id, laws): (&String, &Vec<Law>)| {
        let mut names: Vec<String> = laws.iter().map(|law| law.name()).collect();
        names.sort();
        format!("{id}\t{}\n", names.join(" "))
    };
    laws.iter().map(line).collect()
}
