//! Finds kernels in a directory, or is told one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::image::{self, Banner, Kind};
use crate::{Error, Kernel, Place, cache, package};

/// The kernels of a directory and of the directories in it, or of one file: `vmlinuz*`,
/// `vmlinux*` and `bzImage*` with a `-` and a version or nothing after it, `linux.uml`, and the
/// Debian packages that hold them, which are unpacked into the [`cache`]. Called by what they say of
/// themselves, and in the order of their names; numbers in them count as such.
///
/// # Errors
///
/// If there is none, or a file with such a name cannot be booted.
pub fn find(path: &Path) -> Result<Vec<Kernel>, Error> {
    let metadata = fs::metadata(path).map_err(Error::file("read", path))?;
    let files = if metadata.is_dir() { inside(path)? } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(Error::new(
            format!("no kernel is in {}", path.display()),
            "name a directory with vmlinuz-*, vmlinux-*, bzImage, linux.uml or Debian packages \
             of them, or one of these files",
        ));
    }
    self::files(&files)
}

/// As [`find`], of these files.
pub fn files(files: &[PathBuf]) -> Result<Vec<Kernel>, Error> {
    Ok(named(files.iter().map(|file| look(file)).collect::<Result<_, _>>()?))
}

/// The files of a directory with the name of a kernel or package, and of those in it.
fn inside(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in list(dir)? {
        if path.is_dir() {
            // What may not be read has no kernel to offer.
            files.extend(list(&path).into_iter().flatten().filter(|file| file.is_file()));
        } else {
            files.push(path);
        }
    }
    files.retain(|file| file.file_name().is_some_and(|name| fits(&name.to_string_lossy())));
    // The same kernel twice, packed and not.
    let packed: Vec<_> =
        files.iter().filter_map(|file| beside(file, "vmlinuz", "vmlinux")).collect();
    files.retain(|file| !packed.contains(file));
    Ok(files)
}

/// The same path, with a file name that starts with `to`.
fn beside(file: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let rest = file.file_name()?.to_str()?.strip_prefix(from)?;
    Some(file.with_file_name(format!("{to}{rest}")))
}

/// In order.
fn list(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::file("listed", dir))?;
    // What is hidden is being made: see the fetch and package modules.
    let shown = |entry: &fs::DirEntry| !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut paths: Vec<_> = entries.flatten().filter(shown).map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Whether this is how a kernel or a package with one is called. `vmlinux.o` and the like are not.
fn fits(name: &str) -> bool {
    let image = ["vmlinuz", "vmlinux", "bzImage"].into_iter().any(|image| {
        name.strip_prefix(image).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    image || name == "linux.uml" || (name.ends_with(".deb") && package::fits(name))
}

/// One file, with what it says of itself.
fn look(file: &Path) -> Result<(Banner, Place), Error> {
    let package = fs::File::open(file).and_then(package::is).map_err(Error::file("read", file))?;
    let image = if package { package::unpack(file, &cache())? } else { file.to_owned() };
    let content = fs::read(&image).map_err(Error::file("read", &image))?;
    let kind = image::kind(&content).map_err(|why| image::refused(&image, why))?;
    let banner = image::banner(&content, kind)
        .ok_or_else(|| image::refused(&image, "it does not say which version it is"))?;
    let place = match kind {
        Kind::BzImage | Kind::Pvh => Place::Qemu { image },
        Kind::Uml => Place::Uml { linux: image },
    };
    Ok((banner, place))
}

/// Gives each kernel a name of its own: a Debian version is not enough where two releases of
/// Debian built it, and two kernels of one's own may say the same release.
fn named(kernels: Vec<(Banner, Place)>) -> Vec<Kernel> {
    let mut times = BTreeMap::<String, usize>::new();
    for (banner, _) in &kernels {
        *times.entry(banner.name.clone()).or_default() += 1;
    }
    let mut taken = BTreeMap::<String, usize>::new();
    let mut kernels: Vec<_> = kernels
        .into_iter()
        .map(|(Banner { release, name }, place)| {
            let name = if times[&name] > 1 { release } else { name };
            let nth = taken.entry(name.clone()).or_default();
            *nth += 1;
            let name = if *nth > 1 { format!("{name}-{nth}") } else { name };
            Kernel { name, place }
        })
        .collect();
    kernels.sort_by_cached_key(|kernel| by_number(&kernel.name));
    kernels
}

/// A key by which 6.9 is before 6.12.
fn by_number(name: &str) -> Vec<(u64, String)> {
    name.split(['.', '-', '_', '+'])
        .map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            (part[..digits].parse().unwrap_or(0), part[digits..].to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tests::bzimage;

    #[test]
    fn kernels_of_a_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("deeper")).expect("a directory");
        for (name, version) in [
            ("vmlinuz-b", "6.12.1+deb12-cloud-amd64 (x) #1 Debian 6.12.1-1 (y)"),
            ("vmlinux-b", "the same, unpacked"),
            ("bzImage", "6.9.0 (x)"),
            ("deeper/vmlinuz-a", "6.12.1+deb13-cloud-amd64 (x) #1 Debian 6.12.1-1 (y)"),
            ("deeper/bzImage", "6.9.0 (x)"),
            ("deeper/vmlinuz", "6.12.0-1-amd64 (x) #1 Debian 6.12.7-1 (y)"),
            ("vmlinux.o", "not called as a kernel"),
            ("readme.deb", "nor this"),
        ] {
            std::fs::write(path(name), bzimage(version, b"")).expect("a file");
        }
        let kernels = find(dir.path()).expect("kernels");
        let names: Vec<_> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "6.9.0",
                "6.9.0-2",
                "6.12.1+deb12-cloud-amd64",
                "6.12.1+deb13-cloud-amd64",
                "6.12.7-debian",
            ]
        );
        assert_eq!(kernels[4].place, Place::Qemu { image: path("deeper/vmlinuz") });
    }

    #[test]
    fn rubbish_is_refused_with_words() {
        let dir = tempfile::tempdir().expect("a directory");
        let refusal = |path: &Path| find(path).expect_err("a refusal").to_string();
        let none = refusal(dir.path());
        assert!(none.contains("no kernel is in") && none.contains("vmlinuz-*"), "{none}");

        let file = dir.path().join("vmlinuz");
        assert!(refusal(&file).contains("cannot be read: No such file"));
        for (content, why) in [
            (&[0; 4096][..], "neither a bzImage nor an ELF file"),
            (b"", "neither a bzImage nor an ELF file"),
            (b"!<arch>\n", "dpkg-deb"),
        ] {
            std::fs::write(&file, content).expect("a file");
            assert!(refusal(&file).contains(why), "{}", refusal(&file));
            assert!(refusal(dir.path()).contains(why));
        }
        let program = refusal(&std::env::current_exe().expect("this program"));
        assert!(program.contains("cannot be booted"), "{program}");
    }
}
