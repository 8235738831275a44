//! What happened to the keyrings of a program, from a log of strace.

use findings::{Explained, Explainer, Onlooker};
use serde::Serialize;
use strace::{Counts, Order, Place, Reader};

/// What was found in one run.
#[derive(Debug, Serialize)]
pub struct Log {
    /// The names of its files.
    pub files: Vec<String>,
    /// What was found in them.
    #[serde(flatten)]
    pub result: LogResult,
}

/// What was found, if it could be read.
#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum LogResult {
    /// It was read.
    Explained {
        /// The findings and stories.
        #[serde(flatten)]
        explained: Explained,
        /// The number of lines.
        lines: u64,
        /// The number of lines that could not be read.
        unparsed: u64,
        /// The number of lines that were too long, and cut.
        cut: u64,
        /// The first lines that could not be read, with strings masked.
        samples: Vec<Sample>,
    },
    /// It could not be read.
    Unreadable {
        /// Why.
        because: String,
    },
}

/// A line that could not be read.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// Where it is.
    pub place: String,
    /// The line.
    pub text: String,
}

/// Explains a run. `files` are the names of its files; `model` says what no correct kernel answers.
pub fn explain(
    files: Vec<String>,
    order: Order,
    reader: std::io::Result<Reader>,
    model: Box<dyn Onlooker>,
) -> Log {
    let place = |place: Place| {
        let file = files.get(place.file).map_or("", String::as_str);
        format!("{file}:{}", place.line)
    };
    // One file needs no name in every sentence.
    let within = |at: Place| match files.len() {
        1 => format!("line {}", at.line),
        _ => place(at),
    };
    let result = match reader.and_then(|reader| follow(reader, order, model)) {
        Ok((explainer, counts)) => {
            let samples = counts.samples.iter();
            let samples = samples
                .map(|(at, text)| Sample { place: place(*at), text: explainer.masked(text) })
                .collect();
            LogResult::Explained {
                explained: explainer.finish(&place, &within),
                lines: counts.lines,
                unparsed: counts.unparsed,
                cut: counts.cut,
                samples,
            }
        }
        Err(error) => LogResult::Unreadable { because: error.to_string() },
    };
    Log { files, result }
}

fn follow(
    mut reader: Reader,
    order: Order,
    model: Box<dyn Onlooker>,
) -> std::io::Result<(Explainer, Counts)> {
    let mut explainer = Explainer::new(order, model);
    loop {
        explainer.first_pid(reader.first_pid());
        let Some(event) = reader.next()? else { break };
        explainer.event(&event);
    }
    Ok((explainer, reader.counts().clone()))
}
