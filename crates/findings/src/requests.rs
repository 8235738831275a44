//! add_key(2), request_key(2), searches, and sessions.

use crate::act::{Callout, KeyCall};
use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::state::{Class, Done, KeyIx, NameIx, Own, TaskIx, Which};
use crate::text::{Part, say};
use strace::Place;

impl Explainer {
    pub(crate) fn name_of(&mut self, call: &KeyCall) -> Option<(NameIx, NameIx)> {
        let (kind, description) = (call.kind.as_ref()?, call.description.as_ref()?);
        Some((self.state.intern(kind), self.state.intern(description)))
    }

    pub(crate) fn added(&mut self, done: Done, call: &KeyCall, ring: Option<KeyIx>, serial: i32) {
        let name = self.name_of(call);
        let (place, task) = done;
        let known = self.state.by_serial.get(&serial).copied();
        if let Some(key) = known
            && self.state.key(key).lost.is_none()
            && !self.is_keyring(key)
        {
            // The key existed: add_key(2) updates it.
            if let Some((kind, description)) = name {
                self.state.set_name(key, kind, description);
            }
            self.updated(key, done);
            self.tell(key, say("updated by {}", [Part::Task(task)]), place, UPDATES);
            self.put(ring, key, done);
            return;
        }
        let key = self.state.add_key(Class::Key, Some(done));
        self.state.set_serial(key, serial);
        self.state.key_mut(key).user = self.state.task(task).users[2];
        if let Some((kind, description)) = name {
            self.state.set_name(key, kind, description);
        }
        self.tell(key, say("created by {}", [Part::Task(task)]), place, &[]);
        self.put(ring, key, done);
    }

    /// The search of a program found a key.
    pub(crate) fn searched(&mut self, call: &KeyCall, keys: crate::keys::Keys, serial: i32) {
        let key = self.found(call, serial);
        if let Some(from) = keys.from
            && !self.state.key(from).complete
            && self.state.key(key).parents.is_empty()
        {
            self.state.link(from, key);
        }
        if let Some(to) = keys.to {
            self.state.link(to, key);
        }
    }

    fn found(&mut self, call: &KeyCall, serial: i32) -> KeyIx {
        let key = self.by_serial(serial);
        if let Some((kind, description)) = self.name_of(call) {
            self.state.set_name(key, kind, description);
        }
        let state = self.state.key_mut(key);
        state.used = true;
        if state.class == Class::Unknown && state.name.is_some() {
            state.class = Class::Key;
        }
        key
    }

    pub(crate) fn requested(&mut self, done: Done, call: &KeyCall, to: Option<KeyIx>, serial: i32) {
        let is_new = !self.state.by_serial.contains_key(&serial);
        let key = self.found(call, serial);
        let name = self.name_of(call);
        let (place, task) = done;
        if !is_new || call.callout == Callout::None {
            self.put(to, key, done);
            return;
        }
        let known = self.state.task(task).clone();
        let missed = name.is_some() && known.missed == name;
        let complete = |ring: KeyIx| {
            let ring = self.state.key(ring);
            ring.complete && ring.links.iter().all(|link| !self.is_keyring(*link))
        };
        let sees_all = [known.thread, known.process].iter().all(|own| match own {
            Own::Unknown => false,
            Own::Absent => true,
            Own::Is(ring) => complete(*ring),
        }) && complete(known.session);
        if !missed && !sees_all {
            // It may have existed in the session.
            self.put(to, key, done);
            return;
        }
        let state = self.state.key_mut(key);
        state.made = Some(done);
        // Nobody has used it yet.
        state.used = false;
        let text = say("created by request_key(2) for {}", [Part::Task(task)]);
        self.tell(key, text, place, &["keyring.request-key.built-key"]);
        if to.is_some() {
            self.put(to, key, done);
            return;
        }
        let ring = self.default_ring(task);
        self.put(ring, key, done);
        if let Some(ring) = ring {
            self.went_by_default(task, key, ring, place);
        }
    }

    /// Where request_key(2) links a key that it creates, if the log tells.
    fn default_ring(&self, task: TaskIx) -> Option<KeyIx> {
        let task = self.state.task(task);
        // Without authority, 7 (the requestor's keyring) works as 0.
        let choice = task.reqkey.filter(|choice| *choice != 7).unwrap_or(0);
        for (nth, own) in [(1, task.thread), (2, task.process)] {
            if choice > nth {
                continue;
            }
            match own {
                Own::Is(ring) => return Some(ring),
                Own::Unknown => return None,
                Own::Absent => {}
            }
        }
        (choice <= 3).then_some(task.session)
    }

    fn went_by_default(&mut self, task: TaskIx, key: KeyIx, ring: KeyIx, place: Place) {
        let Some(which) = self.state.key(ring).class.which() else { return };
        let text = say(
            "{} named no keyring in its call of request_key(2), so the kernel linked the new {} to the caller's {}. It ends with that keyring, \
             and other processes do not find it",
            [Part::Task(task), Part::Key(key), Part::Key(ring)],
        );
        let about = About { key: Some(key), ..About::default() };
        self.findings.add(Kind::DefaultDestination, which, about, text, &[place]);
    }

    pub(crate) fn chose_default(&mut self, done: Done, choice: Option<i64>) {
        let (place, task) = done;
        let Some(choice) = choice.filter(|choice| *choice >= 0) else { return };
        self.state.task_mut(task).reqkey = Some(choice);
        let which = match choice {
            1 => Which::Thread,
            2 => Which::Process,
            _ => return,
        };
        if self.state.task(task).own(which) == Own::Absent {
            self.create_own(task, which, place);
        }
    }

    pub(crate) fn joined(&mut self, done: Done, call: &KeyCall, serial: i32) {
        let (place, task) = done;
        let is_new = call.kind.is_none();
        let ring = match self.state.by_serial.get(&serial).copied() {
            Some(ring) if !is_new => ring,
            _ => {
                let ring = self.state.add_key(Class::Session, is_new.then_some(done));
                self.state.set_serial(ring, serial);
                ring
            }
        };
        self.state.task_mut(task).session = ring;
        let text = say("{} joined it as its session keyring", [Part::Task(task)]);
        let rules: &[&str] = match is_new {
            true => &["keyring.session.join-anonymous"],
            false => &["keyring.session.join-named"],
        };
        self.tell(ring, text, place, rules);
    }

    pub(crate) fn gave_session(&mut self, task: TaskIx) {
        let proc = self.state.proc(self.state.task(task).proc);
        let session = self.state.task(task).session;
        if let Some((parent, ..)) = proc.parent {
            self.state.task_mut(parent).session = session;
        }
    }

    pub(crate) fn shown_session(&mut self, task: TaskIx, serial: i32) {
        let ring = self.state.task(task).session;
        if self.state.key(ring).serial == Some(serial) {
            return;
        }
        let ring = match self.state.by_serial.get(&serial).copied() {
            Some(known) => known,
            None if self.state.key(ring).serial.is_none() => {
                self.state.set_serial(ring, serial);
                return;
            }
            None => {
                let ring = self.state.add_key(Class::Session, None);
                self.state.set_serial(ring, serial);
                ring
            }
        };
        self.state.task_mut(task).session = ring;
    }
}

const UPDATES: &[&str] = &["keyring.attributes.same-description"];
