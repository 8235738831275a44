//! The pictures of all traces of the book, and of some others.

use super::fold::{Run, runs, twin};
use super::lanes::{Lane, Lanes, MOST_TASKS};
use super::picture;
use super::rows::{Story, is_name, is_own};
use model::follow;
use model::follow::{Kind, Life, Place, Slot, State, Unusable};
use rulebook::Snapshot;
use std::path::Path;
use trace::Trace;

/// The text of every trace, by the rule's id.
fn traces() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let ids = Snapshot::all(&root).into_keys();
    ids.map(|id| (id.clone(), Snapshot::read(&root, &id).unwrap().contents)).collect()
}

fn trace(text: &str) -> Trace {
    let lines = text.lines().map(|line| line.trim_start().to_owned() + "\n");
    lines.collect::<String>().parse().unwrap()
}

/// The book's sections with a picture, without one, and those that repeat themselves.
#[test]
fn every_trace_of_the_book_is_drawn() {
    let (mut drawn, mut plain, mut twins) = (0, 0, 0);
    for (id, text) in traces() {
        let html = picture(&text);
        let trace: Trace = text.parse().unwrap();
        assert!(Story::new(&trace).is_known(), "{id}: the model does not follow it");
        assert!(html.contains(&format!("\n```text\n{text}```\n")), "{id}: the text is missing");
        let figures = html.split("\n\n").next().unwrap();
        assert!(!figures.contains(" id=") && !figures.contains("class=\"\""), "{id}");
        check_tags(&id, figures);
        match figures.contains("<svg") {
            true => drawn += 1,
            false => plain += 1,
        }
        twins += usize::from(figures.contains("<details class=\"again\">"));
    }
    assert!(drawn > 300 && plain > 200 && twins > 300, "{drawn} {plain} {twins}");
}

/// Each tag is closed in its order.
fn check_tags(id: &str, html: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{id}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "{id}: {open:?}");
}

/// The calls in a figure are those of the trace.
#[test]
fn no_call_is_lost() {
    for (id, text) in traces() {
        let trace: Trace = text.parse().unwrap();
        let story = Story::new(&trace);
        let second = twin(&trace).map_or(0..0, |twin| twin.second);
        let all = story.rows.len();
        let ranges = [0..second.start, second.clone(), second.end..all];
        let runs = ranges.into_iter().flat_map(|range| runs(&story, range));
        let shown: Vec<usize> = runs.flat_map(|(_, range)| range).collect();
        assert_eq!(shown, (0..story.rows.len()).collect::<Vec<_>>(), "{id}");
    }
}

#[test]
fn there_are_not_too_many_lanes() {
    for (id, text) in traces() {
        let trace: Trace = text.parse().unwrap();
        let story = Story::new(&trace);
        let other = story.drawn.iter().filter(|key| !is_own(story.kind(**key)));
        assert!(other.count() <= 2, "{id}");
        let lanes = Lanes::of(&story, &(0..story.rows.len()));
        let keys = lanes.drawn.iter().filter(|lane| matches!(lane, Lane::Key(_))).count();
        assert!(keys == 0 || lanes.drawn.len() - keys <= MOST_TASKS, "{id}");
    }
}

/// Each sentence is true in the model, and each keyring that moves is mentioned.
#[test]
fn the_notes_agree_with_the_model() {
    let mut sentences = 0;
    for (id, text) in traces() {
        let trace: Trace = text.parse().unwrap();
        let states = follow(&trace);
        let story = Story::new(&trace);
        for (row, state) in story.rows.iter().zip(states.windows(2)) {
            let (before, after) = (&state[0], &state[1]);
            let notes: Vec<String> = row.notes.iter().map(ToString::to_string).collect();
            for note in &notes {
                sentences += 1;
                assert!(is_true(note, before, after), "{id}: {}\n{note}", row.event);
            }
            for (was, is) in before.keys.iter().zip(&after.keys) {
                let Some(name) = is.name.as_deref().filter(|_| is_own(is.kind)) else { continue };
                let moves = was.place != is.place && is.place != Place::Destroyed;
                let is_said = notes.iter().any(|note| words(note).any(|word| word == name));
                assert!(
                    !moves || is_said,
                    "{id}: {}\n{name} is {:?}\n{notes:?}",
                    row.event,
                    is.place
                );
            }
        }
    }
    assert!(sentences > 2000, "{sentences}");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
}

