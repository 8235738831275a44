//! Addresses of rules, and citations: from the settings of book.toml alone.

use super::columns::{Column, ColumnKind};
use crate::project;
use crate::report::ResultKind;
use anyhow::{Context, Result, bail};
use mdbook_driver::config::Config;
use rulebook::Rule;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the pages that lead to the rules, relative to the root of the book.
pub(crate) const FOLDER: &str = "rule";

/// Where the book is published, if it is.
#[derive(Debug, Default)]
pub(crate) struct Site {
    /// `site-url` in book.toml, ending with a slash; empty if the book is published nowhere.
    url: String,
    /// The project's folder.
    root: PathBuf,
    /// The commit that the book is built from, once something has asked for it.
    commit: OnceLock<String>,
}

impl Site {
    /// Reads the settings of the project at `root`. As for mdBook, the environment's
    /// `MDBOOK_OUTPUT__HTML__SITE_URL` counts before book.toml.
    ///
    /// # Errors
    ///
    /// If book.toml cannot be read or is not valid.
    pub(crate) fn of(root: &Path) -> Result<Site> {
        let file = root.join("book.toml");
        let read = || -> Result<Config> {
            let mut config = Config::from_disk(&file)?;
            config.update_from_env()?;
            Ok(config)
        };
        let config = read().with_context(|| format!("{}: not valid", file.display()))?;
        Site::from(&config, root)
    }

    /// The same from settings that are already read.
    ///
    /// # Errors
    ///
    /// If `site-url` does not end with a slash: links on the page for unknown addresses would lead astray.
    pub(crate) fn from(config: &Config, root: &Path) -> Result<Site> {
        let url = config.html_config().and_then(|html| html.site_url).unwrap_or_default();
        if !url.is_empty() && !url.ends_with('/') {
            bail!("[output.html] site-url = \"{url}\": end it with a slash");
        }
        // mdBook also accepts a path, which is no address that others can follow.
        let url = if url.contains("://") { url } else { String::new() };
        Ok(Site { url, root: root.to_owned(), commit: OnceLock::new() })
    }

    /// The site of the project around this program; where there is no project, one that is published
    /// nowhere.
    pub(crate) fn here() -> &'static Site {
        static HERE: OnceLock<Site> = OnceLock::new();
        HERE.get_or_init(|| project::root().and_then(|root| Site::of(&root)).unwrap_or_default())
    }

    /// The address that leads to a rule for as long as the book exists: relative to the root of the
    /// book if it is published nowhere.
    pub(crate) fn rule(&self, id: &str) -> String {
        format!("{}{FOLDER}/{id}.html", self.url)
    }

    /// The address of a rule on the page where it stands now.
    pub(crate) fn page(&self, rule: &Rule) -> String {
        format!("{}{}", self.url, rule.link())
    }

    /// Whether addresses work outside the book.
    pub(crate) fn is_published(&self) -> bool {
        !self.url.is_empty()
    }

    /// A citation: statement, id, the kernels on which it held, and the address, or the commit if
    /// the book is published nowhere.
    pub(crate) fn citation(&self, rule: &Rule, fingerprint: &str, columns: &[Column]) -> String {
        let kernels = columns.iter().filter(|column| column.kind == ColumnKind::Kernel);
        let held = kernels.filter(|column| {
            column.cell(&rule.id, fingerprint).is_some_and(|cell| cell.result == ResultKind::Held)
        });
        let held: Vec<&str> = held.map(Column::version).collect();
        let mut parts = vec![format!("rule {}", rule.id)];
        if !held.is_empty() {
            parts.push(format!("held on Linux {}", held.join(", ")));
        }
        if self.is_published() {
            parts.push(self.rule(&rule.id));
        } else if !self.commit().is_empty() {
            parts.push(format!("commit {}", self.commit()));
        }
        format!("“{}” ({})", rule.plain_statement(), parts.join("; "))
    }

    /// The commit as git-describe(1) names it, with `-dirty` if files differ from it; empty outside a git
    /// repository.
    fn commit(&self) -> &str {
        self.commit.get_or_init(|| {
            let mut git = Command::new("git");
            git.arg("-C").arg(&self.root);
            git.args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
            let output = git.output().ok().filter(|output| output.status.success());
            let name = output.and_then(|output| String::from_utf8(output.stdout).ok());
            name.unwrap_or_default().trim().to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(url: &str) -> Result<Site> {
        let text = format!("[output.html]\nsite-url = \"{url}\"\n");
        Site::from(&text.parse().unwrap(), Path::new("/nowhere"))
    }

    #[test]
    fn an_address_is_absolute_only_where_the_book_is_published() {
        let address = |url| site(url).unwrap().rule("a.b");
        assert_eq!(address(""), "rule/a.b.html");
        assert_eq!(address("/keybook/"), "rule/a.b.html");
        assert_eq!(address("https://example.org/k/"), "https://example.org/k/rule/a.b.html");
        let error = site("https://example.org/k").unwrap_err().to_string();
        assert!(error.ends_with("end it with a slash"), "{error}");
    }
}
