//! The initramfs of a guest.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use cpio::newc::{Builder, ModeFileType, trailer};

use crate::{Error, Payload};

/// Directories of every guest.
const DIRECTORIES: [&str; 4] = ["dev", "proc", "sys", "tmp"];

/// Character devices of every guest, with major and minor number: enough for a payload that does
/// not mount devtmpfs.
const DEVICES: [(&str, u32, u32); 4] =
    [("dev/console", 5, 1), ("dev/null", 1, 3), ("dev/tty", 5, 0), ("dev/ttyS0", 4, 64)];

/// The largest file in a newc archive, in bytes.
const LARGEST: u64 = u32::MAX as u64;

/// Writes the initramfs of `payload` into an unlinked file. It is not compressed, as the guest would
/// have to decompress it.
pub fn archive(payload: &Payload) -> Result<File, Error> {
    let file = tempfile::tempfile().map_err(Error::doing("no file for the initramfs"))?;
    let mut to = BufWriter::new(file);
    let written = || Error::doing("the initramfs cannot be written");

    let mut directories: BTreeSet<&str> = DIRECTORIES.into();
    for (_, path) in &payload.files {
        let Some(path) = inside(path) else {
            return Err(Error::new(
                format!("{path} is not a valid path for a file in a guest"),
                "name an absolute path other than /init, without `.`, `..` and empty components",
            ));
        };
        directories.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
    }
    // Sorted, so that parents come first.
    for name in directories {
        node(name, ModeFileType::Directory, 0o755).write(&mut to, 0).finish().map_err(written())?;
    }
    for (name, major, minor) in DEVICES {
        let device = node(name, ModeFileType::Char, 0o600).rdev_major(major).rdev_minor(minor);
        device.write(&mut to, 0).finish().map_err(written())?;
    }
    add(&mut to, &payload.executable, "init")?;
    for (host, path) in &payload.files {
        add(&mut to, host, path.trim_start_matches('/'))?;
    }
    trailer(&mut to).map_err(written())?;
    to.into_inner().map_err(|error| written()(error.into_error()))
}

fn node(name: &str, file_type: ModeFileType, mode: u32) -> Builder {
    Builder::new(name).mode(mode).set_mode_file_type(file_type)
}

/// Returns a valid absolute path as the archive names it.
fn inside(path: &str) -> Option<&str> {
    let path = path.strip_prefix('/')?;
    let valid = |part| !matches!(part, "" | "." | "..");
    (path != "init" && path.split('/').all(valid)).then_some(path)
}

/// Adds a file of this machine, executable for everyone.
fn add(to: &mut BufWriter<File>, host: &Path, name: &str) -> Result<(), Error> {
    let mut from = File::open(host).map_err(Error::file("read", host))?;
    let metadata = from.metadata().map_err(Error::file("read", host))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(Error::new(
            format!("{} is not a file of at most 4 GiB", host.display()),
            "name a regular file",
        ));
    }
    // The length fits: checked above.
    let len = metadata.len().try_into().unwrap_or(0);
    let mut entry = node(name, ModeFileType::Regular, 0o755).write(to, len);
    io::copy(&mut from, &mut entry)
        .and_then(|_| entry.finish())
        .map_err(Error::file("put into the initramfs", host))?;
    Ok(())
}

/// Returns the end of a kernel's command line: ` --` and the arguments of `/init`.
pub fn arguments(payload: &Payload) -> Result<String, Error> {
    let mut words = String::new();
    for arg in &payload.args {
        if arg.is_empty() || arg.contains(|c: char| c.is_whitespace() || "\"'".contains(c)) {
            return Err(Error::new(
                format!("the argument {arg:?} cannot be put on a kernel's command line"),
                "remove white space and quotes",
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

    fn payload(files: &[(&Path, &str)]) -> Payload {
        Payload {
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
            archive(&payload(&[(&host, "/etc/a/b"), (&host, "/etc/c")])).expect("archive");
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
    fn an_invalid_path_is_refused() {
        for path in ["etc/a", "/../a", "/", "/a//b", "/init"] {
            let error = archive(&payload(&[(Path::new("/bin/sh"), path)])).expect_err(path);
            assert!(error.what.contains("not a valid path"), "{error}");
        }
    }

    #[test]
    fn an_argument_that_a_kernel_would_split_is_refused() {
        let with = |arg: &str| Payload {
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
