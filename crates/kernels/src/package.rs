//! Takes the kernel out of a Debian package.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use elf::ElfBytes;
use elf::endian::LittleEndian;

use crate::{Error, image};

/// User Mode Linux is linked with the C library of its release. The loader and library of another
/// are put beside it, and this path, from its own directory, is written over the loader's name.
pub const LOADER: &str = "lib/ld-linux-x86-64.so.2";

/// What an unpacked kernel may be called.
const IMAGES: [&str; 2] = ["vmlinuz", "linux.uml"];

/// Whether this is what packages with a kernel are called.
pub fn fits(name: &str) -> bool {
    ["linux-image-", "linux-binary-", "user-mode-linux_"].iter().any(|p| name.starts_with(p))
}

/// Whether a file is a package.
pub fn is(mut file: impl Read) -> io::Result<bool> {
    let mut magic = Vec::new();
    file.by_ref().take(8).read_to_end(&mut magic)?;
    Ok(magic == b"!<arch>\n")
}

/// The kernel of a package that was unpacked before; `version` is the package's.
pub fn unpacked(cache: &Path, package: &str, version: &str) -> Option<PathBuf> {
    let dir = place(cache, package, version);
    IMAGES.iter().map(|image| dir.join(image)).find(|image| image.is_file())
}

fn place(cache: &Path, package: &str, version: &str) -> PathBuf {
    cache.join(image::clean(&format!("{package}_{version}")))
}

/// Takes the kernel out of a package, into a directory of `cache`. Where it is.
pub fn unpack(deb: &Path, cache: &Path) -> Result<PathBuf, Error> {
    unpack_with(deb, None, cache)
}

/// As [`unpack`], with the C library for User Mode Linux out of a package `libc`.
pub fn unpack_with(deb: &Path, libc: Option<&Path>, cache: &Path) -> Result<PathBuf, Error> {
    let fields = dpkg_deb(deb, &["--show", "--showformat=${Package} ${Version}"]).output();
    let fields = fields.map_err(Error::start("dpkg-deb", MEND))?;
    let text = String::from_utf8_lossy(&fields.stdout);
    let Some((package, version)) = text.trim().split_once(' ').filter(|_| fields.status.success())
    else {
        return Err(Error::new(
            String::from_utf8_lossy(&fields.stderr).trim().to_owned(),
            "fetch the package again",
        ));
    };
    if let Some(image) = unpacked(cache, package, version) {
        return Ok(image);
    }
    fs::create_dir_all(cache).map_err(Error::file("made", cache))?;
    let dir = tempfile::Builder::new()
        .prefix(".new")
        .tempdir_in(cache)
        .map_err(Error::file("written to", cache))?;
    let wanted = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        match path.parent()?.to_str()? {
            "boot" if name.starts_with("vmlinuz-") => Some("vmlinuz"),
            "usr/bin" if name == "linux.uml" => Some("linux.uml"),
            dir if dir.starts_with("usr/lib/modules/") && name == "vmlinuz" => Some("vmlinuz"),
            _ => None,
        }
    };
    if take(deb, 1, dir.path(), wanted)? == 0 {
        return Err(Error::new(
            format!("no kernel is in {}", deb.display()),
            "from 6.19 on it is in linux-binary-*, not in linux-image-*",
        ));
    }
    let uml = dir.path().join("linux.uml");
    if let Some(libc) = libc
        && uml.exists()
    {
        let lib = dir.path().join("lib");
        fs::create_dir(&lib).map_err(Error::file("made", &lib))?;
        let wanted = |path: &Path| {
            let name = path.file_name()?.to_str()?;
            // One of them may be a link in another directory.
            ["ld-linux-x86-64.so.2", "libc.so.6"].into_iter().find(|n| {
                name == *n && path.parent().is_some_and(|d| d.ends_with("x86_64-linux-gnu"))
            })
        };
        if take(libc, 2, &lib, wanted)? != 2 {
            return Err(Error::new(
                format!("{} does not hold the C library", libc.display()),
                "report where it is now",
            ));
        }
        relink(&uml)?;
    }
    let place = place(cache, package, version);
    let (package, version) = (package.to_owned(), version.to_owned());
    // Somebody else may have put it there meanwhile: then theirs is as good.
    let kept = dir.keep();
    if fs::rename(&kept, &place).is_err() {
        let _ = fs::remove_dir_all(&kept);
    }
    unpacked(cache, &package, &version)
        .ok_or_else(|| Error::new(format!("{} cannot be written", place.display()), "remove it"))
}

/// What to do where dpkg-deb is not.
const MEND: &str = "install dpkg, or unpack the package and name the kernel in it";

fn dpkg_deb(deb: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("dpkg-deb");
    command.args(args).arg(deb).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Takes files out of a package, at most `most`, and says how many. `wanted` is asked with the path
/// from the root, and says what to call it in `dir`.
fn take(
    deb: &Path,
    most: usize,
    dir: &Path,
    wanted: impl Fn(&Path) -> Option<&'static str>,
) -> Result<usize, Error> {
    let mut child = dpkg_deb(deb, &["--fsys-tarfile"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::start("dpkg-deb", MEND))?;
    let mut taken = 0;
    if let Some(tar) = child.stdout.take() {
        let take = || -> io::Result<()> {
            for entry in tar::Archive::new(tar).entries()? {
                let mut entry = entry?;
                let path = entry.path()?.into_owned();
                let path = path.strip_prefix(".").unwrap_or(&path);
                if entry.header().entry_type().is_file()
                    && let Some(name) = wanted(path)
                {
                    let to = dir.join(name);
                    io::copy(&mut entry, &mut File::create(&to)?)?;
                    use std::os::unix::fs::PermissionsExt;
                    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
                    taken += 1;
                    if taken == most {
                        // The rest is modules.
                        break;
                    }
                }
            }
            Ok(())
        };
        take().map_err(Error::file("unpacked", deb))?;
    }
    // Ended by the closed pipe, if not all was read.
    let _ = child.wait();
    Ok(taken)
}

/// Writes the path of the loader beside it into an executable. A kernel cannot be started through
/// the loader instead: it lays out its memory behind its own break, and starts itself again.
fn relink(executable: &Path) -> Result<(), Error> {
    let mut content = fs::read(executable).map_err(Error::file("read", executable))?;
    let place = ElfBytes::<LittleEndian>::minimal_parse(&content)
        .ok()
        .and_then(|elf| elf.segments()?.iter().find(|s| s.p_type == elf::abi::PT_INTERP))
        .and_then(|segment| {
            let start = usize::try_from(segment.p_offset).ok()?;
            Some(start..start.checked_add(usize::try_from(segment.p_filesz).ok()?)?)
        });
    let name = place.and_then(|place| content.get_mut(place));
    let Some(name) = name.filter(|name| name.len() > LOADER.len()) else {
        // Static, or with a loader of a shorter name: it stays as it is.
        return Ok(());
    };
    name.fill(0);
    name[..LOADER.len()].copy_from_slice(LOADER.as_bytes());
    fs::write(executable, content).map_err(Error::file("written", executable))
}
