//! Running one rule by skeptic.

use crate::{book, root};
use rulebook::{Problem, Rule, SOURCE, Snapshot};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, Once, OnceLock};
use std::{env, fs, process};
use trace::Trace;

/// Names the needs, separated by commas, that must be met: a rule that lacks one of them fails.
const REQUIRED_VARIABLE: &str = "KEYBOOK_REQUIRE";

/// The result of running a rule.
#[derive(Clone)]
enum RunResult {
    /// The kernel did what is stored.
    Held,
    /// It did something else, or the rule is not complete; the reason.
    Differs(String),
    /// A need is not met; which, and why.
    NotObserved { need: String, because: String },
}

/// Each rule runs once in a process, whichever test is first.
static RESULTS: LazyLock<Mutex<HashMap<String, Arc<OnceLock<RunResult>>>>> =
    LazyLock::new(Mutex::default);

/// The test of a rule: runs the snippet whose fence is on this line of the page, as skeptic would,
/// and compares its trace with the stored one.
pub fn rule(page: &str, line: usize, root_dir: &str, out_dir: &str, target: &str, program: &str) {
    refuse(page, line);
    let id = program.split("observe(\"").nth(1).and_then(|rest| rest.split('"').next());
    let rule = id.and_then(|id| book().rule(id));
    let rule = rule.unwrap_or_else(|| panic!("{SOURCE}/{page}:{line}: this is no rule's snippet"));
    // skeptic puts an empty line first: without it a line's number is that within the snippet.
    let program = program.trim_start_matches('\n');
    let run = || skeptic::rt::run_test(root_dir, out_dir, target, program);
    match run_once(rule, || run_snippet(rule, line, &run)) {
        RunResult::Held => {}
        RunResult::Differs(how) => panic!("{how}"),
        RunResult::NotObserved { need, because } => {
            let message = format!("{}: not observed, because it needs {need}: {because}", rule.id);
            let required = env::var(REQUIRED_VARIABLE).unwrap_or_default();
            let mut required = required.split(',').map(str::trim);
            assert!(!required.any(|must| must == need), "{message}");
            // `eprintln!` would be captured, and not shown for a test that passes.
            let _ = writeln!(std::io::stderr(), "{message}");
        }
    }
}

/// Panics with every mistake in the section around this line of a page.
pub fn refuse(page: &str, line: usize) {
    let problems = book().problems_around(Path::new(page), line);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The result of a rule's test, in the words of `keybook check`.
pub fn known_result(id: &str) -> &'static str {
    let results = RESULTS.lock().unwrap_or_else(|lock| lock.into_inner());
    match results.get(id).and_then(|result| result.get()) {
        Some(RunResult::Held) => "held",
        Some(RunResult::Differs(_)) => "differs",
        Some(RunResult::NotObserved { .. }) => "not-observed",
        None => "not run",
    }
}

/// Why no rule at all can be observed here, if none can.
pub fn nothing_here() -> Option<&'static String> {
    static NOTHING: OnceLock<Option<String>> = OnceLock::new();
    NOTHING.get_or_init(|| keyrings::probe::Keyrings::here().explain()).as_ref()
}

fn run_once(rule: &Rule, run: impl Fn()) -> RunResult {
    let cell = {
        let mut results = RESULTS.lock().unwrap_or_else(|lock| lock.into_inner());
        Arc::clone(results.entry(rule.id.clone()).or_default())
    };
    let result = || {
        if let Some(because) = nothing_here() {
            return RunResult::NotObserved {
                need: "keyrings".to_owned(),
                because: because.clone(),
            };
        }
        let stored = Snapshot::read(&root(), &rule.id);
        let trace: Option<Trace> = stored.and_then(|stored| stored.contents.parse().ok());
        let implied = trace.map(|trace| keyrings::needs::implied(&trace)).unwrap_or_default();
        let unmet = rule.needs.iter().chain(&implied).find_map(|need| {
            let because = keyrings::needs::unmet(need)?;
            Some(RunResult::NotObserved { need: need.clone(), because })
        });
        unmet.unwrap_or_else(|| match quietly(|| compare(rule, &run)) {
            Ok(()) => RunResult::Held,
            Err(how) => RunResult::Differs(how),
        })
    };
    cell.get_or_init(result).clone()
}

