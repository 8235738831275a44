//! `keybook build`: builds the book and checks every rule meanwhile.

use crate::report::{self, Report};
use crate::site::address::Site;
use crate::site::pages::Pages;
use crate::site::play::{self, Compiling};
use crate::site::{badge, columns, data, redirects, search};
use crate::status::NOTHING_HERE;
use crate::{output, project};
use anyhow::{Context, Result};
use keyrings::probe::Keyrings;
use mdbook_driver::MDBook;
use rulebook::Rulebook;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) fn run() -> Result<u8> {
    let root = project::root()?;
    project::validate(&root)?;
    let nothing_here = Keyrings::here().explain();
    let check = if nothing_here.is_none() { Some(start_check()?) } else { None };
    let compiling = Compiling::start(&root);
    if !compiling.is_possible() {
        eprintln!("{}", play::WITHOUT);
    }
    let built = build(&root, compiling);
    let checked = check.map(Child::wait_with_output).transpose()?;
    let index = built.context("cannot build the book")?;
    let (summary, status) = match (checked, nothing_here) {
        (Some(checked), _) => {
            let report: Report = serde_json::from_slice(&checked.stdout)
                .with_context(|| format!("`keybook check` failed: {}", checked.status))?;
            (report::brief(&report), report.status())
        }
        (None, why) => {
            let why = why.unwrap_or_default();
            eprintln!("{why} The book shows what was observed elsewhere.");
            (String::new(), NOTHING_HERE)
        }
    };
    output::print(&format!("{summary}the book is built: open {}\n", index.display()))?;
    Ok(status)
}

/// Builds the book with mdBook as a library, adds what plain mdBook does not write, and returns the page
/// to open.
fn build(root: &Path, compiling: Compiling) -> Result<PathBuf> {
    let mut book = MDBook::load(root)?;
    // Replaces the command that book.toml names, which has the same name and does the same.
    book.with_preprocessor(Pages);
    book.build()?;
    let built = book.build_dir_for("html");
    let (rules, site) = (Rulebook::read(root), Site::from(&book.config, root)?);
    let config = book.config.html_config().unwrap_or_default();
    redirects::write(&built, &rules, &site, &config.redirect)?;
    search::write(&built, root, &rules, &config)?;
    let columns = columns::saved(root)?;
    data::write(&built, root, &rules, &site, &columns)?;
    badge::write(&built, root, &rules, &columns, &config)?;
    play::write(&built, root, &rules, compiling)?;
    let index = built.join("index.html");
    Ok(index.canonicalize().unwrap_or(index))
}

/// Starts a check of all rules in a child process, which shows its progress on standard error.
fn start_check() -> Result<Child> {
    let mut check = Command::new(std::env::current_exe()?);
    check.args(["check", "--format", "json"]).stdin(Stdio::null()).stdout(Stdio::piped());
    check.spawn().context("cannot start `keybook check`")
}
