//! What a correct kernel may answer to a call.

use crate::judge::read;
use model::{Judge, TRANSITIONS, Why};
use serde::Serialize;
use trace::{Errno, Event, Outcome, Trace, Value};

/// The answers to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// Every answer that a correct kernel may give; none if the call never returns here.
    pub answers: Vec<Answer>,
    /// What is wrong with the call or with the trace before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The outcome in words.
    pub outcome: String,
    /// The line of the trace.
    pub line: String,
    /// What is true afterward and was not before.
    pub then: Vec<String>,
}

/// The calls that the model knows.
pub fn calls() -> Vec<&'static str> {
    TRANSITIONS.iter().flat_map(|transition| transition.calls).copied().collect()
}

/// The number of lines of a text, from the first on, that are a trace which a correct kernel shows. No line is empty.
pub fn allowed(text: &str) -> usize {
    let error = match read(text) {
        Ok((trace, _)) => {
            let judged = Judge::new().events(trace.events());
            return judged.map_or_else(|refusal| refusal.nth, |()| trace.events().len());
        }
        Err(error) => error,
    };
    // Those before the line that cannot be read.
    let lines: Vec<&str> = text.lines().take(error.line.saturating_sub(1)).collect();
    let is_shorter = lines.len() < text.lines().count();
    if is_shorter { allowed(&lines.join("\n")) } else { 0 }
}

/// The answers to calls such as `keyctl_get_keyring_ID(@p, 1)`, one a line, each of which a task makes after a trace.
pub fn offer(trace: &str, task: &str, calls: &str) -> Vec<Offered> {
    let failed = |problem: String| Offered { answers: Vec::new(), problem: Some(problem) };
    let before = match Before::new(trace) {
        Ok(before) => before,
        Err(problem) => return calls.lines().map(|_| failed(problem.clone())).collect(),
    };
    let offered = |call| match before.answers(task, call) {
        Ok(answers) => Offered { answers, problem: None },
        Err(problem) => failed(problem),
    };
    calls.lines().map(offered).collect()
}

/// What happened before the call.
struct Before<'a> {
    text: &'a str,
    trace: Trace,
    judge: Judge,
}

impl<'a> Before<'a> {
    fn new(text: &'a str) -> Result<Before<'a>, String> {
        let (trace, _) = read(text).map_err(|error| error.to_string())?;
        let mut judge = Judge::new();
        match judge.events(trace.events()) {
            Ok(()) => Ok(Before { text, trace, judge }),
            Err(_) => Err("no correct kernel shows the calls so far".to_owned()),
        }
    }

    fn answers(&self, task: &str, call: &str) -> Result<Vec<Answer>, String> {
        let mut event = event(task, call)?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        // The model answers some calls by what the event shows: a quota may be used up, and a new task has
        // the name that the trace gives it.
        let unnamed = Outcome::Returned(Value::word("?"));
        let name = Outcome::Returned(Value::word(new_name(&self.trace, &event)));
        for shown in [Outcome::Nothing, name, Outcome::Failed(Errno::EDQUOT)] {
            event.outcome = shown;
            for outcome in self.judge.allowed(&event) {
                let one = Event { outcome: outcome.clone(), ..event.clone() };
                let is_new = outcome != unnamed && !outcomes.contains(&outcome);
                if is_new && self.judge.clone().event(&one).is_ok() {
                    outcomes.push(outcome);
                }
            }
        }
        if outcomes.is_empty()
            && let Err(refusal) = self.judge.clone().event(&event)
            && let Why::NotUnderstood(expected) | Why::Unknown(expected) = refusal.why
        {
            return Err(format!("expected {expected}"));
        }
        let several = outcomes.len() > 1;
        let answer = |outcome: Outcome| {
            let words = crate::judge::outcome(&outcome);
            let line = Event { outcome, ..event.clone() }.to_string();
            let then = if several { news(self.text, &line) } else { Vec::new() };
            Answer { outcome: words, line, then }
        };
        Ok(outcomes.into_iter().map(answer).collect())
    }
}

fn event(task: &str, call: &str) -> Result<Event, String> {
    let named = Event {
        task: task.to_owned(),
        call: String::new(),
        args: Vec::new(),
        outcome: Outcome::Nothing,
    };
    let named = named.to_string();
    let task = named.split("  ").next().unwrap_or_default();
    let trace: Trace = format!("{task}  {}", call.trim())
        .parse()
        .map_err(|error: trace::ParseError| format!("expected {}", error.expected))?;
    match trace.events() {
        [event] if event.outcome == Outcome::Nothing => Ok(event.clone()),
        _ => Err("expected a call without its answer, such as `fork()`".to_owned()),
    }
}

/// The name of a task that this event creates: one that no task has.
fn new_name(before: &Trace, event: &Event) -> String {
    let kind = if event.call == "pthread_create" { "thread" } else { "child" };
    let is_taken = |name: &str| {
        let by_call = |event: &Event| event.outcome == Outcome::Returned(Value::word(name));
        before.events().iter().any(|event| event.task == name || by_call(event))
    };
    let numbered = (2..).map(|nth| format!("{kind}{nth}"));
    let mut names = std::iter::once(kind.to_owned()).chain(numbered);
    names.find(|name| !is_taken(name)).unwrap_or_default()
}

/// What is true after an event and was not before.
fn news(before: &str, line: &str) -> Vec<String> {
    let after = crate::follow::follow(&format!("{}\n{line}\n", before.trim_end()));
    let before = crate::follow::follow(before).sentences;
    after.sentences.into_iter().filter(|sentence| !before.contains(sentence)).collect()
}
