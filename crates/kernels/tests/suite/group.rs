//! A guest ends with its caller, even if the caller is killed.

use crate::{dir, script, shell};
use kernels::{Kernel, Limits, Target};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The path of the guest; set in the copy of this test that is killed.
const LINUX: &str = "KERNELS_TEST_LINUX";

#[test]
fn a_guest_and_its_directory_end_with_a_killed_caller() {
    if let Some(linux) = std::env::var_os(LINUX) {
        let kernel = Kernel { name: "stays".into(), target: Target::Uml { linux: linux.into() } };
        let _ = kernels::run(&kernel, &shell(&[]), &Limits::default());
        return;
    }
    let dir = dir();
    let fifo = dir.path().join("fifo");
    // The guest reports its process id and arguments.
    let text = format!("#!/bin/sh\necho \"$$ $*\" > {}\nexec sleep 1000\n", fifo.display());
    let Target::Uml { linux } = script(dir.path(), "stays", &text).target else { unreachable!() };
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());

    let mut caller = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "group::a_guest_and_its_directory_end_with_a_killed_caller"])
        .env(LINUX, &linux)
        .stdout(Stdio::null())
        .spawn()
        .expect("a copy of this test");
    let mut line = String::new();
    let fifo = fs::File::open(&fifo).expect("a pipe");
    BufReader::new(fifo).read_line(&mut line).expect("a line");
    let mut words = line.split_whitespace();
    let process = Path::new("/proc").join(words.next().expect("a process id"));
    let temp = words.find_map(|word| word.strip_prefix("uml_dir=")).expect("a directory");
    assert!(process.exists() && Path::new(temp).exists());

    caller.kill().expect("a signal");
    caller.wait().expect("its end");
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.exists() || Path::new(temp).exists() {
        assert!(Instant::now() < deadline, "{} or {temp} still exists", process.display());
        std::thread::yield_now();
    }
}