/// Whether a sentence is true after an event.
fn is_true(note: &str, before: &State, after: &State) -> bool {
    let note = note.strip_suffix('.').unwrap();
    let is_at =
        |keys: &str, place: Place| all(keys, |key| keyed(after, key, |key| key.place == place));
    if let Some((task, manner)) = note.split_once(" starts") {
        return has_started(task, manner, before, after);
    }
    if let Some((key, how)) = note.split_once(" is created") {
        return is_created(key, how, before, after);
    }
    if let Some((keys, by)) = note.split_once(" out of reach, held by ") {
        let held = |key: &follow::Key| {
            let holders: Vec<String> = key.held_by.iter().map(ToString::to_string).collect();
            all(by, |name| holders.iter().any(|holder| holder == name)) && key.reached_by.is_empty()
        };
        return all(verbless(keys), |key| keyed(after, key, held));
    }
    if let Some((keys, tasks)) = note.split_once(" in reach of ") {
        let tasks = tasks.strip_suffix(" again").unwrap();
        let reached = |key: &follow::Key| {
            all(tasks, |name| key.reached_by.iter().any(|task| after.tasks[*task].name == name))
        };
        return all(verbless(keys), |key| keyed(after, key, reached));
    }
    if let Some(keys) = note.strip_prefix("Nothing holds ") {
        let keys = keys.strip_suffix(" any more").unwrap();
        let loose = |key: &follow::Key| key.held_by.is_empty() && key.reached_by.is_empty();
        return all(keys, |key| keyed(after, key, loose));
    }
    if let Some(keys) = note.strip_suffix(" may be destroyed by now") {
        return is_at(keys, Place::Unknown);
    }
    if let Some(keys) = note.strip_suffix(" destroyed") {
        return is_at(verbless(keys), Place::Destroyed);
    }
    if let Some((by, keys)) = note.strip_suffix(" as well").and_then(|it| it.split_once(" holds "))
    {
        let held = |key: &follow::Key| {
            key.held_by.iter().any(|holder| holder.to_string().eq_ignore_ascii_case(by))
        };
        return all(keys, |key| keyed(after, key, held));
    }
    if let Some(what) = note.strip_suffix(" unusable") {
        return is_spoiled(what, after);
    }
    if let Some(key) = note.strip_suffix(" still exists") {
        let exists = |key: &follow::Key| key.place != Place::Destroyed && key.reached_by.is_empty();
        return keyed(after, key, exists);
    }
    is_true_of_task(note, before, after)
}

fn is_spoiled(what: &str, after: &State) -> bool {
    let (what, in_place) = what.rsplit_once(": ").unwrap();
    let (key, why) =
        what.rsplit_once(if what.ends_with("expired") { " has " } else { " is " }).unwrap();
    let is = |key: &follow::Key| {
        let is_loose = key.place == Place::Loose && key.unusable == Some(Unusable::Invalidated);
        let word = key.unusable.map(|why| format!("{why:?}").to_lowercase());
        word.as_deref() == Some(why) && is_loose == (in_place == "soon destroyed, and")
    };
    keyed(after, key, is)
}

