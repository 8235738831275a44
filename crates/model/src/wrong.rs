//! Rules against wrong models: which rule's trace notices which mistake of a kernel.

use crate::{Judge, Law};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use trace::Trace;

/// How many rules a law names, beside those that no other law names.
const NAMED: usize = 8;

/// The rules whose traces a wrong model does not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The law that does not hold in the wrong model.
    pub law: Law,
    /// The ids of all rules that refuse it, those first that refuse fewest others.
    pub by: Vec<String>,
    /// How many of them the law names as those it embodies.
    pub named: usize,
}

/// Holds every rule's trace against every wrong model.
pub fn refused(traces: &[(String, Trace)]) -> Vec<Refused> {
    let mut by_law: BTreeMap<Law, Vec<usize>> = Law::all().map(|law| (law, Vec::new())).collect();
    let mut others = vec![0; traces.len()];
    for (nth, (_, trace)) in traces.iter().enumerate() {
        for law in decided(trace) {
            if !gives(law, trace) {
                by_law.entry(law).or_default().push(nth);
                others[nth] += 1;
            }
        }
    }
    let sizes: BTreeMap<Law, usize> = by_law.iter().map(|(law, by)| (*law, by.len())).collect();
    // Each rule is named by the law that fewest rules notice.
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

/// The laws that a trace has to do with.
fn decided(trace: &Trace) -> Vec<Law> {
    let mut judge = Judge::new();
    // Also of one that is refused, up to there.
    let _ = judge.events(trace);
    Law::all().filter(|law| judge.has_asked(*law)).collect()
}

/// Whether a kernel for which this law does not hold gives this trace.
pub fn gives(law: Law, trace: &Trace) -> bool {
    Judge::wrong(law).events(trace).is_ok()
}

/// What `keybook wrong --save` has found: a line for each law with what goes wrong, how many rules
/// refuse it, and those that it names, with tabs between.
const SAVED: &str = include_str!("../../../snapshots/wrong-models.txt");

/// A line of the table that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The law that does not hold.
    pub law: Law,
    /// How many rules refuse a kernel without it.
    pub refused_by: usize,
    /// The rules that it embodies.
    pub rules: Vec<&'static str>,
}

/// The table as it was saved.
pub fn saved() -> &'static [Saved] {
    static TABLE: OnceLock<Vec<Saved>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let names: BTreeMap<String, Law> = Law::all().map(|law| (law.name(), law)).collect();
        let line = |line: &'static str| {
            let mut parts = line.split('\t');
            let law = *names.get(parts.next()?)?;
            let (_wrong, refused_by) = (parts.next()?, parts.next()?.parse().ok()?);
            Some(Saved { law, refused_by, rules: parts.next()?.split(' ').collect() })
        };
        SAVED.lines().filter_map(line).collect()
    })
}

/// The text that is saved.
pub fn to_save(table: &[Refused]) -> String {
    let line = |line: &Refused| {
        let rules = line.by[..line.named].join(" ");
        let (name, wrong) = (line.law.name(), line.law.wrong());
        format!("{name}\t{wrong}\t{}\t{rules}\n", line.by.len())
    };
    table.iter().map(line).collect()
}

/// Puts laws first that few rules have to do with: they say most about what is wrong.
pub(crate) fn telling_first(laws: &mut [Law]) {
    let of = |law: &Law| saved().iter().find(|line| line.law == *law);
    laws.sort_by_key(|law| of(law).map_or(usize::MAX, |line| line.refused_by));
}

/// The first of the rules that laws embody, without repetition.
pub(crate) fn rules(laws: &[Law]) -> Vec<&'static str> {
    let mut rules = Vec::new();
    for law in laws {
        let lines = saved().iter().filter(|line| line.law == *law);
        for rule in lines.flat_map(|line| line.rules.iter().take(OF_EACH)) {
            if !rules.contains(rule) && rules.len() < AT_MOST {
                rules.push(*rule);
            }
        }
    }
    rules
}

/// How many rules a refusal names, of each law and in all.
const OF_EACH: usize = 3;
const AT_MOST: usize = 6;
