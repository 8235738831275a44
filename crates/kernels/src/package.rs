//! Extracts the kernel from a Debian package.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use elf::ElfBytes;
use elf::endian::LittleEndian;

use crate::{Error, image};

/// The path of the loader beside an unpacked User Mode Linux, relative to its directory. Debian's
/// `linux.uml` needs its release's C library, so that library and loader are placed beside
/// it, and this path replaces the one in the executable.
pub const LOADER: &str = "lib/ld-linux-x86-64.so.2";

/// File names of an unpacked kernel.
const IMAGES: [&str; 3] = ["vmlinuz", "vmlinux", "linux.uml"];

/// The remedy if dpkg-deb is not installed.
const REMEDY: &str = "install dpkg, or unpack the package and name the kernel in it";

/// Whether this is the file name of a package with a kernel.
pub fn fits(name: &str) -> bool {
    ["linux-image-", "linux-binary-", "user-mode-linux_"].iter().any(|p| name.starts_with(p))
}

/// Whether a file is a Debian package.
pub fn is(mut file: impl Read) -> io::Result<bool> {
    let mut magic = Vec::new();
    file.by_ref().take(8).read_to_end(&mut magic)?;
    Ok(magic == b"!<arch>\n")
}

/// Returns the kernel of a package that was unpacked before. `version` is the package's version.
pub fn unpacked(cache: &Path, package: &str, version: &str) -> Option<PathBuf> {
    let dir = directory(cache, package, version);
    IMAGES.iter().map(|image| dir.join(image)).find(|image| image.is_file())
}

fn directory(cache: &Path, package: &str, version: &str) -> PathBuf {
    cache.join(image::clean(&format!("{package}_{version}")))
}

/// Extracts the kernel of the package `deb` into a directory of `cache`, and returns its path. User
/// Mode Linux gets the C library of the package `libc`, if one is passed.
pub fn unpack(deb: &Path, libc: Option<&Path>, cache: &Path) -> Result<PathBuf, Error> {
    let (package, version) = package_and_version(deb)?;
    if let Some(image) = unpacked(cache, &package, &version) {
        return Ok(image);
    }
    fs::create_dir_all(cache).map_err(Error::file("created", cache))?;
    let new = tempfile::Builder::new()
        .prefix(".new")
        .tempdir_in(cache)
        .map_err(Error::file("written to", cache))?;
    if extract(deb, 1, new.path(), kernel)? == 0 {
        return Err(Error::new(
            format!("no kernel is in {}", deb.display()),
            "from 6.19 on it is in linux-binary-*, not in linux-image-*",
        ));
    }
    let uml = new.path().join("linux.uml");
    if let Some(libc) = libc
        && uml.exists()
    {
        add_library(&uml, libc, &new.path().join("lib"))?;
    }
    // If another process unpacked the same package meanwhile, its directory is used.
    let new = new.keep();
    let directory = directory(cache, &package, &version);
    if fs::rename(&new, &directory).is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    unpacked(cache, &package, &version).ok_or_else(|| {
        Error::new(format!("{} cannot be written", directory.display()), "remove it")
    })
}

fn package_and_version(deb: &Path) -> Result<(String, String), Error> {
    let fields = dpkg_deb(deb, &["--show", "--showformat=${Package} ${Version}"]).output();
    let fields = fields.map_err(Error::start("dpkg-deb", REMEDY))?;
    let text = String::from_utf8_lossy(&fields.stdout);
    match text.trim().split_once(' ') {
        Some((package, version)) if fields.status.success() => {
            Ok((package.to_owned(), version.to_owned()))
        }
        _ => Err(Error::new(
            String::from_utf8_lossy(&fields.stderr).trim().to_owned(),
            "fetch the package again",
        )),
    }
}

