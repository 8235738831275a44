//! What no correct kernel answers, for the reader of logs in another module: its questions and answers as text. `remote.rs` asks
//! them.

use crate::table;
use findings::{ByModel, Onlooker, Refused};
use model::Law;
use std::fmt::Write;
use trace::{Event, Trace};

type Rules = Box<dyn Fn(&[Law]) -> Vec<String>>;

/// The onlooker of one log.
#[derive(Debug)]
pub struct Faults(ByModel<Rules>);

impl Default for Faults {
    fn default() -> Faults {
        Faults::new(String::new())
    }
}

impl Faults {
    /// An onlooker of a new log. Only a fault needs the table of wrong models.
    fn new(table: String) -> Faults {
        Faults(ByModel::new(Box::new(move |laws: &[Law]| {
            table::parse(&table).map(|it| it.rules(laws)).unwrap_or_default()
        })))
    }

    /// Answers a question: `log` with the table, `appears`, `loses` or `knows` with the name of a task, `forgets`, `event` or
    /// `explain` with a line of a trace. `None` if there is no such question.
    pub fn answer(&mut self, question: &str, text: &str) -> Option<String> {
        match question {
            "log" => *self = Faults::new(text.to_owned()),
            "appears" => self.0.appears(text),
            "loses" => self.0.loses(text),
            "forgets" => self.0.forgets(),
            "knows" => return Some(if self.0.knows(text) { "yes" } else { "" }.to_owned()),
            "event" | "explain" => {
                let judged = match event(text) {
                    Some(event) => self.0.event(event, question == "explain"),
                    None => Err(Refused::default()),
                };
                return Some(judged.err().map(|refused| lines(&refused)).unwrap_or_default());
            }
            _ => return None,
        }
        Some(String::new())
    }
}

fn event(text: &str) -> Option<Event> {
    let trace: Trace = text.parse().ok()?;
    trace.events().first().cloned()
}

/// A refusal as lines: the first says whether the call is known, the others begin with what they are.
fn lines(refused: &Refused) -> String {
    let Some(allowed) = &refused.allowed else { return "unknown\n".to_owned() };
    let mut lines = "refused\n".to_owned();
    for outcome in allowed {
        // As an event, which can be read again.
        let (task, call, outcome) = ("t".to_owned(), "f".to_owned(), outcome.clone());
        let event = Event { task, call, args: Vec::new(), outcome };
        let _ = writeln!(lines, "allowed\t{event}");
    }
    if let Some(mistake) = &refused.mistake {
        let _ = writeln!(lines, "mistake\t{mistake}");
    }
    for rule in &refused.rules {
        let _ = writeln!(lines, "rule\t{rule}");
    }
    lines
}
