//! Calls about keys: which key an argument means, and what a successful call changes.

use crate::act::{Got, KeyArg, KeyCall};
use crate::follow::Explainer;
use crate::op::Op;
use crate::state::{Class, Done, KeyIx, Own, TaskIx, Which};
use crate::text::{Part, say};
use strace::Place;

/// The keys of a call's arguments, where the log tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keys {
    pub key: Option<KeyIx>,
    pub from: Option<KeyIx>,
    pub to: Option<KeyIx>,
}

impl KeyArg {
    pub fn which(self) -> Option<Which> {
        match self {
            KeyArg::Thread => Some(Which::Thread),
            KeyArg::Process => Some(Which::Process),
            _ => None,
        }
    }
}

impl Explainer {
    pub(crate) fn key_call(&mut self, task: TaskIx, call: &KeyCall, place: Place) {
        if call.got == Got::Unknown {
            self.unknown_result(task, call);
            self.not_judged(task);
            return;
        }
        self.key_calls_succeeded |= call.got.ok().is_some();
        self.unneeded.remove(&self.state.task(task).proc);
        if self.is_fault(task, call, place) {
            return;
        }
        let args = call.op.args();
        let mut one = |arg: KeyArg, nth: Option<usize>| {
            let creates = nth.is_some_and(|nth| call.op.creates(nth));
            self.key_of(task, arg, creates, call, place)
        };
        let keys = Keys {
            key: one(call.key, args.key),
            from: one(call.from, args.from),
            to: one(call.to, args.to),
        };
        match &call.got {
            Got::Ok(result) => self.succeeded(task, call, keys, *result, place),
            Got::Err(error) => self.failed(task, call, keys, error, place),
            Got::Unknown => {}
        }
    }

    /// The log does not show whether the call changed anything.
    fn unknown_result(&mut self, task: TaskIx, call: &KeyCall) {
        let args = call.op.args();
        for (arg, nth) in [(call.key, args.key), (call.from, args.from), (call.to, args.to)] {
            let Some(which) = arg.which() else { continue };
            let creates =
                nth.is_some_and(|nth| call.op.creates(nth)) || call.op == Op::GetKeyringId;
            match self.state.task(task).own(which) {
                Own::Absent if creates => {
                    *self.state.task_mut(task).own_mut(which) = Own::Unknown;
                }
                Own::Is(ring) => self.state.key_mut(ring).complete = false,
                _ => {}
            }
        }
    }

    /// The key that an argument means after the call.
    fn key_of(
        &mut self,
        task: TaskIx,
        arg: KeyArg,
        creates: bool,
        call: &KeyCall,
        place: Place,
    ) -> Option<KeyIx> {
        match arg {
            KeyArg::Thread | KeyArg::Process => {
                let which = arg.which()?;
                self.own_of(task, which, creates, call, place)
            }
            KeyArg::Session => Some(self.state.task(task).session),
            KeyArg::User => Some(self.user_ring(task, false)),
            KeyArg::UserSession => Some(self.user_ring(task, true)),
            KeyArg::Serial(serial) => Some(self.by_serial(serial)),
            KeyArg::OtherSpecial | KeyArg::Absent | KeyArg::Unknown => None,
        }
    }

    fn own_of(
        &mut self,
        task: TaskIx,
        which: Which,
        creates: bool,
        call: &KeyCall,
        place: Place,
    ) -> Option<KeyIx> {
        let own = self.state.task(task).own(which);
        if call.op == Op::GetKeyringId {
            return match (&call.got, i32::try_from(call.got.ok().unwrap_or_default())) {
                (Got::Ok(_), Ok(serial)) => Some(self.shown_own(task, which, serial, place)),
                _ => own.key(),
            };
        }
        match (own, &call.got) {
            (Own::Is(ring), _) => Some(ring),
            (Own::Absent, Got::Ok(_))
                if call.op == Op::Chown && call.number.is_some_and(|user| user as i32 == -1) =>
            {
                // If the group does not change either, this creates nothing.
                *self.state.task_mut(task).own_mut(which) = Own::Unknown;
                None
            }
            (Own::Absent, Got::Ok(_)) => Some(self.create_own(task, which, place)),
            // keyring.absent.request-key.miss: the destination is created before the search.
            (Own::Absent, Got::Err(error)) if call.op == Op::RequestKey && error == "ENOKEY" => {
                Some(self.create_own(task, which, place))
            }
            (Own::Unknown, Got::Ok(_)) => {
                // It existed, or this call created it.
                let ring = self.state.add_key(which.class(), None);
                self.take_own(task, which, ring);
                Some(ring)
            }
            (Own::Absent, Got::Err(error)) => {
                // Some failures leave the keyring behind.
                let surely_not = matches!(error.as_str(), "EFAULT" | "ENOSYS")
                    || error == "EPERM" && call.op == Op::AddKey;
                if creates && !surely_not {
                    *self.state.task_mut(task).own_mut(which) = Own::Unknown;
                }
                None
            }
            (Own::Unknown, Got::Err(error)) => {
                if !creates && error == "ENOKEY" && call.op != Op::Search {
                    *self.state.task_mut(task).own_mut(which) = Own::Absent;
                }
                None
            }
            (_, Got::Unknown) => None,
        }
    }

