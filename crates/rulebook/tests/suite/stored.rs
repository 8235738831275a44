//! What is stored belongs to the rules, and proves them.

use crate::{PAGE, Project, TRACE};
use rulebook::{CIRCUMSTANCES, Cells, INDEX, WRONG_MODELS, fingerprint, shows_control};
use trace::Trace;

#[test]
fn traces_and_ids_belong_to_rules() {
    let project = Project::new("snapshots", PAGE);
    project.pin("process.vfork.child", TRACE);
    project.write(INDEX, "process.old | stated | Moved.\nprocess.lost | stated | Lost.\n");
    assert_eq!(
        project.problems(),
        [
            "book/page.md:3: `process.fork` has no snapshot; run `cargo test`, then `cargo insta \
             review` (or `INSTA_UPDATE=always cargo test`)",
            "snapshots/traces/process/vfork/child.snap:1: there is no rule `process.vfork.child`; \
             delete the snapshot, or restore the rule",
            "snapshots/index/rules.snap:2: `process.lost` was published and no longer exists; \
             restore it, or redirect its links in book.toml, [output.html.redirect]",
        ]
    );
}

#[test]
fn what_cannot_be_parsed_is_reported_with_its_line() {
    let project = Project::new("unreadable", PAGE);
    project.pin("process.fork", "main  read() = 1\nmain  read() 1");
    project.write("book.toml", "[output]\nhtml = ");
    let problems = project.problems();
    let trace = "snapshots/traces/process/fork.snap:5: this is no trace: column 13: expected ` = ` \
                 and an outcome, or the end of the line; restore the snapshot with git, or delete it \
                 and run `cargo test`";
    assert_eq!(problems[0], trace);
    assert!(problems[1].starts_with("book.toml:2: "), "{}", problems[1]);
}

#[test]
fn a_rule_that_proves_nothing_is_refused() {
    let project = Project::new("idle", PAGE);
    project.pin("process.fork", "main  read() = 1\nmain  read() = 1");
    project.write(WRONG_MODELS, "process.fork\t\nprocess.fork.other\tLaw\n");
    let problems = project.problems();
    let control = "book/page.md:3: `process.fork` has no control: ";
    let idle = "book/page.md:3: `process.fork` refuses no wrong model: ";
    assert!(problems[0].starts_with(control), "{problems:#?}");
    assert!(problems[1].starts_with(idle), "{problems:#?}");
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_control_is_a_second_answer() {
    let shown = |text: &str| shows_control(&text.parse::<Trace>().unwrap());
    let key = "main  add_key(\"user\", \"a\", \"b\", @s) = K1\n";
    let other = "main  add_key(\"user\", \"c\", \"d\", @s) = K2\n";
    let read = "main  keyctl_read(K1) = \"b\"\n";
    let gone = "main  wait_until(K1) = -1 ENOKEY (Required key not available)\n";
    let tasks = "main  fork() = child\nmain  fork() = other\n";
    assert!(!shown(&[key, other, tasks, "main  keyctl_clear(@s) = 0\n", gone].concat()));
    assert!(!shown(&[key, read, read, "main  pthread_exit()\n"].concat()));
    // A failure beside information, another error, the same key again.
    assert!(shown(&[read, gone].concat()));
    assert!(shown(&[gone, "main  keyctl_read(K1) = -1 EACCES (Permission denied)\n"].concat()));
    assert!(shown(&[key, other, key].concat()));
    let (shows, omits) =
        ("main  proc_keys(K1) = [\"I--Q---\"]\n", "main  proc_keys(K1) = nothing\n");
    assert!(shown(&[shows, omits].concat()));
}

#[test]
fn a_fingerprint_is_of_the_events_alone() {
    let of = |text: &str| fingerprint(&text.parse::<Trace>().unwrap());
    let trace = of(TRACE);
    // It is the same for ever: saved results hold it.
    assert_eq!(trace, "8944c28170cb3ffd");
    assert_eq!(of(&TRACE.replace("main  ", "main      ")), trace);
    assert_eq!(of(&TRACE.replace('\n', "\n\n")), trace);
    assert_eq!(of(&TRACE.replace("Required key not available", "No key")), trace);
    for (from, to) in [("main", "child"), ("read", "write"), ("= 1", "= 2"), ("ENOKEY", "EPERM")] {
        assert_ne!(of(&TRACE.replacen(from, to, 1)), trace, "{from}");
    }
    assert_ne!(of("main  read(1, 2) = 3"), of("main  read(1) = 2"));
}

#[test]
fn a_rule_differs_only_where_its_statement_says_so() {
    let given = PAGE.replace("A statement.", "A statement about groups.");
    let given = given.replace(" · needs", " · given: groups · needs");
    let problems = |page: &str, differs: &str| {
        let project = Project::new("circumstances", page);
        project.pin("process.fork", TRACE);
        project.write(CIRCUMSTANCES, &format!("process.fork\t{differs}\tuser (root)\n"));
        project.problems().join("\n")
    };
    // A general condition excludes what any reader excludes.
    assert_eq!(problems(PAGE, "both-keyrings uid-effective"), "");
    let silent = problems(PAGE, "groups");
    let what = "book/page.md:9: `process.fork` differs in `groups`, which its statement does not \
                exclude; name the condition in the statement and behind `given:`";
    assert!(silent.starts_with(what), "{silent}");
    assert_eq!(problems(&given, "groups"), "");
    let idle = problems(&given, "");
    assert!(idle.contains("names the condition `groups`, without which it holds"), "{idle}");
}

#[test]
fn cells_survive_saving() {
    let cells = Cells {
        differs: vec!["groups".into(), "traced".into()],
        not_applicable: vec![
            ("user".into(), "request-key(8)".into()),
            ("child".into(), "x".into()),
        ],
    };
    let saved = Cells::parse_all(&cells.line("process.fork"));
    assert_eq!(saved.get("process.fork"), Some(&cells));
}
