//! Boots User Mode Linux: a kernel that is a process.

use std::path::{Path, absolute};
use std::process::Command;

use crate::console::{attend, persist};
use crate::{Error, Limits, Program, Run, initramfs, open_file, package};

/// Runs `program` as the first process of `linux`.
pub fn run(linux: &Path, program: &Program, limits: &Limits) -> Result<Run, Error> {
    let linux = absolute(linux).map_err(Error::file("found", linux))?;
    let arguments = initramfs::arguments(program)?;
    let archive = initramfs::archive(program)?;
    let initrd = format!("initrd={}", open_file(&archive).display());
    let dir = linux.parent().unwrap_or(Path::new("/"));

    persist(limits, || {
        let temp = tempfile::tempdir().map_err(Error::doing("no directory for User Mode Linux"))?;
        let mut command = Command::new(&linux);
        command
            .args(["mem=256M", &initrd, "con=null", "con0=null,fd:1", "quiet"])
            // Else it adds these two at the end, among the arguments of /init.
            .args(["root=98:0", "console=tty0"])
            // Its process id and control socket; in ~/.uml otherwise.
            .arg(format!("uml_dir={}/", temp.path().display()))
            // From 6.16 on it runs its processes by seccomp instead of ptrace if told so: that is
            // quicker, and a sandbox may forbid ptrace. An older one takes this for a variable.
            .arg("seccomp=auto")
            .args(arguments.split_whitespace())
            // The name of the loader is from here; see the package module.
            .current_dir(dir);
        if dir.join(package::LOADER).exists() {
            command.env("LD_LIBRARY_PATH", dir.join("lib"));
        }
        attend(&mut command, "UML", Some(temp.path()), limits, MEND)
    })
}

/// What to do where it cannot be started.
const MEND: &str = "see that it is an executable of this machine and that its loader is there";
