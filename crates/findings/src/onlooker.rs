//! The model, as an onlooker of the log: what no correct kernel answers.

use std::fmt;
use trace::{Event, Outcome};

/// What the model says of the calls of a log. It need not be in the same program.
pub trait Onlooker: fmt::Debug {
    /// A task has begun a program, and has neither keyring.
    fn appears(&mut self, task: &str);

    /// From here on nothing is known of a task.
    fn loses(&mut self, task: &str);

    /// From here on nothing is known at all.
    fn forgets(&mut self);

    /// Whether calls of this task are judged.
    fn knows(&self, task: &str) -> bool;

    /// Judges the next event. `explains`: whether it looks for the reason of a refusal, which takes long.
    ///
    /// # Errors
    ///
    /// If no correct kernel shows this event after those before, or the model does not know the call.
    fn event(&mut self, event: Event, explains: bool) -> Result<(), Refused>;
}

/// An event that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The outcomes that are allowed; `None` if the model does not know the call.
    pub allowed: Option<Vec<Outcome>>,
    /// The most telling mistake of a kernel that explains the event, if one does.
    pub mistake: Option<String>,
    /// The ids of rules that such a kernel breaks.
    pub rules: Vec<String>,
}

#[cfg(feature = "model")]
pub use by_model::ByModel;

#[cfg(feature = "model")]
mod by_model {
    use super::{Onlooker, Refused};
    use model::{Law, Why};
    use std::fmt;
    use trace::Event;

    /// The model in this program, and who knows the rules of its laws.
    pub struct ByModel<Rules> {
        judge: model::Onlooker,
        rules: Rules,
    }

    impl<Rules: Fn(&[Law]) -> Vec<String>> ByModel<Rules> {
        /// A judge that knows no task. `rules` names rules that embody laws.
        pub fn new(rules: Rules) -> ByModel<Rules> {
            ByModel { judge: model::Onlooker::new(), rules }
        }
    }

    impl<Rules> fmt::Debug for ByModel<Rules> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.judge.fmt(f)
        }
    }

    impl<Rules: Fn(&[Law]) -> Vec<String>> Onlooker for ByModel<Rules> {
        fn appears(&mut self, task: &str) {
            self.judge.appears(task);
        }

        fn loses(&mut self, task: &str) {
            self.judge.loses(task);
        }

        fn forgets(&mut self) {
            self.judge.forgets();
        }

        fn knows(&self, task: &str) -> bool {
            self.judge.knows(task)
        }

        fn event(&mut self, event: Event, explains: bool) -> Result<(), Refused> {
            let Err(mut refusal) = self.judge.event(event) else { return Ok(()) };
            let Why::Outcome { allowed, .. } = &mut refusal.why else {
                return Err(Refused::default());
            };
            let allowed = std::mem::take(allowed);
            let laws = if explains { self.judge.laws(&refusal) } else { Vec::new() };
            let rules = if laws.is_empty() { Vec::new() } else { (self.rules)(&laws) };
            let mistake = laws.first().map(|law| law.wrong());
            Err(Refused { allowed: Some(allowed), mistake, rules })
        }
    }
}
