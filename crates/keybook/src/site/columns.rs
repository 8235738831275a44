//! The columns of the matrix: what was observed on other kernels and in other environments, as it
//! is saved in `snapshots/kernels`.

use crate::commands::check::Verdict;
use crate::report::{Count, Report};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The results of one kernel or environment, as a file holds them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    /// The name of its file, and of the column.
    #[serde(skip)]
    pub(crate) name: String,
    /// As readers see it.
    pub(crate) title: String,
    pub(crate) kind: Kind,
    /// `QEMU, TCG`, `UML` or `command`.
    pub(crate) how: String,
    /// Facts on the place.
    pub(crate) environment: Map<String, Value>,
    /// By rule.
    pub(crate) rules: BTreeMap<String, Cell>,
}

/// What a column stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Another kernel.
    Kernel,
    /// The same kernel under other circumstances.
    Environment,
}

/// What came of one rule: `held 0123456789abcdef`, with the fingerprint of the rule, and for the
/// other results a reason behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cell {
    pub(crate) outcome: Outcome,
    pub(crate) fingerprint: String,
    pub(crate) because: String,
}

/// The verdicts without what led to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Held,
    Differs,
    Broken,
    NotObserved,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 4] =
        [Outcome::Held, Outcome::Differs, Outcome::Broken, Outcome::NotObserved];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Outcome::Held => "held",
            Outcome::Differs => "differs",
            Outcome::Broken => "broken",
            Outcome::NotObserved => "not-observed",
        }
    }

    /// One character for a matrix.
    pub(crate) fn sign(self) -> char {
        match self {
            Outcome::Held => '+',
            Outcome::Differs => '-',
            Outcome::Broken => '!',
            Outcome::NotObserved => '.',
        }
    }
}

impl TryFrom<String> for Cell {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Cell, String> {
        let mut words = text.splitn(3, ' ');
        let (word, fingerprint) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.word() == word);
        let outcome = outcome.ok_or_else(|| {
            format!("`{text}` is no result: held, differs, broken or not-observed comes first")
        })?;
        let because = words.next().unwrap_or("").to_owned();
        Ok(Cell { outcome, fingerprint: fingerprint.to_owned(), because })
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> String {
        format!("{} {} {}", cell.outcome.word(), cell.fingerprint, cell.because)
            .trim_end()
            .to_owned()
    }
}

impl Column {
    /// The column that a report fills.
    pub(crate) fn of(name: &str, title: &str, kind: Kind, how: &str, report: Report) -> Column {
        let mut environment = report.environment;
        // Another each time.
        environment.shift_remove("quota");
        let cell = |checked: crate::commands::check::Checked| {
            let (outcome, because) = match checked.verdict {
                Verdict::Held => (Outcome::Held, String::new()),
                Verdict::Differs { message, .. } => (Outcome::Differs, message),
                Verdict::Broken { how, .. } => (Outcome::Broken, how),
                Verdict::NotObserved { needs, because } => {
                    (Outcome::NotObserved, format!("{needs}: {because}"))
                }
            };
            let because = because.split_whitespace().collect::<Vec<_>>().join(" ");
            (checked.id, Cell { outcome, fingerprint: checked.fingerprint, because })
        };
        Column {
            name: name.to_owned(),
            title: title.to_owned(),
            kind,
            how: how.to_owned(),
            environment,
            rules: report.rules.into_iter().map(cell).collect(),
        }
    }

    /// How the rules stand in it, in numbers.
    pub(crate) fn count(&self) -> Count {
        let count = |wanted| self.rules.values().filter(|cell| cell.outcome == wanted).count();
        Count {
            held: count(Outcome::Held),
            differ: count(Outcome::Differs),
            broken: count(Outcome::Broken),
            not_observed: count(Outcome::NotObserved),
        }
    }

    /// What came of a rule as it stands now; a result that is older than that says nothing of it.
    pub(crate) fn cell(&self, id: &str, fingerprint: &str) -> Option<&Cell> {
        self.rules.get(id).filter(|cell| cell.fingerprint == fingerprint)
    }

    /// A fact on the place.
    pub(crate) fn fact(&self, name: &str) -> &str {
        self.environment.get(name).and_then(Value::as_str).unwrap_or("unknown")
    }

    /// Writes the file of the column.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let file = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&file, text))
            .with_context(|| format!("{}: the results cannot be saved", file.display()))
    }
}

/// Reads all columns that are saved there: kernels first, older ones first; none if there is no
/// such folder.
pub(crate) fn read(folder: &Path) -> Result<Vec<Column>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    let mut columns = files.iter().map(|file| read_one(file)).collect::<Result<Vec<_>>>()?;
    columns.sort_by_cached_key(|column| (column.kind, version(&column.name), column.name.clone()));
    Ok(columns)
}

fn read_one(file: &Path) -> Result<Column> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut column: Column = serde_json::from_str(&text).with_context(|| {
        format!("{}: these are no results that `keybook kernels` saved", file.display())
    })?;
    column.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(column)
}

/// The numbers of a name such as `6.1.192-debian-cloud`, to sort by.
fn version(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cell: &str) -> serde_json::Result<Column> {
        serde_json::from_value(serde_json::json!({
            "title": "a kernel",
            "kind": "kernel",
            "how": "UML",
            "environment": {"kernel": "Linux 6.1.0"},
            "rules": {"process.fork": cell},
        }))
    }

    #[test]
    fn a_result_that_is_older_than_its_rule_says_nothing() {
        let column = column("held 0123").unwrap();
        assert_eq!(column.cell("process.fork", "0123").unwrap().outcome, Outcome::Held);
        assert_eq!(column.cell("process.fork", "4567"), None);
        assert_eq!(column.cell("thread.fork", "0123"), None);
    }

    #[test]
    fn a_result_is_read_as_it_was_written() {
        for text in ["held 0123", "not-observed 0123 root: this does not run as root"] {
            let cell = Cell::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(cell), text);
        }
    }

    #[test]
    fn what_is_no_result_is_refused() {
        let error = column("hold 0123").unwrap_err().to_string();
        assert!(error.contains("`hold 0123` is no result: held, differs, broken"), "{error}");
    }

    #[test]
    fn older_kernels_come_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["6.12.117-debian", "6.1.192-debian", "5.10.262-debian"] {
            let mut column = column("held 0123").unwrap();
            column.name = name.to_owned();
            column.save(folder.path()).unwrap();
        }
        let names: Vec<String> =
            read(folder.path()).unwrap().into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["5.10.262-debian", "6.1.192-debian", "6.12.117-debian"]);
    }
}
