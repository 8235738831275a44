//! After which released version a rule last changed, and how: its statement, its verdict, its id.

use super::html::html;
use anyhow::{Result, anyhow};
use rulebook::{Published, Release, Rule, Rulebook};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::Path;

/// The past of the rules.
pub(super) struct Changes {
    /// From the oldest.
    releases: Vec<Release>,
    /// By the id of a rule, the ids that lead to it.
    old_ids: BTreeMap<String, Vec<String>>,
}

impl Changes {
    /// Reads what is stored of the releases of the project at `root`. `redirect` is the table of book.toml.
    ///
    /// # Errors
    ///
    /// If a release cannot be read, or an old id leads to no rule.
    pub(super) fn read(
        root: &Path,
        book: &Rulebook,
        redirect: &HashMap<String, String>,
    ) -> Result<Changes> {
        let releases = Release::all(root).map_err(|problem| anyhow!("{problem}"))?;
        let mut old_ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in super::redirects::old_ids(book, redirect) {
            let (old, rule) = pair?;
            old_ids.entry(rule.id.clone()).or_default().push(old);
        }
        old_ids.values_mut().for_each(|ids| ids.sort());
        Ok(Changes { releases, old_ids })
    }

    /// The last change of a rule, and its former ids; empty if no version was released.
    pub(super) fn of(&self, rule: &Rule) -> String {
        let old_ids = self.old_ids.get(&rule.id).map(Vec::as_slice).unwrap_or_default();
        let published = |release: &Release| -> Option<Published> {
            let mut ids = std::iter::once(&rule.id).chain(old_ids);
            ids.find_map(|id| release.rules.get(id)).cloned()
        };
        let mut after = Some(Published {
            page: rule.page.clone(),
            verdict: rule.verdict.word().to_owned(),
            statement: rule.statement.clone(),
        });
        let mut out = String::new();
        for release in self.releases.iter().rev() {
            let before = published(release);
            let (Some(new), version) = (&after, &release.version) else { break };
            out = match &before {
                None => format!("<p class=\"past\">New after {version}.</p>\n"),
                Some(old) => difference(old, new, version),
            };
            if !out.is_empty() {
                break;
            }
            after = before;
        }
        if let (true, Some(first)) = (out.is_empty(), self.releases.first()) {
            let _ = writeln!(out, "<p class=\"past\">The same since {}.</p>", first.version);
        }
        if !old_ids.is_empty() {
            let ids: Vec<String> = old_ids.iter().map(|id| format!("<code>{id}</code>")).collect();
            let _ = writeln!(out, "<p class=\"past\">Former id: {}</p>", ids.join(", "));
        }
        out
    }
}

/// What a version said otherwise than the next one.
fn difference(old: &Published, new: &Published, version: &str) -> String {
    let judged = if old.verdict == new.verdict {
        String::new()
    } else {
        format!("{} became {}", old.verdict, new.verdict)
    };
    match (old.statement == new.statement, judged.as_str()) {
        (true, "") => String::new(),
        (true, judged) => format!("<p class=\"past\">After {version}, {judged}.</p>\n"),
        (false, judged) => {
            let judged = if judged.is_empty() { String::new() } else { format!("; {judged}") };
            let old = html(&old.statement.replace(['`', '*'], ""));
            format!(
                "<details class=\"past\"><summary>Reworded after {version}{judged}</summary>\
                 <p>“{old}”</p></details>\n"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule, and a version in which it had this id, verdict and statement.
    fn changes(then: &[(&str, &str, &str)], redirect: &[(&str, &str)]) -> String {
        let page = "## process.fork\n\n**T**\n\nA `child`.\n\n*P7 · stated · `copy_creds`*\n\n\
                    ```rust\n# fn main() {}\n```\n";
        let page = rulebook::Page::parse(Path::new("a/b.md"), page);
        let book = Rulebook { rules: page.rules, ..Rulebook::default() };
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(rulebook::RELEASED);
        std::fs::create_dir_all(&place).unwrap();
        for (nth, (id, verdict, statement)) in then.iter().enumerate() {
            let line = format!("{id}\ta/b.md\t{verdict}\t{statement}\n");
            std::fs::write(place.join(format!("0.{nth}.0.tsv")), line).unwrap();
        }
        let redirect = redirect.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
        let changes = Changes::read(folder.path(), &book, &redirect.collect()).unwrap();
        changes.of(&book.rules[0])
    }

    #[test]
    fn the_last_release_after_which_a_rule_changed_is_named() {
        let same = ("process.fork", "stated", "A `child`.");
        assert_eq!(changes(&[], &[]), "");
        assert_eq!(changes(&[same], &[]), "<p class=\"past\">The same since 0.0.0.</p>\n");
        let other = ("process.vfork", "stated", "Another.");
        assert_eq!(changes(&[other], &[]), "<p class=\"past\">New after 0.0.0.</p>\n");
        let reworded = "<details class=\"past\"><summary>Reworded after 0.0.0; unstated became stated\
                        </summary><p>“Some child.”</p></details>\n";
        let old = ("process.fork", "unstated", "Some `child`.");
        assert_eq!(changes(&[old, same], &[]), reworded);
        assert_eq!(changes(&[other, old, same], &[]), reworded.replace("0.0.0", "0.1.0"));
        let judged = "<p class=\"past\">After 0.0.0, sharpened became stated.</p>\n";
        assert_eq!(changes(&[("process.fork", "sharpened", "A `child`.")], &[]), judged);
    }

    #[test]
    fn a_rule_whose_id_changed_shows_the_old_one() {
        let old = ("process.old", "stated", "A `child`.");
        let redirect = [("/a/b.html#process.old", "/a/b.html#process.fork")];
        let shown = "<p class=\"past\">The same since 0.0.0.</p>\n\
                     <p class=\"past\">Former id: <code>process.old</code></p>\n";
        assert_eq!(changes(&[old], &redirect), shown);
    }
}
