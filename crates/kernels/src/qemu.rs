//! Boots a kernel in QEMU.

use std::fs;
use std::io::pipe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use crate::console::{Tried, attend, persist};
use crate::guest::PLACE;
use crate::image::{self, Boot};
use crate::started::{Kept, Started};
use crate::{Error, Limits, Program, Run, cache, initramfs, open_file};

/// What a kernel is told. What comes after it is for `/init`, and so would be a word that the kernel
/// does not know itself: each of these is known to all kernels from 5.10 on, or has a value, which
/// makes it a variable of the environment.
///
/// The console; a panic ends QEMU; no chatter; then what makes it sooner: no workarounds for
/// processors, no audit, no tests of ciphers, no memory cleared twice, no second look at what is copied,
/// no account of memory by group and of what was waited for, no names and no functions looked up for
/// those who trace the kernel, no waiting for grace periods, for entropy and for a second clock, no vDSO,
/// which each process would map and unmap. Pages are cleared eight words at a time (without `rep_good`, which
/// is 112): TCG takes a block for each word of a `rep`. Programs lie where they lay the last time: TCG then
/// finds their code translated. Lock prefixes stay, though there is one processor only: kernels before
/// 7.3 would take out one by one, and flush the TLB for each. The keyboard controller, by which a kernel
/// reboots first, is not there: by triple fault at once.
const APPEND: &str = "console=ttyS0 panic=-1 loglevel=1 mitigations=off audit=0 psi=0 \
     cryptomgr.notests rcupdate.rcu_expedited=1 random.trust_cpu=on reboot=t norandmaps \
     tsc=reliable vdso=0 clearcpuid=112 init_on_alloc=0 hardened_usercopy=off \
     cgroup_disable=memory noreplace-smp=1 \
     initcall_blacklist=jent_mod_init,trace_eval_init,ftrace_check_for_weak_functions";

/// The longest command line of an x86 kernel, in bytes, without the NUL.
const LONGEST: usize = 2047;

/// How long a guest has for its first line when KVM was never seen to work. A kernel is there
/// within 1 s, or not at all.
const KVM: Duration = Duration::from_secs(10);

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accel {
    Tcg,
    Kvm,
}

/// Runs `program` as the first process of `image`.
pub fn run(image: &Path, program: &Program, limits: &Limits) -> Result<Run, Error> {
    let arguments = initramfs::arguments(program)?;
    let longest = format!("{APPEND} {PLACE}={}{arguments}", u64::MAX).len();
    if longest > LONGEST {
        return Err(Error::new(
            format!("a kernel's command line takes {LONGEST} bytes, not {longest}"),
            "give the program fewer arguments, or a file with them",
        ));
    }
    let archive = initramfs::archive(program)?;
    let guest = Guest {
        image,
        boot: Boot::prepare(image)?,
        initrd: open_file(&archive),
        program,
        arguments,
    };

    if known().is_none() {
        // One guest finds out for all; the others wait for it.
        let _finding_out = FINDING_OUT.lock().unwrap_or_else(PoisonError::into_inner);
        if known().is_none() {
            let short = Limits { begin: KVM.min(limits.begin), ..*limits };
            if let Tried::Done(run) = guest.start(Accel::Kvm, &short)? {
                remember(Accel::Kvm);
                return Ok(run);
            }
            let run = guest.by_tcg(limits)?;
            // Not before: a kernel that does not start with TCG either says nothing about KVM.
            remember(Accel::Tcg);
            return Ok(run);
        }
    }
    match known() {
        Some(Accel::Kvm) => {
            // A second try is with TCG, whatever another kernel's luck was.
            let mut accel = Accel::Kvm;
            persist(limits, || guest.start(std::mem::replace(&mut accel, Accel::Tcg), limits))
        }
        Some(Accel::Tcg) | None => guest.by_tcg(limits),
    }
}

/// All that QEMU is given.
struct Guest<'a> {
    image: &'a Path,
    boot: Boot,
    initrd: PathBuf,
    program: &'a Program,
    /// The program's, on the kernel's command line.
    arguments: String,
}

