//! A small page for each rule, `rule/ID.html`: an address that stays when the rule moves to another page,
//! and that has the rule's title and statement for those who show a preview of a link.

use super::address::{FOLDER, Site};
use super::html::{attribute, html};
use anyhow::{Context, Result};
use rulebook::{Rule, Rulebook};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Writes the pages into the built book. `redirect` is the table of book.toml, by which ids that were
/// published lead to those that replace them.
///
/// # Errors
///
/// If a page cannot be written, or an old id leads to no rule.
pub(crate) fn write(
    built: &Path,
    book: &Rulebook,
    site: &Site,
    redirect: &HashMap<String, String>,
) -> Result<()> {
    let folder = built.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let current = book.rules.iter().map(|rule| Ok((rule.id.clone(), rule)));
    for page in current.chain(old_ids(book, redirect)) {
        let (id, rule) = page?;
        let file = folder.join(format!("{id}.html"));
        fs::write(&file, page_of(rule, site)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The ids that are redirected, each with the rule that it leads to.
pub(super) fn old_ids<'a>(
    book: &'a Rulebook,
    redirect: &HashMap<String, String>,
) -> impl Iterator<Item = Result<(String, &'a Rule)>> {
    let after = |link: &str| link.split_once('#').map(|(_, id)| id.to_owned());
    let pairs = redirect.iter().filter_map(move |(from, to)| Some((after(from)?, after(to)?)));
    let next: HashMap<String, String> = pairs.collect();
    let ids: Vec<String> = next.keys().cloned().collect();
    ids.into_iter().map(move |old| {
        // Each redirect is followed at most once, so that a circle ends.
        let mut id = &old;
        for _ in 0..next.len() {
            id = next.get(id).unwrap_or(id);
        }
        let rule = book.rule(id).with_context(|| {
            format!("book.toml redirects `{old}` to `{id}`, which is no rule: name the rule there")
        })?;
        Ok((old.clone(), rule))
    })
}

fn page_of(rule: &Rule, site: &Site) -> String {
    let (id, link) = (&rule.id, format!("../{}", rule.link()));
    let canonical = if site.is_published() { site.page(rule) } else { link.clone() };
    let title = rule.title.replace('`', "");
    let (name, statement) = (attribute(&title), attribute(&rule.plain_statement()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{title} ({id})</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"description\" content=\"{statement}\">\n\
         <meta property=\"og:type\" content=\"article\">\n\
         <meta property=\"og:title\" content=\"{name}\">\n\
         <meta property=\"og:description\" content=\"{statement}\">\n\
         <link rel=\"canonical\" href=\"{canonical}\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={link}\">\n</head>\n<body>\n<main>\n\
         <h1>{heading}</h1>\n<p>{text}</p>\n<p><a href=\"{link}\">{id}</a></p>\n</main>\n</body>\n\
         </html>\n",
        title = html(&title),
        heading = html(&rule.title),
        text = html(&rule.statement.replace('*', "")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Rulebook {
        let rule = "## process.fork\n\n**A `fork(2)` child**\n\nA \"child\" & `fork(2)`.\n\n\
                    *P7 · stated · `copy_creds`*\n\n```rust\n# fn main() {}\n```\n";
        let page = rulebook::Page::parse(Path::new("a/b.md"), rule);
        Rulebook { rules: page.rules, ..Rulebook::default() }
    }

    fn written(redirect: &[(&str, &str)]) -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        let redirect = redirect.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
        write(folder.path(), &book(), &Site::default(), &redirect.collect())?;
        Ok(folder)
    }

    #[test]
    fn a_page_leads_to_its_rule_and_has_its_words() {
        let folder = written(&[]).unwrap();
        let page = fs::read_to_string(folder.path().join("rule/process.fork.html")).unwrap();
        for part in [
            "<title>A fork(2) child (process.fork)</title>",
            "name=\"description\" content=\"A &quot;child&quot; &amp; fork(2).\"",
            "property=\"og:title\" content=\"A fork(2) child\"",
            "rel=\"canonical\" href=\"../a/b.html#process.fork\"",
            "http-equiv=\"refresh\" content=\"0; url=../a/b.html#process.fork\"",
            "<a href=\"../a/b.html#process.fork\">process.fork</a>",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }

    #[test]
    fn an_old_id_leads_on_also_over_several_redirects() {
        let redirect = [
            ("/a/b.html#process.oldest", "/a/b.html#process.old"),
            ("/a/b.html#process.old", "b.html#process.fork"),
            ("/gone.html", "a/b.html"),
        ];
        let folder = written(&redirect).unwrap();
        for id in ["process.oldest", "process.old"] {
            let page = fs::read_to_string(folder.path().join(format!("rule/{id}.html"))).unwrap();
            assert!(page.contains("url=../a/b.html#process.fork"), "{page}");
        }
        assert_eq!(fs::read_dir(folder.path().join("rule")).unwrap().count(), 3);
    }

    #[test]
    fn a_redirect_to_no_rule_is_refused() {
        for redirect in
            [&[("/a.html#p.a", "a.html#p.b")][..], &[("#p.a", "#p.b"), ("#p.b", "#p.a")]]
        {
            let error = written(redirect).unwrap_err().to_string();
            assert!(error.contains("which is no rule"), "{error}");
        }
    }
}