/// Runs a snippet and compares its trace with the stored one.
///
/// # Panics
///
/// If the trace differs, or does not prove the rule.
fn compare(rule: &Rule, run: &impl Fn()) {
    let traces = env::var(keyrings::TRACES_VARIABLE)
        .expect("`.cargo/config.toml` says where the traces go: run this by cargo");
    let file = Path::new(&traces).join(format!("{}.{}", rule.id, process::id()));
    run();
    let seen = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("no trace was left in {}: {error}", file.display()));
    let _ = fs::remove_file(&file);
    let trace = seen.parse().unwrap_or_else(|error| panic!("{}: {error}", rule.id));
    let refused = |problem: Problem| panic!("{problem}");
    rulebook::without_control(rule, &trace).map(refused);
    let page = format!("{SOURCE}/{}", rule.page.display());
    pin(&Snapshot::path(&root(), &rule.id), &page, &seen);
    rulebook::idle(rule, &root()).map(refused);
}

/// Compares a text with a stored snapshot; insta leaves a pending one if they differ.
pub fn pin(file: &Path, description: &str, text: &str) {
    let name = file.file_stem().expect("the file of a snapshot").to_string_lossy();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(file.parent().expect("the folder of a snapshot"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    settings.bind(|| insta::assert_snapshot!(&*name, text));
}

/// Runs a snippet.
///
/// # Panics
///
/// If the snippet does not compile, or an expectation is not met.
fn run_snippet(rule: &Rule, line: usize, run: &impl Fn()) {
    let Err(failure) = until_not_busy(run) else { return };
    if failure.contains("--crate-type=bin") {
        let place = format!("{SOURCE}/{}:{line}", rule.page.display());
        panic!("{place}: the snippet of `{}` does not compile; fix the errors above", rule.id);
    }
    panic!("{failure}");
}

/// Runs something by skeptic, again if its executable was busy, and returns the message of its panic.
///
/// skeptic opens an executable of its cache for writing before it runs it. If another thread forks
/// meanwhile, the child inherits the descriptor, and until the child's execve the executable cannot
/// be run (`ETXTBSY`). Nothing of the program has run then.
pub fn until_not_busy(run: &impl Fn()) -> Result<(), String> {
    for _ in 0..100 {
        match quietly(run) {
            Err(failure) if failure.contains("Text file busy") => std::thread::yield_now(),
            result => return result,
        }
    }
    Err("the executable stays busy".to_owned())
}

thread_local! {
    /// The number of calls of `quietly` on this thread.
    static QUIET: Cell<usize> = const { Cell::new(0) };
}

/// Runs something and returns the message of its panic, which is not printed: skeptic's are long,
/// and the test panics with the message that matters.
fn quietly(work: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() == 0 {
                usual(info);
            }
        }));
    });
    QUIET.set(QUIET.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(QUIET.get() - 1);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

#[test]
fn a_compile_error_names_page_and_line() {
    let rule = book().rule("process.fork").unwrap();
    let page = book().pages.iter().find(|page| page.path == rule.page).unwrap();
    let line = *page.snippets.iter().find(|line| **line > rule.line).unwrap();
    let place = format!("{SOURCE}/{}", rule.page.display());
    // A syntax error after the line with `observe`, which is the third of the block.
    let program = rule.program.replacen("|| {\n", "|| {\nlet = 1; ", 1);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-error");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("test.rs"), &program).unwrap();
    let mut compiler = process::Command::new(env::var("RUSTC").unwrap());
    let output = compiler.arg(folder.join("test.rs")).arg("--edition=2024").output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(messages.contains(&format!("--> {place}:{}:5", line + 3)), "{messages}");
    assert!(!output.status.success());

    let (root, out, target) = (env!("CARGO_MANIFEST_DIR"), env!("OUT_DIR"), env!("TARGET"));
    let run = || skeptic::rt::run_test(root, out, target, &program);
    let failure = quietly(|| run_snippet(rule, line, &run)).unwrap_err();
    let expected = "the snippet of `process.fork` does not compile; fix the errors above";
    assert_eq!(failure, format!("{place}:{line}: {expected}"));
}