impl Guest<'_> {
    /// Runs it with TCG. The first try is one that has started already, as that saves a fifth of the
    /// time.
    fn by_tcg(&self, limits: &Limits) -> Result<Run, Error> {
        let hardware = self.hardware(Accel::Tcg).join(" ");
        let by = [emulator(), &hardware, APPEND, &self.arguments].join(" ");
        let mut kept = Kept::of(self.image, &by, self.program);
        persist(limits, || match kept.take() {
            Some(kept) => self.try_started(&kept, limits),
            None => self.start(Accel::Tcg, limits),
        })
    }

    /// One try, from where the kernel has started: the guest that is kept, or a new one, which is.
    fn try_started(&self, kept: &Kept, limits: &Limits) -> Result<Tried, Error> {
        let executable = &self.program.executable;
        let make =
            || kept.make(&mut self.command(Accel::Tcg, Some(kept)), limits.begin, executable);
        let Some(started) = kept.with(executable).or_else(make) else {
            return self.start(Accel::Tcg, limits);
        };
        let tried = self.go_on(started, kept, limits)?;
        if let Tried::Silent(_) = tried {
            kept.forget();
        }
        Ok(tried)
    }

    /// One try, from where the kernel starts.
    fn start(&self, accel: Accel, limits: &Limits) -> Result<Tried, Error> {
        let how = match accel {
            Accel::Tcg => TCG,
            Accel::Kvm => "QEMU, KVM",
        };
        attend(&mut self.command(accel, None), how, None, limits, MEND)
    }

    /// One try, from where the kernel has started.
    fn go_on(&self, started: Started, kept: &Kept, limits: &Limits) -> Result<Tried, Error> {
        let (reader, writer) = pipe().map_err(Error::doing("no pipe for a guest"))?;
        let from = open_file(&reader);
        // Not waited for: it ends when nobody reads, which is at the end of this function at the latest.
        thread::spawn(move || started.write_to(writer));
        let mut command = self.command(Accel::Tcg, Some(kept));
        command.arg("-incoming").arg(format!("exec:cat {}", from.display()));
        let tried = attend(&mut command, TCG, None, limits, MEND);
        drop(reader);
        tried
    }

    /// What QEMU is to be.
    fn hardware(&self, accel: Accel) -> [&'static str; 10] {
        // With ACPI, microvm does not start under TCG: no timer tells it how fast its TSC is.
        let machine = match self.boot {
            Boot::BzImage(_) => "q35",
            Boot::Elf(_) | Boot::Unpacked(_) => "microvm,acpi=off",
        };
        let (accel, cpu) = match accel {
            // Without rdrand a kernel of an idle machine has no entropy for long, and hashes for each
            // random number anew.
            Accel::Tcg => ("tcg", "qemu64,+rdrand"),
            Accel::Kvm => ("kvm", "host"),
        };
        ["-M", machine, "-accel", accel, "-cpu", cpu, "-m", "384", "-smp", "1"]
    }

    /// The whole command; with `kept` it is for a guest that holds a place for the program.
    fn command(&self, accel: Accel, kept: Option<&Kept>) -> Command {
        let place = kept.map(Kept::word).unwrap_or_default();
        let mut command = Command::new(QEMU);
        command
            .args(self.hardware(accel))
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"])
            .arg("-no-reboot")
            .arg("-kernel")
            .arg(self.boot.path())
            .arg("-initrd")
            .arg(&self.initrd)
            .args(["-append", &format!("{APPEND} {place}{}", self.arguments)]);
        command
    }
}

/// How a guest's instructions are run that are emulated.
const TCG: &str = "QEMU, TCG";

/// What to do where QEMU cannot be started.
const MEND: &str = "install qemu-system-x86";

/// What QEMU says of itself: what one wrote down another cannot read.
fn emulator() -> &'static str {
    static SAID: OnceLock<String> = OnceLock::new();
    SAID.get_or_init(|| {
        let said = Command::new(QEMU).arg("--version").output();
        said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default()
    })
}

/// The emulator.
const QEMU: &str = "qemu-system-x86_64";

/// Held while one guest finds out whether KVM works.
static FINDING_OUT: Mutex<()> = Mutex::new(());

/// What runs a guest's instructions best, if that is known. That `/dev/kvm` opens is not enough:
/// there are machines where a guest then hangs. Only a guest that answered tells.
fn known() -> Option<Accel> {
    if fs::File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Some(Accel::Tcg);
    }
    let answer = fs::read_to_string(cache().join("kvm")).ok()?;
    match answer.trim().strip_prefix(&boot_id()?)? {
        " works" => Some(Accel::Kvm),
        " does not work" => Some(Accel::Tcg),
        _ => None,
    }
}

/// Keeps the answer until this machine starts again: with another kernel, there may be another.
fn remember(accel: Accel) {
    let answer = match accel {
        Accel::Kvm => "works",
        Accel::Tcg => "does not work",
    };
    if let Some(boot) = boot_id() {
        // Forgotten is asked again.
        let _ = fs::create_dir_all(cache());
        let _ = image::write(&cache().join("kvm"), format!("{boot} {answer}\n").as_bytes());
    }
}

fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
