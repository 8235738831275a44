//! `keybook vary`: runs rules in other circumstances on the running kernel.

mod guest;

use crate::embedded;
use crate::output::{self, BAD, GOOD, ListFormat, NAME, UNKNOWN, count};
use crate::runner::{self, Finished, Job, Limits};
use crate::status::{DIFFERS, HELD, MISUSE, NOTHING_HERE};
use crate::{init, jobs, progress, project};
use anyhow::{Context, Result, anyhow, bail};
use keyrings::circumstance::{self, CIRCUMSTANCES, Circumstance};
use keyrings::probe::Keyrings;
use keyrings::program::Ended;
use keyrings::{Errno, NO_ROOM, NOT_APPLICABLE, SEPARATOR, needs};
use model::Verdict;
use rulebook::Cells;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::time::Duration;
use trace::Trace;

#[derive(clap::Args)]
pub(crate) struct Vary {
    /// Ids of rules, or prefixes of ids that end with `.` or `*`; by default all rules.
    rules: Vec<String>,
    /// Only in these circumstances; by default in all that can be set up here. Those that request-key(8)
    /// brings about are set up in a guest, on a kernel that `keybook kernels fetch` has fetched.
    #[arg(long = "in", value_name = "NAME", num_args = 1..)]
    within: Vec<String>,
    /// List the circumstances.
    #[arg(long)]
    list: bool,
    /// Save the results of all rules in all circumstances in snapshots/circumstances.
    #[arg(long, conflicts_with_all = ["rules", "within", "list"])]
    save: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// A rule in a circumstance, and what became of it.
#[derive(Debug, Serialize)]
struct Cell {
    rule: &'static str,
    circumstance: &'static str,
    /// Whether the saved table says the same; a circumstance that does not apply contradicts nothing.
    as_saved: bool,
    #[serde(flatten)]
    result: CellResult,
}

/// Whether a rule holds in a circumstance.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
enum CellResult {
    /// Every expectation holds, and the trace is the pinned one.
    Same,
    /// An expectation fails, or the trace is another.
    Differs { trace: String, message: String },
    /// The circumstance cannot be set up here, or a need of the rule is not met in it.
    NotApplicable { because: String },
    /// The snippet hung, crashed or was killed.
    Broken { how: String },
    /// The model refuses the trace, whatever the rule says.
    Refused { trace: String, message: String },
}

/// How long a snippet may run.
const DEADLINE: Duration = Duration::from_secs(60);

/// Goes on with the snippet of a rule in this program, which the kernel or another task began; returns
/// its exit status.
pub(crate) fn go_on(rule: &str) -> u8 {
    let Some(rule) = embedded::rule(rule) else { return MISUSE };
    if let Some(why) = needs::first_unmet(rule.needs) {
        eprintln!("{why}");
        return NOT_APPLICABLE;
    }
    (rule.observe)().status()
}

pub(crate) fn run(vary: &Vary) -> Result<u8> {
    if vary.list {
        return list(vary.format);
    }
    let rules = embedded::select(&vary.rules).map_err(|error| anyhow!(error))?;
    let circumstances = select(&vary.within)?;
    if let Some(why) = Keyrings::here().explain() {
        eprintln!("{why}");
        return Ok(NOTHING_HERE);
    }
    let is_guest = init::is_first_process();
    let (elsewhere, here): (Vec<_>, Vec<_>) =
        circumstances.into_iter().partition(|it| it.is_for_a_guest() && !is_guest);
    let in_guest = match vary.save || !vary.within.is_empty() {
        true if !elsewhere.is_empty() => guest::run(&vary.rules, &elsewhere)?,
        _ => Vec::new(),
    };
    let varied = here.iter().flat_map(|circumstance| {
        rules.iter().map(|rule| Job { rule, circumstance: Some(circumstance) })
    });
    let varied: Vec<Job> = varied.collect();
    let limits = Limits { jobs: jobs::snippets(12), deadline: DEADLINE };
    let bar = progress::bar(varied.len() as u64, "{pos}/{len} cells, {elapsed}");
    let (results, stopped) = runner::run(&varied, limits, &bar, result)?;
    let saved = Cells::parse_all(embedded::CELLS);
    let here = varied
        .iter()
        .zip(results)
        .filter_map(|(job, result)| Some((job.rule.id, job.circumstance?.name, result?)));
    let cells = here.chain(in_guest).map(|(rule, circumstance, result)| {
        let as_saved = is_as_saved(&result, saved.get(rule), circumstance);
        Cell { rule, circumstance, as_saved, result }
    });
    let cells: Vec<Cell> = cells.collect();
    if vary.save && stopped.is_none() {
        return save(&cells);
    }
    match vary.format {
        ListFormat::Human => output::print(&human(&cells))?,
        ListFormat::Json => output::print_json(&cells)?,
    }
    if let Some(signal) = stopped {
        eprintln!("keybook: stopped by {signal}");
        return Ok(128 + signal as u8);
    }
    Ok(if cells.iter().all(|cell| cell.as_saved) { HELD } else { DIFFERS })
}

/// Whether the saved cells of a rule say the same of a circumstance.
fn is_as_saved(result: &CellResult, saved: Option<&Cells>, circumstance: &str) -> bool {
    let differs = saved.is_some_and(|saved| saved.differs.iter().any(|name| name == circumstance));
    match result {
        CellResult::Same => !differs,
        CellResult::Differs { .. } => differs,
        CellResult::NotApplicable { .. } => true,
        CellResult::Broken { .. } | CellResult::Refused { .. } => false,
    }
}

/// Saves the cells of all rules.
fn save(cells: &[Cell]) -> Result<u8> {
    let mut rules: BTreeMap<&str, Cells> = BTreeMap::new();
    for Cell { rule, circumstance, result, .. } in cells {
        let of_rule = rules.entry(rule).or_default();
        match result {
            CellResult::Same => {}
            CellResult::Differs { .. } => of_rule.differs.push((*circumstance).to_owned()),
            CellResult::NotApplicable { because } => {
                let why = because.split(": ").next().unwrap_or_default();
                of_rule.not_applicable.push(((*circumstance).to_owned(), why.to_owned()));
            }
            CellResult::Broken { how: why } | CellResult::Refused { message: why, .. } => {
                bail!("{rule} in {circumstance}: {why}; nothing is saved");
            }
        }
    }
    let path = project::root()?.join(rulebook::CIRCUMSTANCES);
    let text: String = rules.iter().map(|(rule, cells)| cells.line(rule)).collect();
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    written.and_then(|()| fs::write(&path, text)).with_context(|| path.display().to_string())?;
    eprintln!("saved: {}; the next build of this program knows it", path.display());
    Ok(HELD)
}

fn list(format: ListFormat) -> Result<u8> {
    match format {
        ListFormat::Human => {
            let line = |it: &Circumstance| format!("{NAME}{:20}{NAME:#} {}\n", it.name, it.about);
            output::print(&CIRCUMSTANCES.iter().map(line).collect::<String>())?;
        }
        ListFormat::Json => {
            let pair = |it: &Circumstance| serde_json::json!({"name": it.name, "about": it.about});
            output::print_json(&CIRCUMSTANCES.iter().map(pair).collect::<Vec<_>>())?;
        }
    }
    Ok(HELD)
}

/// Finds circumstances by their names; all if none is given.
fn select(names: &[String]) -> Result<Vec<&'static Circumstance>> {
    if names.is_empty() {
        return Ok(CIRCUMSTANCES.iter().collect());
    }
    names.iter().map(|name| circumstance::find(name).ok_or_else(|| unknown(name))).collect()
}

