//! What released versions said: a file for each, which is written at the release and never edited.

use crate::{Problem, Rule};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the files, one for each version: `0.1.0.tsv`.
pub const RELEASED: &str = "snapshots/index/released";

/// A rule as a version had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its page, relative to the book's sources.
    pub page: PathBuf,
    /// The word for its verdict.
    pub verdict: String,
    /// Its statement, as Markdown.
    pub statement: String,
}

/// A released version.
#[derive(Clone, Debug)]
pub struct Release {
    /// Such as `0.1.0`.
    pub version: String,
    /// Its rules by id.
    pub rules: BTreeMap<String, Published>,
}

impl Rule {
    /// The rule as a line of such a file: id, page, verdict, statement, with tabs between them.
    pub fn published(&self) -> String {
        let page = self.page.display();
        format!("{}\t{page}\t{}\t{}\n", self.id, self.verdict.word(), self.statement)
    }
}

impl Release {
    /// All released versions, from the oldest; none where nothing is stored.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or a line of it does not have this form.
    pub fn all(root: &Path) -> Result<Vec<Release>, Problem> {
        let files = fs::read_dir(root.join(RELEASED)).into_iter().flatten().flatten();
        let mut releases =
            files.map(|file| Release::read(&file.path())).collect::<Result<Vec<_>, _>>()?;
        let numbers = |release: &Release| -> Vec<u32> {
            release.version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
        };
        releases.sort_by_key(numbers);
        Ok(releases)
    }

    fn read(path: &Path) -> Result<Release, Problem> {
        let version = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = Path::new(RELEASED).join(path.file_name().unwrap_or_default());
        let fix = "restore the file with git";
        let text = fs::read_to_string(path)
            .map_err(|error| Problem::new(&file, 1, format!("cannot be read: {error}"), fix))?;
        let lines = text.lines().zip(1..).map(|(line, number)| {
            let parts: Vec<&str> = line.split('\t').collect();
            let &[id, page, verdict, statement] = parts.as_slice() else {
                let what =
                    "is not an id, a page, a verdict and a statement, with tabs between them";
                return Err(Problem::new(&file, number, what, fix));
            };
            let published = Published {
                page: page.into(),
                verdict: verdict.to_owned(),
                statement: statement.to_owned(),
            };
            Ok((id.to_owned(), published))
        });
        Ok(Release { version, rules: lines.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(RELEASED);
        assert!(Release::all(folder.path()).unwrap().is_empty());
        fs::create_dir_all(&place).unwrap();
        for version in ["0.10.0", "0.9.0"] {
            let line = "process.fork\ta/b.md\tstated\tA child.\n";
            fs::write(place.join(format!("{version}.tsv")), line).unwrap();
        }
        let all = Release::all(folder.path()).unwrap();
        let versions: Vec<&str> = all.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(versions, ["0.9.0", "0.10.0"]);
        assert_eq!(all[0].rules["process.fork"].statement, "A child.");

        fs::write(place.join("1.0.0.tsv"), "process.fork\tstated\n").unwrap();
        let error = Release::all(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("snapshots/index/released/1.0.0.tsv:1: is not an id"), "{error}");
    }
}
