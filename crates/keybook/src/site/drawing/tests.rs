//! The drawings of states.

use super::{figure, fill_in, sentences};
use model::follow;
use std::path::{Path, PathBuf};
use trace::Trace;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn filled(text: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    fill_in(&mut text, &root()).map(|()| text).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_mark_becomes_two_drawings() {
    let html = filled("before\n\n{{#states thread.execve.lives-on 2 3}}\n\nafter").unwrap();
    assert!(html.starts_with("before\n\n<div class=\"ba\"><figure>"), "{html}");
    assert!(html.ends_with("</figure></div>\n\nafter"), "{html}");
    assert_eq!(html.matches("<svg ").count(), 2);
    assert!(html.contains("<figcaption>After <code>execve(self)</code> by child</figcaption>"));
    let (was, is) = html.split_once("After").unwrap();
    assert!(was.contains("<p>K1 is the thread keyring of child. main has neither keyring.</p>"));
    let words = "K1 is out of reach, held by the program that child runs. \
        main and child have neither keyring.";
    assert!(is.contains(words));
    assert!(was.contains("class=\"edge t reach\"") && is.contains("class=\"edge t held\""));
    assert!(was.matches(">process</text>").count() == 2 && is.contains(">program</text>"));
    assert!(!html.contains(" id="));
    // What is new: the program, and the credentials that child has since.
    assert_eq!(is.matches(" new\"").count(), 2, "{is}");
    assert!(!was.contains(" new\""));
}

#[test]
fn a_mark_becomes_one_drawing() {
    let html = filled("{{#state process.threads.before 5}}").unwrap();
    assert_eq!(html.matches("<svg ").count(), 1);
    let words = "K1 is the process keyring of main and late. early has neither keyring.";
    assert!(html.ends_with(&format!("<figcaption>{words}</figcaption></figure>")), "{html}");
    assert!(!html.contains(" new\""));
}

#[test]
fn a_wrong_mark_is_refused() {
    for (mark, says) in [
        ("{{#states no.such-rule 1 2}}", "no.such-rule has no trace"),
        ("{{#states process.fork 1 5}}", "process.fork has 4 calls, not 5"),
        ("{{#states process.fork 2 2}}", "2 does not come before 2"),
        ("{{#states process.fork 1}}", "the number of calls after is missing"),
        ("{{#states process.fork one 2}}", "`one` is no number"),
        ("{{#states process.fork 1 2", "has no end"),
        ("{{#state process.fork 5}}", "process.fork has 4 calls, not 5"),
        ("{{#state process.fork}}", "the number of calls after is missing"),
    ] {
        let error = filled(mark).unwrap_err();
        assert!(error.contains(says), "{mark}: {error}");
    }
}

/// Every state of every trace can be drawn, within its frame.
#[test]
fn every_state_is_drawn() {
    for path in rulebook::Snapshot::all(&root()).into_values() {
        let text = std::fs::read_to_string(path).unwrap();
        let trace: Trace = rulebook::Snapshot::parse(&text).contents.parse().unwrap();
        let states = follow(&trace);
        for pair in states.windows(2) {
            let html = figure("After", &pair[1], Some(&pair[0]));
            let (_, height) = html.split_once("viewBox=\"0 0 360 ").unwrap();
            let height: f64 = height[..height.find('"').unwrap()].parse().unwrap();
            for y in html.split(" y=\"").skip(1) {
                let y: f64 = y[..y.find('"').unwrap()].parse().unwrap();
                assert!((0.0..=height).contains(&y), "{y} is not below {height}: {trace}");
            }
        }
    }
}

#[test]
fn a_state_in_words() {
    let trace: Trace = "main  keyctl_get_keyring_ID(@p, 1) = K1\n\
        main  fork() = child\n\
        main  pthread_create() = late\n\
        child  keyctl_get_keyring_ID(@t, 1) = K2\n\
        child  exit(0)\n\
        main  waitpid(child) = child\n\
        main  wait_until(K2) = -1 ENOKEY (Required key not available)\n"
        .parse()
        .unwrap();
    let states = follow(&trace);
    let words = |nth: usize| sentences(&states[nth]).join(" ");
    assert_eq!(words(0), "main has neither keyring.");
    assert_eq!(words(3), "K1 is the process keyring of main and late. child has neither keyring.");
    assert!(words(5).contains("K2 is out of reach, held by the zombie child."));
    assert!(words(6).contains("Nothing holds K2."));
    assert!(words(7).contains("K2 is destroyed."));
}
