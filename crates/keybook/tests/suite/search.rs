//! The search finds what people look for among the first three results, and its index is small.

use crate::driver::{attributes, book, stdout, with_input};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What people type, and the page or rule that answers it.
const QUERIES: &[(&str, &str)] = &[
    // Words that found nothing, or not the right page, when readers tried the book.
    ("setuid", "thread-keyring/ids.html"),
    ("setuid(2)", "process-keyring/ids.html"),
    ("tokio", "threads.html"),
    ("goroutine", "threads.html"),
    ("Java", "threads.html"),
    ("errata", "errata.html"),
    ("erratum", "errata"),
    ("man page", "man/thread-keyring.html"),
    ("manpage", "man/process-keyring.html"),
    ("manual", "man/"),
    ("refcount", "both/pins.html"),
    ("fork", "processes.html#process.fork"),
    ("fork", "processes.html#thread.fork"),
    ("seccomp", "reference/o"),
    ("docker", "reference/o"),
    // Questions of the engineer.
    ("thread pool", "threads.html"),
    ("does my key survive execve?", "execve.html"),
    ("wipe before exec", "execve.clear-first"),
    ("ENOKEY keyctl_search @p", "both/absent-links.html"),
    ("EKEYREVOKED add_key @t", "both/revoked.html"),
    ("keyctl show", "both/keyctl.html"),
    // Pages that answer.
    ("guarantee", "answers/guarantees.html"),
    ("which keyring", "answers/which-keyring.html"),
    ("daemon", "answers/which-keyring.html"),
    ("podman", "answers/containers.html"),
    ("gVisor", "answers/containers.html"),
    ("recipe", "answers/recipes.html"),
    ("hand a key to a child", "answers/recipes.html#child"),
    ("tmux", "answers/questions.html#revoked"),
    ("kinit", "answers/questions.html#kinit"),
    ("quota comes back late", "answers/questions.html#quota-late"),
    // What strerror(3) says.
    ("Disk quota exceeded", "both/quota-full.html"),
    ("key has been revoked add_key", "both/revoked.html"),
    // Errors by what strerror(3) says, and by name.
    ("Required key not available", "failed/enokey.html"),
    ("ENOKEY", "failed/enokey.html"),
    ("Permission denied", "failed/eacces.html"),
    ("Operation not permitted", "failed/eperm.html"),
    ("Key has been revoked", "failed/ekeyrevoked.html"),
    ("Key has expired", "failed/ekeyrevoked.html"),
    ("Disk quota exceeded", "failed/edquot.html"),
    ("tmux revoked", "cases/sessions.html#tmux"),
    ("why does my call fail", "failed"),
    ("seccomp", "answers/containers.html"),
    ("docker EPERM", "failed"),
    // Programs.
    ("python", "cases/threads.html#python"),
    ("tokio", "cases/threads.html#tokio"),
    ("Java", "cases/threads.html#java"),
    ("node", "cases/threads.html#node"),
    ("goroutine", "cases/go.html"),
    ("LockOSThread", "cases/go.html"),
    ("krb5", "cases/kerberos.html"),
    ("kinit", "cases/kerberos.html"),
    ("KEYRING:persistent", "cases/kerberos.html#persistent"),
    ("e4crypt", "cases/commands.html#e4crypt"),
    ("fscrypt", "cases/commands.html#fscrypt"),
    ("cryptsetup", "cases/commands.html#cryptsetup"),
    ("tmux", "cases/sessions.html#tmux"),
    ("screen", "cases/sessions.html#tmux"),
    ("udiskie", "cases/sessions.html#udiskie"),
    ("ssh-tpm-agent", "cases/sessions.html#ssh-tpm-agent"),
    ("strace", "cases.html"),
    // Ids, whole and in parts, calls and sentences of the manual.
    ("process.threads.before", "#process.threads.before"),
    ("threads before", "#process.threads.before"),
    ("lives-on", "execve.lives-on"),
    ("KEYCTL_JOIN_SESSION_KEYRING", "join-session"),
    ("P7", "reference/sentences.html#P7"),
    ("zombie", "process-keyring/end.html#process.end.zombie"),
    ("possession", "both/possession.html"),
];

fn index() -> PathBuf {
    let files = fs::read_dir(book()).unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("searchindex")
    });
    found.next().unwrap()
}

/// The first three results of each query; `None` without Node.js.
fn results(queries: &[&str]) -> Option<Vec<String>> {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("not observed: Node.js is not installed");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/search.js");
    let mut node = Command::new("node");
    let output = with_input(node.arg(script).arg(index()), queries.join("\n").as_bytes());
    assert!(output.status.success(), "{output:?}");
    Some(stdout(&output).lines().map(str::to_owned).collect())
}

#[test]
fn a_query_finds_its_page_among_the_first_three_results() {
    let queries: Vec<&str> = QUERIES.iter().map(|(query, _)| *query).collect();
    let Some(results) = results(&queries) else { return };
    let answers = QUERIES.iter().zip(&results);
    let wrong: Vec<_> = answers.filter(|((_, page), found)| !found.contains(page)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each question of the page of questions, as a query, and its address.
fn questions() -> Vec<(String, String)> {
    let page = fs::read_to_string(book().join("answers/questions.html")).unwrap();
    let headings = page.split("<h2 id=\"").skip(1).map(|rest| {
        let (id, rest) = rest.split_once('"').unwrap();
        let heading = rest.split_once("</h2>").unwrap().0.split_once('>').unwrap().1;
        let words = heading.split('<').map(|part| part.split_once('>').map_or(part, |(_, it)| it));
        (words.collect::<String>(), format!("answers/questions.html#{id}"))
    });
    headings.filter(|(_, address)| !address.ends_with("#open")).collect()
}

#[test]
fn a_question_finds_its_answer() {
    let questions = questions();
    assert!(questions.len() >= 20, "{}", questions.len());
    let queries: Vec<&str> = questions.iter().map(|(question, _)| question.as_str()).collect();
    let Some(results) = results(&queries) else { return };
    let answers = questions.iter().zip(&results);
    let wrong: Vec<_> = answers
        .filter(|((_, address), found)| !found.split(' ').any(|one| one == address))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_word_of_a_query_counts() {
    let Some(results) = results(&["zombie", "zombie thread", "nosuchword zombie"]) else { return };
    assert!(results[0].starts_with("process-keyring/end.html"), "{results:?}");
    assert!(results[1].starts_with("thread-keyring/end.html#thread.end.zombie"), "{results:?}");
    // Where no place has all words, those with most of them are found.
    assert_eq!(results[0], results[2]);
}

#[test]
fn every_result_leads_to_an_anchor_and_the_index_is_small() {
    let text = fs::read_to_string(index()).unwrap();
    let addresses = attributes(&text, "[\"");
    let addresses = addresses.into_iter().filter(|it| it.contains(".html#"));
    let mut checked = 0;
    for address in addresses {
        let (page, id) = address.split_once('#').unwrap();
        let page = fs::read_to_string(book().join(page)).unwrap();
        assert!(page.contains(&format!(" id=\"{id}\"")), "{address}");
        checked += 1;
    }
    assert!(checked > 650, "{checked}");
    let output = Command::new("gzip").arg("-9c").arg(index()).output().unwrap();
    assert!(output.stdout.len() < 150_000, "{} bytes", output.stdout.len());
}
