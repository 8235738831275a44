//! Each log of `tests/logs`: strace 6.1 with each of its options, and what newer versions write differently.

use std::path::PathBuf;

use strace::{Order, What, runs};

use crate::all_events;

pub(crate) fn logs() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs");
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "snap"))
        .collect();
    logs.sort();
    logs
}

fn log(name: &str) -> PathBuf {
    logs().into_iter().find(|path| path.ends_with(name)).unwrap()
}

/// No line of any log is lost, and each log is read as before.
#[test]
fn every_form_is_read() {
    let runs = runs(&logs()).unwrap();
    assert!(runs.len() > 30, "{}", runs.len());
    for run in runs {
        let stem = run.paths[0].file_stem().unwrap().to_str().unwrap();
        let text = all_events(run.open().unwrap());
        assert!(!text.contains("unparsed"), "{stem}: {text}");
        let text = format!("{:?}\n{text}", run.order);
        insta::with_settings!({
            snapshot_path => "../logs", prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(stem, text) });
    }
}

/// The same program under other options does the same.
#[test]
fn options_do_not_change_what_happened() {
    let names = ["f-o", "Xraw", "Xverbose", "Yyy", "a1-s3", "comm", "q", "r", "t-r", "tt-T", "ttt"];
    let calls = |name: &str| {
        let run = runs(&[log(&format!("{name}.log"))]).unwrap().remove(0);
        let mut reader = run.open().unwrap();
        let mut calls = Vec::new();
        while let Some(event) = reader.next().unwrap() {
            if let What::Call(call) = event.what {
                calls.push((strace::shown(call.name), call.count(), event.first != event.last));
            }
        }
        calls.sort();
        calls
    };
    let expected = calls(names[0]);
    assert!(expected.len() > 30);
    for name in names {
        assert_eq!(calls(name), expected, "{name}");
    }
}

#[test]
fn files_of_ff_are_one_run() {
    let of = |prefix: &str| {
        let file = |path: &PathBuf| {
            path.file_stem().unwrap().to_str().unwrap() == prefix
                && path.extension().unwrap() != "log"
        };
        runs(&logs().into_iter().filter(file).collect::<Vec<_>>()).unwrap()
    };
    let [run] = &*of("ff") else { panic!() };
    assert_eq!(run.order, Order::Unknown);
    assert_eq!(run.pids, Some(vec![701, 702, 705, 706]));
    let [run] = &*of("thread-execve") else { panic!() };
    assert_eq!((run.order, run.paths.len()), (Order::Time, 3));
}

/// A name that ends in a number does not make a file one of `-ff`, if its lines have pids.
#[test]
fn a_log_with_pids_is_a_run() {
    let folder = std::env::temp_dir().join(format!("strace-runs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let paths = [folder.join("log.1"), folder.join("log.2"), folder.join("log.3")];
    std::fs::write(&paths[0], "7  fork() = 8\n").unwrap();
    std::fs::write(&paths[1], "fork() = 8\n").unwrap();
    std::fs::write(&paths[2], "[pid 9] fork() = 8\n").unwrap();
    let runs = runs(&paths).unwrap();
    let texts: Vec<_> = runs.iter().map(|run| all_events(run.open().unwrap())).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(texts, ["1: 7 fork() = 8\n", "1: 2 fork() = 8\n", "1: 9 fork() = 8\n"]);
}
