//! What a trace shows of the fate of a keyring.

use model::follow;
use model::follow::{Holder, Kind, Life, Own, Place, Slot, State};
use trace::{Event, Outcome, Trace, Value};

/// What becomes of a keyring, in the trace of a rule, at the first successful call whose caller has it.
pub(super) struct Claim {
    /// The id of the rule; `@` stands for `thread` or `process`.
    pub(super) rule: &'static str,
    /// The call that decides.
    pub(super) call: &'static str,
    pub(super) whose: Whose,
    pub(super) fate: Fate,
}

/// For whom, or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// For the caller, right after the call.
    Caller,
    /// For the task that the call creates.
    NewTask,
    /// For the other threads of the process, right after the call.
    OldThreads,
    /// At the end of the trace.
    AtTheEnd,
    /// For a key that the keyring links to before the call, at the end of the trace.
    KeyAtTheEnd,
    /// Who owns the keyring after the call.
    Owner,
}

/// What becomes of a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The task has no keyring of this kind.
    Absent,
    /// The task has another one.
    Another,
    /// The task has the same one.
    Shared,
    /// A running task still has it.
    Kept,
    /// Only the new program's file keeps it in memory.
    InProgram,
    /// Only a zombie keeps it in memory.
    InZombie,
    /// An open file, a mapping or a socket keeps it in memory.
    InFile,
    /// It is destroyed.
    Destroyed,
    /// Another user owns it.
    NewOwner,
    /// The same user owns it.
    SameOwner,
}

impl Fate {
    /// The glyph and the words of an answer.
    pub(super) fn shown(self) -> (&'static str, &'static str) {
        const RING: &str =
            "<path class=\"fgs\" d=\"M8 3.2a4.8 4.8 0 1 0 .01 0z\" stroke-width=\"2\"/>";
        const BAR: &str = "<line x1=\"8\" y1=\"0\" x2=\"8\" y2=\"16\" stroke-width=\"8\"/>";
        const SHARED: &str = "<line x1=\"8\" y1=\"0\" x2=\"8\" y2=\"16\" stroke-width=\"6\"/>\
             <line x1=\"0\" y1=\"8\" x2=\"16\" y2=\"8\" stroke-width=\"1.6\"/>\
             <path d=\"M.5 8h.01M15.5 8h.01\" stroke-width=\"5\" stroke-linecap=\"round\"/>";
        const LADDER: &str = "<line x1=\"8\" y1=\"0\" x2=\"8\" y2=\"16\" stroke-width=\"8\" \
             stroke-dasharray=\"2 2.67\"/>";
        const CROSS: &str = "<path class=\"fgs\" d=\"M3 3 13 13M13 3 3 13\" stroke-width=\"2.4\" \
             stroke-linecap=\"round\"/>";
        match self {
            Fate::Absent | Fate::Another => (RING, "Not inherited"),
            Fate::Shared => (SHARED, "Shared"),
            Fate::Kept | Fate::NewOwner | Fate::SameOwner => (BAR, "Kept"),
            Fate::InProgram => (LADDER, "Out of reach, but still in kernel memory"),
            Fate::InZombie => (LADDER, "Still in kernel memory"),
            Fate::InFile => (LADDER, "Still in kernel memory, out of reach"),
            Fate::Destroyed => (CROSS, "Destroyed"),
        }
    }
}

