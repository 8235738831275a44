//! A table of a family: rules that differ in one argument, side by side. Above each column stands its usual answer; what
//! differs from it is bold. On a narrow screen only that is shown below an operation. A row can open to programs and traces.

use super::input::Tables;
use crate::site::html::{attribute, code, escape, html, link};
use crate::site::picture::twin;
use rulebook::Rule;
use std::fmt::Write;
use trace::Trace;

/// What a column is about, and its usual answer as Markdown.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) usual: String,
}

/// What a rule says, as Markdown.
pub(super) struct Answer<'a> {
    pub(super) rule: &'a Rule,
    pub(super) text: String,
}

/// An operation, with an answer for each column.
pub(super) struct Line<'a> {
    pub(super) what: &'a str,
    pub(super) call: String,
    pub(super) answers: Vec<Option<Answer<'a>>>,
    /// The anchor of what the row opens to; none if it does not open.
    pub(super) anchor: Option<String>,
}

/// The table, below the usual answers for narrow screens.
pub(super) fn table(
    corner: &str,
    columns: &[Column],
    groups: &[(&str, Vec<Line<'_>>)],
    tables: &Tables<'_>,
) -> String {
    let mut out = String::from("<dl class=\"usual-errors\">");
    for Column { name, usual } in columns {
        let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", html(usual));
    }
    let _ = write!(out, "</dl>\n<table class=\"fam\">\n<thead><tr><th scope=\"col\">{corner}</th>");
    for Column { name, usual } in columns {
        let _ = write!(out, "<th scope=\"col\">{name}<small>{}</small></th>", html(usual));
    }
    out += "</tr></thead>\n";
    let all = columns.len() + 1;
    for (group, lines) in groups {
        out += "<tbody>\n";
        if !group.is_empty() {
            let _ = writeln!(out, "<tr class=\"grp\"><th colspan=\"{all}\">{group}</th></tr>");
        }
        lines.iter().for_each(|line| out += &row(line, columns, tables));
        out += "</tbody>\n";
    }
    out + "</table>\n"
}

fn row(line: &Line<'_>, columns: &[Column], tables: &Tables<'_>) -> String {
    let Line { what, call, answers, anchor } = line;
    let cells = columns.iter().zip(answers).map(|(column, answer)| cell(column, answer.as_ref()));
    let cells: String = cells.collect();
    let usual = |(column, answer): (&Column, &Option<Answer<'_>>)| {
        answer.as_ref().is_some_and(|answer| answer.text == column.usual)
    };
    let all_usual = columns.iter().zip(answers).all(usual);
    let class = if all_usual { " class=\"all\"" } else { "" };
    let call = if call.is_empty() { String::new() } else { code(call) };
    let what = html(what);
    let Some(anchor) = anchor else {
        return format!("<tr{class}><th scope=\"row\">{what} {call}</th>{cells}</tr>\n");
    };
    format!(
        "<tr{class}><th scope=\"row\"><a class=\"op\" href=\"#{anchor}\">{what}</a> {call}</th>{cells}\
         </tr>\n<tr class=\"det\" id=\"{anchor}\"><td colspan=\"{}\">{}</td></tr>\n",
        columns.len() + 1,
        evidence(columns, answers, tables)
    )
}

fn cell(column: &Column, answer: Option<&Answer<'_>>) -> String {
    let label = format!("<span class=\"lbl\">{}</span>", column.name);
    let Some(Answer { rule, text }) = answer else {
        return format!("<td class=\"none\">{label} not observed</td>");
    };
    let class = if *text == column.usual { "same" } else { "odd" };
    let what = attribute(&rule.title.replace('`', ""));
    format!(
        "<td class=\"{class}\">{label} <a href=\"{{up}}{}\" title=\"{what}\">{}</a></td>",
        rule.link(),
        html(text)
    )
}

/// The trace and the program of each rule of a row.
fn evidence(columns: &[Column], answers: &[Option<Answer<'_>>], tables: &Tables<'_>) -> String {
    let mut out = String::new();
    for (column, answer) in columns.iter().zip(answers) {
        let Some(Answer { rule, .. }) = answer else { continue };
        let trace = tables.seen.iter().find(|seen| seen.rule.id == rule.id).map(|seen| &seen.trace);
        let trace = trace.map(short).unwrap_or_default();
        let _ = write!(
            out,
            "<div><p><b>{}</b> {}</p><pre><code class=\"language-text hljs\">{}</code></pre>\
             <details class=\"prog\"><summary>The program</summary><pre>\
             <code class=\"language-rs\">{}</code></pre></details></div>",
            column.name,
            link(rule, &html(&rule.title)),
            lines(&trace),
            lines(&rule.snippet)
        );
    }
    out
}

/// A trace without the words for errors, and without what it does again with the other keyring.
fn short(trace: &Trace) -> String {
    let twin = twin(trace);
    let text = trace.to_string();
    let mut out = String::new();
    for (nth, line) in text.lines().enumerate() {
        match &twin {
            Some(twin) if twin.second.start == nth => {
                let _ = writeln!(out, "… the same with {} …", twin.with);
            }
            Some(twin) if twin.second.contains(&nth) => {}
            _ => {
                let error = line.find(" = -1 E").and_then(|at| Some(at + line[at..].find(" (")?));
                let _ = writeln!(out, "{}", &line[..error.unwrap_or(line.len())]);
            }
        }
    }
    out
}

/// Lines of code within a block of HTML, which an empty line would end.
fn lines(text: &str) -> String {
    escape(text.trim_end()).replace('\n', "&#10;")
}
