//! Judging a trace that begins in the middle: see `unknown.rs` for what is known of its world.

use crate::judge::Judge;
use crate::laws::Law;
use crate::world::World;
use crate::{Refusal, Why};
use trace::{Event, Outcome, Value};

/// The number of steps that are kept to explain a refusal, at least; at most twice as many.
const KEPT: usize = 128;

/// A step of a judge.
#[derive(Clone, Debug)]
enum Step {
    Event(Event),
    Loses(String),
}

/// The last steps, and the worlds before them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    older: (Vec<World>, Vec<Step>),
    newer: (Vec<World>, Vec<Step>),
}

impl Judge {
    /// A judge of a trace that begins in the middle, and that shows some of the tasks only: see [`Judge::appears`].
    ///
    /// Of a key that others than one task may use nothing is known, and no event that concerns it is refused. Events of
    /// tasks that have not appeared are allowed. The memory needed grows with the tasks and keys at one time.
    ///
    /// ```
    /// let mut judge = model::Judge::unknown();
    /// judge.appears("main");
    /// let trace: trace::Trace = "main  add_key(\"user\", \"a\", \"b\", @t) = K1\n\
    ///                            main  keyctl_read(K7) = \"x\"\n\
    ///                            main  keyctl_revoke(K1) = 0\n\
    ///                            main  keyctl_read(K1) = \"b\"\n".parse().unwrap();
    /// assert_eq!(judge.events(trace.events()).unwrap_err().nth, 3);
    /// ```
    pub fn unknown() -> Judge {
        Judge::of(vec![World::unknown()])
    }

    /// A task appears that has neither a thread nor a process keyring, as one that has just executed its program.
    pub fn appears(&mut self, task: &str) {
        let word = Outcome::Returned(Value::word(task));
        let event = Event { task: String::new(), call: "fork".into(), args: vec![], outcome: word };
        self.begin_step();
        self.of_unknown_task(&event);
        self.recent.newer.1.push(Step::Event(event));
    }

    /// From here on nothing is known of a task and of its keys. Its next execve(2) makes it known again.
    pub fn loses(&mut self, task: &str) {
        self.begin_step();
        self.lose(task);
        self.recent.newer.1.push(Step::Loses(task.to_owned()));
    }

    /// From here on nothing is known at all.
    pub fn forgets(&mut self) {
        self.worlds = vec![World::unknown()];
        self.recent = Recent::default();
    }

    /// Whether events of this task are judged.
    pub fn knows(&self, task: &str) -> bool {
        self.worlds.first().is_some_and(|world| world.task(task).is_some())
    }

    /// The number of things that are kept, for those who care about memory.
    pub fn size(&self) -> usize {
        self.worlds.iter().map(World::size).sum()
    }

    pub(crate) fn event_unknown(&mut self, event: &Event) -> Result<(), Box<Refusal>> {
        self.begin_step();
        if self.knows(&event.task) {
            let judged = self.judge(event);
            self.asked.join(&self.last);
            judged?;
            self.worlds.iter_mut().for_each(World::tidy);
        } else {
            self.of_unknown_task(event);
            self.seen += 1;
        }
        self.recent.newer.1.push(Step::Event(event.clone()));
        Ok(())
    }

    /// Whatever a task does of which nothing is known: the program that it executes and the process that it creates begin
    /// with neither keyring.
    fn of_unknown_task(&mut self, event: &Event) {
        let new = match (event.call.as_str(), &event.outcome) {
            ("execve", Outcome::Returned(_)) => event.task.as_str(),
            (call, Outcome::Returned(Value::Word(child))) if CREATE.contains(&call) => child,
            _ => return,
        };
        for world in &mut self.worlds {
            world.appear(new);
            world.begin();
        }
    }

    fn lose(&mut self, task: &str) {
        for world in &mut self.worlds {
            if let Some(task) = world.task(task) {
                world.lose(task);
                world.begin();
            }
        }
    }

    /// Before a step that is kept.
    fn begin_step(&mut self) {
        let Recent { older, newer } = &mut self.recent;
        if newer.0.is_empty() || newer.1.len() >= KEPT {
            *older = std::mem::replace(newer, (self.worlds.clone(), Vec::new()));
        }
    }

    /// The laws of which any one, if it does not hold, explains a refusal after what was judged lately.
    pub fn laws(&self, refusal: &Refusal) -> Vec<Law> {
        let Why::Outcome { .. } = refusal.why else { return Vec::new() };
        let Recent { older, newer } = &self.recent;
        let start = if older.0.is_empty() { newer } else { older };
        let steps = older.1.iter().chain(&newer.1);
        let explains = |law: &Law| {
            let mut judge = Judge { wrong: Some(*law), ..Judge::of(start.0.clone()) };
            let mut all = steps.clone().map(|step| judge.step(step));
            all.all(|is_allowed| is_allowed) && judge.step(&Step::Event(refusal.event.clone()))
        };
        Law::all().filter(|law| self.has_asked(*law)).filter(explains).collect()
    }

    /// False if a step is not allowed.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Event(event) if self.knows(&event.task) => self.judge(event).is_ok(),
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

/// The calls that create a process.
const CREATE: &[&str] = &["fork", "vfork", "clone", "clone3", "posix_spawn"];
