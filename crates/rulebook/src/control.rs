//! Controls: does a snippet also show the opposite of what its rule states?
//!
//! A rule that observes a single answer holds on a kernel that always returns that answer. What a
//! machine can check of this is necessary, not sufficient: the program states at least two
//! expectations, and its trace contains at least two different answers. Whether the second one is
//! the right opposite is for the reviewer, and for `keybook wrong`.

use std::collections::{BTreeMap, BTreeSet};
use trace::{Outcome, Trace, Value};

/// Functions of the `keyrings` crate that state an expectation.
const EXPECTATIONS: [&str; 6] =
    ["expect(", "ensure(", "succeeds(", "exits(", "wait_until_gone(", "wait_until_expired("];

/// Counts the expectations of a program: calls of the functions above, and statements that only
/// require a call to succeed (`keyctl_link(key, ring)?;`).
pub(crate) fn expectations(program: &str) -> usize {
    let named: usize = EXPECTATIONS.iter().map(|name| program.matches(name).count()).sum();
    let bare = |line: &&str| {
        let statement = line.trim().strip_suffix(")?;");
        statement.is_some_and(|call| {
            !call.starts_with("let ") && !EXPECTATIONS.iter().any(|name| call.contains(name))
        })
    };
    named + program.lines().filter(bare).count()
}

/// What `/proc/keys` shows of a key that it omits. Other words that begin with a small letter are tasks.
const NO_LINE: &str = "nothing";

/// Tells whether a trace shows a control. It does if
///
/// - calls of one name have two different outcomes, where creating a key is the same outcome
///   whichever key it is, or
/// - a call fails and another returns information (neither 0, a new key nor a task), or
/// - two calls fail with different errors.
pub fn shows_control(trace: &Trace) -> bool {
    let mut keys = BTreeSet::new();
    let mut by_call: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut answers = BTreeSet::new();
    let mut fails = false;
    for event in trace.events() {
        let outcome = match &event.outcome {
            Outcome::Nothing => continue,
            Outcome::Returned(Value::Word(word))
                if word.starts_with(char::is_lowercase) && word != NO_LINE =>
            {
                continue;
            }
            Outcome::Returned(Value::Word(key)) if keys.insert(key) => String::from("a new key"),
            Outcome::Returned(Value::Int(0)) => String::from("0"),
            outcome => {
                let answer = outcome.to_string();
                fails |= answer.starts_with("-1 ");
                answers.insert(answer.clone());
                answer
            }
        };
        by_call.entry(&event.call).or_default().insert(outcome);
    }
    let contrast = by_call.values().any(|outcomes| outcomes.len() > 1);
    contrast || (fails && answers.len() > 1)
}