fn unknown(name: &str) -> anyhow::Error {
    let names = CIRCUMSTANCES.iter().map(|it| it.name);
    let near = embedded::near(name, names);
    let hint = if near.is_empty() { "`keybook vary --list` lists them" } else { &near };
    anyhow!("there is no circumstance `{name}`: {hint}")
}

/// What became of a rule in a circumstance.
fn result(job: Job, finished: std::result::Result<Finished, Errno>) -> CellResult {
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => {
            let because = format!("a process: {error:?} ({})", error.desc());
            return CellResult::NotApplicable { because };
        }
    };
    let Finished { ended, late, stdout, stderr } = finished;
    let status = match ended {
        _ if late.is_some() => return CellResult::Broken { how: "it hung".to_owned() },
        Ended::Exited(status) => u8::try_from(status).unwrap_or(u8::MAX),
        Ended::Killed(_) => return CellResult::Broken { how: format!("it {ended}: {stderr}") },
    };
    if status == NOT_APPLICABLE || status == NO_ROOM {
        return CellResult::NotApplicable { because: output::one_line(&stderr) };
    }
    let Some((whole, program)) = stdout.split_once(SEPARATOR) else {
        return CellResult::Broken { how: format!("it {ended} without a trace: {stderr}") };
    };
    if let Some(message) = refusal(whole) {
        return CellResult::Refused { trace: whole.to_owned(), message };
    }
    if status == 0 && job.rule.snapshot == Some(program) {
        return CellResult::Same;
    }
    CellResult::Differs { trace: program.to_owned(), message: stderr }
}

