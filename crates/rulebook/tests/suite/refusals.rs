//! A book with a broken rule is refused, with file, line and fix.

use crate::{PAGE, Project, TRACE};
use std::fs;
use std::path::Path;

#[test]
fn a_valid_rule_is_read_completely() {
    let project = Project::new("valid", PAGE);
    project.pin("process.fork", TRACE);
    assert_eq!(project.problems(), Vec::<String>::new());
    let book = project.read();
    let rule = book.rule("process.fork").unwrap();
    assert_eq!((rule.line, rule.provenance_line), (3, 9));
    assert_eq!((&*rule.title, &*rule.statement), ("A title", "A statement."));
    assert_eq!(rule.from, ["P7", "T6"]);
    assert_eq!(rule.kernel, ["copy_creds", "key_alloc"]);
    assert_eq!(rule.needs, ["root", "Linux ≥ 5.3"]);
    assert_eq!(rule.why, "Why.\n\nMore.");
    assert_eq!(rule.snippet, "expect(read(), 1)?;\nexpect(read(), ENOKEY)\n");
    let frame = "use keyrings::*;\nfn main() -> Observed { observe(\"process.fork\", || {\n";
    assert_eq!(rule.program, format!("{frame}{}}}) }}\n", rule.snippet));
    assert_eq!(rule.link(), "page.html#process.fork");
    assert_eq!(book.index(), "process.fork | stated | A statement.\n");
}

/// `faults.txt` lists what is replaced (`-`) by what (`+`), and the problem that is reported (`=`).
#[test]
fn each_fault_is_reported_with_its_place_and_its_fix() {
    for (nth, fault) in include_str!("faults.txt").split("\n\n").enumerate() {
        let mut lines =
            fault.lines().map(|line| line.get(2..).unwrap_or_default().replace("\\n", "\n"));
        let mut next = || lines.next().unwrap();
        let (from, to, problem) = (next(), next(), next());
        assert!(PAGE.contains(&from), "{from}");
        let project = Project::new(&format!("fault{nth}"), &PAGE.replace(&from, &to));
        project.pin("process.fork", TRACE);
        let problems = project.problems();
        assert!(problems.contains(&format!("book/page.md:{problem}")), "{from}: {problems:#?}");
    }
}

#[test]
fn all_faults_of_a_rule_are_reported_at_once() {
    let spoilt = PAGE.replace("A statement.\n\n*P7, T6 ·", "*P99 ·").replace("read(), 1", "1");
    let spoilt = spoilt.replace("observe(\"process.fork\"", "observe(\"process\"");
    let project = Project::new("several", &spoilt.replace("expect(1)?;\n", ""));
    let book = project.read();
    let found = book.problems_around(Path::new("page.md"), 9);
    let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 7, 7, 11, 11], "{found:#?}");
    assert!(book.problems_around(Path::new("page.md"), 1).is_empty());
    assert!(book.problems_around(Path::new("other.md"), 9).is_empty());
}

#[test]
fn an_id_is_used_once() {
    let project = Project::new("twice", &format!("{PAGE}\n{PAGE}"));
    project.pin("process.fork", TRACE);
    let problem = "book/page.md:25: `process.fork` is already used; choose another id: the first is \
                   in page.md, line 3";
    assert_eq!(project.problems(), [problem]);
    // It is reported for the second rule only.
    let (book, page) = (project.read(), Path::new("page.md"));
    assert!(book.problems_around(page, 11).is_empty());
    assert_eq!(book.problems_around(page, 33).len(), 1);
}

#[test]
fn a_missing_page_is_reported() {
    let project = Project::new("missing", "");
    fs::remove_file(project.root.join("book/page.md")).unwrap();
    let problems = project.problems().join("\n");
    assert!(problems.starts_with("book/SUMMARY.md:1: page.md cannot be read: "), "{problems}");
}
