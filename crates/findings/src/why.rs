//! Why a call about keys failed.

mod absent;
mod by_name;
mod forbidden;
mod state_of;

use crate::act::{Callout, KeyArg, KeyCall};
use crate::follow::Explainer;
use crate::found::About;
use crate::keys::Keys;
use crate::kind::Kind;
use crate::op::Op;
use crate::state::{KeyIx, TaskIx, Which};
use crate::text::{Part, Text, say};
use strace::Place;

/// A call that failed.
pub(crate) struct Failed<'a> {
    pub task: TaskIx,
    pub call: &'a KeyCall,
    pub keys: Keys,
    pub error: &'a str,
    pub place: Place,
}

impl Failed<'_> {
    /// The call with its task, for sentences.
    pub fn parts(&self) -> [Part; 3] {
        [
            Part::Task(self.task),
            Part::Word(self.call.op.name().to_owned()),
            Part::Word(self.error.to_owned()),
        ]
    }
}

impl Explainer {
    pub(crate) fn failed(
        &mut self,
        task: TaskIx,
        call: &KeyCall,
        keys: Keys,
        error: &str,
        place: Place,
    ) {
        let failed = Failed { task, call, keys, error, place };
        if let Some(key) = keys.key {
            // The caller wanted to use it.
            self.state.key_mut(key).used = true;
        }
        match error {
            "ENOSYS" | "EPERM" => self.forbidden(&failed),
            "ENOKEY" | "ENOENT" | "EKEYREJECTED" => self.nothing_found(&failed),
            "EACCES" => self.refused(&failed),
            "EKEYREVOKED" | "EKEYEXPIRED" => self.unusable(&failed),
            "EDQUOT" => self.over_quota(&failed),
            _ => {}
        }
    }

    /// Adds a finding about a failed call.
    pub(crate) fn explain(
        &mut self,
        failed: &Failed<'_>,
        kind: Kind,
        (which, key): (Which, Option<KeyIx>),
        text: Text,
        others: &[Option<Place>],
    ) {
        // The state of one key is one finding for all callers.
        let of_key =
            matches!(kind, Kind::Revoked | Kind::Expired | Kind::Invalidated | Kind::Destroyed);
        let proc = (key.is_none() || !of_key).then_some(self.state.task(failed.task).proc);
        let name = if key.is_none() { self.name_of(failed.call) } else { None };
        let call = key.is_none().then_some(failed.call.op.name());
        let about = About { key, proc, name, call, ..About::default() };
        let mut places = vec![failed.place];
        places.extend(others.iter().flatten());
        places.dedup();
        self.findings.add(kind, which, about, text, &places);
    }

    fn nothing_found(&mut self, failed: &Failed<'_>) {
        let (call, error) = (failed.call, failed.error);
        if call.op == Op::RequestKey && call.callout == Callout::Empty {
            self.empty_callout(failed);
            return;
        }
        if error != "ENOKEY" {
            return;
        }
        if call.op == Op::RequestKey
            && call.callout == Callout::None
            && let Some(name) = self.name_of(call)
        {
            self.state.task_mut(failed.task).missed = Some(name);
        }
        if matches!(call.op, Op::Search | Op::RequestKey) {
            self.not_found_by_name(failed);
            return;
        }
        let args = [call.key, call.from, call.to];
        if let Some(which) = args.iter().find_map(|arg| arg.which()) {
            let nth = if call.key.which().is_some() { call.op.args().key } else { None };
            let creates = nth.is_some_and(|nth| call.op.creates(nth));
            if !creates && self.own_absent(failed, which) {
                return;
            }
        }
        let keys =
            [(call.key, failed.keys.key), (call.from, failed.keys.from), (call.to, failed.keys.to)];
        let dead = keys.into_iter().find_map(|(arg, key)| match arg {
            KeyArg::Serial(_) => key.filter(|key| {
                let state = self.state.key(*key);
                state.lost.is_some() || state.invalidated.is_some() || state.made.is_none()
            }),
            _ => key.filter(|key| self.state.key(*key).invalidated.is_some()),
        });
        if let Some(key) = dead {
            self.gone(failed, key);
        }
    }

    fn empty_callout(&mut self, failed: &Failed<'_>) {
        let parts = failed.parts();
        let [task, call, error] = parts;
        let text = say(
            "{} called {} with \"\" as callout information. That is not \"none\": the kernel started request-key(8) to create the missing key, \
             and as that failed, the call fails with {}. If request-key(8) is not installed, the first call fails with ENOENT, and for a while the \
             next ones with ENOKEY",
            [task, call, error],
        );
        self.explain(failed, Kind::EmptyCallout, (Which::Thread, None), text, &[]);
    }

    fn over_quota(&mut self, failed: &Failed<'_>) {
        let users = self.state.task(failed.task).users;
        let user = users[2];
        let alive = self.keys_at_quota.unwrap_or_else(|| {
            let is_mine = |key: &KeyIx| {
                let key = self.state.key(*key);
                key.made.is_some() && key.lost.is_none() && (key.user == user || user.is_none())
            };
            self.state.keys().filter(is_mine).count() as i64
        });
        self.keys_at_quota = Some(alive);
        let bytes = failed.call.number.filter(|_| failed.call.op == Op::AddKey).unwrap_or(0);
        let limit = match (user, alive, bytes) {
            (_, 200.., _) => {
                "The log shows at least as many keys as an ordinary user may have (kernel.keys.maxkeys, usually 200)"
            }
            (Some(1..) | None, _, 19_000..) => {
                "The payload alone is about what an ordinary user may have (kernel.keys.maxbytes, usually 20000 bytes)"
            }
            _ => {
                "The log does not tell which limit it is, keys (kernel.keys.maxkeys) or bytes (kernel.keys.maxbytes)"
            }
        };
        let [task, call, error] = failed.parts();
        let text = say(
            "{}: {} fails with {} because the quota of the user is used up. {}. The log shows {} that exist at this point; the \
             keys of the user's other programs count too, and a deleted key counts until the kernel's collector has destroyed it",
            [
                task,
                call,
                error,
                Part::Word(limit.to_owned()),
                Part::Word(crate::tasks::keys(usize::try_from(alive).unwrap_or_default())),
            ],
        );
        self.explain(failed, Kind::Quota, (Which::Process, None), text, &[]);
    }
}
