//! What runs ends with the caller, however the caller ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kernels::{Kernel, Limits, Place, Program};

/// Set in the copy of this test that is killed.
const LINUX: &str = "KERNELS_TEST_LINUX";

#[test]
fn a_guest_and_its_directory_end_with_a_killed_caller() {
    if let Some(linux) = std::env::var_os(LINUX) {
        let kernel = Kernel { name: "stays".into(), place: Place::Uml { linux: linux.into() } };
        let program = Program { executable: "/bin/sh".into(), args: vec![], files: vec![] };
        let _ = kernels::run(&kernel, &program, &Limits::default());
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let linux = dir.path().join("linux.uml");
    let told = dir.path().join("told");
    // Tells its process id and its directory, through a pipe with a name: no one has to wait long.
    let script = format!("#!/bin/sh\necho \"$$ $*\" > {}\nexec sleep 1000\n", told.display());
    fs::write(&linux, script).expect("a file");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&linux, fs::Permissions::from_mode(0o755)).expect("permissions");
    assert!(Command::new("mkfifo").arg(&told).status().expect("mkfifo").success());

    let mut caller = Command::new(std::env::current_exe().expect("this test"))
        .env(LINUX, &linux)
        .stdout(Stdio::null())
        .spawn()
        .expect("a copy of this test");
    let mut line = String::new();
    let told = fs::File::open(&told).expect("a pipe");
    BufReader::new(told).read_line(&mut line).expect("a line");
    let mut words = line.split_whitespace();
    let process = Path::new("/proc").join(words.next().expect("a process id"));
    let temp = words.find_map(|word| word.strip_prefix("uml_dir=")).expect("a directory");
    assert!(process.exists() && Path::new(temp).exists());

    caller.kill().expect("a signal");
    caller.wait().expect("its end");
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.exists() || Path::new(temp).exists() {
        assert!(Instant::now() < deadline, "{} or {temp} is still there", process.display());
        std::thread::yield_now();
    }
}
