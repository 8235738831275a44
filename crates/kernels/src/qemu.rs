//! Boots a kernel in QEMU.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::architecture::Machine;
use crate::console::{Attempt, attend, persist};
use crate::{Architecture, Error, Limits, Payload, Run, cache, initramfs, open_file};

/// The kernel's command line. A kernel is checked as its distribution starts it, so nothing here
/// switches a part of the kernel off.
///
/// - `panic=-1`: with QEMU's `-no-reboot`, a panic ends QEMU at once.
/// - `loglevel=1`: kernel messages would break lines of the output.
///
/// The name of the console, the guest's only output, follows.
const APPEND: &str = "panic=-1 loglevel=1 console=";

/// The deadline for [`crate::BEGIN`] while it is unknown whether KVM works. With KVM a kernel boots
/// within 1 s, or never.
const PROBE: Duration = Duration::from_secs(10);

/// How the guest's instructions are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accelerator {
    Tcg,
    Kvm,
}

/// Runs `payload` as init of the kernel `image`.
pub fn run(
    architecture: Architecture,
    image: &Path,
    payload: &Payload,
    limits: &Limits,
) -> Result<Run, Error> {
    let Some(machine) = architecture.machine() else {
        return Err(Error::new(
            format!("no kernels for {} are booted", architecture.name()),
            "run its programs on kernels for x86-64",
        ));
    };
    let Machine { console, longest, .. } = machine;
    let arguments = initramfs::arguments(payload)?;
    let append = format!("{APPEND}{console}{arguments}");
    if append.len() > longest {
        return Err(Error::new(
            format!("the kernel's command line is {} bytes, {longest} are allowed", append.len()),
            "pass fewer arguments to the program, or put them into a file",
        ));
    }
    let archive = initramfs::archive(payload)?;
    let guest = Guest { machine, image, initrd: open_file(&archive), append };
    // KVM was tried on x86-64 only.
    if architecture != Architecture::X86_64 || Architecture::here() != Some(architecture) {
        return persist(limits, || guest.start(Accelerator::Tcg, limits));
    }

    // One guest finds out whether KVM works; the others wait for it.
    let probing = PROBING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(accelerator) = known() {
        drop(probing);
        return persist(limits, || guest.start(accelerator, limits));
    }
    let short = Limits { begin: PROBE.min(limits.begin), ..*limits };
    if let Ok(run) = guest.start(Accelerator::Kvm, &short)? {
        remember(Accelerator::Kvm);
        return Ok(run);
    }
    // A kernel that fails with TCG too proves nothing about KVM.
    let run = persist(limits, || guest.start(Accelerator::Tcg, limits))?;
    remember(Accelerator::Tcg);
    Ok(run)
}

/// What QEMU needs to start a guest.
struct Guest<'a> {
    machine: Machine,
    image: &'a Path,
    initrd: PathBuf,
    /// The kernel's command line.
    append: String,
}

impl Guest<'_> {
    fn start(&self, accelerator: Accelerator, limits: &Limits) -> Attempt {
        let Machine { program, package, arguments, .. } = self.machine;
        // The last -cpu counts.
        let (how, accelerator): (_, &[&str]) = match accelerator {
            Accelerator::Tcg => ("QEMU, TCG", &["-accel", "tcg"]),
            Accelerator::Kvm => ("QEMU, KVM", &["-accel", "kvm", "-cpu", "host"]),
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(accelerator)
            .args(["-m", "384"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"])
            .arg("-no-reboot")
            .arg("-kernel")
            .arg(self.image)
            .arg("-initrd")
            .arg(&self.initrd)
            .args(["-append", &self.append]);
        attend(&mut command, how, None, limits, &format!("install {package}"))
    }
}

/// Held while one guest finds out whether KVM works.
static PROBING: Mutex<()> = Mutex::new(());

/// Returns the accelerator to use, if known. On some machines `/dev/kvm` opens but guests hang, so
/// only a guest that booted proves that KVM works.
fn known() -> Option<Accelerator> {
    if fs::File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Some(Accelerator::Tcg);
    }
    let answer = fs::read_to_string(cache().join("kvm")).ok()?;
    match answer.trim().strip_prefix(&boot_id()?)? {
        " works" => Some(Accelerator::Kvm),
        " does not work" => Some(Accelerator::Tcg),
        _ => None,
    }
}

/// Saves the answer until this machine reboots: another host kernel can have another answer.
fn remember(accelerator: Accelerator) {
    let answer = match accelerator {
        Accelerator::Kvm => "works",
        Accelerator::Tcg => "does not work",
    };
    if let Some(boot) = boot_id() {
        // If this fails, the next run probes again.
        let _ = fs::create_dir_all(cache());
        let _ = fs::write(cache().join("kvm"), format!("{boot} {answer}\n"));
    }
}

fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
