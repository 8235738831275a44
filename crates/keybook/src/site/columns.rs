//! The columns of the matrix: the saved results of other kernels and environments.

use super::environments::{self, RESULTS};
use crate::output::one_line;
use crate::report::{CheckResult, Checked, Count, Report, ResultKind};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The saved results of one kernel or environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    /// Name of the column, and of its file without `.json`.
    #[serde(skip)]
    pub(crate) name: String,
    /// Heading of the column.
    pub(crate) title: String,
    /// The same in one or two words: of a kernel the series, such as `6.12`.
    #[serde(skip)]
    pub(crate) short: String,
    pub(crate) kind: ColumnKind,
    /// `QEMU, TCG`, `UML` or `command`.
    pub(crate) how: String,
    /// Facts about the system, by name.
    pub(crate) environment: Map<String, Value>,
    /// Results by id of the rule.
    pub(crate) rules: BTreeMap<String, Cell>,
}

/// What a column stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ColumnKind {
    /// Another kernel for x86-64.
    Kernel,
    /// Another architecture: of the kernel or, for 32-bit programs, of the program.
    Architecture,
    /// The same kernel in other circumstances.
    Environment,
}

/// The result of one rule, saved as `held 0123456789abcdef`: the result, the fingerprint of the
/// rule, and for results other than `held` the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cell {
    pub(crate) result: ResultKind,
    pub(crate) fingerprint: String,
    pub(crate) because: String,
}

impl TryFrom<String> for Cell {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Cell, String> {
        let mut words = text.splitn(3, ' ');
        let (word, fingerprint) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let result = ResultKind::ALL.into_iter().find(|result| result.word() == word);
        let result = result.ok_or_else(|| {
            format!(
                "`{text}` is not a result: it must begin with held, differs, broken or not-observed"
            )
        })?;
        let because = words.next().unwrap_or("").to_owned();
        Ok(Cell { result, fingerprint: fingerprint.to_owned(), because })
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> String {
        let Cell { result, fingerprint, because } = cell;
        format!("{} {fingerprint} {because}", result.word()).trim_end().to_owned()
    }
}

impl Column {
    /// Creates the column from a report.
    pub(crate) fn of(
        name: &str,
        title: &str,
        kind: ColumnKind,
        how: &str,
        report: Report,
    ) -> Column {
        let mut environment = report.environment;
        // Changes with every run.
        environment.shift_remove("quota");
        let cell = |checked: Checked| {
            let result = checked.result.kind();
            let because = match checked.result {
                CheckResult::Held => String::new(),
                CheckResult::Differs { message, .. } => message,
                CheckResult::Broken { how, .. } => how,
                CheckResult::NotObserved { needs, because } => format!("{needs}: {because}"),
            };
            let (fingerprint, because) = (checked.fingerprint, one_line(&because));
            (checked.id, Cell { result, fingerprint, because })
        };
        Column {
            name: name.to_owned(),
            title: title.to_owned(),
            short: String::new(),
            kind,
            how: how.to_owned(),
            environment,
            rules: report.rules.into_iter().map(cell).collect(),
        }
    }

    pub(crate) fn count(&self) -> Count {
        Count::of(self.rules.values().map(|cell| cell.result))
    }

    /// The result of a rule; `None` if the rule has changed since.
    pub(crate) fn cell(&self, id: &str, fingerprint: &str) -> Option<&Cell> {
        self.rules.get(id).filter(|cell| cell.fingerprint == fingerprint)
    }

    /// The version of its kernel, such as `6.1.192`.
    pub(crate) fn version(&self) -> &str {
        let from = match self.kind {
            ColumnKind::Kernel | ColumnKind::Architecture => self.name.as_str(),
            ColumnKind::Environment => self.fact("kernel").trim_start_matches("Linux "),
        };
        let end = from.find(|c: char| !c.is_ascii_digit() && c != '.');
        &from[..end.unwrap_or(from.len())]
    }

    /// The architecture with which its name ends; empty for x86-64.
    fn architecture(&self) -> &str {
        let end = || self.name.rsplit('-').next();
        let is_other = self.kind == ColumnKind::Architecture;
        is_other.then(end).flatten().unwrap_or_default()
    }

    /// A fact about the system.
    pub(crate) fn fact(&self, name: &str) -> &str {
        self.environment.get(name).and_then(Value::as_str).unwrap_or("unknown")
    }

    /// Writes the column to a file in `folder`.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let file = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&file, text))
            .with_context(|| format!("{}: cannot save the results", file.display()))
    }
}

/// Reads the columns saved in the project: kernels by version, those of other architectures, then environments in the
/// order of their list.
///
/// # Errors
///
/// If a file cannot be read or is not valid.
pub(crate) fn saved(root: &Path) -> Result<Vec<Column>> {
    let mut columns = read(&root.join(RESULTS))?;
    let list = environments::read(root)?;
    let place = |column: &Column| list.iter().position(|listed| listed.name == column.name);
    columns.sort_by_key(|column| (column.kind, place(column)));
    for column in &mut columns {
        let series = || column.version().splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        column.short = match (column.kind, place(column)) {
            (ColumnKind::Kernel, _) => series(),
            (ColumnKind::Architecture, _) => column.architecture().to_owned(),
            (ColumnKind::Environment, Some(nth)) => list[nth].short.clone(),
            (ColumnKind::Environment, None) => column.name.clone(),
        };
    }
    Ok(columns)
}

/// Reads all columns in a folder, kernels first and by architecture and version; none if there is no such folder.
fn read(folder: &Path) -> Result<Vec<Column>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    let mut columns = files.iter().map(|file| read_one(file)).collect::<Result<Vec<_>>>()?;
    columns.sort_by_cached_key(|column| {
        let architecture = column.architecture().to_owned();
        (column.kind, architecture, version(&column.name), column.name.clone())
    });
    Ok(columns)
}

fn read_one(file: &Path) -> Result<Column> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut column: Column = serde_json::from_str(&text)
        .with_context(|| format!("{}: not saved by `keybook kernels`", file.display()))?;
    column.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(column)
}

/// The numbers in a name such as `6.1.192-debian-cloud`, to sort by.
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
        assert_eq!(column.cell("process.fork", "0123").unwrap().result, ResultKind::Held);
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
        assert!(error.contains("`hold 0123` is not a result: it must begin with held"), "{error}");
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
