//! What is found, in words.

use crate::follow::Explainer;
use crate::found::Found;
use crate::kind::Kind;
use crate::state::{Class, KeyIx, Loss, Which};
use crate::text::Writer;
use serde::Serialize;
use strace::{Order, Place};

/// What happened in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The number of calls about keys.
    pub key_calls: u64,
    /// The number of these that were not judged, because the log does not show enough of what was before.
    pub unjudged: u64,
    /// Whether the order of lines of different tasks is unknown.
    pub order_unknown: bool,
    /// Whether the log shows which files are open; one that it does not show may keep a keyring.
    pub shows_files: bool,
    /// The findings, the most telling first.
    pub findings: Vec<Finding>,
    /// The number of findings that are left out because there are too many of their kind.
    pub findings_left_out: u64,
    /// The story of each keyring and key, in the order of their appearance.
    pub stories: Vec<Story>,
    /// The number of stories that are left out because there are too many.
    pub stories_left_out: u64,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A word for programs.
    pub kind: &'static str,
    /// A headline.
    pub title: &'static str,
    /// What happened.
    pub text: String,
    /// What to do instead.
    pub instead: &'static str,
    /// The places that show it; the first is where it happened, further ones where it happened again.
    pub places: Vec<String>,
    /// How often it happened.
    pub count: u64,
    /// The ids of the rules behind it.
    pub rules: Vec<String>,
}

/// The story of a keyring or key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// What it is.
    pub name: String,
    /// What happened to it.
    pub sentences: Vec<Sentence>,
}

/// A sentence of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Where it shows, if anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How often it happened.
    pub count: u64,
    /// The ids of the rules behind it.
    pub rules: &'static [&'static str],
}

/// The rules behind a finding.
fn rules_of(found: &Found) -> Vec<String> {
    match found.rules.is_empty() {
        true => found.kind.rules_of(found.which).iter().map(|rule| (*rule).to_owned()).collect(),
        false => found.rules.clone(),
    }
}

/// The number of stories that are told.
const MOST_STORIES: usize = 500;
/// The number of findings of one kind that are told.
const MOST_OF_A_KIND: usize = 100;

impl Explainer {
    /// Ends the log. `place` writes a place as the reader finds it, `within` the same within a sentence.
    pub fn finish(
        mut self,
        place: &dyn Fn(Place) -> String,
        within: &dyn Fn(Place) -> String,
    ) -> Explained {
        self.release();
        self.convict_suspects();
        for key in self.state.keys() {
            self.timeout_lost(key);
        }
        let writer = Writer { state: &self.state, secrets: &self.secrets, place, within };
        let found = self.findings.sorted();
        let all = found.len();
        let findings: Vec<Finding> = found
            .chunk_by(|a, b| a.kind == b.kind)
            .flat_map(|of_a_kind| of_a_kind.iter().take(MOST_OF_A_KIND))
            .map(|found| Finding {
                kind: found.kind.id(),
                title: found.kind.title(),
                text: writer.write(&found.text),
                instead: found.kind.advice(),
                places: found.places.iter().copied().map(place).collect(),
                count: found.count,
                rules: rules_of(found),
            })
            .collect();
        let told: Vec<KeyIx> = self.state.keys().filter(|key| self.has_story(*key)).collect();
        let stories = told.iter().take(MOST_STORIES).map(|key| self.story(*key, &writer));
        Explained {
            key_calls: self.key_calls,
            unjudged: self.judged.unjudged,
            order_unknown: self.order == Some(Order::Unknown),
            shows_files: self.shows_files,
            findings_left_out: (all - findings.len()) as u64,
            findings,
            stories: stories.collect(),
            stories_left_out: told.len().saturating_sub(MOST_STORIES) as u64,
        }
    }

    /// The timeout that an update removed was not set again.
    fn timeout_lost(&mut self, key: KeyIx) {
        use crate::found::About;
        use crate::text::{Part, say};
        let state = self.state.key(key);
        let Some(((place, task), seconds)) = state.timeout_lost else { return };
        let unlinked = matches!(state.lost, Some((_, Loss::Unlinked(_))));
        if state.revoked.is_some() || state.invalidated.is_some() || unlinked {
            return;
        }
        let text = say(
            "{} had a timeout of {} s until {} updated it. An update removes the timeout, and the log shows no new one: the key does not expire any more",
            [Part::Key(key), Part::Number(seconds), Part::Task(task)],
        );
        let about = About { key: Some(key), ..About::default() };
        self.findings.add(Kind::TimeoutLost, Which::Process, about, text, &[place]);
    }

    /// Whether a key has a story.
    fn has_story(&self, key: KeyIx) -> bool {
        let state = self.state.key(key);
        state.class != Class::Unknown && !state.story.is_empty()
    }

    fn story(&self, key: KeyIx, writer: &Writer<'_>) -> Story {
        let state = self.state.key(key);
        let mut sentences: Vec<Sentence> = state
            .story
            .iter()
            .map(|step| Sentence {
                text: writer.write(&step.text),
                place: Some((writer.place)(step.place)),
                count: step.count,
                rules: step.rules,
            })
            .collect();
        if let Some(text) = self.at_the_end(key, writer) {
            sentences.push(Sentence { text, place: None, count: 1, rules: &[] });
        }
        let mut name = writer.key(key);
        if let Some((_, by)) = state.made.filter(|_| state.class.which().is_some()) {
            name = format!("{name} of {}", writer.task(by));
        }
        Story { name, sentences }
    }

    /// What the end of the log leaves.
    fn at_the_end(&self, key: KeyIx, writer: &Writer<'_>) -> Option<String> {
        let state = self.state.key(key);
        if state.lost.is_some() || state.class == Class::Session {
            return None;
        }
        if let Some(holder) = state.holders.first() {
            let task = writer.task(*holder);
            return Some(match state.holders.len() {
                1 => format!("At the end of the log {task} has it."),
                number => {
                    format!("At the end of the log {number} threads have it, such as {task}.")
                }
            });
        }
        let parent = state.parents.first()?;
        Some(format!("At the end of the log the {} keeps it.", writer.key(*parent)))
    }
}
