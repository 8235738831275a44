//! Boots real kernels, where QEMU and fetched kernels are; and one that never answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use kernels::{Kernel, Limits, Place, Program};
use tempfile::TempDir;

/// A static guest, and a file for it.
fn program(dir: &Path) -> Program {
    let executable = compiled(dir, "init", "ordinary");
    let greeting = dir.join("greeting");
    fs::write(&greeting, "good day").expect("a file");
    Program {
        executable,
        args: vec!["--jobs=2".into(), "a.b".into(), "plain".into()],
        files: vec![(greeting, "/etc/greeting".into())],
    }
}

/// The static guest, of this kind: `ordinary` or `other`.
fn compiled(dir: &Path, name: &str, kind: &str) -> PathBuf {
    let executable = dir.join(name);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--edition", "2024", "-C", "target-feature=+crt-static", "--cfg", kind, "-o"])
        .arg(&executable)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guest/init.rs"))
        .status()
        .expect("rustc starts");
    assert!(status.success(), "the guest does not compile");
    executable
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Whether there is a program of this name.
fn installed(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok()
}

/// The fetched kernels of one kind, oldest first.
fn fetched(kind: fn(&Place) -> bool) -> Vec<Kernel> {
    let kernels = kernels::find(&kernels::cache()).unwrap_or_default();
    kernels.into_iter().filter(|kernel| kind(&kernel.place)).collect()
}

fn boots(kernel: &Kernel) -> Duration {
    let dir = dir();
    let run = kernels::run(kernel, &program(dir.path()), &Limits::default());
    let run = run.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        run.output,
        "args: [\"--jobs=2\", \"a.b\", \"plain\"]\nfile: Ok(\"good day\")\nprocess: 1\n"
    );
    assert_eq!(run.status, 7);
    if let Some((file, _)) = kept(dir.path()) {
        let _ = fs::remove_file(file);
    }
    println!("{} ({}): {:?}", kernel.name, run.how, run.wall);
    run.wall
}

#[test]
fn the_oldest_and_the_newest_fetched_kernel_boot() {
    let kernels = fetched(|place| matches!(place, Place::Qemu { .. }));
    if !installed("qemu-system-x86_64") || kernels.is_empty() {
        println!("not tried: QEMU or fetched kernels are not here");
        return;
    }
    for kernel in [&kernels[0], &kernels[kernels.len() - 1]] {
        boots(kernel);
    }
}

/// What a kept guest is told by: its kernel, and the files beside the program.
fn kept(dir: &Path) -> Option<(PathBuf, SystemTime)> {
    let dir = dir.to_string_lossy().into_owned();
    let files = fs::read_dir(kernels::cache().join("started")).ok()?;
    let fits = |path: &PathBuf| {
        let content = fs::read(path).unwrap_or_default();
        let about = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(about).contains(&dir)
    };
    let path = files.flatten().map(|file| file.path()).find(fits)?;
    let time = fs::metadata(&path).and_then(|about| about.modified()).ok()?;
    Some((path, time))
}

/// On a kernel of its own, as the other tests keep guests of theirs.
#[test]
fn a_guest_that_has_started_is_kept_and_goes_on_with_another_program() {
    let kernels = fetched(|place| matches!(place, Place::Qemu { .. }));
    let Some(kernel) = kernels.get(1).filter(|_| installed("qemu-system-x86_64")) else {
        println!("not tried: QEMU or fetched kernels are not here");
        return;
    };
    let dir = dir();
    let mut program = program(dir.path());
    let run = |program: &Program| {
        let run = kernels::run(kernel, program, &Limits::default());
        run.unwrap_or_else(|error| panic!("{error}"))
    };
    let first = run(&program);
    if first.how != "QEMU, TCG" {
        println!("not tried: with {} a kernel starts at once", first.how);
        return;
    }
    assert!(first.output.starts_with("args: "), "{}", first.output);
    let (file, made) = kept(dir.path()).expect("it is kept");

    program.executable = compiled(dir.path(), "other", "other");
    let second = run(&program);
    assert_eq!(second.output, format!("the other program\n{}", first.output));
    assert_eq!(kept(dir.path()), Some((file.clone(), made)), "it is not made again");

    // What cannot be read is no hindrance, and is made again.
    let content = fs::read(&file).expect("what is kept");
    let about = content.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    fs::write(&file, &content[..about + (content.len() - about) / 2]).expect("a file");
    assert_eq!(run(&program).output, second.output);
    let (_, again) = kept(dir.path()).expect("it is kept again");
    assert!(again > made);
    let _ = fs::remove_file(file);
}

#[test]
fn user_mode_linux_boots() {
    let kernels = fetched(|place| matches!(place, Place::Uml { .. }));
    let Some(kernel) = kernels.last() else {
        println!("not tried: no User Mode Linux was fetched");
        return;
    };
    boots(kernel);
}

