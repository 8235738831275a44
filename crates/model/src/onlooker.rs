//! Judging a trace that begins in the middle: see `unknown.rs` for what is known of its world.

use crate::calls::CREATE_PROCESS;
use crate::judge::{Judge, every_path, fits, path};
use crate::laws::{Law, Laws};
use crate::world::World;
use crate::{Refusal, Why};
use std::ops::ControlFlow::{Break, Continue};
use trace::{Event, Outcome, Value};

/// The number of steps that are kept to explain a refusal, at least; at most twice as many.
const KEPT: usize = 128;

/// The number of steps that are repeated to explain a refusal.
const MOST_REPEATED: usize = 1024;

/// A step of a judge.
#[derive(Clone, Debug)]
enum Step {
    Event(Event),
    Loses(String),
}

/// A judge of a trace that begins in the middle, and that shows some of the tasks only.
///
/// Of a key that others than one task may use nothing is known, and no event that concerns it is refused. Events of
/// tasks that have not appeared are allowed. The memory needed grows with the tasks and keys at one time.
///
/// ```
/// let mut judge = model::Onlooker::new();
/// judge.appears("main");
/// let trace: trace::Trace = "main  add_key(\"user\", \"a\", \"b\", @t) = K1\n\
///                            main  keyctl_read(K7) = \"x\"\n\
///                            main  keyctl_revoke(K1) = 0\n\
///                            main  keyctl_read(K1) = \"b\"\n".parse().unwrap();
/// let refused = trace.events().iter().find_map(|event| judge.event(event.clone()).err());
/// assert_eq!(refused.unwrap().nth, 3);
/// ```
#[derive(Clone, Debug)]
pub struct Onlooker {
    judge: Judge,
    /// The last steps, and the worlds before them.
    older: (Vec<World>, Vec<Step>),
    newer: (Vec<World>, Vec<Step>),
}

impl Default for Onlooker {
    fn default() -> Onlooker {
        Onlooker::new()
    }
}

impl Onlooker {
    /// A judge that knows no task.
    pub fn new() -> Onlooker {
        Onlooker::of(vec![World::unknown()], None)
    }

    fn of(worlds: Vec<World>, wrong: Option<Law>) -> Onlooker {
        let judge = Judge { wrong, ..Judge::of(worlds) };
        Onlooker { judge, older: Default::default(), newer: Default::default() }
    }

    /// A task appears that has neither a thread nor a process keyring, as one that has just executed its program.
    pub fn appears(&mut self, task: &str) {
        let word = Outcome::Returned(Value::word(task));
        let event = Event { task: String::new(), call: "fork".into(), args: vec![], outcome: word };
        self.begin_step();
        self.of_unknown_task(&event);
        self.newer.1.push(Step::Event(event));
    }

    /// From here on nothing is known of a task and of its keys. Its next execve(2) makes it known again.
    pub fn loses(&mut self, task: &str) {
        self.begin_step();
        self.lose(task);
        self.newer.1.push(Step::Loses(task.to_owned()));
    }

    /// From here on nothing is known at all.
    pub fn forgets(&mut self) {
        self.judge.worlds = vec![World::unknown()];
        (self.older, self.newer) = Default::default();
    }

    /// Whether events of this task are judged.
    pub fn knows(&self, task: &str) -> bool {
        self.judge.worlds.first().is_some_and(|world| world.task(task).is_some())
    }

    /// The number of things that are kept.
    pub fn size(&self) -> usize {
        self.judge.worlds.iter().map(World::size).sum()
    }

    /// The number of paths through events that were tried: the work so far.
    pub fn tried(&self) -> u64 {
        self.judge.tried
    }

    /// Judges the next event.
    ///
    /// # Errors
    ///
    /// If no correct kernel shows this event after those before, or the model does not know the call. What is known is
    /// then as before.
    pub fn event(&mut self, event: Event) -> Result<(), Box<Refusal>> {
        self.judge.last = Laws::default();
        self.begin_step();
        if self.knows(&event.task) {
            let judged = if self.is_simple(&event) { Ok(()) } else { self.judge.judge(&event) };
            self.judge.asked.join(&self.judge.last);
            judged?;
            if self.judge.worlds.len() > 1 {
                self.merge();
            }
        } else {
            self.of_unknown_task(&event);
            self.judge.seen += 1;
        }
        self.newer.1.push(Step::Event(event));
        Ok(())
    }