    /// `KEYCTL_GET_KEYRING_ID` shows the number of the caller's own keyring.
    fn shown_own(&mut self, task: TaskIx, which: Which, serial: i32, place: Place) -> KeyIx {
        let known = self.state.by_serial.get(&serial).copied();
        match self.state.task(task).own(which) {
            Own::Is(ring) => {
                if self.state.key(ring).serial.is_none() {
                    self.state.set_serial(ring, serial);
                }
                ring
            }
            Own::Absent => {
                let ring = self.create_own(task, which, place);
                self.state.set_serial(ring, serial);
                ring
            }
            Own::Unknown => {
                let ring = match known.filter(|known| {
                    let class = self.state.key(*known).class;
                    class == which.class() || class == Class::Unknown
                }) {
                    Some(known) => {
                        self.state.key_mut(known).class = which.class();
                        known
                    }
                    None => self.state.add_key(which.class(), None),
                };
                self.state.set_serial(ring, serial);
                self.take_own(task, which, ring);
                ring
            }
        }
    }

    pub(crate) fn user_ring(&mut self, task: TaskIx, is_session: bool) -> KeyIx {
        let user = self.state.task(task).users[0];
        if let Some(ring) = self.state.user_rings.get(&(is_session, user)) {
            return *ring;
        }
        let class = if is_session { Class::UserSession } else { Class::User };
        let ring = self.state.add_key(class, None);
        self.state.user_rings.insert((is_session, user), ring);
        ring
    }

    pub(crate) fn by_serial(&mut self, serial: i32) -> KeyIx {
        if let Some(key) = self.state.by_serial.get(&serial) {
            return *key;
        }
        let key = self.state.add_key(Class::Unknown, None);
        self.state.set_serial(key, serial);
        key
    }

    fn succeeded(&mut self, task: TaskIx, call: &KeyCall, keys: Keys, result: i64, place: Place) {
        let done = (place, task);
        let serial = i32::try_from(result).unwrap_or_default();
        match (call.op, keys.key) {
            (Op::AddKey, _) => self.added(done, call, keys.to, serial),
            (Op::RequestKey, _) => self.requested(done, call, keys.to, serial),
            (Op::Search, _) => self.searched(call, keys, serial),
            (Op::JoinSession, _) => self.joined(done, call, serial),
            (Op::SessionToParent, _) => self.gave_session(task),
            (Op::GetKeyringId, _) if call.key == KeyArg::Session => {
                self.shown_session(task, serial);
            }
            (Op::GetKeyringId, Some(ring)) if self.state.key(ring).serial.is_none() => {
                // The keyring of a user.
                if !self.state.by_serial.contains_key(&serial) {
                    self.state.set_serial(ring, serial);
                }
            }
            (Op::GetPersistent, _) => {
                let key = self.by_serial(serial);
                self.put(keys.to, key, done);
            }
            (Op::SetReqkey, _) => self.chose_default(done, call.number),
            (_, Some(key)) => self.changed(done, call, key, keys),
            (_, None) => {}
        }
    }

    /// Operations on one key.
    fn changed(&mut self, done: Done, call: &KeyCall, key: KeyIx, keys: Keys) {
        let (place, task) = done;
        match call.op {
            Op::Read | Op::Describe | Op::PkeyQuery => self.state.key_mut(key).used = true,
            Op::Update => self.updated(key, done),
            Op::Revoke => self.revoked(key, done),
            Op::Invalidate => {
                self.state.key_mut(key).invalidated = Some(done);
                let text = say("invalidated by {}: it is gone at once", [Part::Task(task)]);
                self.tell(key, text, place, &["keyring.invalidated.reading"]);
            }
            Op::Chown => {
                if let Some(user) = call.number.filter(|user| *user as i32 != -1) {
                    self.state.key_mut(key).user = Some(user as u32);
                }
            }
            Op::Setperm => {
                let mask = call.number.map(|mask| (done, mask as u32));
                self.state.key_mut(key).mask = mask;
                self.may_have_raced(key);
            }
            Op::Clear => {
                for link in self.state.clear(key) {
                    self.unlinked(link, done);
                }
                let text = say("cleared by {}", [Part::Task(task)]);
                self.tell(key, text, place, &["keyring.link.cleared"]);
            }
            Op::Link | Op::Instantiate | Op::InstantiateIov => {
                if call.op == Op::Link {
                    self.state.key_mut(key).used = true;
                }
                self.put(keys.to, key, done);
            }
            Op::Unlink => {
                if let Some(from) = keys.from {
                    self.state.unlink(from, key);
                    let text = say(
                        "{} removed the link to it from the {}",
                        [Part::Task(task), Part::Key(from)],
                    );
                    self.tell(key, text, place, &["keyring.link.last"]);
                    self.unlinked(key, done);
                }
            }
            Op::Move => {
                if let Some(from) = keys.from {
                    self.state.unlink(from, key);
                }
                self.put(keys.to, key, done);
            }
            Op::SetTimeout => self.set_timeout(key, done, call.number),
            Op::Restrict => self.state.key_mut(key).restricted = true,
            _ => {}
        }
    }
}