fn is_true_of_task(note: &str, before: &State, after: &State) -> bool {
    let has = |state: &State, task: &str, label: &str| {
        let own = state.tasks[state.running(task).unwrap()].own;
        let mut keys = own.keyrings().map(|key| state.keys[key].name.as_deref());
        keys.any(|name| name == Some(label) || (name.is_none() && !is_name(label)))
    };
    if let Some((task, key)) = note.split_once(" no longer has ") {
        return has(before, task, key) && !has(after, task, key);
    }
    if let Some((task, kind)) = note.split_once(" has no ") {
        let own = after.tasks[after.running(task).unwrap()].own;
        return Slot::Empty == if kind == "thread keyring" { own.thread } else { own.process };
    }
    let (task, key) = note.split_once(" has ").unwrap_or_else(|| panic!("unknown: {note}"));
    let Some((key, others)) = key.split_once(", as ") else { return has(after, task, key) };
    let others = others.strip_suffix(" has").or(others.strip_suffix(" have")).unwrap();
    has(after, task, key) && all(others, |other| has(after, other, key))
}

fn has_started(task: &str, manner: &str, before: &State, after: &State) -> bool {
    let nth = after.running(task).unwrap();
    let own = after.tasks[nth].own;
    let is_new = |slot: Slot| slot.keyring().is_some_and(|key| key >= before.keys.len());
    let slot = |kind: &str| if kind == "thread keyring" { own.thread } else { own.process };
    let mut is = nth >= before.tasks.len();
    for clause in manner.split(", with").flat_map(|clause| clause.split(", ")) {
        is &= if let Some(keys) = clause.strip_prefix("sharing ") {
            all(keys, |label| {
                own.keyrings().any(|key| is_label(after, key, label) && key < before.keys.len())
            })
        } else if let Some(kind) = clause.strip_prefix("out a ") {
            slot(kind) == Slot::Empty
        } else if let Some(kind) = clause.strip_prefix(" a new ") {
            is_new(slot(kind))
        } else if clause == " neither keyring" {
            own.thread == Slot::Empty && own.process == Slot::Empty
        } else {
            clause.is_empty()
        };
    }
    is
}

fn is_created(key: &str, how: &str, before: &State, after: &State) -> bool {
    let is_new = |nth: &usize| *nth >= before.keys.len() && is_label(after, *nth, key);
    let Some(nth) = (0..after.keys.len()).find(is_new) else { return false };
    if let Some(how) = how.strip_prefix(": ") {
        let (owner, kind) = how.split_once('’').unwrap();
        let own = after.tasks[after.running(owner).unwrap()].own;
        return match kind {
            "s thread keyring" => own.thread == Slot::Has(nth),
            "s process keyring" => own.process == Slot::Has(nth),
            _ => after.keys[nth].kind == Kind::Session,
        };
    }
    match how.split_once(" in ") {
        Some((_, ring)) => keyed(after, ring, |ring| ring.links.contains(&nth)),
        None => how.is_empty(),
    }
}

fn verbless(keys: &str) -> &str {
    keys.strip_suffix(" is").or(keys.strip_suffix(" are")).unwrap_or(keys)
}

/// Whether something is true of each name in a list.
fn all(list: &str, is: impl Fn(&str) -> bool) -> bool {
    list.split(" and ").flat_map(|part| part.split(", ")).all(is)
}

/// Whether a key has this label. The kind tells one without a name.
fn is_label(state: &State, key: usize, label: &str) -> bool {
    let key = &state.keys[key];
    match &key.name {
        Some(name) => name == label,
        None => match key.kind {
            Kind::Thread => label.ends_with("thread keyring"),
            Kind::Process => label.ends_with("process keyring"),
            _ => false,
        },
    }
}

/// Whether something is true of a key with this label.
fn keyed(state: &State, label: &str, is: impl Fn(&follow::Key) -> bool) -> bool {
    (0..state.keys.len()).any(|key| is_label(state, key, label) && is(&state.keys[key]))
}

