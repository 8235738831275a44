//! The explanation of a log for people.

use crate::embedded;
use crate::output::{BAD, GOOD, NAME, count};
use findings::{Explained, Finding, Sentence, Story};
use play::strace::{Log, LogResult, Sample};
use std::fmt::Write;

/// The width of a line.
const WIDTH: usize = 100;

pub(super) fn text(log: &Log) -> String {
    let LogResult::Explained { explained, lines, unparsed, cut, samples } = &log.result else {
        return String::new();
    };
    let mut text = String::new();
    let file = match &log.files[..] {
        [file] => file.clone(),
        files => format!("{} and {} more", files[0], count(files.len() - 1, "file")),
    };
    let left_out = explained.findings_left_out;
    let (calls, found) = (explained.key_calls, explained.findings.len() as u64 + left_out);
    let calls = count(calls, "key call");
    let lines = count(lines, "line");
    let _ = match (explained.key_calls, found) {
        (0, _) => writeln!(text, "{file}: no key call in {lines}"),
        (_, 0) => writeln!(text, "{file}: {GOOD}nothing found{GOOD:#} ({calls} in {lines})"),
        _ => writeln!(text, "{file}: {BAD}{}{BAD:#} ({calls} in {lines})", count(found, "finding")),
    };
    if explained.order_unknown {
        let _ = writeln!(
            text,
            "The lines have no times (-ttt), so the order of lines in different files is unknown: each task is \
             followed from its creation to its end."
        );
    }
    if explained.unjudged > 0 {
        let _ = writeln!(
            text,
            "{} could not be judged: the log does not show enough of what was before.",
            count(explained.unjudged, "key call")
        );
    }
    unread(&mut text, *unparsed, *cut, samples);
    for (nth, finding) in explained.findings.iter().enumerate() {
        text.push_str(&of_finding(nth + 1, finding));
    }
    if left_out > 0 {
        let _ = writeln!(text, "\n… and {} of these kinds", count(left_out, "more finding"));
    }
    stories(&mut text, explained, &file);
    text
}

fn unread(text: &mut String, unparsed: u64, cut: u64, samples: &[Sample]) {
    if unparsed > 0 {
        let _ = writeln!(text, "{} could not be read, such as:", count(unparsed, "line"));
        for Sample { place, text: line } in samples.iter().take(3) {
            let _ = writeln!(text, "    {place}: {line}");
        }
    }
    if cut > 0 {
        let _ = writeln!(text, "{} longer than 1 MiB: the rest was left out", count(cut, "line"));
    }
}

fn of_finding(nth: usize, finding: &Finding) -> String {
    let Finding { title, text, instead, places, count: times, rules, .. } = finding;
    let mut output = format!("\n{BAD}{nth}. {title}{BAD:#}\n");
    let times = match times {
        1 => String::new(),
        times => format!(" This happened {times} times."),
    };
    output += &wrapped(&format!("{text}.{times}"), "   ", "   ");
    output += &wrapped(&format!("Lines: {}", places.join(", ")), "   ", "          ");
    output += &wrapped(&format!("Instead: {instead}"), "   ", "            ");
    for rule in rules {
        let _ = writeln!(output, "   Rule {}", titled(rule));
    }
    output
}

/// A rule's id and title.
fn titled(id: &str) -> String {
    match embedded::rule(id) {
        Some(rule) => format!("{NAME}{id}{NAME:#}: {}", rule.title),
        None => id.to_owned(),
    }
}

fn stories(text: &mut String, explained: &Explained, file: &str) {
    if explained.stories.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{NAME}What happened to each keyring and key{NAME:#}");
    if !explained.shows_files {
        let _ = writeln!(
            text,
            "The log does not show which files are open; one of them may keep a keyring longer than told here \
             (keyring.pin.file)."
        );
    }
    for Story { name, sentences } in &explained.stories {
        let _ = writeln!(text, "\n{}", first_upper(name));
        const MOST: usize = 12;
        for sentence in sentences.iter().take(MOST) {
            text.push_str(&of_sentence(sentence, file));
        }
        if sentences.len() > MOST {
            let _ = writeln!(text, "   … and {} more", sentences.len() - MOST);
        }
    }
    if explained.stories_left_out > 0 {
        let _ = writeln!(text, "\n… and {} more keys", explained.stories_left_out);
    }
}

fn of_sentence(sentence: &Sentence, file: &str) -> String {
    let Sentence { text, place, count, rules } = sentence;
    let mut line = text.clone();
    if *count > 1 {
        let _ = write!(line, " ({count} times)");
    }
    // The headline names the file, if there is one only.
    let short = |place: &String| {
        let line = place.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'));
        line.map_or_else(|| place.clone(), |line| format!("line {line}"))
    };
    let rules = rules.iter().map(|rule| (*rule).to_owned());
    let notes: Vec<String> = place.iter().map(short).chain(rules).collect();
    if !notes.is_empty() {
        let _ = write!(line, " [{}]", notes.join(", "));
    }
    wrapped(&line, "   ", "     ")
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().to_string() + chars.as_str())
}

/// Text in lines of [`WIDTH`] characters, where words allow it.
fn wrapped(text: &str, first: &str, next: &str) -> String {
    let mut output = first.to_owned();
    let mut width = first.len();
    for (nth, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
        let length = word.chars().count();
        if nth > 0 && width + 1 + length > WIDTH {
            output += "\n";
            output += next;
            width = next.len();
        } else if nth > 0 {
            output += " ";
            width += 1;
        }
        output += word;
        width += length;
    }
    output + "\n"
}
