//! One question of a page: what it asks, and texts.

use serde::Serialize;

/// Answers a question with JSON, except those of `faults`. What can be asked:
///
/// | question | texts |
/// |---|---|
/// | `judge` | a trace; the table of wrong models |
/// | `offer` | a trace, a task, a call |
/// | `follow`, `allowed` | a trace |
/// | `snippet` | a trace, the id of the rule |
/// | `wrong` | a law, traces |
/// | `calls`, `laws` | |
/// | `strace` | a log, the name of its file, the table of wrong models |
/// | those of `faults` | one |
pub fn answer(question: &str, texts: [Vec<u8>; 3]) -> String {
    #[cfg(feature = "logs")]
    if question == "strace" {
        return logs::answer(texts);
    }
    #[cfg(feature = "faults")]
    if let Some(answer) = faults::answer(question, &texts[0]) {
        return answer;
    }
    #[cfg(feature = "explorer")]
    if let Some(answer) = explorer::answer(question, &texts) {
        return answer;
    }
    #[cfg(feature = "rules")]
    if let Some(answer) = rules::answer(question, &texts) {
        return answer;
    }
    problem(format!("there is no question `{question}`"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(any(feature = "rules", feature = "explorer", feature = "logs"))]
fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_else(|error| problem(error.to_string()))
}

#[derive(Serialize)]
struct Problem {
    problem: String,
}

fn problem(problem: String) -> String {
    serde_json::to_string(&Problem { problem }).unwrap_or_default()
}

#[cfg(feature = "logs")]
mod logs {
    use super::{json, text};
    use crate::remote::{Ask, Remote};
    use std::io::Cursor;
    use strace::{Order, Reader};

    #[cfg(target_arch = "wasm32")]
    const ASK: Ask = crate::exports::ask_faults;
    #[cfg(not(target_arch = "wasm32"))]
    const ASK: Ask = |question, text| super::answer(question, [text.into(), vec![], vec![]]);

    pub(super) fn answer([log, name, table]: [Vec<u8>; 3]) -> String {
        let reader = Reader::new(Cursor::new(log));
        let model = Box::new(Remote::new(ASK, &text(&table)));
        json(&crate::strace::explain(vec![text(&name)], Order::Log, Ok(reader), model))
    }
}

#[cfg(feature = "faults")]
mod faults {
    use super::text;
    use crate::faults::Faults;
    use std::cell::RefCell;

    thread_local! {
        static FAULTS: RefCell<Faults> = RefCell::default();
    }

    pub(super) fn answer(question: &str, one: &[u8]) -> Option<String> {
        FAULTS.with_borrow_mut(|faults| faults.answer(question, &text(one)))
    }
}

#[cfg(feature = "explorer")]
mod explorer {
    use super::{json, text};
    use crate::{follow, offer, snippet};

    pub(super) fn answer(question: &str, texts: &[Vec<u8>; 3]) -> Option<String> {
        let [one, two, three] = texts.each_ref().map(|bytes| text(bytes));
        Some(match question {
            "offer" => json(&offer::offer(&one, &two, &three)),
            "allowed" => json(&offer::allowed(&one)),
            "follow" => json(&follow::follow(&one)),
            "snippet" => json(&snippet::snippet(&one, &two)),
            "calls" => json(&offer::calls()),
            _ => return None,
        })
    }
}

#[cfg(feature = "rules")]
mod rules {
    use super::{json, problem, text};
    use crate::{judge, table, wrong};

    pub(super) fn answer(question: &str, [one, two, _]: &[Vec<u8>; 3]) -> Option<String> {
        let (one, two) = (text(one), text(two));
        Some(match question {
            "judge" => match table::parse(&two) {
                Ok(table) => {
                    let text = one.replace("\r\n", "\n");
                    json(&judge::judge(&text, 1, |trace| model::judge(trace, &table)))
                }
                Err(error) => problem(error),
            },
            "wrong" => match wrong::wrong(&one, &two) {
                Some(noticed) => json(&noticed),
                None => problem(format!("there is no law `{one}`")),
            },
            "laws" => json(&wrong::all()),
            _ => return None,
        })
    }
}