/// The test above can fail.
#[test]
fn a_false_note_is_noticed() {
    let trace = trace(
        "main  fork() = child
         child  keyctl_get_keyring_ID(@t, 1) = K1",
    );
    let states = follow(&trace);
    let at = |note: &str, nth: usize| is_true(note, &states[nth], &states[nth + 1]);
    for (note, nth, truth) in [
        ("child starts, with neither keyring.", 0, true),
        ("child starts, with a new thread keyring.", 0, false),
        ("main starts.", 0, false),
        ("K1 is created: child’s thread keyring.", 1, true),
        ("K1 is created: child’s process keyring.", 1, false),
        ("K1 is created: main’s thread keyring.", 1, false),
        ("Nothing holds K1 any more.", 1, false),
        ("K1 is destroyed.", 1, false),
        ("K1 is out of reach, held by file.", 1, false),
        ("file holds K1 as well.", 1, false),
        ("child has K1.", 1, true),
        ("main has K1.", 1, false),
        ("main has no thread keyring.", 1, true),
        ("child has no thread keyring.", 1, false),
    ] {
        assert_eq!(at(note, nth), truth, "{note}");
    }
}

/// The figure of `process.threads.before`, in full.
#[test]
fn a_small_figure() {
    let html = picture(
        "main   pthread_create() = early\n\
         main   keyctl_get_keyring_ID(@p, 1) = K1\n\
         early  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)\n",
    );
    let rest = html.split("<li>").skip(1).collect::<Vec<_>>();
    let early = "<line class=\"ln\" x1=\"50%\" y1=\"0\" x2=\"50%\" y2=\"100%\"/>";
    assert!(html.starts_with("<figure class=\"tr\" style=\"--n:3\"><div class=\"hd\""), "{html}");
    assert!(rest[0].contains("<line class=\"ln\" x1=\"50%\" y1=\"50%\" x2=\"50%\" y2=\"100%\"/>"));
    assert!(rest[1].contains(early) && rest[2].contains(early));
    assert!(
        rest[1]
            .contains("<line class=\"st p\" x1=\"16.67%\" y1=\"50%\" x2=\"16.67%\" y2=\"100%\"/>")
    );
    assert!(
        rest[1]
            .contains("<line class=\"br p\" x1=\"83.33%\" y1=\"50%\" x2=\"83.33%\" y2=\"100%\"/>")
    );
    assert!(rest[1].contains("<circle class=\"nw p\" cx=\"83.33%\" cy=\"50%\" r=\"5\"/>"));
    assert!(rest[1].contains("<span class=\"nt\">K1 is created: main’s process keyring.</span>"));
    assert!(rest[2].contains("<circle class=\"nd no\" cx=\"50%\" cy=\"50%\" r=\"4.5\"/>"));
    assert!(
        rest[2].contains("= -1 <b>ENOKEY</b> <span class=\"wd\">Required key not available</span>")
    );
    assert!(rest[2].contains(
        "<figcaption><b>In the end</b> main has K1; early has no process keyring.</figcaption>"
    ));
}

/// The end of a key is drawn where the trace shows it, not where the model knows of it.
#[test]
fn an_end_is_drawn_where_it_was_observed() {
    let html = picture(
        "main   fork() = child\n\
         child  keyctl_get_keyring_ID(@t, 1) = K1\n\
         child  exit(0)\n\
         main   waitpid(child) = child\n\
         main   wait_for_the_collector()\n\
         main   keyctl_describe(K1) = -1 ENOKEY (Required key not available)\n",
    );
    let rows: Vec<&str> = html.split("<li>").skip(1).collect();
    let has = |mark: &str| rows.iter().map(|row| row.contains(mark)).collect::<Vec<_>>();
    assert_eq!(has("class=\"br t h\""), [false, false, true, true, false, false]);
    assert_eq!(has("class=\"br t l\""), [false, false, false, true, true, true]);
    assert_eq!(has("class=\"gone\""), [false, false, false, false, false, true]);
    assert_eq!(has("K1 is destroyed."), [false, false, false, false, false, true]);
    assert_eq!(has("held by the zombie child"), [false, false, true, false, false, false]);
}

