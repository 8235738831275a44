//! `EPERM` and `ENOSYS`: does the kernel answer, or a filter?

use super::Failed;
use crate::act::{KeyCall, RawName};
use crate::follow::Explainer;
use crate::kind::Kind;
use crate::op::Op;
use crate::state::{KeyIx, Which};
use crate::text::say;

impl Explainer {
    pub(crate) fn forbidden(&mut self, failed: &Failed<'_>) {
        let template = match failed.error {
            "ENOSYS" if self.key_calls_succeeded => {
                "{}: {} fails with {}, although this kernel has key calls. Only a filter (seccomp) answers like that"
            }
            "ENOSYS" => {
                "{}: {} fails with {}. Either a filter (seccomp) answers, or the kernel was built without keys (CONFIG_KEYS); the log does not \
                 tell which"
            }
            _ => match self.who_forbids(failed) {
                Some(template) => template,
                None => return,
            },
        };
        let filter = self.state.task(failed.task).seccomp;
        let text = say(template, failed.parts());
        self.explain(failed, Kind::Seccomp, (Which::Process, None), text, &[filter]);
    }

    /// What to say about `EPERM`; nothing if the kernel may well have answered.
    fn who_forbids(&self, failed: &Failed<'_>) -> Option<&'static str> {
        let call = failed.call;
        if call.op == Op::GetPersistent {
            let own = call.number.is_some_and(|uid| {
                let users = self.state.task(failed.task).users;
                uid as i32 == -1 || users[0].or(users[1]) == Some(uid as u32)
            });
            return Some(match own {
                true => {
                    "{}: {} of one's own persistent keyring cannot fail with {}. A filter (seccomp) answers"
                }
                false => {
                    "{}: {} fails with {}. Either a filter (seccomp) answers, as that of a container, or the persistent keyring is another user's and \
                     the caller lacks CAP_SETUID; the log does not tell which"
                }
            });
        }
        if call.op.may_be_forbidden() || is_refused_by_name(call) {
            return None;
        }
        let keys = [failed.keys.key, failed.keys.from, failed.keys.to];
        let mut keys = keys.into_iter().flatten();
        if keys.clone().any(|key: KeyIx| self.state.key(key).restricted) {
            return None;
        }
        // A keyring from before the log may be restricted, or the kernel's own.
        Some(match keys.any(|key| self.state.key(key).made.is_none()) {
            true => {
                "{}: {} fails with {}. The kernel answers this only for a keyring that is restricted or the kernel's own; otherwise a filter \
                 (seccomp) answers, as that of a container"
            }
            false => {
                "{}: {} fails with {}, which the kernel itself never answers to this call. A filter (seccomp) answers, as that of a container"
            }
        })
    }
}

/// Whether the kernel refuses this type or description.
fn is_refused_by_name(call: &KeyCall) -> bool {
    // What the log does not show may begin with a dot.
    let dotted = |name: &Option<RawName>| {
        name.as_ref().is_none_or(|(bytes, _)| bytes.first() == Some(&b'.'))
    };
    let requests_keyring =
        call.op == Op::RequestKey && call.kind.as_ref().is_some_and(|(kind, _)| kind == b"keyring");
    matches!(call.op, Op::AddKey | Op::RequestKey | Op::Search)
        && (dotted(&call.kind) || dotted(&call.description) || requests_keyring)
}
