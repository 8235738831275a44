//! Running one rule by skeptic.

use crate::{book, root, settings};
use rulebook::{Rule, Snapshot};
use std::any::Any;
use std::collections::HashMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::{env, fs, process};

/// Names the needs, separated by commas, that must be met: a rule that lacks one of them fails.
const REQUIRED_VARIABLE: &str = "KEYBOOK_REQUIRE";

/// What came of running a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel did what is pinned.
    Held,
    /// It did not; how.
    Differs(String),
    /// A need is not met; which, and why.
    NotObserved { need: String, because: String },
}

/// Each rule runs once in a process, whoever asks first.
static VERDICTS: LazyLock<Mutex<HashMap<String, Arc<OnceLock<Verdict>>>>> =
    LazyLock::new(Mutex::default);

/// The body of a rule's test: what skeptic would have run, and the comparison.
pub fn rule(root_dir: &str, out_dir: &str, target: &str, program: &str) {
    let id = rule_of(program);
    match verdict(id, || skeptic::rt::run_test(root_dir, out_dir, target, program)) {
        Verdict::Held => {}
        Verdict::Differs(how) => panic!("{how}"),
        Verdict::NotObserved { need, because } => {
            let message = format!("{id}: not observed, because it needs {need}: {because}");
            let required = env::var(REQUIRED_VARIABLE).unwrap_or_default();
            let mut required = required.split(',').map(str::trim);
            assert!(!required.any(|must| must == need), "{message}");
            // Not by `eprintln!`, which is kept from sight where a test passes.
            let _ = writeln!(std::io::stderr(), "{message}");
        }
    }
}

/// The verdict on a rule whose test has run.
pub fn known_verdict(id: &str) -> Option<Verdict> {
    let verdicts = VERDICTS.lock().unwrap_or_else(|lock| lock.into_inner());
    verdicts.get(id).and_then(|verdict| verdict.get().cloned())
}

/// Why no rule at all can be observed here, if it is so.
pub fn nothing_here() -> Option<&'static String> {
    static NOTHING: OnceLock<Option<String>> = OnceLock::new();
    NOTHING.get_or_init(|| keyrings::probe::Keyrings::here().explain()).as_ref()
}

fn verdict(id: &str, run: impl Fn()) -> Verdict {
    let cell = {
        let mut verdicts = VERDICTS.lock().unwrap_or_else(|lock| lock.into_inner());
        Arc::clone(verdicts.entry(id.to_owned()).or_default())
    };
    cell.get_or_init(|| {
        let rule = book().rule(id).unwrap_or_else(|| panic!("there is no rule `{id}`"));
        if let Some(because) = nothing_here() {
            return Verdict::NotObserved { need: "keyrings".to_owned(), because: because.clone() };
        }
        let pinned = Snapshot::read(&root(), id).and_then(|pinned| pinned.contents.parse().ok());
        let implied = pinned.map(|trace| keyrings::needs::implied(&trace)).unwrap_or_default();
        let unmet = rule.needs.iter().chain(&implied).find_map(|need| {
            let because = keyrings::needs::unmet(need)?;
            Some(Verdict::NotObserved { need: need.clone(), because })
        });
        if let Some(unmet) = unmet {
            return unmet;
        }
        match catch_unwind(AssertUnwindSafe(|| compare(rule, &run))) {
            Ok(()) => Verdict::Held,
            Err(panic) => Verdict::Differs(words(&*panic)),
        }
    })
    .clone()
}

/// Runs a snippet and compares its trace; panics if anything is otherwise than pinned.
fn compare(rule: &Rule, run: &impl Fn()) {
    let traces = env::var(keyrings::TRACES_VARIABLE)
        .expect("`.cargo/config.toml` says where the traces go: run this by cargo");
    let trace = Path::new(&traces).join(format!("{}.{}", rule.id, process::id()));
    when_executable(run);
    let seen = fs::read_to_string(&trace)
        .unwrap_or_else(|error| panic!("no trace was left in {}: {error}", trace.display()));
    let _ = fs::remove_file(&trace);
    let page = format!("{}/{}", rulebook::SOURCE, rule.page.display());
    settings(&page).bind(|| insta::assert_snapshot!(rule.id.as_str(), seen));
}

/// The rule that a program observes.
fn rule_of(program: &str) -> &str {
    let id = program.split("observe(\"").nth(1).and_then(|rest| rest.split('"').next());
    id.expect("a snippet calls observe(\"the.rule\", …)")
}

/// Runs a snippet, again if the kernel was not ready to run its executable.
///
/// skeptic opens an executable of its cache for writing before it runs it. Where another thread
/// forks in between, the executable counts as being written until that child has gone through
/// execve, and cannot be run (ETXTBSY). Nothing of it has run then.
fn when_executable(run: &impl Fn()) {
    for _ in 0..100 {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(()) => return,
            Err(panic) if words(&*panic).contains("Text file busy") => std::thread::yield_now(),
            Err(panic) => resume_unwind(panic),
        }
    }
    panic!("the snippet's executable is busy for good");
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
