//! Boots User Mode Linux, a kernel that is a process of this machine.

use std::path::{Path, absolute};
use std::process::Command;

use crate::console::{attend, persist};
use crate::{Error, Limits, Payload, Run, initramfs, open_file, package};

/// Runs `payload` as init of the kernel `linux`.
pub fn run(linux: &Path, payload: &Payload, limits: &Limits) -> Result<Run, Error> {
    let linux = absolute(linux).map_err(Error::file("found", linux))?;
    let arguments = initramfs::arguments(payload)?;
    let archive = initramfs::archive(payload)?;
    let initrd = format!("initrd={}", open_file(&archive).display());
    let dir = linux.parent().unwrap_or(Path::new("/"));

    persist(limits, || {
        let temp = tempfile::tempdir().map_err(Error::doing("no directory for User Mode Linux"))?;
        let mut command = Command::new(&linux);
        command
            // The kernel's errors would stand among what the program prints; what is worse is shown.
            .args(["mem=256M", &initrd, "con=null", "con0=null,fd:1", "loglevel=3"])
            // Otherwise UML appends these two itself, after `--`, among the arguments of init.
            .args(["root=98:0", "console=tty0"])
            // For its process id file and control socket; the default is in ~/.uml.
            .arg(format!("uml_dir={}/", temp.path().display()))
            // Linux 6.16 and later can use seccomp instead of ptrace, which a sandbox may forbid.
            // Older kernels put an unknown NAME=VALUE into the environment of init.
            .arg("seccomp=auto")
            .args(arguments.split_whitespace())
            // The path of the loader is relative; see the package module.
            .current_dir(dir);
        if dir.join(package::LOADER).exists() {
            command.env("LD_LIBRARY_PATH", dir.join("lib"));
        }
        attend(&mut command, "UML", Some(temp.path()), limits, REMEDY)
    })
}

/// The remedy if it cannot be started.
const REMEDY: &str = "check that it is an executable for this machine and that its loader exists";
