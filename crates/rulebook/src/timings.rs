//! Results of benchmarks, as the book shows them.
//!
//! `cargo bench … -- --save` writes one file for each benchmark; the page *Speed* is generated from them.

use crate::SOURCE;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folder with the saved results, in the book.
const FOLDER: &str = "reference/timings";

/// The results of one benchmark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// The command that measures them.
    pub command: String,
    /// The machine on which they were measured.
    pub machine: String,
    /// What the last column is: the name of the peer.
    pub peer: String,
    /// What was measured, the result here, and the peer's result in the same run, or nothing.
    pub rows: Vec<[String; 3]>,
}

impl Timings {
    /// Begins the results of a benchmark on this machine.
    pub fn new(command: &str, peer: &str) -> Timings {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = kernel.split('-').next().unwrap_or_default().trim();
        let machine = format!("{cores} cores, {}, Linux {release}", env::consts::ARCH);
        Timings { command: command.into(), machine, peer: peer.into(), rows: Vec::new() }
    }

    /// Prints a result, and keeps it. Without a peer, its result is empty.
    pub fn row(&mut self, what: impl Into<String>, here: String, peer: String) {
        let what = what.into();
        let beside =
            if peer.is_empty() { String::new() } else { format!("; {}: {peer}", self.peer) };
        println!("{what}: {here}{beside}");
        self.rows.push([what, here, peer]);
    }

    /// Saves the results under this name, if the command line contains `--save`.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn finish(&self, name: &str) -> io::Result<()> {
        if !env::args().any(|arg| arg == "--save") {
            return Ok(());
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join(SOURCE).join(FOLDER);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name).with_extension("tsv"), self.text())
    }

    /// The results as they are saved: three lines about them, then one line for each row.
    fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| row.join("\t") + "\n").collect::<String>();
        format!("{}\n{}\n{}\n{rows}", self.command, self.machine, self.peer)
    }

    fn parse(text: &str) -> Option<Timings> {
        let mut lines = text.lines().map(str::to_owned);
        let (command, machine, peer) = (lines.next()?, lines.next()?, lines.next()?);
        let row = |line: String| {
            let columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
            columns.try_into().ok()
        };
        Some(Timings { command, machine, peer, rows: lines.map(row).collect::<Option<_>>()? })
    }

    /// The saved results of every benchmark, sorted by name. A file of another form is left out.
    pub fn saved(root: &Path) -> Vec<Timings> {
        let files = fs::read_dir(root.join(SOURCE).join(FOLDER)).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
        files.sort();
        files.iter().filter_map(|file| Timings::parse(&fs::read_to_string(file).ok()?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_survive_saving() {
        let mut timings = Timings::new("cargo bench", "the peer");
        timings.row("one", "1 s".into(), "2 s".into());
        timings.row("two", "3 s".into(), String::new());
        assert_eq!(Timings::parse(&timings.text()), Some(timings.clone()));
        assert_eq!(Timings::parse(&(timings.text() + "short\n")), None);
    }
}
