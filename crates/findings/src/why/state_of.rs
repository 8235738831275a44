//! Keys that are revoked, expired, invalidated, destroyed, or that the caller may not use.

use super::Failed;
use crate::act::KeyArg;
use crate::follow::Explainer;
use crate::kind::Kind;
use crate::op::Op;
use crate::state::{Class, KeyIx, Loss, Own, Which};
use crate::text::{Part, say};

impl Explainer {
    /// Explains a search that passes over a key because of its state.
    pub(crate) fn is_unusable(&mut self, failed: &Failed<'_>, key: KeyIx) -> bool {
        let named_its_keyring =
            failed.call.op == Op::Search && matches!(failed.call.from, KeyArg::Serial(_));
        if !named_its_keyring && self.state.reaches(failed.task, key) == Some(false) {
            // The caller would not find it in any state.
            return false;
        }
        let state = self.state.key(key);
        let which = state.class.which().unwrap_or(Which::Process);
        let parts = |by: Part, place| {
            let [task, call, error] = failed.parts();
            vec![task, call, error, Part::The(key), by, Part::At(place)]
        };
        let (kind, text, place) = if let Some((place, by)) = state.revoked {
            let text = say(
                "{}: {} fails with {} because {} was revoked by {} at {}: a search passes over a revoked key",
                parts(Part::Task(by), place),
            );
            (Kind::Revoked, text, place)
        } else if let Some((place, by)) = state.invalidated {
            let text = say(
                "{}: {} fails with {} because {} was invalidated by {} at {}",
                parts(Part::Task(by), place),
            );
            (Kind::Invalidated, text, place)
        } else if let Some(((place, by), _)) = state.timeout {
            let text = say(
                "{}: {} fails with {} because {} has expired: {} set its timeout at {}",
                parts(Part::Task(by), place),
            );
            (Kind::Expired, text, place)
        } else {
            return false;
        };
        self.explain(failed, kind, (which, Some(key)), text, &[Some(place)]);
        true
    }

    /// `EKEYREVOKED` and `EKEYEXPIRED`.
    pub(crate) fn unusable(&mut self, failed: &Failed<'_>) {
        let is_revoked = failed.error == "EKEYREVOKED";
        let subject = self.in_this_state(failed, is_revoked);
        let kind = if is_revoked { Kind::Revoked } else { Kind::Expired };
        let [task, call, error] = failed.parts();
        let Some(key) = subject else {
            let text = say(
                "{}: {} fails with {}. The log does not tell which key that is; it may be the session keyring, from before the log",
                [task, call, error],
            );
            self.explain(failed, kind, (Which::Process, None), text, &[]);
            return;
        };
        let state = self.state.key(key);
        let which = state.class.which().unwrap_or(Which::Process);
        let by = if is_revoked { state.revoked } else { state.timeout.map(|(done, _)| done) };
        let (text, place) = match by {
            Some((place, by)) => {
                let parts = [task, call, error, Part::The(key), Part::Task(by), Part::At(place)];
                let text = if is_revoked {
                    say("{}: {} fails with {} because {} was revoked by {} at {}", parts)
                } else {
                    say(
                        "{}: {} fails with {} because {} has expired: {} set its timeout at {}",
                        parts,
                    )
                };
                (text, Some(place))
            }
            None => {
                let text = if is_revoked {
                    say(
                        "{}: {} fails with {} because {} is revoked. The log does not show by whom: before it began, or by a program that it does not cover. \
                         A login that ends revokes its session keyring, under programs that outlive it such as tmux and screen",
                        [task, call, error, Part::The(key)],
                    )
                } else {
                    say(
                        "{}: {} fails with {} because {} has expired. The log does not show who set its timeout",
                        [task, call, error, Part::The(key)],
                    )
                };
                (text, None)
            }
        };
        self.explain(failed, kind, (which, Some(key)), text, &[place]);
    }