    /// Worlds that differ only in what has ended are one.
    fn merge(&mut self) {
        let all = std::mem::take(&mut self.judge.worlds);
        for mut world in all {
            world.tidy();
            if !self.judge.worlds.iter().any(|other| other.is_like(&world)) {
                self.judge.worlds.push(world);
            }
        }
    }

    /// Judges an event of which all that fits is one world, without a copy of it. False if it is not so simple.
    fn is_simple(&mut self, event: &Event) -> bool {
        let Judge { worlds, wrong, last, tried, .. } = &mut self.judge;
        let [world] = &mut worlds[..] else { return false };
        let (mut is_unchanged, mut changed, mut paths) = (false, None, 0);
        let end = every_path(world, *wrong, last, event, |world, choices, is| {
            *tried += 1;
            if !fits(world, choices, &is, &event.outcome) {
                return Continue(());
            }
            if choices.is_only() {
                world.begin();
                return Break(());
            }
            if world.is_unchanged() {
                is_unchanged = true;
            } else {
                changed = Some(choices.again());
                paths += 1;
            }
            Continue(())
        });
        match (end, changed) {
            (Break(()), _) => {}
            (_, None) if is_unchanged => {}
            (_, Some(mut choices)) if paths == 1 && !is_unchanged => {
                let is = path(world, *wrong, last, event, &mut choices);
                fits(world, &mut choices, &is, &event.outcome);
                world.begin();
            }
            _ => return false,
        }
        self.judge.seen += 1;
        true
    }

    /// Whatever a task does of which nothing is known: the program that it executes and the process that it creates begin
    /// with neither keyring.
    fn of_unknown_task(&mut self, event: &Event) {
        let new = match (event.call.as_str(), &event.outcome) {
            ("execve", Outcome::Returned(_)) => event.task.as_str(),
            (call, Outcome::Returned(Value::Word(child))) if CREATE_PROCESS.contains(&call) => {
                child
            }
            _ => return,
        };
        for world in &mut self.judge.worlds {
            world.appear(new);
            world.begin();
        }
    }

    fn lose(&mut self, task: &str) {
        for world in &mut self.judge.worlds {
            if let Some(task) = world.task(task) {
                world.lose(task);
                world.begin();
            }
        }
    }

    /// Before a step that is kept.
    fn begin_step(&mut self) {
        // In a large world seldom, so that a copy of it costs each event the same.
        if self.newer.0.is_empty() || self.newer.1.len() >= KEPT.max(self.size()) {
            self.judge.worlds.iter_mut().for_each(World::tidy);
            let begins = (self.judge.worlds.clone(), Vec::new());
            self.older = std::mem::replace(&mut self.newer, begins);
        }
    }

    /// The laws of which any one, if it does not hold, explains a refusal after what was judged lately; none
    /// in a large world.
    pub fn laws(&self, refusal: &Refusal) -> Vec<Law> {
        let Why::Outcome { .. } = refusal.why else { return Vec::new() };
        let start = if self.older.0.is_empty() { &self.newer } else { &self.older };
        let steps = self.older.1.iter().chain(&self.newer.1);
        if steps.clone().count() > MOST_REPEATED {
            return Vec::new();
        }
        let explains = |law: &Law| {
            let mut judge = Onlooker::of(start.0.clone(), Some(*law));
            let mut all = steps.clone().map(|step| judge.step(step));
            all.all(|is_allowed| is_allowed) && judge.step(&Step::Event(refusal.event.clone()))
        };
        Law::all().filter(|law| self.judge.has_asked(*law)).filter(explains).collect()
    }

    /// False if a step is not allowed.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Event(event) if self.knows(&event.task) => {
                self.is_simple(event) || self.judge.judge(event).is_ok()
            }
            Step::Event(event) => {
                self.of_unknown_task(event);
                true
            }
            Step::Loses(task) => {
                self.lose(task);
                true
            }
        }
    }
}
