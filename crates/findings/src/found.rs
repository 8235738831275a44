//! The findings of a log, equal ones counted.

use crate::kind::Kind;
use crate::state::{KeyIx, NameIx, ProcIx, TaskIx, Which};
use crate::text::Text;
use std::collections::HashMap;
use strace::Place;

/// What makes two findings equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct About {
    pub key: Option<KeyIx>,
    pub proc: Option<ProcIx>,
    pub task: Option<TaskIx>,
    pub name: Option<(NameIx, NameIx)>,
    pub call: Option<&'static str>,
}

/// A finding.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub kind: Kind,
    pub which: Which,
    pub text: Text,
    /// The places of the first one, then where equal ones begin.
    pub places: Vec<Place>,
    pub count: u64,
    /// The rules that a kernel with this fault breaks.
    pub rules: Vec<String>,
}

/// The number of places that are kept of equal findings.
const MOST_PLACES: usize = 8;

/// All findings.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub all: Vec<Found>,
    known: HashMap<(Kind, Which, About), usize>,
    /// The finding that was added last.
    pub last: usize,
}

impl Findings {
    /// Adds a finding. The first place is the one where it shows.
    pub fn add(&mut self, kind: Kind, which: Which, about: About, text: Text, places: &[Place]) {
        match self.known.get(&(kind, which, about)) {
            Some(nth) => {
                self.last = *nth;
                let found = &mut self.all[*nth];
                found.count += 1;
                let place = places.first().filter(|_| found.places.len() < MOST_PLACES);
                found.places.extend(place);
            }
            None => {
                self.last = self.all.len();
                self.known.insert((kind, which, about), self.last);
                let (places, rules) = (places.to_vec(), Vec::new());
                self.all.push(Found { kind, which, text, places, count: 1, rules });
            }
        }
    }

    /// The rules behind the finding that was added last, if it is the first of its kind.
    pub fn explain(&mut self, rules: Vec<String>) {
        let last = &mut self.all[self.last];
        if last.rules.is_empty() {
            last.rules = rules;
        }
    }

    /// Takes back one occurrence of a finding.
    pub fn take_back(&mut self, nth: usize) {
        self.all[nth].count -= 1;
    }

    /// All, the most telling first.
    pub fn sorted(&self) -> Vec<&Found> {
        let mut all: Vec<&Found> = self.all.iter().filter(|found| found.count > 0).collect();
        all.sort_by_key(|found| (found.kind, found.places.first().copied()));
        all
    }
}