/// QEMU starts it, and nothing happens: the image has an entry for PVH, at which there are zeros.
#[test]
fn a_kernel_that_never_answers_is_given_up_after_one_retry() {
    if !installed("qemu-system-x86_64") {
        println!("not tried: QEMU is not here");
        return;
    }
    let dir = dir();
    let image = dir.path().join("vmlinux");
    fs::write(&image, loops_forever()).expect("a file");
    let kernel = Kernel { name: "zeros".into(), place: Place::Qemu { image } };
    let begin = Duration::from_secs(2);
    let limits = Limits { begin, end: begin, retries: 1 };
    let start = Instant::now();
    let error = kernels::run(&kernel, &program(dir.path()), &limits).expect_err("no kernel");
    let said = error.to_string();
    assert!(said.starts_with("zeros: no `keybook: begin` within 2 s, tried 2 times; "), "{said}");
    assert!(start.elapsed() >= 2 * begin && start.elapsed() < 15 * begin, "{:?}", start.elapsed());
    assert_eq!(running(dir.path()), Vec::<String>::new());
}

/// An emulator that is not a guest at all ends at once, and says why.
#[test]
fn what_the_emulator_complains_of_is_told() {
    let dir = dir();
    let linux = dir.path().join("linux.uml");
    script(&linux, "#!/bin/sh\necho no such luck >&2\n");
    let kernel = Kernel { name: "luckless".into(), place: Place::Uml { linux } };
    let program = Program { executable: "/bin/sh".into(), args: vec![], files: vec![] };
    let error = kernels::run(&kernel, &program, &Limits::default()).expect_err("no kernel");
    assert_eq!(
        error.what,
        "luckless: it ended without `keybook: begin`, tried 2 times; last on its console:\n    \
         no such luck\n"
    );
}

/// Marks, carriage returns, and what came before; the guest stays, and is killed for it.
#[test]
fn the_output_is_what_is_between_the_marks() {
    let dir = dir();
    let linux = dir.path().join("linux.uml");
    let text = "#!/bin/sh\nprintf 'keybook: end 3\\r\\nnoise\\r\\nkeybook: begin\\r\\none\\r\\n\\r\\n\
                  two keybook: end 4\\r\\nkeybook: end 5\\r\\nmore\\r\\n'\nexec sleep 1000\n";
    script(&linux, text);
    let kernel = Kernel { name: "script".into(), place: Place::Uml { linux } };
    let program = Program { executable: "/bin/sh".into(), args: vec![], files: vec![] };
    let run = kernels::run(&kernel, &program, &Limits::default()).expect("a run");
    assert_eq!((run.output.as_str(), run.status), ("one\n\ntwo keybook: end 4\n", 5));
    assert!(run.wall < Duration::from_secs(60), "{:?}", run.wall);
}

/// Makes a script. Another process writes it: a file that this one has open for writing could be
/// handed down to what another test starts at that moment, and cannot be executed for as long.
fn script(path: &Path, text: &str) {
    let write = "printf %s \"$1\" > \"$0\" && chmod +x \"$0\"";
    let wrote = Command::new("sh").args(["-c", write]).arg(path).arg(text).status();
    assert!(wrote.expect("sh").success());
}

/// The command lines that have `dir` in them.
fn running(dir: &Path) -> Vec<String> {
    let text = |path: PathBuf| fs::read(path.join("cmdline")).unwrap_or_default();
    fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .map(|entry| String::from_utf8_lossy(&text(entry.path())).replace('\0', " "))
        .filter(|line| line.contains(&*dir.to_string_lossy()))
        .collect()
}

/// An ELF file with one page of `jmp .` at 1 MiB, and the note that makes it a kernel for QEMU.
fn loops_forever() -> Vec<u8> {
    let mut image = Vec::new();
    let numbers = |image: &mut Vec<u8>, numbers: &[u64]| {
        numbers.iter().for_each(|n| image.extend(n.to_le_bytes()));
    };
    image.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    // An executable, for x86-64, of version 1.
    image.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no section headers.
    numbers(&mut image, &[0x10_0000, 64, 0]);
    // No flags; sizes and numbers of headers.
    image.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    // Kind and flags, offset, two addresses, two sizes, alignment: what is loaded, and the note.
    numbers(&mut image, &[5 << 32 | 1, 0x1000, 0x10_0000, 0x10_0000, 0x1000, 0x1000, 0x1000]);
    numbers(&mut image, &[4 << 32 | 4, 0x1800, 0x10_0800, 0x10_0800, 24, 24, 4]);
    image.resize(0x1000, 0);
    image.extend([0xeb, 0xfe]);
    image.resize(0x1800, 0);
    // Lengths of name and content, kind 18, name, entry.
    image.extend([4, 0, 0, 0, 8, 0, 0, 0, 18, 0, 0, 0]);
    image.extend(b"Xen\0");
    numbers(&mut image, &[0x10_0000]);
    image.resize(0x2000, 0);
    image
}
