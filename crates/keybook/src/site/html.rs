//! Pieces of HTML that the pages of rules and the tables have in common.

use rulebook::{Rule, Verdict};

/// The verdict, told by shape, word and colour.
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

/// A link to a rule, from any page.
pub(crate) fn link(rule: &Rule, text: &str) -> String {
    format!("<a href=\"{{up}}{}\">{text}</a>", rule.link())
}

/// The rule's id as a link that can break at its dots.
pub(crate) fn id_link(rule: &Rule) -> String {
    link(rule, &rule.id.replace('.', ".<wbr>"))
}

/// A call as HTML, which can break behind its brackets and commas.
pub(crate) fn code(request: &str) -> String {
    let escaped = html(request).replace('(', "(<wbr>").replace('|', "|<wbr>");
    format!("<code>{escaped}</code>")
}

/// Text with Markdown's code marks as HTML.
pub(crate) fn html(markdown: &str) -> String {
    let escaped = markdown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::new();
    for (nth, part) in escaped.split('`').enumerate() {
        if nth % 2 == 1 {
            out.push_str(&format!("<code>{part}</code>"));
        } else {
            out.push_str(part);
        }
    }
    out
}
