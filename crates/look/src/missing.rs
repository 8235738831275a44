//! What this system lacks for BPF iterators.

use crate::btf;
use nix::errno::Errno;
use std::fmt;
use std::fs;
use std::path::Path;

/// Where the kernel shows processes.
pub const PROC: &str = "/proc";

/// The inode number of the first PID namespace, which never changes.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// Something that is required to look at tasks, and does not exist here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// `/proc`.
    Proc,
    /// The first PID namespace: BPF reports its ids.
    Namespace,
    /// These capabilities.
    Capabilities(Vec<&'static str>),
    /// A kernel with task iterators; the release of this one.
    Release(String),
    /// The kernel's types; why they cannot be read.
    Types(String),
    /// A call of bpf(2) that succeeds: which, its error, and what the verifier said.
    Call(&'static str, Errno, String),
    /// The registers of this architecture: for ptrace only.
    Architecture,
    /// A page of the kernel in the process's memory, where its system call instruction is: for ptrace only.
    Vdso,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Proc => write!(f, "{PROC} is not mounted: `mount -t proc proc {PROC}`"),
            Missing::Namespace => f.write_str(
                "this program is in a PID namespace, and BPF reports ids of the first one: run it outside of \
                 the container",
            ),
            Missing::Capabilities(names) => {
                write!(f, "this user lacks {}: run it as root", names.join(" and "))
            }
            Missing::Release(release) => {
                write!(f, "Linux {release} has no BPF iterators: 5.8 is the first with them")
            }
            Missing::Types(because) => write!(
                f,
                "{} {because}: it requires sysfs at /sys and a kernel with CONFIG_DEBUG_INFO_BTF",
                btf::VMLINUX
            ),
            Missing::Call(command, errno, log) => {
                write!(f, "bpf(2) with {command} fails with {errno} ({})", errno.desc())?;
                match errno {
                    Errno::EPERM => f.write_str(
                        ": a user namespace, a seccomp filter or lockdown(7) in confidentiality mode refuses it",
                    ),
                    Errno::ENOSYS => f.write_str(": it requires a kernel with CONFIG_BPF_SYSCALL"),
                    _ if log.is_empty() => Ok(()),
                    _ => write!(f, ": {log}"),
                }
            }
            Missing::Architecture => f.write_str("threads can be asked on x86-64 only"),
            Missing::Vdso => f.write_str(
                "the process has no vDSO in which a system call instruction could be found",
            ),
        }
    }
}

/// Everything that is known to be missing before the kernel is asked.
pub(crate) fn beforehand() -> Vec<Missing> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return vec![Missing::Proc] };
    let mut missing = Vec::new();
    let namespace = fs::read_link("/proc/self/ns/pid");
    if namespace.is_ok_and(|it| it.as_path() != Path::new(FIRST_NAMESPACE)) {
        missing.push(Missing::Namespace);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let is_old = is_before_5_8(&release);
    if is_old {
        missing.push(Missing::Release(release.trim().to_owned()));
    }
    let lacking = lacking_capabilities(&status, is_old);
    if !lacking.is_empty() {
        missing.push(Missing::Capabilities(lacking));
    }
    missing
}

/// Whether a release is one without iterators; false for an unknown form.
fn is_before_5_8(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) < (5, 8))
}

/// The capabilities that are not effective, by the text of `/proc/self/status`.
fn lacking_capabilities(status: &str, is_old: bool) -> Vec<&'static str> {
    let effective = field(status, "CapEff").and_then(|it| u64::from_str_radix(it, 16).ok());
    let Some(effective) = effective else { return Vec::new() };
    let has = |capability: u32| effective >> capability & 1 == 1;
    match (has(SYS_ADMIN), is_old) {
        (true, _) => Vec::new(),
        (false, true) => vec!["CAP_SYS_ADMIN"],
        (false, false) => {
            let both = [(BPF, "CAP_BPF"), (PERFMON, "CAP_PERFMON")];
            both.into_iter().filter(|(it, _)| !has(*it)).map(|(_, name)| name).collect()
        }
    }
}

/// A field of a `status` file in `/proc`.
pub(crate) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
