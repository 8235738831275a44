//! The file system in memory that a guest starts with.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use cpio::newc::{Builder, trailer};

use crate::{Error, Program};

/// Kinds of files, as in `st_mode`.
const DIRECTORY: u32 = 0o040_000;
const DEVICE: u32 = 0o020_000;
const REGULAR: u32 = 0o100_000;

/// Directories every guest has, parents first.
const DIRECTORIES: [&str; 4] = ["dev", "proc", "sys", "tmp"];

/// Character devices every guest has: what to mount devtmpfs for is not much.
const DEVICES: [(&str, u32, u32); 4] =
    [("dev/console", 5, 1), ("dev/null", 1, 3), ("dev/tty", 5, 0), ("dev/ttyS0", 4, 64)];

/// The largest file of a newc archive, in bytes.
const LARGEST: u64 = u32::MAX as u64;

/// The archive of `program`, in a file without a name. It is not packed: the guest would have to
/// unpack it.
pub fn archive(program: &Program) -> Result<File, Error> {
    let file = tempfile::tempfile().map_err(Error::doing("no file for the initramfs"))?;
    let mut to = BufWriter::new(file);
    let written = Error::doing("the initramfs cannot be written");

    let mut directories: BTreeSet<&str> = DIRECTORIES.into();
    for (_, path) in &program.files {
        let Some(path) = inside(path) else {
            return Err(Error::new(
                format!("{path} is no place for a file in a guest"),
                "name an absolute path without `.`, `..` and empty parts",
            ));
        };
        directories.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
    }

    let nodes = |to: &mut BufWriter<File>| -> io::Result<()> {
        // In order, so that parents are before what is in them.
        for name in directories {
            Builder::new(name).mode(DIRECTORY | 0o755).write(&mut *to, 0).finish()?;
        }
        for (name, major, minor) in DEVICES {
            let node = Builder::new(name).mode(DEVICE | 0o600);
            node.rdev_major(major).rdev_minor(minor).write(&mut *to, 0).finish()?;
        }
        Ok(())
    };
    nodes(&mut to).map_err(written)?;
    add(&mut to, &program.executable, "init")?;
    for (host, path) in &program.files {
        add(&mut to, host, path.trim_start_matches('/'))?;
    }
    trailer(&mut to)
        .and_then(|to| to.flush())
        .map_err(Error::doing("the initramfs cannot be written"))?;
    to.into_inner().map_err(|e| Error::doing("the initramfs cannot be written")(e.into_error()))
}

/// An absolute path as the archive names it.
fn inside(path: &str) -> Option<&str> {
    let path = path.strip_prefix('/')?;
    let sound = |part| !matches!(part, "" | "." | "..");
    (path != "init" && path.split('/').all(sound)).then_some(path)
}

/// Adds a file of this machine, executable by all.
fn add(to: &mut BufWriter<File>, host: &Path, name: &str) -> Result<(), Error> {
    let mut from = File::open(host).map_err(Error::file("read", host))?;
    let metadata = from.metadata().map_err(Error::file("read", host))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(Error::new(
            format!("{} is not a file of at most 4 GiB", host.display()),
            "name a regular file",
        ));
    }
    // Its length is checked to be below 2^32.
    let mut entry =
        Builder::new(name).mode(REGULAR | 0o755).write(to, metadata.len().try_into().unwrap_or(0));
    io::copy(&mut from, &mut entry)
        .and_then(|_| entry.finish())
        .map_err(Error::file("put into the initramfs", host))?;
    Ok(())
}

/// What comes last on a kernel's command line: the arguments of `/init`.
pub fn arguments(program: &Program) -> Result<String, Error> {
    let mut words = String::new();
    for arg in &program.args {
        if arg.is_empty() || arg.contains(|c: char| c.is_whitespace() || "\"'".contains(c)) {
            return Err(Error::new(
                format!("the argument {arg:?} cannot be put on a kernel's command line"),
                "leave out white space and quotes",
            ));
        }
        words += " ";
        words += arg;
    }
    Ok(if words.is_empty() { words } else { format!(" --{words}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpio::NewcReader;
    use std::io::{Read, Seek};

    fn program(files: &[(&Path, &str)]) -> Program {
        Program {
            executable: files[0].0.to_owned(),
            args: vec![],
            files: files
                .iter()
                .map(|(host, path)| (host.to_path_buf(), path.to_string()))
                .collect(),
        }
    }

    #[test]
    fn an_archive_holds_parents_nodes_and_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let host = dir.path().join("five");
        std::fs::write(&host, "12345").expect("a file");
        let mut file =
            archive(&program(&[(&host, "/etc/a/b"), (&host, "/etc/c")])).expect("archive");
        file.rewind().expect("a file");

        let mut seen = Vec::new();
        loop {
            let mut reader = NewcReader::new(file).expect("an entry");
            if reader.entry().is_trailer() {
                break;
            }
            let mut text = String::new();
            reader.read_to_string(&mut text).expect("contents");
            let entry = reader.entry();
            let device = (entry.rdev_major(), entry.rdev_minor());
            seen.push(format!("{} {:o} {device:?} {text}", entry.name(), entry.mode()));
            file = reader.finish().expect("the next entry");
        }
        assert_eq!(
            seen,
            [
                "dev 40755 (0, 0) ",
                "etc 40755 (0, 0) ",
                "etc/a 40755 (0, 0) ",
                "proc 40755 (0, 0) ",
                "sys 40755 (0, 0) ",
                "tmp 40755 (0, 0) ",
                "dev/console 20600 (5, 1) ",
                "dev/null 20600 (1, 3) ",
                "dev/tty 20600 (5, 0) ",
                "dev/ttyS0 20600 (4, 64) ",
                "init 100755 (0, 0) 12345",
                "etc/a/b 100755 (0, 0) 12345",
                "etc/c 100755 (0, 0) 12345",
            ]
        );
    }

    #[test]
    fn a_place_outside_is_refused() {
        for path in ["etc/a", "/../a", "/", "/a//b", "/init"] {
            let error = archive(&program(&[(Path::new("/bin/sh"), path)])).expect_err(path);
            assert!(error.what.contains("no place for a file"), "{error}");
        }
    }

    #[test]
    fn an_argument_a_kernel_would_split_is_refused() {
        let with = |arg: &str| Program {
            executable: "x".into(),
            args: vec!["--jobs".into(), arg.into()],
            files: vec![],
        };
        assert_eq!(arguments(&with("a=b")), Ok(" -- --jobs a=b".into()));
        for arg in ["", "a b", "a\tb", "\"", "'"] {
            assert!(arguments(&with(arg)).is_err_and(|e| e.what.contains("command line")), "{arg}");
        }
    }
}
