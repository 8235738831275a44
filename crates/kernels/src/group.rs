//! A process group that ends with this process, however this process ends.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::Error;

/// The leader waits for the end of its standard input, which is the end of the [`Group`] or of this
/// process: no signal handler is needed, and `SIGKILL` is no exception. Then it removes a directory,
/// if it was told one, and kills the group, itself included. What leaves the group, as User Mode
/// Linux does, it has been told by process id.
const LEADER: &str = r#"
while read -r id; do ids="$ids $id"; done
[ -z "$1" ] || rm -rf -- "$1"
for id in $ids; do kill -s KILL -- "-$id"; kill -s KILL "$id"; done
kill -s KILL 0"#;

/// A process group. What is started in it is killed when this is dropped, with its descendants.
pub struct Group {
    leader: Child,
    stdin: Option<ChildStdin>,
}

impl Group {
    /// A group of its leader alone; `dir` is removed at its end.
    pub fn new(dir: Option<&Path>) -> Result<Group, Error> {
        let mut leader = Command::new("/bin/sh")
            .args(["-c", LEADER, "sh"])
            .args(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Of its own, so that an interrupt from the terminal does not get to it before the
            // end of its input does.
            .process_group(0)
            .spawn()
            .map_err(Error::start("/bin/sh", "install a shell"))?;
        let stdin = leader.stdin.take();
        Ok(Group { leader, stdin })
    }

    /// Starts `command` in the group, without standard input.
    pub fn spawn(&self, command: &mut Command, mend: &str) -> Result<Child, Error> {
        command
            .stdin(Stdio::null())
            .process_group(self.leader.id().cast_signed())
            .spawn()
            .map_err(Error::start(&command.get_program().to_string_lossy(), mend))
    }

    /// Has `child` killed at the end even if it has left the group then. It must not be waited for
    /// before: its id could be another's.
    pub fn hold(&mut self, child: &Child) -> Result<(), Error> {
        let stdin = self.stdin.as_mut();
        stdin
            .map_or(Ok(()), |stdin| writeln!(stdin, "{}", child.id()))
            .map_err(Error::doing("the leader of a process group is gone"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends by its own signal; there is nothing to learn from it.
        let _ = self.leader.wait();
    }
}
