//! Boots real kernels if QEMU and fetched kernels exist, and kernels that never answer.

use crate::{dir, script, shell};
use kernels::{Architecture, Kernel, Limits, Payload, Target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The static guest, with arguments and a file.
fn guest(dir: &Path) -> Payload {
    let executable = dir.join("init");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--edition", "2024", "-C", "target-feature=+crt-static", "-o"])
        .arg(&executable)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guest/init.rs"))
        .status()
        .expect("rustc starts");
    assert!(status.success(), "the guest does not compile");
    let greeting = dir.join("greeting");
    fs::write(&greeting, "good day").expect("a file");
    Payload {
        executable,
        args: vec!["--jobs=2".into(), "a.b".into(), "plain".into()],
        files: vec![(greeting, "/etc/greeting".into())],
    }
}

/// Whether a program is installed.
fn installed(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok()
}

/// The fetched kernels of one kind, oldest first.
fn fetched(kind: fn(&Target) -> bool) -> Vec<Kernel> {
    let kernels = kernels::find(&kernels::cache()).unwrap_or_default();
    kernels.into_iter().filter(|kernel| kind(&kernel.target)).collect()
}

fn boots(kernel: &Kernel) {
    let dir = dir();
    let run = kernels::run(kernel, &guest(dir.path()), &Limits::default());
    let run = run.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        run.output,
        "args: [\"--jobs=2\", \"a.b\", \"plain\"]\nfile: Ok(\"good day\")\nprocess: 1\n"
    );
    assert_eq!(run.status, 7);
    println!("{} ({}): {:?}", kernel.name, run.how, run.wall);
}

#[test]
fn the_oldest_and_the_newest_fetched_kernel_boot() {
    let is_for_x86 =
        |target: &Target| matches!(target, Target::Qemu { architecture: Architecture::X86_64, .. });
    let kernels = fetched(is_for_x86);
    if !installed("qemu-system-x86_64") || kernels.is_empty() {
        println!("skipped: no QEMU or no fetched kernels");
        return;
    }
    for kernel in [&kernels[0], &kernels[kernels.len() - 1]] {
        boots(kernel);
    }
}

#[test]
fn user_mode_linux_boots() {
    let kernels = fetched(|target| matches!(target, Target::Uml { .. }));
    let Some(kernel) = kernels.last() else {
        println!("skipped: User Mode Linux was not fetched");
        return;
    };
    boots(kernel);
}

/// QEMU boots an image with a PVH entry point at which the processor loops.
#[test]
fn a_kernel_that_never_answers_is_given_up_after_one_retry() {
    if !installed("qemu-system-x86_64") {
        println!("skipped: no QEMU");
        return;
    }
    let dir = dir();
    let image = dir.path().join("vmlinux");
    fs::write(&image, loops_forever()).expect("a file");
    let architecture = Architecture::X86_64;
    let kernel = Kernel { name: "loop".into(), target: Target::Qemu { architecture, image } };
    let begin = Duration::from_secs(2);
    let limits = Limits { begin, end: begin, retries: 1 };
    let start = Instant::now();
    let error = kernels::run(&kernel, &guest(dir.path()), &limits).expect_err("no kernel");
    let said = error.to_string();
    assert!(said.starts_with("loop: no `keybook: begin` within 2 s, tried 2 times; "), "{said}");
    assert!(start.elapsed() >= 2 * begin && start.elapsed() < 15 * begin, "{:?}", start.elapsed());
    assert_eq!(running(dir.path()), Vec::<String>::new());
}

/// A User Mode Linux that fails at once.
#[test]
fn the_messages_of_the_emulator_are_reported() {
    let dir = dir();
    let kernel = script(dir.path(), "luckless", "#!/bin/sh\necho no such luck >&2\n");
    let error = kernels::run(&kernel, &shell(&[]), &Limits::default()).expect_err("no kernel");
    assert_eq!(
        error.what,
        "luckless: it ended without `keybook: begin`, tried 2 times; last lines of its console:\n    \
         no such luck\n"
    );
}

/// The guest also prints marks in the wrong order and carriage returns, and must be killed.
#[test]
fn the_output_is_between_the_marks() {
    let dir = dir();
    let text = "#!/bin/sh\nprintf 'keybook: end 3\\r\\nnoise\\r\\nkeybook: begin\\r\\none\\r\\n\\r\\n\
                  two keybook: end 4\\r\\nkeybook: end 5\\r\\nmore\\r\\n'\nexec sleep 1000\n";
    let kernel = script(dir.path(), "script", text);
    let run = kernels::run(&kernel, &shell(&[]), &Limits::default()).expect("a run");
    assert_eq!((run.output.as_str(), run.status), ("one\n\ntwo keybook: end 4\n", 5));
    assert!(run.wall < Duration::from_secs(60), "{:?}", run.wall);
}

/// The command lines that contain `dir`.
fn running(dir: &Path) -> Vec<String> {
    let text = |path: PathBuf| fs::read(path.join("cmdline")).unwrap_or_default();
    fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .map(|entry| String::from_utf8_lossy(&text(entry.path())).replace('\0', " "))
        .filter(|line| line.contains(&*dir.to_string_lossy()))
        .collect()
}

/// An ELF file that loops (`jmp .`) at 1 MiB, with the note of a PVH kernel.
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
    // No flags; sizes and counts of headers.
    image.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    // Type and flags, offset, two addresses, two sizes, alignment: a LOAD and a NOTE segment.
    numbers(&mut image, &[5 << 32 | 1, 0x1000, 0x10_0000, 0x10_0000, 0x1000, 0x1000, 0x1000]);
    numbers(&mut image, &[4 << 32 | 4, 0x1800, 0x10_0800, 0x10_0800, 24, 24, 4]);
    image.resize(0x1000, 0);
    image.extend([0xeb, 0xfe]);
    image.resize(0x1800, 0);
    // Lengths of name and content, type 18 (entry point), name, address.
    image.extend([4, 0, 0, 0, 8, 0, 0, 0, 18, 0, 0, 0]);
    image.extend(b"Xen\0");
    numbers(&mut image, &[0x10_0000]);
    image.resize(0x2000, 0);
    image
}
