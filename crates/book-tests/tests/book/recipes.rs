//! The recipes, in C and Rust, compiled and run; each fails without its step.

use crate::root;
use crate::run::{nothing_here, until_not_busy};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, process};

/// The folder of the recipes, and the page that includes them.
const RECIPES: &str = "book/recipes";
const PAGE: &str = "book/answers/recipes.md";
/// In a recipe in C, what is compiled without its step is between this line and `#else` or `#endif`.
const STEP_IN_C: &str = "#ifndef WITHOUT_STEP /* The step";
/// Ends the lines of Rust that are the step; after `, not: ` follows what stands there without the step.
const STEP_IN_RUST: &str = "// the step";
/// What a recipe in C returns if it does not succeed; other numbers say that something else is wrong.
const FAILS: i32 = 1;

/// The recipes in a language, with their text.
fn recipes(extension: &str) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(root().join(RECIPES)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    let text = |file: &PathBuf| fs::read_to_string(file).unwrap();
    files.into_iter().map(|file| (file.clone(), text(&file))).collect()
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// Compiles a recipe in C and returns its exit status; `None` if a signal ended it.
fn run_c(file: &Path, flags: &[&str]) -> Option<i32> {
    let without = if flags.is_empty() { "with" } else { "without" };
    let program = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = program.join(format!("{}-{without}-{}", name(file), process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-pthread"]).args(flags);
    let output = compiler.arg("-o").arg(&program).arg(file).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {messages}", file.display());
    let status = Command::new(&program).status().unwrap().code();
    fs::remove_file(&program).unwrap();
    status
}

#[test]
fn every_recipe_in_c_needs_its_step() {
    if Command::new("cc").arg("--version").output().is_err() {
        eprintln!("not observed: there is no C compiler");
        return;
    }
    if let Some(because) = nothing_here() {
        eprintln!("not observed: {because}");
        return;
    }
    let mut wrong = Vec::new();
    for (file, text) in recipes("c") {
        assert!(text.contains(STEP_IN_C), "{}: where is the step?", file.display());
        let (with, without) = (run_c(&file, &[]), run_c(&file, &["-DWITHOUT_STEP"]));
        if (with, without) != (Some(0), Some(FAILS)) {
            wrong.push(format!("{}: {with:?}, without the step {without:?}", name(&file)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_recipe_in_rust_needs_its_step() {
    if let Some(because) = nothing_here() {
        eprintln!("not observed: {because}");
        return;
    }
    for (file, text) in recipes("rs") {
        let lacks = |need: &str| keyrings::needs::unmet(need);
        if text.contains("enter_user_namespace")
            && let Some(because) = lacks("user namespace")
        {
            eprintln!("{}: not observed: {because}", name(&file));
            continue;
        }
        assert!(text.contains(STEP_IN_RUST), "{}: where is the step?", file.display());
        if let Err(failure) = run_rust(&text) {
            panic!("{}: {failure}", name(&file));
        }
        let failure = run_rust(&without_step(&text)).expect_err(&name(&file));
        assert!(!failure.contains("--crate-type=bin"), "{}: {failure}", name(&file));
    }
}

/// Runs a recipe in Rust, or returns what it or the compiler says.
fn run_rust(program: &str) -> Result<(), String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let run = || skeptic::rt::run_test(root, env!("OUT_DIR"), env!("TARGET"), program);
    let result = until_not_busy(&run);
    let id = program.split("observe(\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let traces = std::env::var(keyrings::TRACES_VARIABLE).unwrap();
    let _ = fs::remove_file(Path::new(&traces).join(format!("{id}.{}", process::id())));
    result
}

/// A recipe in Rust without its step.
fn without_step(text: &str) -> String {
    let line = |line: &str| match line.split_once(STEP_IN_RUST) {
        Some((_, instead)) => format!("{}\n", instead.strip_prefix(", not: ").unwrap_or_default()),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_page_includes_every_recipe_in_both_languages() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let names = |extension| -> Vec<String> {
        let files = recipes(extension).into_iter();
        files.map(|(file, _)| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names("c"), names("rs"));
    assert!(names("c").len() >= 6);
    for (file, _) in [recipes("c"), recipes("rs")].concat() {
        let mark = format!("{{{{#include ../recipes/{}}}}}", name(&file));
        assert!(page.contains(&mark), "{PAGE} does not say {mark}");
    }
}
