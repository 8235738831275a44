//! Where the key is that a search by name does not find.

use super::Failed;
use super::absent::say_end;
use crate::act::KeyArg;
use crate::follow::Explainer;
use crate::kind::Kind;
use crate::op::Op;
use crate::state::{Class, KeyIx, Loss, NameIx, Which};
use crate::text::{Part, Text, say};
use strace::Place;

impl Explainer {
    /// A search by name failed: where is a key of this name?
    pub(crate) fn not_found_by_name(&mut self, failed: &Failed<'_>) {
        let call = failed.call;
        if call.op == Op::Search
            && let Some(ring) = failed.keys.from
            && matches!(call.from, KeyArg::Serial(_))
            && (self.state.key(ring).lost.is_some() || self.state.key(ring).invalidated.is_some())
        {
            self.gone(failed, ring);
            return;
        }
        let name = self.name_of(call);
        match name.and_then(|name| self.best_of_name(failed, name)) {
            Some(key) => self.elsewhere(failed, key),
            // No key of this name was ever added in the log.
            None if name.is_some() => {}
            None => {
                if let Some(which) = call.from.which() {
                    self.own_absent(failed, which);
                }
            }
        }
    }

    /// The key of this name that the caller most likely means.
    fn best_of_name(&self, failed: &Failed<'_>, name: (NameIx, NameIx)) -> Option<KeyIx> {
        let keys = self.state.by_name.get(&name)?;
        let wanted = |key: &&KeyIx| {
            let state = self.state.key(**key);
            // Without its creation in the log, nothing is known of where it is.
            state.made.is_some()
                && state.lost.is_none_or(|(_, loss)| !matches!(loss, Loss::Unlinked(_)))
                && state.class == Class::Key
        };
        let searched =
            |key: &&KeyIx| failed.call.op != Op::Search || self.fits_search(failed, **key);
        let mut all = keys.iter().rev().filter(wanted).filter(searched);
        all.next().copied()
    }

    /// A search of one keyring is explained only by a key in a keyring of the same kind, or one that is unusable.
    fn fits_search(&self, failed: &Failed<'_>, key: KeyIx) -> bool {
        let class = match failed.call.from {
            KeyArg::Thread => Class::Thread,
            KeyArg::Process => Class::Process,
            KeyArg::Session => Class::Session,
            KeyArg::User => Class::User,
            KeyArg::UserSession => Class::UserSession,
            _ => {
                let from = failed.keys.from;
                return from.is_some_and(|from| self.state.key(key).parents.contains(&from));
            }
        };
        let anchor = self.anchor(key);
        anchor.is_some_and(|ring| self.state.key(ring).class == class)
    }

    /// The keyring at the root of a key's parents.
    pub(crate) fn anchor(&self, key: KeyIx) -> Option<KeyIx> {
        let (mut at, mut best) = (key, None);
        for _ in 0..8 {
            let Some(parent) = self.state.key(at).parents.last().copied() else { break };
            best = Some(parent);
            at = parent;
        }
        best
    }

    /// The key exists, but not where the caller looks.
    pub(crate) fn elsewhere(&mut self, failed: &Failed<'_>, key: KeyIx) {
        if self.is_unusable(failed, key) {
            return;
        }
        let Some(ring) = self.anchor(key) else { return };
        if matches!(self.state.key(ring).class, Class::User | Class::UserSession) {
            self.in_another_users(failed, key, ring);
            return;
        }
        if self.state.reaches(failed.task, ring) != Some(false)
            && self.state.key(ring).class != Class::Session
        {
            return;
        }
        match self.state.key(ring).class.which() {
            Some(which) => self.in_anothers(failed, key, ring, which),
            None if self.state.key(ring).class == Class::Session => {
                self.in_session(failed, key, ring)
            }
            None => {}
        }
    }

    /// The key is in `@u` of the user that the caller was before.
    fn in_another_users(&mut self, failed: &Failed<'_>, key: KeyIx, ring: KeyIx) {
        let Some(changed) = self.state.task(failed.task).users_changed else { return };
        let made = self.state.key(key).made.map(|(place, _)| place);
        let is_session = self.state.key(ring).class == Class::UserSession;
        if self.user_ring(failed.task, is_session) == ring || made.is_none_or(|made| made > changed)
        {
            return;
        }
        let text = say(
            "{} does not find {}, which is in the {} of the user before: the user ids of the caller changed at {}, and the new user has another one",
            [Part::Task(failed.task), Part::Key(key), Part::Key(ring), Part::At(changed)],
        );
        self.explain(
            failed,
            Kind::IdsChanged,
            (Which::Process, Some(key)),
            text,
            &[Some(changed), made],
        );
    }