    /// The key of the call that is revoked or may have expired, or else the one it is about.
    fn in_this_state(&mut self, failed: &Failed<'_>, is_revoked: bool) -> Option<KeyIx> {
        let name = self.name_of(failed.call);
        let fits = |key: &KeyIx| {
            let key = self.state.key(*key);
            if is_revoked { key.revoked.is_some() } else { key.timeout.is_some() }
        };
        let by_name = name.and_then(|name| {
            self.state.by_name.get(&name)?.iter().rev().copied().find(|key| fits(key))
        });
        let keys = failed.keys;
        let args = [keys.key, keys.to, keys.from];
        let session = Some(self.state.task(failed.task).session);
        let mut candidates = args.into_iter().flatten().chain(by_name).chain(session);
        candidates.find(|key| fits(key)).or(keys.key).or(keys.to).or(keys.from)
    }

    /// A call by number found no key.
    pub(crate) fn gone(&mut self, failed: &Failed<'_>, key: KeyIx) {
        let state = self.state.key(key);
        let [task, call, error] = failed.parts();
        let which = state.class.which().or_else(|| {
            let ring = self.anchor(key)?;
            self.state.key(ring).class.which()
        });
        let which = which.unwrap_or(Which::Process);
        let (kind, text, place) = match (state.invalidated, state.lost) {
            (Some((place, by)), _) => {
                let parts = [task, call, error, Part::The(key), Part::Task(by), Part::At(place)];
                let text =
                    say("{}: {} fails with {} because {} was invalidated by {} at {}", parts);
                (Kind::Invalidated, text, Some(place))
            }
            (None, Some((place, Loss::Ended(by)))) => {
                let same = self.state.task(by).proc == self.state.task(failed.task).proc;
                let kind = if same { Kind::ThreadEnded } else { Kind::OtherProcess };
                let parts = [task, call, error, Part::The(key), Part::Task(by), Part::At(place)];
                let text = say(
                    "{}: {} fails with {} because {} is destroyed: nothing kept it after {} ended at {}",
                    parts,
                );
                (kind, text, Some(place))
            }
            (None, Some((place, Loss::Unlinked(by)))) => {
                let parts = [task, call, error, Part::The(key), Part::Task(by), Part::At(place)];
                let text = say(
                    "{}: {} fails with {} because {} is destroyed: {} removed the last link to it at {}",
                    parts,
                );
                (Kind::Destroyed, text, Some(place))
            }
            (None, Some((place, Loss::Unpinned))) => {
                let text = say(
                    "{}: {} fails with {} because {} is destroyed: what kept it ended at {}",
                    [task, call, error, Part::The(key), Part::At(place)],
                );
                (Kind::Destroyed, text, Some(place))
            }
            (None, Some((place, Loss::Execve(by)))) => {
                let parts = [task, call, error, Part::The(key), Part::Task(by), Part::At(place)];
                let text = say(
                    "{}: {} fails with {}: {} was dropped when {} called execve(2) at {}",
                    parts,
                );
                (Kind::AfterExecve, text, Some(place))
            }
            (None, None) => {
                let text = say(
                    "{}: {} fails with {} because there is no {} (any more). The log does not show where this number comes from: the key may have \
                     been destroyed before the log began, or by a program that it does not cover",
                    [task, call, error, Part::Key(key)],
                );
                (Kind::Destroyed, text, None)
            }
        };
        self.explain(failed, kind, (which, Some(key)), text, &[place]);
    }