/// Why the model refuses a trace, if it does.
fn refusal(whole: &str) -> Option<String> {
    let trace: Trace = match whole.parse() {
        Ok(trace) => trace,
        Err(error) => return Some(format!("it cannot be read back: {error}")),
    };
    let refused = embedded::wrong_models().map(|table| model::judge(&trace, table));
    match refused {
        Ok(Verdict::Allowed) => None,
        Ok(Verdict::Refused(refusal)) => {
            Some(format!("line {}: {}", refusal.nth + 1, refusal.event))
        }
        Ok(Verdict::Unknown { calls, .. }) => {
            Some(format!("it does not know the call in line {}", calls[0] + 1))
        }
        Err(error) => Some(error.to_string()),
    }
}

fn human(cells: &[Cell]) -> String {
    let mut text = String::new();
    for cell in cells.iter().filter(|cell| !cell.as_saved) {
        let (word, message, trace) = match &cell.result {
            CellResult::Same => ("the same, but saved as different", "", ""),
            CellResult::NotApplicable { because } => ("not applicable", &**because, ""),
            CellResult::Differs { message, trace } => ("differs", &**message, &**trace),
            CellResult::Broken { how } => ("broken", &**how, ""),
            CellResult::Refused { message, trace } => {
                ("refused by the model", &**message, &**trace)
            }
        };
        let more = output::indented("    ", &format!("{message}\n{trace}"));
        let (rule, name) = (cell.rule, cell.circumstance);
        let _ = writeln!(text, "{BAD}{word}{BAD:#}: {rule} in {name}\n{more}");
    }
    for circumstance in CIRCUMSTANCES {
        let of_it = cells.iter().filter(|cell| cell.circumstance == circumstance.name);
        let (mut same, mut differ, mut not_applicable) = (0, 0, 0);
        for cell in of_it {
            *match cell.result {
                CellResult::Same => &mut same,
                CellResult::NotApplicable { .. } => &mut not_applicable,
                _ => &mut differ,
            } += 1;
        }
        if same + differ + not_applicable > 0 {
            let _ = writeln!(
                text,
                "{:20} {GOOD}{same} same{GOOD:#}, {differ} differ, {UNKNOWN}{not_applicable} not \
                 applicable{UNKNOWN:#}",
                circumstance.name
            );
        }
    }
    let otherwise = cells.iter().filter(|cell| !cell.as_saved).count();
    text + &format!("{}: {otherwise} not as saved\n", count(cells.len(), "cell"))
}
