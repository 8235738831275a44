//! What no correct kernel answers. Only what the log surely tells: a task's own keyrings, which nobody else changes,
//! and what the same task did before.

mod reach;

pub(crate) use reach::Suspect;

use crate::act::{Got, KeyArg, KeyCall};
use crate::follow::Explainer;
use crate::found::About;
use crate::kind::Kind;
use crate::op::Op;
use crate::state::{Holder, KeyIx, Own, TaskIx, Which};
use crate::text::{Part, Text, say};
use strace::Place;

impl Explainer {
    /// Reports a call that no correct kernel answers like this.
    pub(crate) fn is_fault(&mut self, task: TaskIx, call: &KeyCall, place: Place) -> bool {
        let Some((which, text, since)) = self.fault(task, call) else { return false };
        let about = About { task: Some(task), call: Some(call.op.name()), ..About::default() };
        let places: Vec<Place> = [Some(place), since].into_iter().flatten().collect();
        self.findings.add(Kind::KernelFault, which, about, text, &places);
        true
    }

    fn fault(&self, task: TaskIx, call: &KeyCall) -> Option<(Which, Text, Option<Place>)> {
        if let Some(which) = call.key.which().filter(|_| call.op == Op::GetKeyringId) {
            return self.fault_of_id(task, which, call);
        }
        let args = call.op.args();
        if call.got.ok().is_some() {
            for (arg, nth) in [(call.key, args.key), (call.from, args.from)] {
                let Some((which, nth)) = arg.which().zip(nth) else { continue };
                // KEYCTL_MOVE of an absent keyring creates it before it looks at the other arguments.
                let created = call.op == Op::Move && [call.key, call.to].contains(&arg);
                let creates = call.op.creates(nth) || created;
                if self.state.task(task).own(which) == Own::Absent && !creates {
                    return Some(self.absent_but_used(task, which, call));
                }
            }
        }
        self.fault_of_state(task, call).or_else(|| self.fault_of_search(task, call))
    }

    fn absent_but_used(
        &self,
        task: TaskIx,
        which: Which,
        call: &KeyCall,
    ) -> (Which, Text, Option<Place>) {
        let text = say(
            "{} has no {} here, and {} does not create it, yet the call succeeds",
            [
                Part::Task(task),
                Part::Word(which.name().to_owned()),
                Part::Word(call.op.name().to_owned()),
            ],
        );
        (which, text, self.began(task))
    }

    /// Where the last thing happened that decides about a task's keyrings.
    fn began(&self, task: TaskIx) -> Option<Place> {
        let task = self.state.task(task);
        self.state.proc(task.proc).execve.or(task.born)
    }

    fn fault_of_id(
        &self,
        task: TaskIx,
        which: Which,
        call: &KeyCall,
    ) -> Option<(Which, Text, Option<Place>)> {
        let creates = call.number.is_none_or(|create| create as i32 != 0);
        let own = self.state.task(task).own(which);
        match (&call.got, own) {
            (Got::Ok(_), Own::Absent) if !creates => Some(self.absent_but_used(task, which, call)),
            (Got::Ok(serial), Own::Absent) => {
                let (other, holder) = self.anothers(*serial, task, None)?;
                let text = say(
                    "{} has no {} here, so the kernel creates a new one; but the answer is the {} of {}",
                    [
                        Part::Task(task),
                        Part::Word(which.name().to_owned()),
                        Part::Key(other),
                        Part::Task(holder.task),
                    ],
                );
                Some((which, text, Some(holder.from)))
            }
            (Got::Ok(serial), Own::Is(ring)) if self.state.key(ring).serial.is_none() => {
                self.state.key(ring).made?;
                let (other, holder) = self.anothers(*serial, task, Some(ring))?;
                let text = say(
                    "the {} of {} is one that it does not share with {}; but the answer is that task's {}",
                    [
                        Part::Word(which.name().to_owned()),
                        Part::Task(task),
                        Part::Task(holder.task),
                        Part::Key(other),
                    ],
                );
                Some((which, text, Some(holder.from)))
            }
            (Got::Ok(serial), Own::Is(ring)) => {
                let known = self.state.key(ring).serial?;
                if i64::from(known) == *serial {
                    return None;
                }
                let text = say(
                    "the {} of {} has the number {}, which does not change; here it is {}",
                    [
                        Part::Word(which.name().to_owned()),
                        Part::Task(task),
                        Part::Number(i64::from(known)),
                        Part::Number(*serial),
                    ],
                );
                Some((which, text, None))
            }
            (Got::Err(error), Own::Is(ring)) if error == "ENOKEY" => {
                let key = self.state.key(ring);
                if key.invalidated.is_some() || key.made.is_none() {
                    return None;
                }
                let text = say(
                    "{} has the {}, yet the call does not find it",
                    [Part::Task(task), Part::Key(ring)],
                );
                Some((which, text, key.made.map(|(place, _)| place)))
            }
            _ => None,
        }
    }

    /// The keyring with this number, if it is another task's own.
    fn anothers(&self, serial: i64, task: TaskIx, own: Option<KeyIx>) -> Option<(KeyIx, Holder)> {
        let other = *self.state.by_serial.get(&i32::try_from(serial).ok()?)?;
        if own == Some(other) {
            return None;
        }
        let holders = &self.state.key(other).holders;
        Some((other, *holders.iter().find(|holder| holder.task != task)?))
    }

    /// A key that the same task revoked or invalidated cannot be used.
    fn fault_of_state(&self, task: TaskIx, call: &KeyCall) -> Option<(Which, Text, Option<Place>)> {
        let uses = matches!(
            call.op,
            Op::Read | Op::Describe | Op::Update | Op::Setperm | Op::SetTimeout | Op::Revoke
        );
        let KeyArg::Serial(serial) = call.key else { return None };
        let key = self.state.key(*self.state.by_serial.get(&serial)?);
        call.got.ok().filter(|_| uses)?;
        let by_caller = |done: &crate::state::Done| done.1 == task;
        let (state, (place, _)) = match (key.revoked, key.invalidated) {
            (Some(done), _) if by_caller(&done) && call.op != Op::Revoke => ("revoked", done),
            (_, Some(done)) if by_caller(&done) => ("invalidated", done),
            _ => return None,
        };
        let which = key.class.which().unwrap_or(Which::Process);
        let text = say(
            "{} itself {} the key {} before, yet {} succeeds",
            [
                Part::Task(task),
                Part::Word(state.to_owned()),
                Part::Number(i64::from(serial)),
                Part::Word(call.op.name().to_owned()),
            ],
        );
        Some((which, text, Some(place)))
    }
}
