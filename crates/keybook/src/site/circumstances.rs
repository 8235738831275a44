//! How a rule behaves in other circumstances: the lines below a rule, and the list of circumstances.

use super::html::{html, row, table};
use keyrings::circumstance::CIRCUMSTANCES;
use rulebook::Cells;

/// The lines below a rule; empty if it was not varied yet.
pub(crate) fn lines(cells: Option<&Cells>, up: &str) -> String {
    let Some(cells) = cells else { return String::new() };
    let link = |name: &str| {
        format!("<a href=\"{up}reference/circumstances.html#circumstance.{name}\">{name}</a>")
    };
    let differs: Vec<String> = cells.differs.iter().map(|name| link(name)).collect();
    let unmet = |name: &str| cells.not_applicable.iter().any(|(other, _)| other == name);
    let same = CIRCUMSTANCES.iter().map(|it| it.name);
    let same = same.filter(|name| !unmet(name) && !cells.differs.iter().any(|it| it == name));
    let same = same.count();
    let reasons =
        cells.not_applicable.iter().map(|(name, why)| format!("{} ({})", link(name), html(why)));
    let reasons: Vec<String> = reasons.collect();
    let not = |words: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("<p>{words}: {}.</p>\n", names.join(", ")),
    };
    let but =
        if differs.is_empty() { String::new() } else { format!("; not in {}", differs.len()) };
    format!(
        "<details class=\"circumstances\">\n<summary>Also holds in {same} other circumstances{but}\
         </summary>\n\n<p><a href=\"{up}reference/circumstances.html\">All circumstances</a></p>\n\
         {}{}\n</details>\n\n",
        not("Differs", &differs),
        not("Not applicable", &reasons)
    )
}

/// The list of circumstances.
pub(crate) fn list() -> String {
    let rows = CIRCUMSTANCES.iter().map(|it| {
        let name = it.name;
        let about = if it.is_for_a_guest() { ", in a guest" } else { "" };
        let about = format!("{}{about}", it.about);
        row([&format!("<span id=\"circumstance.{name}\"><code>{name}</code></span>"), &about])
    });
    table("circumstances", &["name", "what is different"], rows)
}
