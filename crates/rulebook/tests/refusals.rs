//! A book with a broken rule is refused, with file, line and what to do.

use rulebook::{Rulebook, SNAPSHOTS, SOURCE};
use std::fs;
use std::path::{Path, PathBuf};

/// A project of its own, deleted when it goes out of scope.
struct Project {
    root: PathBuf,
}

impl Project {
    fn new(name: &str, page: &str) -> Project {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&root);
        let project = Project { root };
        project.write(&format!("{SOURCE}/SUMMARY.md"), "- [Page](page.md)\n");
        project.write(&format!("{SOURCE}/page.md"), page);
        project.write("book.toml", "[output.html.redirect]\n\"/page.html#process.old\" = \"x\"\n");
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn pin(&self, name: &str, contents: &str) {
        self.write(
            &format!("{SNAPSHOTS}/{name}.snap"),
            &format!("---\nsource: x\n---\n{contents}\n"),
        );
    }

    fn problems(&self) -> Vec<String> {
        let book = Rulebook::read(&self.root);
        book.all_problems(&self.root).iter().map(ToString::to_string).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A page with one rule, well formed unless `change` spoils it.
fn page(change: impl Fn(&str) -> String) -> String {
    change(
        "# Page\n\n## process.fork\n\nA statement.\n\n*P7, T6 · stated · `copy_creds`, `f` · needs: \
         root, Linux ≥ 5.3*\n\nWhy.\n\n```rust\n# use keyrings::*;\n# fn main() -> Observed { \
         observe(\"process.fork\", || {\nOk(())\n# }) }\n```\n\nMore.\n",
    )
}

/// What is said of a page that a change spoils.
fn refused(name: &str, from: &str, to: &str) -> Vec<String> {
    let spoilt = page(|page| {
        assert!(page.contains(from), "{from}");
        page.replace(from, to)
    });
    let project = Project::new(name, &spoilt);
    project.pin("process.fork", "main  f()");
    project.problems()
}

#[test]
fn a_sound_rule_is_read_whole() {
    let project = Project::new("sound", &page(str::to_owned));
    project.pin("process.fork", "main  f()");
    assert_eq!(project.problems(), Vec::<String>::new());
    let book = Rulebook::read(&project.root);
    let rule = book.rule("process.fork").unwrap();
    assert_eq!(rule.line, 3);
    assert_eq!(rule.statement, "A statement.");
    assert_eq!(rule.from, ["P7", "T6"]);
    assert_eq!(rule.kernel, ["copy_creds", "f"]);
    assert_eq!(rule.needs, ["root", "Linux ≥ 5.3"]);
    assert_eq!(rule.why, "Why.\n\nMore.");
    assert_eq!(rule.snippet, "Ok(())\n");
    let frame = "use keyrings::*;\nfn main() -> Observed { observe(\"process.fork\", || {\n";
    assert_eq!(rule.program, format!("{frame}Ok(())\n}}) }}\n"));
    assert_eq!(rule.link(), "page.html#process.fork");
    assert_eq!(book.index(), "process.fork | stated | A statement.\n");
}

#[test]
fn each_fault_is_told_with_its_place_and_its_mending() {
    let faults = [
        (
            "no_statement",
            "A statement.\n\n",
            "",
            "book/page.md:3: `process.fork` has no statement; write one sentence that is true \
             exactly as written, below the heading",
        ),
        (
            "no_provenance",
            "*P7, T6 · stated · `copy_creds`, `f` · needs: root, Linux ≥ 5.3*\n\n",
            "",
            "book/page.md:7: `process.fork` has no provenance; write a line such as *P7 · stated · \
             `copy_creds`* below the statement",
        ),
        (
            "unknown_verdict",
            "stated",
            "true",
            "book/page.md:7: `process.fork` has the verdict `true`, which there is not; the \
             verdicts are stated, sharpened, unstated and contradicted",
        ),
        (
            "no_verdict",
            "stated · ",
            "",
            "book/page.md:7: `process.fork` has no verdict; say in its provenance stated, \
             sharpened, unstated or contradicted",
        ),
        (
            "unknown_sentence",
            "T6",
            "T12",
            "book/page.md:7: `process.fork` comes from `T12`, which there is not; the sentences \
             are P1…P10 and T1…T9",
        ),
        (
            "no_sentence",
            "P7, T6 · ",
            "",
            "book/page.md:7: `process.fork` says that a sentence speaks of it, and not which; name \
             it, as in P7",
        ),
        (
            "unstated_with_sentence",
            "stated",
            "unstated",
            "book/page.md:7: `process.fork` is unstated, and names a sentence; take it out, or \
             choose another verdict",
        ),
        (
            "no_function",
            " · `copy_creds`, `f`",
            "",
            "book/page.md:7: `process.fork` names no function of the kernel; name them in its \
             provenance, as in `copy_creds`",
        ),
        (
            "no_snippet",
            "```rust",
            "```text",
            "book/page.md:3: `process.fork` has no snippet; add a ```rust block with a program \
             that shows it",
        ),
        (
            "two_snippets",
            "More.",
            "```rust\nfn main() {}\n```",
            "book/page.md:18: `process.fork` has two snippets; keep one, or make two rules of it",
        ),
        (
            "another_rule_observed",
            "observe(\"process.fork\"",
            "observe(\"process.vfork\"",
            "book/page.md:11: the snippet of `process.fork` does not observe it; its `main` is to \
             call observe(\"process.fork\", || { … })",
        ),
        (
            "snippet_outside",
            "# Page\n",
            "# Page\n\n```rust\nfn main() {}\n```\n",
            "book/page.md:3: there is a snippet outside of a rule; put it under a heading that is \
             the id of a rule, or mark it `text`",
        ),
    ];
    for (name, from, to, refusal) in faults {
        let told = refused(name, from, to);
        assert!(told.contains(&refusal.to_owned()), "{name}: {told:#?}");
    }
}

#[test]
fn an_id_is_well_formed_and_taken_once() {
    let told = refused("bad_id", "process.fork", "process.Fork");
    let refusal = "book/page.md:3: `process.Fork` is no id of a rule; use lower case words, digits \
                   and `-` between dots, as in `process.fork`";
    assert!(told.contains(&refusal.to_owned()), "{told:#?}");

    let twice = page(|page| format!("{page}\n{page}"));
    let project = Project::new("twice", &twice);
    project.pin("process.fork", "main  f()");
    let refusal = "book/page.md:22: `process.fork` is taken; choose another id: the first is in \
                   page.md, line 3";
    assert_eq!(project.problems(), [refusal]);
}

#[test]
fn snapshots_and_rules_belong_together() {
    let project = Project::new("snapshots", &page(str::to_owned));
    project.pin("process.vfork", "main  f()");
    project.pin("rules", "process.old | stated | Moved.\nprocess.lost | stated | Lost.");
    assert_eq!(
        project.problems(),
        [
            "book/page.md:3: `process.fork` has no snapshot; run `cargo test`, then `cargo insta \
             review` (or `INSTA_UPDATE=always cargo test`)",
            "snapshots/process.vfork.snap:1: there is no rule `process.vfork`; delete the \
             snapshot, or give the rule its id back",
            "snapshots/rules.snap:5: `process.lost` was published and is gone; bring it back, or \
             lead its links on in book.toml, [output.html.redirect]",
        ]
    );
}

#[test]
fn a_page_that_is_missing_is_told() {
    let project = Project::new("missing", "");
    fs::remove_file(project.root.join("book/page.md")).unwrap();
    let told = project.problems().join("\n");
    assert!(told.starts_with("book/SUMMARY.md:1: page.md cannot be read: "), "{told}");
}
