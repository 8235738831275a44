//! The manual pages: their form, and what becomes of them.

use super::*;
use std::path::PathBuf;

fn sentences<'a>(manual: &'a Manual<'_>) -> impl Iterator<Item = &'a Sentence<'a>> {
    manual.parts.iter().flat_map(|part| match part {
        Part::Section(_) => &[],
        Part::Paragraph(sentences) | Part::List(sentences) => sentences.as_slice(),
    })
}

#[test]
fn every_sentence_has_rules_that_exist_and_is_one_sentence() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let book = Rulebook::read(&root);
    let mut wrong = Vec::new();
    for source in SOURCES {
        let manual = Manual::parse(source).unwrap();
        for sentence in sentences(&manual) {
            let unknown = sentence.rules.iter().filter(|id| book.rule(id).is_none());
            wrong.extend(unknown.map(|id| format!("{}: there is no rule `{id}`", manual.name)));
            if sentence.text.contains(". ") {
                wrong.push(format!("{}: two sentences: {}", manual.name, sentence.text));
            }
        }
        assert!(sentences(&manual).count() > 60, "{}", manual.name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_source_becomes_troff() {
    let source = "# a-b(7)\n\n<!-- date: 2026-01-02 -->\n\n## NAME\n\na-b - it\n\n## NOTES\n\n\
                  `fork(2)` returns `-1`. <!-- x.y -->\n'Tis a \\. <!-- x.y -->\n\n- One; <!-- x.y z.z -->\n";
    let manual = Manual::parse(source).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        ".TH A-B 7 2026-01-02 \"keybook {version}\"\n.SH NAME\na-b \\- it\n.SH NOTES\n\
         \\fBfork\\fR(2) returns \\fB\\-1\\fR.\n\\&'Tis a \\e.\n.IP \\(bu 3\nOne;\n"
    );
    assert_eq!(manual.troff(), expected);
    assert_eq!(manual.about(), "it");
}

#[test]
fn a_source_of_another_form_is_refused() {
    let refused = |line: &str| {
        let source = format!("# a(7)\n\n<!-- date: 2026-01-02 -->\n\n## NOTES\n\n{line}\n");
        format!("{:#}", Manual::parse(&source).unwrap_err())
    };
    assert_eq!(
        refused("Nobody knows."),
        "line 7: `Nobody knows.`: end it with a comment that names its rules"
    );
    assert_eq!(refused("No. <!-- -->"), "line 7: `No. <!-- -->`: name at least one rule");
    assert!(refused("A. <!-- x -->\n- B. <!-- x -->").contains("leave an empty line"));
    assert!(Manual::parse("# a\n").is_err());
    assert!(Manual::parse("# a(7)\n").unwrap_err().to_string().starts_with("add a line"));
}

#[test]
fn comments_become_links() {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let book = Rulebook::read(&root);
    let mut text = SOURCES[0].to_owned();
    fill_in(&mut text, Path::new("man/thread-keyring.md"), &book).unwrap();
    assert!(!text.contains(BEGIN), "{text}");
    let link = "<a href=\"../thread-keyring/execve.html#thread.execve\" title=\"";
    assert!(text.contains(link), "{text}");
    let mut other = SOURCES[0].to_owned();
    fill_in(&mut other, Path::new("thread-keyring/fork.md"), &book).unwrap();
    assert_eq!(other, SOURCES[0]);
    let mut unknown = SOURCES[0].replace("thread.execve.linked", "thread.execve.nowhere");
    let error = fill_in(&mut unknown, Path::new("man/x.md"), &book).unwrap_err().to_string();
    assert_eq!(error, "there is no rule `thread.execve.nowhere`");
}