/// Ten tasks: no lanes for keys, and one row for each run.
#[test]
fn many_tasks() {
    let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I"];
    let mut text = String::new();
    names.iter().for_each(|name| text += &format!("main  pthread_create() = {name}\n"));
    for (nth, name) in names.iter().enumerate() {
        text += &format!("{name}  keyctl_get_keyring_ID(@p, 1) = K{}\n", nth + 1);
    }
    let trace = trace(&text);
    let story = Story::new(&trace);
    assert_eq!(runs(&story, 0..18), [(Run::Starts, 0..9), (Run::Each, 9..18)]);
    let html = picture(&text);
    assert!(html.starts_with("<figure class=\"tr many most\" style=\"--n:10\">"), "{html}");
    assert!(!html.contains("class=\"br") && html.matches("class=\"st p\"").count() == 9);
    assert!(html.contains("9 tasks start, without a process keyring."));
    assert!(html.contains("9 keyrings are created, one each."));
    assert!(html.contains("9 tasks have one each; main has no process keyring."));
}

/// Calls that fail alike are one row, which opens.
#[test]
fn many_failures() {
    let line = "main  keyctl_read(@t) = -1 ENOKEY (Required key not available)\n";
    let html = picture(&line.repeat(4));
    assert!(html.contains("<span class=\"fn\">4 calls</span>"), "{html}");
    assert_eq!(html.matches("<code>keyctl_read(<b class=\"t\">@t</b>)</code>").count(), 4);
    assert!(!picture(&line.repeat(3)).contains("calls</span>"));
}

#[test]
fn like_halves() {
    let half = |id: &str, first: u32| {
        format!(
            "main  keyctl_get_keyring_ID({id}, 1) = K{first}
             main  add_key(\"user\", \"key\", \"payload\", {id}) = K{}
             main  keyctl_read(K{first}) = {{K{}}}\n",
            first + 1,
            first + 1
        )
    };
    let found = twin(&trace(&(half("@t", 1) + &half("@p", 3)))).unwrap();
    assert_eq!((found.second, found.with), (3..6, "the process keyring"));
    let found = twin(&trace(&(half("@p", 1) + &half("@t", 3)))).unwrap();
    assert_eq!(found.with, "the thread keyring");
    assert!(twin(&trace(&(half("@t", 1) + &half("@t", 3)))).is_none());
    let other = half("@p", 3).replace("payload", "other");
    assert!(twin(&trace(&(half("@t", 1) + &other))).is_none());
}

/// What the model refuses is shown as calls alone, and what is no trace as text.
#[test]
fn nothing_to_draw() {
    let html = picture("main  fork() = child\nmain  keyctl_get_keyring_ID(@t, 0) = K1\n");
    assert!(html.starts_with("<figure class=\"tr nopic\"") && !html.contains("<svg"), "{html}");
    assert!(
        html.contains("main</span> <span class=\"fn\">fork()</span> <span class=\"rs\">= child")
    );
    assert_eq!(picture("nothing\n"), "```text\nnothing\n```\n");
    let html = picture("main  add_key(\"user\", \"<&>\", \"1\", @t) = K1\n");
    assert!(html.contains("\"&lt;&amp;&gt;\""), "{html}");
}

/// A name that several tasks have in turn has one lane.
#[test]
fn a_name_used_again() {
    let once = "main  fork() = child\nchild  exit(0)\nmain  waitpid(child) = child\n";
    let trace = trace(&once.repeat(2));
    let story = Story::new(&trace);
    let lanes = Lanes::of(&story, &(0..6));
    assert_eq!(lanes.drawn, [Lane::Task("main".into()), Lane::Task("child".into())]);
    assert_eq!(
        story.last().tasks.iter().map(|task| task.life).collect::<Vec<_>>(),
        [Life::Runs, Life::Ended, Life::Ended]
    );
}
