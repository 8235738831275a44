//! HTML that the pages of rules and the tables share.

pub(crate) use drawing::escape;
use rulebook::{Rule, Verdict};
use std::fmt::Write;
use trace::Trace;

/// A verdict by shape, word and color.
pub(crate) fn badge(verdict: Verdict) -> String {
    let (shape, meaning) = match verdict {
        Verdict::Stated => ("●", "the page says it, and kernels do it"),
        Verdict::Sharpened => ("◆", "the page says it loosely; this is exactly what holds"),
        Verdict::Unstated => ("○", "the pages are silent"),
        Verdict::Contradicted => ("▲", "the page says otherwise than kernels do"),
    };
    format!(
        "<span class=\"verdict {verdict}\" title=\"{meaning}\"><span aria-hidden=\"true\">{shape}\
         </span> {verdict}</span>"
    )
}

/// A link to a rule. The tables replace `{up}` by the path to the root of the book.
pub(crate) fn link(rule: &Rule, text: &str) -> String {
    format!("<a href=\"{{up}}{}\">{text}</a>", rule.link())
}

/// The id of a rule as a link, which a browser can break at its dots.
pub(crate) fn id_link(rule: &Rule) -> String {
    link(rule, &rule.id.replace('.', ".<wbr>"))
}

/// A link to the explorer with a program, of which the first `made` calls were made.
pub(crate) fn explorer(program: &Trace, made: usize, text: &str) -> String {
    let lines: String = program.events().iter().map(|event| format!("{event}\n")).collect();
    let mut hash = String::new();
    for byte in lines.trim_end().bytes() {
        let _ = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' => {
                write!(hash, "{}", byte as char)
            }
            _ => write!(hash, "%{byte:02X}"),
        };
    }
    format!("<a href=\"{{up}}play/explorer.html#t={hash}&amp;n={made}\">{text}</a>")
}

/// A link to the explorer with a rule's program, of which the first `made` calls were made.
pub(crate) fn explorer_of(rule: &Rule, made: usize, text: &str) -> String {
    let id = &rule.id;
    format!("<a href=\"{{up}}play/explorer.html?rule={id}&amp;calls={made}\">{text}</a>")
}

/// A call as code, which a browser can break after brackets.
pub(crate) fn code(request: &str) -> String {
    let escaped = html(request).replace('(', "(<wbr>").replace('|', "|<wbr>");
    format!("<code>{escaped}</code>")
}

/// Converts Markdown to HTML, for text that has no marks but backticks.
pub(crate) fn html(markdown: &str) -> String {
    let escaped = escape(markdown);
    let part = |(nth, part): (usize, &str)| match nth % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    };
    escaped.split('`').enumerate().map(part).collect()
}

/// A table of this CSS class.
pub(crate) fn table(class: &str, headings: &[&str], rows: impl Iterator<Item = String>) -> String {
    let headings: String = headings.iter().map(|it| format!("<th>{it}</th>")).collect();
    let rows: String = rows.collect();
    format!(
        "<table class=\"{class}\">\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n"
    )
}

/// A part of a long list, folded: what it is, how many lines it has, and the lines.
pub(crate) fn group(what: &str, count: &str, lines: &str) -> String {
    format!(
        "<details class=\"group\">\n<summary>{what} <span>{count}</span></summary>\n{lines}</details>\n"
    )
}

/// A row of a table.
pub(crate) fn row(cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let cells = cells.into_iter().map(|cell| format!("<td>{}</td>", cell.as_ref()));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

/// A row of a table that a phone shows as a block: the cells after the first have the headings of their columns
/// with them, and those without a word in them can be left out.
pub(crate) fn labeled_row(headings: &[&str], cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().zip(headings).enumerate().map(|(nth, (cell, heading))| {
        match (nth, cell.as_str()) {
            (0, _) => format!("<td>{cell}</td>"),
            (_, NOTHING) => format!("<td class=\"none\">{cell}</td>"),
            _ => format!("<td data-of=\"{heading}\">{cell}</td>"),
        }
    });
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

/// A cell about which no rule says anything.
pub(crate) const NOTHING: &str = "—";

/// Escapes a text as the value of an attribute between double quotes.
pub(crate) fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
