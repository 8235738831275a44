//! Every snippet of the book, compiled and run by skeptic, its trace compared with what is pinned.
//!
//! A test is named after its page and its rule: `cargo test process_fork` runs `process.fork`.

mod common;

use common::{book, root};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::{env, fs, process};

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// Runs the snippet of a rule by skeptic and compares its trace.
fn run_rule(root_dir: &str, out_dir: &str, target: &str, program: &str) {
    let id = rule_of(program);
    let rule = book().rule(id).unwrap_or_else(|| panic!("there is no rule `{id}`"));
    if let Some((need, reason)) = common::unmet(rule) {
        common::not_observed(id, need, &reason);
        return;
    }
    let traces = env::var(keyrings::TRACES_VARIABLE)
        .expect("`.cargo/config.toml` says where the traces go: run this by cargo");
    let trace = Path::new(&traces).join(process::id().to_string()).join(id);
    run_snippet(|| skeptic::rt::run_test(root_dir, out_dir, target, program));
    let seen = fs::read_to_string(&trace)
        .unwrap_or_else(|error| panic!("`{id}` left no trace in {}: {error}", trace.display()));
    let _ = fs::remove_file(&trace);
    let _ = fs::remove_dir(trace.parent().unwrap_or(&trace));
    let page = format!("{}/{}", rulebook::SOURCE, rule.page.display());
    common::settings(&page).bind(|| insta::assert_snapshot!(id, seen));
}

/// The rule that a program observes.
fn rule_of(program: &str) -> &str {
    let id = program.split("observe(\"").nth(1).and_then(|rest| rest.split('"').next());
    id.expect("a snippet calls observe(\"the.rule\", …)")
}

/// Calls skeptic, again if the kernel was not ready to run the executable.
///
/// skeptic opens an executable of its cache for writing before it runs it. Where another thread
/// forks in between, the executable counts as being written until that child has gone through
/// execve, and cannot be run (ETXTBSY). Nothing of it has run then.
fn run_snippet(run: impl Fn()) {
    for _ in 0..100 {
        match catch_unwind(AssertUnwindSafe(&run)) {
            Ok(()) => return,
            Err(panic) if text_busy(&*panic) => std::thread::yield_now(),
            Err(panic) => resume_unwind(panic),
        }
    }
    panic!("the snippet's executable is busy for good");
}

fn text_busy(panic: &(dyn Any + Send)) -> bool {
    panic.downcast_ref::<String>().is_some_and(|text| text.contains("Text file busy"))
}

#[test]
fn the_book_is_well_formed() {
    let problems: Vec<String> =
        book().all_problems(&root()).iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_need_is_known() {
    for rule in &book().rules {
        for need in &rule.needs {
            let known = keyrings::place::NEEDS.iter().any(|(name, _)| name == need);
            assert!(known || need.starts_with("Linux ≥ "), "{}: unknown need `{need}`", rule.id);
        }
    }
}

#[test]
fn the_index_of_rules_is_as_published() {
    let settings = common::settings(rulebook::SOURCE);
    settings.bind(|| insta::assert_snapshot!(rulebook::INDEX, book().index()));
}
