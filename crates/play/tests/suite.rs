//! What the pages ask, natively. `module.js` asks the same of the compiled modules, and `browser.js` uses the pages.

use findings::{ByModel, Onlooker};
use model::Law;
use model::wrong::Table;
use play::answer;
use play::remote::Remote;
use rulebook::{Rulebook, Snapshot, WRONG_MODELS};
use serde_json::Value;
use std::path::PathBuf;
use trace::Trace;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn ask(question: &str, texts: [&str; 3]) -> Value {
    let answer = answer(question, texts.map(|text| text.as_bytes().to_vec()));
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn table() -> Table {
    Table::parse(&std::fs::read_to_string(root().join(WRONG_MODELS)).unwrap()).unwrap()
}

fn traces() -> Vec<(String, Trace)> {
    let book = Rulebook::read(&root());
    let trace = |id: &str| Snapshot::read(&root(), id)?.contents.parse().ok();
    book.rules.iter().filter_map(|rule| Some((rule.id.clone(), trace(&rule.id)?))).collect()
}

const FORK: &str = "main   keyctl_get_keyring_ID(@p, 1) = K1\nmain   fork() = child\n";

#[test]
fn the_table_for_the_browser_is_the_stored_one() {
    let table = table();
    let text = play::table::text(&table);
    assert_eq!(play::table::parse(&text).unwrap(), table);
    let error = play::table::parse(&text.replacen('.', ",", 1)).unwrap_err();
    assert!(error.ends_with(" of the table is of another version"), "{error}");
}

#[test]
fn a_refused_trace_has_a_line_answers_and_rules() {
    let refused = format!("{FORK}\nchild  keyctl_get_keyring_ID(@p, 0) = K1\n");
    let judged = ask("judge", [&refused, &play::table::text(&table()), ""]);
    assert_eq!((&judged["result"], &judged["line"]), (&"refused".into(), &4.into()));
    assert_eq!(judged["allowed"][0], "= -1 ENOKEY (Required key not available)");
    assert!(judged["rules"].as_array().unwrap().contains(&"process.fork".into()), "{judged}");
}

/// The calls that create a task.
const CREATE: [&str; 7] =
    ["fork", "vfork", "clone", "clone3", "posix_spawn", "pthread_create", "upcall"];

/// A line in which each key that no answer has shown has the same name.
fn with_new_keys_alike(before: &str, line: &str) -> String {
    let names = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        words.filter(|word| word.starts_with('K')).map(str::to_owned).collect()
    };
    let shown = before.lines().filter_map(|line| line.split_once(") = "));
    let shown: Vec<String> = shown.flat_map(|(_, answer)| names(answer)).collect();
    let parts = line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|part| {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_key = word.strip_prefix('K').is_some_and(|nth| nth.parse::<u32>().is_ok());
        if is_key && !shown.iter().any(|name| name == word) {
            part.replacen(word, "K", 1)
        } else {
            part.to_owned()
        }
    });
    parts.collect()
}

/// What was recorded is among the answers that are offered, for every call of every trace.
#[test]
fn every_recorded_answer_is_offered() {
    let mut calls = 0;
    for (id, trace) in traces() {
        let mut before = String::new();
        for event in trace.events() {
            // A new task may have any name.
            let named = CREATE.contains(&event.call.as_str());
            if !named && event.task != "starter" && !before.contains("starter") {
                let offered = ask("offer", [&before, &event.task, &event.request()]);
                let answers = offered[0]["answers"].as_array().unwrap();
                let recorded = with_new_keys_alike(&before, &event.to_string());
                let is_it = |answer: &Value| {
                    let line = answer["line"].as_str().unwrap();
                    // Anything, or a list of which a part may be anything.
                    let any = line.contains('…') || line.contains(" = [");
                    any || with_new_keys_alike(&before, line) == recorded
                };
                let found = answers.iter().any(is_it) || answers.len() == 8;
                assert!(found, "{id}: {event} is none of {offered}");
                calls += 1;
            }
            before += &format!("{event}\n");
        }
    }
    assert!(calls > 6000, "{calls}");
}

