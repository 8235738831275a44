//! The onlooker of a log where the model is in another module: `faults.rs` answers there.

use findings::{Onlooker, Refused};
use trace::{Event, Outcome, Trace};

/// Passes a question with its text to the other module, and returns the answer.
pub type Ask = fn(&str, &str) -> String;

/// The model in another module.
#[derive(Clone, Copy, Debug)]
pub struct Remote(Ask);

impl Remote {
    /// The onlooker of a new log, with the table of wrong models.
    pub fn new(ask: Ask, table: &str) -> Remote {
        ask("log", table);
        Remote(ask)
    }
}

impl Onlooker for Remote {
    fn appears(&mut self, task: &str) {
        self.0("appears", task);
    }

    fn loses(&mut self, task: &str) {
        self.0("loses", task);
    }

    fn forgets(&mut self) {
        self.0("forgets", "");
    }

    fn knows(&self, task: &str) -> bool {
        !self.0("knows", task).is_empty()
    }

    fn event(&mut self, event: Event, explains: bool) -> Result<(), Refused> {
        let question = if explains { "explain" } else { "event" };
        match self.0(question, &event.to_string()) {
            told if told.is_empty() => Ok(()),
            told => Err(refused(&told)),
        }
    }
}

/// A refusal from its lines.
fn refused(told: &str) -> Refused {
    let mut lines = told.lines();
    let mut refused = Refused::default();
    if lines.next() == Some("refused") {
        refused.allowed = Some(Vec::new());
    }
    for (what, text) in lines.filter_map(|line| line.split_once('\t')) {
        match what {
            "allowed" => refused.allowed.get_or_insert_default().extend(outcome(text)),
            "mistake" => refused.mistake = Some(text.to_owned()),
            _ => refused.rules.push(text.to_owned()),
        }
    }
    refused
}

fn outcome(line: &str) -> Option<Outcome> {
    let trace: Trace = line.parse().ok()?;
    Some(trace.events().first()?.outcome.clone())
}
