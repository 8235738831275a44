//! The text of a built page, section by section.

/// A section of a page: what stands between a heading with an anchor and the next.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Section {
    /// The anchor of its heading.
    pub(super) id: String,
    /// The words of its heading.
    pub(super) title: String,
    /// The words below it, without code blocks and tables.
    pub(super) text: String,
}

/// Elements whose words are left out.
const LEFT_OUT: [&str; 6] = ["pre", "table", "script", "style", "details", "template"];

/// The sections in the `main` element of a page that mdBook wrote.
pub(super) fn sections(page: &str) -> Vec<Section> {
    let main = page.split_once("<main").map_or("", |(_, rest)| rest);
    let main = main.split_once('>').map_or("", |(_, rest)| rest);
    let main = main.split_once("</main>").map_or(main, |(main, _)| main);
    let mut sections: Vec<Section> = Vec::new();
    let mut in_heading = false;
    let mut left_out: Option<(&str, usize)> = None;
    for part in main.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let closes = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
        match &mut left_out {
            Some((outer, depth)) if name == *outer => {
                if closes {
                    *depth -= 1
                } else {
                    *depth += 1
                }
                if *depth > 0 {
                    continue;
                }
                left_out = None;
            }
            Some(_) => continue,
            // A rule that opens is no detail of its page.
            None if !closes && LEFT_OUT.contains(&name) && !tag.contains("class=\"body\"") => {
                left_out = Some((name, 1));
                continue;
            }
            None => {}
        }
        if matches!(name, "h1" | "h2" | "h3") {
            in_heading = !closes;
            let id = tag.split_once("id=\"").and_then(|(_, rest)| rest.split('"').next());
            if let (false, Some(id)) = (closes, id) {
                sections.push(Section { id: id.to_owned(), ..Section::default() });
            }
        }
        let Some(section) = sections.last_mut() else { continue };
        let into = if in_heading { &mut section.title } else { &mut section.text };
        // Words of neighboring blocks stay apart, those around a mark within a line do not.
        if !matches!(name, "a" | "code" | "em" | "strong" | "span" | "b" | "i" | "wbr") {
            into.push(' ');
        }
        into.push_str(&decoded(text));
    }
    for section in &mut sections {
        for text in [&mut section.title, &mut section.text] {
            *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
    }
    sections
}

fn decoded(text: &str) -> String {
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    marks.iter().fold(text.to_owned(), |text, (mark, character)| text.replace(mark, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_its_words_without_code_and_tables() {
        let page = "<nav><h2 id=\"no\">No</h2></nav><main id=\"main\" tabindex=\"-1\">\n\
                    <h1 id=\"a\"><a class=\"header\" href=\"#a\">A &amp; <code>b</code></a></h1>\n\
                    <p>One <em>t</em>wo.</p><p>Three.</p><pre><code>x</code></pre>\
                    <details><summary>s</summary><details>y</details>z</details>Four.\n\
                    <h2 id=\"c\">C</h2><table><tr><td>5</td></tr></table>\n</main><p>End.</p>";
        let section = |id: &str, title: &str, text: &str| Section {
            id: id.to_owned(),
            title: title.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(
            sections(page),
            [section("a", "A & b", "One two. Three. Four."), section("c", "C", "")]
        );
    }
}
