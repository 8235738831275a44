//! keyctl(1) and request-key(8) for guests of another architecture, with what they require, from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Architecture, Error, package};

/// The packages with the programs, what request-key(8) starts, and their libraries.
pub(crate) const PACKAGES: [&str; 5] = ["keyutils", "libkeyutils1", "libc6", "dash", "coreutils"];

/// Where the files of an architecture are, with the paths that they have in a guest.
pub(crate) fn folder(cache: &Path, architecture: Architecture) -> PathBuf {
    cache.join(format!("companions-{}", architecture.debian()))
}

/// Unpacks the files into a folder.
pub(crate) fn unpack(packages: &[PathBuf], folder: &Path) -> Result<(), Error> {
    let around = folder.parent().unwrap_or(folder);
    let new = tempfile::Builder::new()
        .prefix(".new")
        .tempdir_in(around)
        .map_err(Error::file("written to", around))?;
    for deb in packages {
        package::extract(deb, usize::MAX, new.path(), in_guest)?;
    }
    // If another process was faster, its folder is used.
    let new = new.keep();
    if fs::rename(&new, folder).is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    Ok(())
}

/// The path that a file of a package has in a guest, without the slash at the start; `None` if it is not needed there.
/// A guest has no links, so that a library has the name by which programs ask for it.
fn in_guest(path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let path = ["usr/bin/", "usr/sbin/", "usr/lib/"]
        .iter()
        .find(|start| path.starts_with(*start))
        .map_or(path, |_| &path["usr/".len()..]);
    match path {
        "bin/keyctl" | "bin/cat" | "sbin/request-key" | "etc/request-key.conf" => {
            Some(path.to_owned())
        }
        "bin/dash" => Some("bin/sh".to_owned()),
        _ if path.starts_with("usr/share/keyutils/") => Some(path.to_owned()),
        _ => library(path),
    }
}

/// In the folder of an architecture, as in lib/aarch64-linux-gnu/libkeyutils.so.1.10.
fn library(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let (stem, version) = name.split_once(".so.")?;
    let name = format!("{stem}.so.{}", version.split('.').next()?);
    match stem {
        "libc" | "libkeyutils" if folder.ends_with("-linux-gnu") => {
            Some(format!("{folder}/{name}"))
        }
        // Where executables name the loader.
        _ if stem == "ld64" || stem.starts_with("ld-linux") => Some(format!("lib/{name}")),
        _ => None,
    }
}

/// Returns the files that were fetched for guests of an architecture, each with its path in the guest.
pub fn find(cache: &Path, architecture: Architecture) -> Vec<(PathBuf, String)> {
    let top = folder(cache, architecture);
    let (mut folders, mut files) = (vec![top.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            match path.strip_prefix(&top) {
                _ if path.is_dir() => folders.push(path),
                Ok(inside) => files.push((path.clone(), format!("/{}", inside.display()))),
                Err(_) => {}
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::in_guest;
    use std::path::Path;

    #[test]
    fn files_have_the_paths_by_which_they_are_started() {
        for (in_package, expected) in [
            ("bin/keyctl", Some("bin/keyctl")),
            ("usr/bin/keyctl", Some("bin/keyctl")),
            ("usr/bin/dash", Some("bin/sh")),
            (
                "usr/lib/aarch64-linux-gnu/libkeyutils.so.1.10",
                Some("lib/aarch64-linux-gnu/libkeyutils.so.1"),
            ),
            ("lib/s390x-linux-gnu/libc.so.6", Some("lib/s390x-linux-gnu/libc.so.6")),
            ("usr/lib/s390x-linux-gnu/ld64.so.1", Some("lib/ld64.so.1")),
            ("usr/lib/aarch64-linux-gnu/libm.so.6", None),
            ("usr/bin/ls", None),
        ] {
            assert_eq!(in_guest(Path::new(in_package)).as_deref(), expected, "{in_package}");
        }
    }
}
