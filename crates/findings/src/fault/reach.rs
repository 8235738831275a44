//! Calls that succeed although no keyring of the caller leads to the key.

use crate::act::{KeyArg, KeyCall};
use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::op::Op;
use crate::state::{Class, KeyIx, Own, TaskIx, Which};
use crate::text::{Part, Text, say};
use strace::Place;

/// A call that is a fault unless the log shows later that another task had just linked the key.
#[derive(Clone, Debug)]
pub(crate) struct Suspect {
    key: KeyIx,
    which: Which,
    text: Text,
    places: Vec<Place>,
    task: TaskIx,
    call: &'static str,
}

impl Explainer {
    /// A search of a keyring that one thread has for itself cannot find what is not in it.
    pub(super) fn fault_of_search(
        &self,
        task: TaskIx,
        call: &KeyCall,
    ) -> Option<(Which, Text, Option<Place>)> {
        let which = call.from.which().filter(|_| call.op == Op::Search)?;
        let Own::Is(ring) = self.state.task(task).own(which) else { return None };
        let found = *self.state.by_serial.get(&i32::try_from(call.got.ok()?).ok()?)?;
        let is_alone = |ring: KeyIx| {
            let ring = self.state.key(ring);
            ring.complete && ring.made.is_some() && ring.shared == 1
        };
        let (key, state) = (self.state.key(found), self.state.key(ring));
        let (made, _) = key.made.filter(|_| key.class == Class::Key)?;
        // A nested keyring may hold more than the log shows.
        if !is_alone(ring) || state.links.iter().any(|link| self.is_keyring(*link)) {
            return None;
        }
        if state.links.contains(&found) || found == ring {
            return None;
        }
        let text = say(
            "{} alone has the {}, and {} is not in it, yet the search of that keyring finds it",
            [Part::Task(task), Part::Key(ring), Part::Key(found)],
        );
        Some((which, text, Some(made)))
    }

    /// A call by number that needs possession, by a task that surely does not possess the key.
    pub(crate) fn suspect(&mut self, task: TaskIx, call: &KeyCall, place: Place) {
        let needs = matches!(call.op, Op::Read | Op::Update | Op::Clear);
        let KeyArg::Serial(serial) = call.key else { return };
        if !needs || call.got.ok().is_none() {
            return;
        }
        let Some(key) = self.state.by_serial.get(&serial).copied() else { return };
        let state = self.state.key(key);
        let Some((made, _)) = state.made else { return };
        let ordinary = matches!(state.class, Class::Key | Class::Thread | Class::Process);
        if !ordinary || state.mask.is_some() || self.state.reaches(task, key) != Some(false) {
            return;
        }
        let which = self.anchor(key).and_then(|ring| self.state.key(ring).class.which());
        let text = say(
            "no keyring of {} leads to {}, whose mask grants others nothing but View, yet {} succeeds",
            [Part::Task(task), Part::Key(key), Part::Word(call.op.name().to_owned())],
        );
        self.suspects.push(Suspect {
            key,
            which: which.unwrap_or(Which::Process),
            text,
            places: vec![place, made],
            task,
            call: call.op.name(),
        });
    }

    /// A key gets another link or mask: two tasks may have raced, and the log has their lines in the other order.
    pub(crate) fn may_have_raced(&mut self, key: KeyIx) {
        if !self.suspects.is_empty() {
            let is_ring = self.is_keyring(key);
            self.suspects.retain(|suspect| !is_ring && suspect.key != key);
        }
    }

    /// At the end of the log, what is left is a fault.
    pub(crate) fn convict(&mut self) {
        for suspect in std::mem::take(&mut self.suspects) {
            let Suspect { which, text, places, task, call, .. } = suspect;
            let about = About { task: Some(task), call: Some(call), ..About::default() };
            self.findings.add(Kind::KernelFault, which, about, text, &places);
        }
    }
}