    /// `EACCES`.
    pub(crate) fn refused(&mut self, failed: &Failed<'_>) {
        let keys = failed.keys;
        let subject = [keys.key, keys.to, keys.from].into_iter().flatten().next();
        let Some(key) = subject else { return };
        let task = self.state.task(failed.task).clone();
        let state = self.state.key(key).clone();
        let which = state.class.which();
        let anchor = self.anchor(key);
        let which = which.or_else(|| self.state.key(anchor?).class.which());
        let which = which.unwrap_or(Which::Process);
        let [me, call, error] = failed.parts();
        let made = state.made.map(|(place, _)| place);
        let changes = matches!(failed.call.op, Op::Chown | Op::Setperm);
        if state.invalidated.is_some() {
            self.gone(failed, key);
            return;
        }
        if let Some(changed) = task.users_changed
            && (made.is_none_or(|made| made < changed))
            && (changes || self.state.reaches(failed.task, key) != Some(true))
        {
            let text = say(
                "{}: {} fails with {} because the user ids of the caller changed at {}, and {} belongs to the user before",
                [me, call, error, Part::At(changed), Part::The(key)],
            );
            self.explain(
                failed,
                Kind::IdsChanged,
                (which, Some(key)),
                text,
                &[Some(changed), made],
            );
            return;
        }
        if let Some(((place, by), mask)) = state.mask {
            let text = say(
                "{}: {} fails with {} because {} set the mask of {} to {} at {}",
                [
                    me,
                    call,
                    error,
                    Part::Task(by),
                    Part::The(key),
                    Part::Word(format!("{mask:#010x}")),
                    Part::At(place),
                ],
            );
            self.explain(failed, Kind::NoPermission, (which, Some(key)), text, &[Some(place)]);
            return;
        }
        if self.state.reaches(failed.task, key) == Some(true) {
            return;
        }
        self.not_possessed(failed, key, anchor, which);
    }

    fn not_possessed(
        &mut self,
        failed: &Failed<'_>,
        key: KeyIx,
        anchor: Option<KeyIx>,
        which: Which,
    ) {
        let [me, call, error] = failed.parts();
        let state = self.state.key(key);
        if !matches!(failed.call.key, KeyArg::Serial(_)) && failed.call.op != Op::AddKey {
            let is_serial = |arg: KeyArg| matches!(arg, KeyArg::Serial(_));
            if !is_serial(failed.call.from) && !is_serial(failed.call.to) {
                return;
            }
        }
        let made = state.made.map(|(place, _)| place);
        let lost = state.lost.or_else(|| self.state.key(anchor?).lost);
        let text = match (anchor, state.class, lost) {
            (Some(ring), Class::Key, Some((place, _))) => say(
                "{}: {} fails with {} although {} still exists: it is in the {}, which no task has since {}, so nobody possesses the key until the \
                 kernel destroys it",
                [me, call, error, Part::Key(key), Part::Key(ring), Part::At(place)],
            ),
            (None, Class::Key, Some((place, Loss::Unlinked(by)))) => say(
                "{}: {} fails with {} although {} still exists: {} removed the last link to it at {}, so nobody possesses the key until the kernel \
                 destroys it",
                [me, call, error, Part::Key(key), Part::Task(by), Part::At(place)],
            ),
            (Some(ring), Class::Key, None) => {
                let holder = self.state.key(ring).holders.first().copied();
                let of = match holder {
                    Some(task) => Part::TaskAs(" of ", task),
                    None => Part::Word(String::new()),
                };
                say(
                    "{}: {} fails with {} although {} exists: it is in the {}{}, and no keyring of the caller leads to it, so the caller does not possess it",
                    [me, call, error, Part::Key(key), Part::Key(ring), of],
                )
            }
            (_, Class::Thread | Class::Process, _) => say(
                "{}: {} fails with {} because the {} is not the caller's: by its number another thread or process may only describe it",
                [me, call, error, Part::Key(key)],
            ),
            _ => {
                let task = self.state.task(failed.task);
                let unknown = task.thread == Own::Unknown
                    || task.process == Own::Unknown
                    || !self.state.key(task.session).complete;
                let why = match unknown {
                    true => "As far as the log tells, no keyring of the caller leads to the key",
                    false => "No keyring of the caller leads to the key",
                };
                say(
                    "{}: {} of {} fails with {}. {}, so the caller does not possess it, and the mask grants others nothing",
                    [me, call, Part::The(key), error, Part::Word(why.to_owned())],
                )
            }
        };
        let in_session = anchor.is_some_and(|ring| self.state.key(ring).class == Class::Session);
        let kind = if in_session { Kind::OtherSession } else { Kind::NotPossessed };
        self.explain(failed, kind, (which, Some(key)), text, &[made]);
    }
}
