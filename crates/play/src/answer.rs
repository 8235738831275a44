//! One question of a page: what it asks, and texts.

use serde::Serialize;

/// Answers a question with JSON. What a page can ask:
///
/// | question | texts |
/// |---|---|
/// | `judge` | a trace; the table of wrong models |
/// | `offer` | a trace, a task, a call |
/// | `follow` | a trace |
/// | `snippet` | a trace, the id of the rule |
/// | `wrong` | a law, traces |
/// | `calls`, `laws` | |
/// | `strace` | a log, the name of its file, the table of wrong models |
pub fn answer(question: &str, texts: [Vec<u8>; 3]) -> String {
    match question {
        #[cfg(feature = "logs")]
        "strace" => logs::answer(texts),
        #[cfg(feature = "rules")]
        question => rules::answer(question, texts),
        #[cfg(not(feature = "rules"))]
        question => unknown(question),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

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

fn unknown(question: &str) -> String {
    problem(format!("there is no question `{question}`"))
}

#[cfg(feature = "logs")]
mod logs {
    use super::{json, text};
    use crate::table;
    use model::Law;
    use std::io::Cursor;
    use strace::{Order, Reader};

    pub(super) fn answer([log, name, table]: [Vec<u8>; 3]) -> String {
        let reader = Reader::new(Cursor::new(log));
        // Only a kernel fault needs the table.
        let table = text(table);
        let rules =
            |laws: &[Law]| table::parse(&table).map(|it| it.rules(laws)).unwrap_or_default();
        json(&crate::strace::explain(vec![text(name)], Order::Log, Ok(reader), &rules))
    }
}

#[cfg(feature = "rules")]
mod rules {
    use super::{json, problem, text, unknown};
    use crate::{follow, judge, offer, snippet, table, wrong};

    pub(super) fn answer(question: &str, texts: [Vec<u8>; 3]) -> String {
        let [one, two, three] = texts.map(text);
        match question {
            "judge" => match table::parse(&two) {
                Ok(table) => {
                    let text = one.replace("\r\n", "\n");
                    json(&judge::judge(&text, 1, |trace| model::judge(trace, &table)))
                }
                Err(error) => problem(error),
            },
            "offer" => json(&offer::offer(&one, &two, &three)),
            "follow" => json(&follow::follow(&one)),
            "snippet" => json(&snippet::snippet(&one, &two)),
            "wrong" => match wrong::wrong(&one, &two) {
                Some(noticed) => json(&noticed),
                None => problem(format!("there is no law `{one}`")),
            },
            "calls" => json(&offer::calls()),
            "laws" => json(&wrong::all()),
            question => unknown(question),
        }
    }
}