#[test]
fn several_answers_say_what_follows_from_each() {
    let before = "main    pthread_create() = worker\nworker  keyctl_get_keyring_ID(@p, 1) = K1\n\
                  worker  pthread_exit()\n";
    let offered =
        ask("offer", [before, "main", "keyctl_describe(K1)\nfork()\nfork(1\nkeyctl_fly(K1)"]);
    let answers = offered[0]["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 2, "{offered}");
    assert!(
        answers.iter().any(|answer| answer["then"] == serde_json::json!(["K1 is destroyed."])),
        "{offered}"
    );
    assert_eq!(offered[1]["answers"][0]["line"], "main  fork() = child");
    assert_eq!(offered[2]["problem"], "expected `,` or `)`");
    assert_eq!(offered[3]["problem"], "expected a call that concerns keys, not keyctl_fly");
}

#[test]
fn the_state_is_drawn_as_far_as_a_correct_kernel_shows_it() {
    let drawn =
        ask("follow", [&format!("{FORK}child  keyctl_get_keyring_ID(@p, 0) = K1\n"), "", ""]);
    assert_eq!(drawn["events"], 2);
    assert_eq!(drawn["tasks"], serde_json::json!(["main", "child"]));
    assert_eq!(drawn["sentences"][0], "K1 is the process keyring of main.");
    assert!(drawn["svg"].as_str().unwrap().starts_with("<svg class=\"sd\""));
    let name = "\"<img src=x onerror=alert(1)>\"";
    let drawn = ask("follow", [&format!("main  fork() = word#{name}\n"), "", ""]);
    assert!(!drawn["svg"].as_str().unwrap().contains("<img"), "{drawn}");
    assert_eq!(ask("follow", ["no trace", "", ""])["events"], 0);
}

#[test]
fn a_program_is_followed_up_to_its_first_bad_line() {
    for (rest, lines) in [
        ("child  keyctl_get_keyring_ID(@p, 0) = -1 ENOKEY (Required key not available)\n", 3),
        ("child  keyctl_get_keyring_ID(@p, 0) = K1\nmain  fork() = other\n", 2),
        ("main  keyctl_fly(@t) = 0\nmain  fork() = other\n", 2),
        ("main  fork(\nmain  fork() = other\n", 2),
        ("child  keyctl_get_keyring_ID(@p, 0) = K1\nmain  fork(\n", 2),
    ] {
        assert_eq!(ask("allowed", [&format!("{FORK}{rest}"), "", ""]), lines, "{rest}");
    }
    assert_eq!(ask("allowed", ["<b>", "", ""]), 0);
}

#[test]
fn a_wrong_model_turns_the_rules_red_that_the_table_lists() {
    let text: String = traces().iter().map(|(id, trace)| format!("# {id}\n{trace}")).collect();
    for row in table().rows.iter().step_by(40) {
        let noticed = ask("wrong", [&row.law.name(), &text, ""]);
        let mut ids: Vec<&str> =
            noticed.as_array().unwrap().iter().map(|it| it["rule"].as_str().unwrap()).collect();
        let mut by: Vec<&str> = row.by.iter().map(String::as_str).collect();
        ids.sort_unstable();
        by.sort_unstable();
        assert_eq!(ids, by, "{}", row.law.name());
    }
    assert_eq!(ask("wrong", ["no law", &text, ""])["problem"], "there is no law `no law`");
}

#[test]
fn a_trace_becomes_a_program() {
    let trace = format!(
        "{FORK}child  keyctl_get_keyring_ID(@t, 1) = K2\nchild  keyctl_link(K1, K2) = -1 EACCES (Permission denied)\n\
         child  exit(0)\nmain   waitpid(child) = child\nmain   keyctl_fly(K1) = 0\n"
    );
    let snippet = ask("snippet", [&trace, "my.rule", ""]);
    let code = snippet["code"].as_str().unwrap();
    for line in [
        "observe(\"my.rule\", || {",
        "let k1 = keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE)?;",
        "let child = fork(\"child\")?;",
        "let k2 = child.run(|| keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, CREATE))?;",
        "child.run_with((k1, k2), |(k1, k2)| expect(keyctl_link(k1, k2), EACCES))?;",
        "child.exit()?;",
        "// By hand: main  keyctl_fly(K1) = 0",
    ] {
        assert!(code.contains(line), "{line} is not in\n{code}");
    }
    assert_eq!(snippet["by_hand"], serde_json::json!(["keyctl_fly(K1)"]));
}

/// The reader of logs asks the model by texts, and receives what the model says.
#[test]
fn the_model_in_another_module_says_the_same() {
    fn rules(laws: &[Law]) -> Vec<String> {
        laws.iter().map(|law| law.name()).collect()
    }
    fn ask(question: &str, text: &str) -> String {
        answer(question, [text.into(), vec![], vec![]])
    }
    let table = play::table::text(&table());
    let (mut near, mut far) = (ByModel::new(rules), Remote::new(ask, &table));
    let (task, fault) = ("main", "main  keyctl_get_keyring_ID(@p, 0) = K1\n");
    let fault: Trace = fault.parse().unwrap();
    assert!(!far.knows(task));
    for model in [&mut near as &mut dyn Onlooker, &mut far] {
        model.appears(task);
        assert!(model.knows(task));
    }
    let mut refused = 0;
    for (id, trace) in traces() {
        // In the world of another trace, most answers are wrong or mean nothing.
        for event in trace.events() {
            let [near, far] = [near.event(event.clone(), false), far.event(event.clone(), false)];
            assert_eq!(near, far, "{id}: {event}");
            refused += usize::from(near.is_err());
        }
        if id.ends_with('s') {
            near.forgets();
            far.forgets();
        } else {
            near.loses(task);
            far.loses(task);
        }
        near.appears(task);
        far.appears(task);
    }
    assert!(refused > 100, "{refused}");
    for model in [&mut near as &mut dyn Onlooker, &mut far] {
        model.forgets();
        model.appears(task);
    }
    let event = &fault.events()[0];
    let [near, far] = [near.event(event.clone(), true), far.event(event.clone(), true)];
    let (near, far) = (near.unwrap_err(), far.unwrap_err());
    assert_eq!((&near.allowed, &near.mistake), (&far.allowed, &far.mistake));
    assert!(far.rules.contains(&"keyring.absent.get-keyring-id".into()), "{far:?}");
}

/// No text makes a question panic.
#[test]
fn any_text_has_an_answer() {
    let texts = [
        "",
        "\n",
        "main",
        "main  (",
        "main  fork() = child\nmain  fork() = child",
        "\u{0}",
        "# a\n# b\nmain  f()",
        "é  é(é) = é",
    ];
    for question in [
        "judge", "offer", "allowed", "follow", "snippet", "wrong", "calls", "laws", "strace",
        "what", "",
    ] {
        for one in texts {
            for other in texts {
                ask(question, [one, other, one]);
            }
        }
    }
    for question in ["log", "appears", "loses", "knows", "forgets", "event", "explain"] {
        for one in texts {
            answer(question, [one.into(), vec![], vec![]]);
        }
    }
    let bytes = answer("judge", [vec![0xff, 0xfe], vec![], vec![]]);
    assert!(bytes.contains("malformed"), "{bytes}");
}