/// What a trace shows; `None` if it does not answer the question.
pub(super) fn fate(trace: &Trace, claim: &Claim, kind: Kind) -> Option<Fate> {
    let states = follow(trace);
    let (nth, caller, ring) = decision(trace, &states, claim, kind)?;
    let (event, before, after) = (&trace.events()[nth], &states[nth], &states[nth + 1]);
    match claim.whose {
        Whose::Caller => place(after, states.last()?, ring),
        Whose::NewTask => {
            let Outcome::Returned(Value::Word(name)) = &event.outcome else { return None };
            has(slot(after, after.running(name)?, kind), ring)
        }
        Whose::OldThreads => {
            let main = after.tasks[caller].main_thread;
            let others = (0..before.tasks.len()).filter(|nth| {
                let task = &after.tasks[*nth];
                *nth != caller && task.main_thread == main && task.life == Life::Runs
            });
            let fates: Vec<Option<Fate>> =
                others.map(|nth| has(slot(after, nth, kind), ring)).collect();
            let first = fates.first().copied().flatten()?;
            fates.iter().all(|fate| *fate == Some(first)).then_some(first)
        }
        Whose::AtTheEnd => place(states.last()?, states.last()?, ring),
        Whose::KeyAtTheEnd => {
            let key = *before.keys[ring].links.first()?;
            place(states.last()?, states.last()?, key)
        }
        Whose::Owner => owner(&trace.events()[nth..], after.keys[ring].name.as_deref()?),
    }
}

/// The number of events after which a trace has answered the question.
pub(super) fn events(trace: &Trace, claim: &Claim, kind: Kind) -> Option<usize> {
    decision(trace, &follow(trace), claim, kind).map(|(nth, ..)| nth + 1)
}

/// The event that decides, its task, and the keyring.
fn decision(
    trace: &Trace,
    states: &[State],
    claim: &Claim,
    kind: Kind,
) -> Option<(usize, usize, usize)> {
    let mut found = trace.events().iter().zip(states.windows(2)).enumerate();
    found.find_map(|(nth, (event, states))| {
        let [before, after] = states else { return None };
        if event.call != claim.call || event.outcome.errno_name().is_some() {
            return None;
        }
        let caller = before.running(&event.task)?;
        let (was, is) = (slot(before, caller, kind), slot(after, caller, kind));
        Some((nth, caller, was.keyring().or(is.keyring())?))
    })
}

fn slot(state: &State, task: usize, kind: Kind) -> Slot {
    let Own { thread, process } = state.tasks[task].own;
    if kind == Kind::Thread { thread } else { process }
}

/// What a task has instead of a keyring, or that it has that keyring.
fn has(slot: Slot, ring: usize) -> Option<Fate> {
    match slot {
        Slot::Empty => Some(Fate::Absent),
        Slot::Has(other) if other == ring => Some(Fate::Shared),
        Slot::Has(_) => Some(Fate::Another),
        Slot::Unknown => None,
    }
}

/// Where a key is. It counts as destroyed if nothing holds it and the trace shows its end.
fn place(state: &State, last: &State, nth: usize) -> Option<Fate> {
    let key = &state.keys[nth];
    let held_by = |is: fn(&Holder) -> bool| key.held_by.iter().any(is);
    match key.place {
        Place::Reachable => Some(Fate::Kept),
        Place::Loose | Place::Destroyed => {
            (last.keys[nth].place == Place::Destroyed).then_some(Fate::Destroyed)
        }
        Place::Held if held_by(|it| matches!(it, Holder::Program(_))) => Some(Fate::InProgram),
        Place::Held
            if held_by(|it| {
                matches!(it, Holder::File | Holder::Mapped(_) | Holder::Mount | Holder::Socket)
            }) =>
        {
            Some(Fate::InFile)
        }
        Place::Held if held_by(|it| matches!(it, Holder::Zombie(_))) => Some(Fate::InZombie),
        Place::Held | Place::Unknown => None,
    }
}

/// Whether the caller's first user, `UID`, still owns the keyring when it is next described.
fn owner(events: &[Event], ring: &str) -> Option<Fate> {
    let described = events
        .iter()
        .find(|event| event.call == "keyctl_describe" && event.args == [Value::word(ring)])?;
    let Outcome::Returned(Value::Text(text)) = &described.outcome else { return None };
    let same = text.split(';').nth(1)? == "UID";
    Some(if same { Fate::SameOwner } else { Fate::NewOwner })
}
