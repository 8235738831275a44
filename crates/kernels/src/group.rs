//! A process group that ends with this process, even if this process is killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::Error;

/// The supervisor. The end of its standard input means that the [`Group`] was dropped or that this
/// process ended, in any way including `SIGKILL`. It then removes the directory in `$1`, if any, and
/// kills the group including itself. Processes that leave the group, as User Mode Linux does, are
/// killed by process id; their ids are read from standard input.
const SUPERVISOR: &str = r#"
while read -r id; do ids="$ids $id"; done
[ -z "$1" ] || rm -rf -- "$1"
for id in $ids; do kill -s KILL -- "-$id"; kill -s KILL "$id"; done
kill -s KILL 0"#;

/// A process group. Dropping it kills its processes.
pub struct Group {
    supervisor: Child,
    stdin: Option<ChildStdin>,
}

impl Group {
    /// Creates a group. `dir` is removed when the group ends.
    pub fn new(dir: Option<&Path>) -> Result<Group, Error> {
        let mut supervisor = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "sh"])
            .args(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // In its own group, an interrupt from the terminal cannot end it before its input ends.
            .process_group(0)
            .spawn()
            .map_err(Error::start("/bin/sh", "install a shell"))?;
        let stdin = supervisor.stdin.take();
        Ok(Group { supervisor, stdin })
    }

    /// Starts `command` in the group, without standard input.
    pub fn spawn(&self, command: &mut Command, remedy: &str) -> Result<Child, Error> {
        command
            .stdin(Stdio::null())
            .process_group(self.supervisor.id().cast_signed())
            .spawn()
            .map_err(Error::start(&command.get_program().to_string_lossy(), remedy))
    }

    /// Makes the supervisor kill `child` even if `child` has left the group. Do not wait for `child`
    /// before the group is dropped: the kernel could reuse its id.
    pub fn hold(&mut self, child: &Child) -> Result<(), Error> {
        let stdin = self.stdin.as_mut();
        stdin
            .map_or(Ok(()), |stdin| writeln!(stdin, "{}", child.id()))
            .map_err(Error::doing("the supervisor of a process group ended"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stdin = None;
        // It kills itself, so its status means nothing.
        let _ = self.supervisor.wait();
    }
}
