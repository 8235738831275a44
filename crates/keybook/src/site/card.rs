//! A rule as readers see it: title, id, statement, verdict, reason, trace, program, where it held,
//! and the same rule for the other keyring.

use super::address::Site;
use super::columns::Column;
use super::html::{attribute, badge, html};
use super::picture::picture;
use super::{circumstances, strip};
use rulebook::{Cells, Rule, Rulebook, Snapshot, fingerprint, sentence};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// What cards are written from.
pub(super) struct Input<'a> {
    pub(super) book: &'a Rulebook,
    pub(super) columns: &'a [Column],
    pub(super) cells: &'a BTreeMap<String, Cells>,
    pub(super) site: &'a Site,
    pub(super) root: &'a Path,
}

/// The card of a rule. `program` is its snippet with the fences.
pub(super) fn card(rule: &Rule, program: &str, input: &Input<'_>) -> String {
    let Rule { id, title, statement, why, .. } = rule;
    let up = up(rule);
    let snapshot = Snapshot::read(input.root, id).map(|snapshot| snapshot.contents);
    let parsed = snapshot.as_deref().and_then(|snapshot| snapshot.parse().ok());
    let fingerprint = fingerprint(&parsed.unwrap_or_default());
    let citation = attribute(&input.site.citation(rule, &fingerprint, input.columns));
    let mut out = format!("<section class=\"rule\" aria-labelledby=\"{id}\">\n\n");
    let _ = write!(out, "## {title} {{#{id}}}\n\n");
    let _ = write!(
        out,
        "<p class=\"rid\"><a href=\"#{id}\">{}</a> <button class=\"q\" type=\"button\" \
         data-cite=\"{citation}\">Copy citation</button> <span class=\"said\" role=\"status\">\
         </span></p>\n\n",
        id.replace('.', ".<wbr>")
    );
    let _ = write!(out, "<div class=\"statement\">\n\n{statement}\n\n</div>\n\n");
    let _ = write!(out, "{}\n\n", provenance(rule, &up));
    if !why.is_empty() {
        let _ = write!(out, "{why}\n\n");
    }
    out += &trace(rule, snapshot.as_deref());
    let lines = match rule.snippet.lines().count() {
        1 => "1 line".to_owned(),
        many => format!("{many} lines"),
    };
    let _ = write!(
        out,
        "<details class=\"prog\">\n<summary>The program <span>({lines} of Rust)</span></summary>\
         \n\n{}\n\n</details>\n\n",
        program.trim_end()
    );
    out += &circumstances::lines(input.cells.get(id), &up);
    out += &strip::strip(rule, &fingerprint, input.columns, &up);
    if let Some(twin) = twin(rule, input.book) {
        let _ = write!(
            out,
            "<p class=\"twin\">The same for the other keyring: <a href=\"{up}{}\">{}</a></p>\n\n",
            twin.link(),
            html(&twin.title)
        );
    }
    out + "</section>\n"
}

/// What the kernel returned when the program ran.
fn trace(rule: &Rule, trace: Option<&str>) -> String {
    let trace = trace.map_or_else(|| "not observed yet\n".to_owned(), picture);
    let test = rule.id.replace(['.', '-'], "_");
    format!(
        "<details class=\"trace\" open>\n<summary>Observed <span class=\"run\">cargo test {test}\
         </span></summary>\n\n{trace}\n</details>\n\n"
    )
}

/// The same rule for the other keyring: the one whose id differs in `process` and `thread` alone.
pub(super) fn twin<'a>(rule: &Rule, book: &'a Rulebook) -> Option<&'a Rule> {
    let swapped = rule.id.split('.').map(|word| match word {
        "process" => "thread",
        "thread" => "process",
        other => other,
    });
    let swapped = swapped.collect::<Vec<_>>().join(".");
    book.rule(&swapped).filter(|twin| twin.id != rule.id)
}

/// The relative path from the rule's page to the root of the book.
fn up(rule: &Rule) -> String {
    "../".repeat(rule.page.components().count() - 1)
}

fn provenance(rule: &Rule, up: &str) -> String {
    let mut parts = vec![badge(rule.verdict)];
    let links = rule.from.iter().map(|number| {
        let claim = sentence(number).map_or("", |sentence| sentence.claim);
        let claim = attribute(&claim.replace('`', ""));
        format!("<a href=\"{up}reference/sentences.html#{number}\" title=\"{claim}\">{number}</a>")
    });
    let links: Vec<String> = links.collect();
    if !links.is_empty() {
        parts.push(links.join(", "));
    }
    let functions = rule.kernel.iter().map(|name| format!("<code>{name}</code>"));
    parts.push(functions.collect::<Vec<_>>().join(", "));
    if !rule.needs.is_empty() {
        parts.push(format!("<span class=\"needs\">needs {}</span>", rule.needs.join(", ")));
    }
    format!("<p class=\"provenance\">{}</p>", parts.join(" · "))
}
