//! The calls of a trace, with what each saw and changed.

use super::notes::{self, Note};
use model::follow;
use model::follow::{Kind, Life, Own, Place, Slot, State};
use trace::{Event, Outcome, Trace};

/// A trace with the model's states.
pub(super) struct Story<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// Before the first event, and after each.
    states: Vec<State>,
    /// The keys that are drawn, oldest first.
    pub(super) drawn: Vec<usize>,
    /// For each key, the row that showed its destruction.
    ends: Vec<Option<usize>>,
    /// For each key, the task that created it.
    owners: Vec<Option<usize>>,
}

/// One call.
pub(super) struct Row<'a> {
    pub(super) event: &'a Event,
    /// Its position in the trace.
    pub(super) nth: usize,
    /// The task that made the call; `None` if the model does not know it.
    pub(super) caller: Option<usize>,
    /// The keys that it created.
    pub(super) created: Vec<usize>,
    /// The other keys that it saw.
    pub(super) saw: Vec<usize>,
    /// The tasks that it started.
    pub(super) started: Vec<usize>,
    pub(super) notes: Vec<Note>,
}

impl Row<'_> {
    pub(super) fn failed(&self) -> bool {
        self.event.outcome.errno_name().is_some()
    }
}

impl<'a> Story<'a> {
    pub(super) fn new(trace: &'a Trace) -> Story<'a> {
        let states = follow(trace);
        let events = trace.events();
        let is_known = states.len() == events.len() + 1;
        let states = if is_known { states } else { vec![State::default(); events.len() + 1] };
        let keys = states.last().map_or(0, |state| state.keys.len());
        let (rows, ends, owners) = (Vec::new(), vec![None; keys], vec![None; keys]);
        let mut story = Story { rows, states, drawn: Vec::new(), ends, owners };
        for (nth, event) in events.iter().enumerate() {
            let row = story.row(nth, event);
            for key in &row.created {
                story.owners[*key] = row.caller;
            }
            story.rows.push(row);
        }
        story.drawn = story.worth_drawing();
        for nth in 0..story.rows.len() {
            story.rows[nth].notes = notes::of(&story, &story.rows[nth]);
        }
        story
    }

    /// The state before a row.
    pub(super) fn before(&self, row: &Row<'_>) -> &State {
        &self.states[row.nth]
    }

    /// The state after a row.
    pub(super) fn after(&self, row: &Row<'_>) -> &State {
        &self.states[row.nth + 1]
    }

    /// Whether the model allows the trace, so that there are states to draw.
    pub(super) fn is_known(&self) -> bool {
        !self.last().tasks.is_empty()
    }

    pub(super) fn last(&self) -> &State {
        &self.states[self.states.len() - 1]
    }

    fn row(&mut self, nth: usize, event: &'a Event) -> Row<'a> {
        let (before, after) = (&self.states[nth], &self.states[nth + 1]);
        let caller = before.running(&event.task).or_else(|| after.running(&event.task));
        let own = |state: &State| caller.map_or(Own::default(), |task| state.tasks[task].own);
        let (had, has) = (own(before), own(after));
        let failed = event.outcome.errno_name().is_some();
        let mut saw: Vec<usize> = Vec::new();
        for name in names(&format!("{} {}", event.request(), event.outcome)) {
            let key = match name {
                "@t" => has.thread.keyring().or(had.thread.keyring()),
                "@p" => has.process.keyring().or(had.process.keyring()),
                name => after.named(name),
            };
            let Some(key) = key else { continue };
            let is_gone = after.keys[key].place == Place::Destroyed;
            if is_gone && self.ends[key].is_none() {
                self.ends[key] = Some(nth);
            } else if is_gone || saw.contains(&key) {
                continue;
            }
            let was = before.keys.get(key).and_then(|key| key.unusable);
            if !failed || is_gone || was != after.keys[key].unusable {
                saw.push(key);
            }
        }
        let is_new = |key: &usize| *key >= before.keys.len();
        let mut created: Vec<usize> = saw.iter().copied().filter(is_new).collect();
        created.extend(has.keyrings().filter(|key| is_new(key) && !saw.contains(key)));
        saw.retain(|key| !is_new(key));
        let started = before.tasks.len()..after.tasks.len();
        let started = started.filter(|task| after.tasks[*task].life == Life::Runs).collect();
        Row { event, nth, caller, created, saw, started, notes: Vec::new() }
    }

    /// The thread and process keyrings that the trace names or creates; then other keys, if there are no
    /// more than two.
    fn worth_drawing(&self) -> Vec<usize> {
        let keys = &self.last().keys;
        let is_created = |key: usize| self.rows.iter().any(|row| row.created.contains(&key));
        let (own, other): (Vec<usize>, Vec<usize>) =
            (0..keys.len()).partition(|key| is_own(keys[*key].kind));
        let mut drawn = own;
        drawn.retain(|key| keys[*key].name.is_some() || is_created(*key));
        let other: Vec<usize> = other.into_iter().filter(|key| keys[*key].name.is_some()).collect();
        if other.len() <= 2 {
            drawn.extend(other);
        }
        drawn
    }

    /// Where a drawn key is in a state, by its position; `None` before its creation. A key that the model
    /// knows to be destroyed is loose until the trace shows its end.
    pub(super) fn place(&self, key: usize, at: usize) -> Option<Place> {
        let place = self.states[at].keys.get(key)?.place;
        let is_seen_later = self.ends[key].is_some_and(|end| at <= end);
        if place == Place::Destroyed && is_seen_later { Some(Place::Loose) } else { Some(place) }
    }

    /// Whether this row shows the end of a key.
    pub(super) fn ends_at(&self, key: usize, row: &Row<'_>) -> bool {
        self.ends[key] == Some(row.nth)
    }

    pub(super) fn kind(&self, key: usize) -> Kind {
        self.last().keys[key].kind
    }

    pub(super) fn owner(&self, key: usize) -> Option<&str> {
        self.owners[key].map(|task| self.last().tasks[task].name.as_str())
    }

    /// The name of a key, or words for one that the trace does not name.
    pub(super) fn label(&self, key: usize) -> String {
        let kind = kind_words(self.kind(key));
        match (&self.last().keys[key].name, self.owner(key)) {
            (Some(name), _) => name.clone(),
            (None, Some(owner)) => format!("{owner}’s {kind}"),
            (None, None) => format!("a {kind}"),
        }
    }

    /// The kinds of keyrings that this trace is about.
    pub(super) fn own_kinds(&self) -> Vec<Kind> {
        let is_about = |(kind, id): &(Kind, &str)| {
            let named = |row: &Row<'_>| names(&row.event.request()).any(|name| name == *id);
            self.drawn.iter().any(|key| self.kind(*key) == *kind) || self.rows.iter().any(named)
        };
        let kinds = [(Kind::Thread, "@t"), (Kind::Process, "@p")];
        kinds.into_iter().filter(is_about).map(|(kind, _)| kind).collect()
    }
}

/// Whether this is a thread or process keyring.
pub(super) fn is_own(kind: Kind) -> bool {
    matches!(kind, Kind::Thread | Kind::Process)
}

/// The slot of a kind.
pub(super) fn slot(own: Own, kind: Kind) -> Slot {
    if kind == Kind::Thread { own.thread } else { own.process }
}

pub(super) fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Thread => "thread keyring",
        Kind::Process => "process keyring",
        Kind::Session => "session keyring",
        Kind::Keyring => "keyring",
        Kind::Key => "key",
    }
}

/// The names of keys in a text: `K1`, and `@t`, `@p`, `@s`.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_other = |c: char| !c.is_ascii_alphanumeric() && c != '@' && c != '_';
    text.split(is_other).filter(|word| is_name(word))
}

pub(super) fn is_name(word: &str) -> bool {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    matches!(word, "@t" | "@p" | "@s") || word.strip_prefix('K').is_some_and(is_number)
}

/// The call waits, rather than does something.
pub(super) fn is_waiting(event: &Event) -> bool {
    matches!(event.call.as_str(), "wait_until" | "wait_for_the_collector")
}

/// The call replaced the program.
pub(super) fn is_execve(event: &Event) -> bool {
    matches!(event.call.as_str(), "execve" | "fexecve")
        && matches!(event.outcome, Outcome::Returned(_))
}
