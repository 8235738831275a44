//! What readers see of a rule, and the shell around every page.

use crate::driver::{attributes, book, json, keybook, pages};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// The largest page as it is transferred, in bytes.
const LARGEST: usize = 30_000;

fn page(path: &str) -> String {
    fs::read_to_string(book().join(path)).unwrap()
}

/// The card of a rule on its page.
fn card(page: &str, id: &str) -> String {
    let from = page.find(&format!("<h2 id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}"));
    page[from..from + page[from..].find("</section>").unwrap()].to_owned()
}

#[test]
fn the_parts_of_a_card_stand_in_the_order_of_their_use() {
    let card = card(&page("process-keyring/processes.html"), "process.fork");
    let parts = [
        ">A forked child has no process keyring</a></h2>",
        "<p class=\"rid\"><a href=\"#process.fork\">",
        ">Copy citation</button>",
        "<div class=\"statement\">",
        "<p class=\"provenance\">",
        "The parent’s keyring stays",
        "<details class=\"trace\" open",
        "<details class=\"prog\">\n<summary>The program <span>(4 lines of Rust)</span>",
        "Also holds in ",
        ">Held on</span> <span class=\"cells\"><span>5.10</span>",
        ">Run in</span> <span class=\"cells\"><span>root</span>",
        "<summary>Reworded after 0.1.0</summary>",
        "“A process made by fork(2)",
        "<p class=\"twin\">The same for the other keyring: <a href=\"../thread-keyring/processes.html#thread.fork\">",
    ];
    let mut last = 0;
    for part in parts {
        let at = card.find(part).unwrap_or_else(|| panic!("{part} is not in\n{card}"));
        assert!(at > last, "{part}");
        last = at;
    }
}

#[test]
fn a_citation_has_statement_id_kernels_and_commit() {
    let card = card(&page("process-keyring/processes.html"), "process.fork");
    let citation = attributes(&card, "data-cite=\"")[0];
    let begin = "“A child created by fork(2) starts without a process keyring, even if its parent has one.” \
                 (rule process.fork; held on Linux 5.10.218, ";
    assert!(citation.starts_with(begin), "{citation}");
    assert!(citation.contains(", 7.3.4; commit "), "{citation}");
}

#[test]
fn no_two_pages_have_the_same_title() {
    let mut titles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in pages(book()) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(book()).unwrap().display().to_string();
        let title = text.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        // The outline is a frame without a title; the first page is also the introduction.
        match title {
            Some(title) if name != "index.html" => {
                titles.entry(title.to_owned()).or_default().push(name);
            }
            _ => {}
        }
    }
    titles.retain(|_, pages| pages.len() > 1);
    assert!(titles.is_empty(), "{titles:#?}");
}

#[test]
fn no_page_is_larger_than_30_kilobytes_as_transferred() {
    let mut sizes: Vec<(usize, String)> = Vec::new();
    for file in pages(book()) {
        let name = file.strip_prefix(book()).unwrap().display().to_string();
        // The page for the printer repeats all others.
        if name != "print.html" && !name.starts_with("rule/") {
            let output = Command::new("gzip").arg("-9c").arg(&file).output().unwrap();
            sizes.push((output.stdout.len(), name));
        }
    }
    sizes.retain(|(size, _)| *size > LARGEST);
    assert!(sizes.is_empty(), "split these pages, or fold their lists: {sizes:#?}");
}

#[test]
fn a_row_has_its_anchor_its_answer_and_its_card() {
    let page = page("both/absent-links.html");
    let card = card(&page, "keyring.absent.link.both");
    let parts = [
        "<details class=\"body\">\n<summary><b>EDEADLK, created</b></summary>",
        "<p class=\"rid\"><a href=\"#keyring.absent.link.both\">",
        "<div class=\"statement\">",
        "<details class=\"trace\" open",
        "<details class=\"prog\">",
        ">Held on</span>",
    ];
    let mut last = 0;
    for part in parts {
        let at = card.find(part).unwrap_or_else(|| panic!("{part} is not in\n{card}"));
        assert!(at > last, "{part}");
        last = at;
    }
    assert!(page.contains("usually <b>ENOKEY</b>"));
    assert!(page.contains("<span class=\"same\">ENOKEY</span>"));
}

#[test]
fn every_rule_is_found_from_its_sentences_or_beyond_them() {
    let (sentences, beyond) = (page("reference/sentences.html"), page("reference/beyond.html"));
    let section = |number: &str| {
        let from = sentences.find(&format!("<h3 id=\"{number}\">")).unwrap();
        let rest = &sentences[from + 1..];
        &rest[..rest.find("<h3 id=").unwrap_or(rest.len())]
    };
    let rules = json(&keybook(&["rules", "--format", "json"]));
    for rule in rules.as_array().unwrap() {
        let link = format!("<a href=\"../{}\">", rule["page"].as_str().unwrap());
        let kernels = format!("observed-on.html#matrix.{}\">", rule["id"].as_str().unwrap());
        let numbers = rule["sentences"].as_array().unwrap();
        let mut places: Vec<&str> =
            numbers.iter().map(|number| section(number.as_str().unwrap())).collect();
        if places.is_empty() {
            places.push(&beyond);
            assert!(!sentences.contains(&link), "{link}");
        }
        for place in places {
            assert_eq!(place.matches(&link).count(), 1, "{link}");
            assert!(place.contains(&kernels), "{kernels}");
        }
    }
}

#[test]
fn an_operation_opens_to_the_traces_and_programs_of_its_rules() {
    let page = page("both/unusable.html");
    let from = page.find("<tr class=\"det\" id=\"keyring-reading\">").unwrap();
    let evidence = &page[from..from + page[from..].find("</tr>").unwrap()];
    assert!(page.contains("<a class=\"op\" href=\"#keyring-reading\">"));
    for state in ["revoked", "expired", "invalidated", "no-permission"] {
        let link = format!("<a href=\"../both/{state}.html#keyring.{state}.reading\">");
        assert!(evidence.contains(&link), "{link}");
    }
    assert_eq!(evidence.matches("keyctl_describe(@t) = -1 E").count(), 4);
    assert_eq!(evidence.matches("<code class=\"language-rs\">").count(), 4);
}

#[test]
fn each_call_that_creates_a_process_has_an_answer_in_each_column() {
    let page = page("thread-keyring/processes.html");
    let from = page.find("<table class=\"fam\">").unwrap();
    let table = &page[from..from + page[from..].find("</table>").unwrap()];
    assert_eq!(table.matches("<th scope=\"row\">").count(), 12);
    assert!(table.matches(">not inherited</a>").count() >= 22, "{table}");
    assert!(table.matches(">not shared</a>").count() >= 14, "{table}");
    assert!(!table.contains("class=\"odd\""), "{table}");
}