/// Returns the file name for a kernel with this path in a package.
fn kernel(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let image = match path.parent()?.to_str()? {
        "boot" if name.starts_with("vmlinuz-") => Some("vmlinuz"),
        // Debian's name of the kernel for riscv64.
        "boot" if name.starts_with("vmlinux-") => Some("vmlinux"),
        "usr/bin" if name == "linux.uml" => Some("linux.uml"),
        dir if dir.starts_with("usr/lib/modules/") && name == "vmlinuz" => Some("vmlinuz"),
        dir if dir.starts_with("usr/lib/modules/") && name == "vmlinux" => Some("vmlinux"),
        _ => None,
    };
    image.map(str::to_owned)
}

/// Extracts the C library of the package `libc` into `dir`, and makes `uml` use its loader.
fn add_library(uml: &Path, libc: &Path, dir: &Path) -> Result<(), Error> {
    fs::create_dir(dir).map_err(Error::file("created", dir))?;
    let library = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        // Other directories of the package may contain links with these names.
        let found = path.parent()?.ends_with("x86_64-linux-gnu");
        (found && ["ld-linux-x86-64.so.2", "libc.so.6"].contains(&name)).then(|| name.to_owned())
    };
    if extract(libc, 2, dir, library)? != 2 {
        return Err(Error::new(
            format!("the C library is not in {}", libc.display()),
            "report its new path in the package",
        ));
    }
    relink(uml)
}

fn dpkg_deb(deb: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("dpkg-deb");
    command.args(args).arg(deb).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Extracts at most `most` files of a package into `dir`, and returns how many. `wanted` maps a path
/// relative to the root to the file name in `dir`.
pub fn extract(
    deb: &Path,
    most: usize,
    dir: &Path,
    wanted: impl Fn(&Path) -> Option<String>,
) -> Result<usize, Error> {
    let mut child = dpkg_deb(deb, &["--fsys-tarfile"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::start("dpkg-deb", REMEDY))?;
    let mut extracted = 0;
    if let Some(tar) = child.stdout.take() {
        let extract = || -> io::Result<()> {
            for entry in tar::Archive::new(tar).entries()? {
                let mut entry = entry?;
                let path = entry.path()?.into_owned();
                let path = path.strip_prefix(".").unwrap_or(&path);
                if entry.header().entry_type().is_file()
                    && let Some(name) = wanted(path)
                {
                    let to = dir.join(name);
                    fs::create_dir_all(to.parent().unwrap_or(dir))?;
                    io::copy(&mut entry, &mut File::create(&to)?)?;
                    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
                    extracted += 1;
                    if extracted == most {
                        // The rest is modules.
                        break;
                    }
                }
            }
            Ok(())
        };
        extract().map_err(Error::file("unpacked", deb))?;
    }
    // After an early stop the closed pipe ended it, so its status means nothing.
    let _ = child.wait();
    Ok(extracted)
}

/// Replaces the path of the loader in an executable by [`LOADER`]. Starting User Mode Linux through
/// its loader does not work: it places its memory after its own break and executes itself again.
fn relink(executable: &Path) -> Result<(), Error> {
    let mut content = fs::read(executable).map_err(Error::file("read", executable))?;
    let range = ElfBytes::<LittleEndian>::minimal_parse(&content)
        .ok()
        .and_then(|elf| elf.segments()?.iter().find(|s| s.p_type == elf::abi::PT_INTERP))
        .and_then(|segment| {
            let start = usize::try_from(segment.p_offset).ok()?;
            Some(start..start.checked_add(usize::try_from(segment.p_filesz).ok()?)?)
        });
    let path = range.and_then(|range| content.get_mut(range));
    let Some(path) = path.filter(|path| path.len() > LOADER.len()) else {
        // A static executable, or a path too short to replace: left unchanged.
        return Ok(());
    };
    path.fill(0);
    path[..LOADER.len()].copy_from_slice(LOADER.as_bytes());
    fs::write(executable, content).map_err(Error::file("written", executable))
}
