//! A rule as readers see it: title, id, statement, verdict, reason, trace, program, where it held, what has
//! changed about it, and the same rule for the other keyring.

use super::address::Site;
use super::changes::Changes;
use super::columns::Column;
use super::html::{attribute, badge, html};
use super::picture::picture;
use super::row::Rows;
use super::{circumstances, strip};
use crate::output;
use rulebook::{Cells, Rule, Rulebook, Snapshot, fingerprint, sentence};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use trace::Trace;

/// What cards are written from.
pub(super) struct Input<'a> {
    pub(super) book: &'a Rulebook,
    pub(super) columns: &'a [Column],
    pub(super) cells: &'a BTreeMap<String, Cells>,
    pub(super) site: &'a Site,
    pub(super) changes: &'a Changes,
    pub(super) root: &'a Path,
}

/// The card of a rule. `program` is its snippet with the fences.
pub(super) fn card(
    rule: &Rule,
    program: &str,
    trace: &Trace,
    rows: Option<&Rows>,
    input: &Input<'_>,
) -> String {
    let Rule { id, title, statement, why, .. } = rule;
    let up = up(rule);
    let fingerprint = fingerprint(trace);
    let citation = attribute(&input.site.citation(rule, &fingerprint, input.columns));
    let heading = format!("## {title} {{#{id}}}\n\n");
    let id_line = format!(
        "<p class=\"rid\"><a href=\"#{id}\">{}</a> <button class=\"q\" type=\"button\" \
         data-cite=\"{citation}\">Copy citation</button> <span class=\"said\" role=\"status\">\
         </span></p>\n\n",
        id.replace('.', ".<wbr>")
    );
    let why = if why.is_empty() { String::new() } else { format!("{why}\n\n") };
    let words = format!(
        "{id_line}<div class=\"statement\">\n\n{statement}\n\n</div>\n\n{}\n\n{why}",
        provenance(rule, &up)
    );
    let evidence = evidence(rule, program, &fingerprint, &up, input);
    match rows {
        // The title is a link, which must not stand within another control.
        Some(rows) => format!(
            "<section class=\"rule row\" aria-labelledby=\"{id}\">\n\n{heading}\
             <details class=\"body\">\n<summary>{}</summary>\n\n{words}{evidence}</details>\n\
             </section>\n",
            rows.cell(rule, trace)
        ),
        None => format!(
            "<section class=\"rule\" aria-labelledby=\"{id}\">\n\n{heading}{words}\
             <details class=\"rest\">\n<summary>{}</summary>\n\n{evidence}</details>\n</section>\n",
            rest(trace)
        ),
    }
}

/// What a narrow screen shows in place of the evidence.
fn rest(trace: &Trace) -> String {
    let calls = output::count(trace.events().len(), "call");
    format!("Observed: {calls} <span>trace, program, kernels</span>")
}

/// The trace, the program, where the rule held, its changes, and the same rule for the other keyring.
fn evidence(rule: &Rule, program: &str, fingerprint: &str, up: &str, input: &Input<'_>) -> String {
    let snapshot = Snapshot::read(input.root, &rule.id).map(|snapshot| snapshot.contents);
    let mut out = trace(rule, snapshot.as_deref());
    out += &try_it(&rule.id, up);
    let lines = output::count(rule.snippet.lines().count(), "line");
    let _ = write!(
        out,
        "<details class=\"prog\">\n<summary>The program <span>({lines} of Rust)</span></summary>\
         \n\n{}\n\n</details>\n\n",
        program.trim_end()
    );
    out += &circumstances::lines(input.cells.get(&rule.id), up);
    out += &strip::strip(rule, fingerprint, input.columns, up);
    out += &input.changes.of(rule);
    out.push('\n');
    if let Some(twin) = twin(rule, input.book) {
        let _ = write!(
            out,
            "<p class=\"twin\">The same for the other keyring: <a href=\"{up}{}\">{}</a></p>\n\n",
            twin.link(),
            html(&twin.title)
        );
    }
    out
}

/// Where the trace can be edited and judged, and where one can go on from it. `book/play/` does that.
fn try_it(id: &str, up: &str) -> String {
    format!(
        "<div class=\"play-here\"><button class=\"q\" type=\"button\" data-try aria-expanded=\"false\">\
         Try it: edit and judge this trace</button> · <span class=\"said\" role=\"status\"></span> \
         <a href=\"{up}play/explorer.html?rule={id}\">Go on from it in the explorer</a></div>\n\n"
    )
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