    fn in_session(&mut self, failed: &Failed<'_>, key: KeyIx, ring: KeyIx) {
        let mine = self.state.task(failed.task).session;
        if mine == ring {
            return;
        }
        let text = say(
            "{} does not find {}, which is in the {}; its own session keyring is another one: {}",
            [Part::Task(failed.task), Part::Key(key), Part::Key(ring), Part::Key(mine)],
        );
        let made = self.state.key(key).made.map(|(place, _)| place);
        self.explain(failed, Kind::OtherSession, (Which::Process, Some(key)), text, &[made]);
    }

    /// The key is in a thread or process keyring that the caller does not have.
    fn in_anothers(&mut self, failed: &Failed<'_>, key: KeyIx, ring: KeyIx, which: Which) {
        let Some((made, by)) = self.state.key(key).made else { return };
        let (me, owner) = (self.state.task(failed.task).clone(), self.state.task(by).clone());
        let lost = self.state.key(ring).lost;
        let holder = self.state.key(ring).holders.first().copied().unwrap_or(by);
        let parts = |second: Part| {
            vec![
                Part::Task(failed.task),
                Part::Key(key),
                Part::At(made),
                Part::Task(by),
                Part::Key(ring),
                second,
            ]
        };
        let dropped = me.dropped.iter().find(|(_, dropped, _)| *dropped == ring).copied();
        let parent = self.state.proc(me.proc).parent;
        let (kind, text, at) = if let Some((_, _, at)) = dropped {
            let text = say(
                "{} does not find {}, added at {} by {}: it is in the {}, which execve(2) dropped at {}",
                parts(Part::At(at)),
            );
            (Kind::AfterExecve, text, Some(at))
        } else if owner.proc == me.proc {
            self.in_siblings(failed, (which, ring, key), parts(Part::Task(holder)), made, lost)
        } else if let Some((parent, at, had)) =
            parent.filter(|(_, _, had)| had.contains(&Some(ring)))
        {
            let _ = (parent, had);
            let text = say(
                "{} does not find {}, added at {} by {}: it is in the {} of its parent, which the child process created at {} did not inherit",
                parts(Part::At(at)),
            );
            (Kind::ForkedChild, text, Some(at))
        } else {
            let text = say(
                "{} does not find {}, added at {} by {}: it is in the {} of another process{}",
                parts(lost.map_or(Part::Word(String::new()), |(place, _)| say_end(place))),
            );
            (Kind::OtherProcess, text, lost.map(|(place, _)| place))
        };
        self.explain(failed, kind, (which, Some(key)), text, &[Some(made), at]);
    }

    fn in_siblings(
        &self,
        failed: &Failed<'_>,
        (which, ring, _): (Which, KeyIx, KeyIx),
        parts: Vec<Part>,
        made: Place,
        lost: Option<(Place, Loss)>,
    ) -> (Kind, Text, Option<Place>) {
        let mut parts = parts;
        if let Some((place, Loss::Ended(task))) = lost {
            parts.pop();
            parts.extend([Part::Task(task), Part::At(place)]);
            let text = say(
                "{} does not find {}, added at {} by {}: it was in the {}, which ended with {} at {}",
                parts,
            );
            return (Kind::ThreadEnded, text, Some(place));
        }
        if which == Which::Process {
            let born = self.state.task(failed.task).born;
            let ring_made = self.state.key(ring).made.map(|(place, _)| place);
            if born.zip(ring_made).is_none_or(|(born, made)| born < made) {
                let text = say(
                    "{} does not find {}, added at {} by {}: it is in the {}, which only threads created after that keyring share. This thread is older than \
                     that keyring, which belongs to {}",
                    parts,
                );
                return (Kind::OlderThread, text, born.or(ring_made));
            }
        }
        let text = say("{} does not find {}, added at {} by {}: it is in the {} of {}", parts);
        (Kind::OtherThread, text, Some(made))
    }
}
