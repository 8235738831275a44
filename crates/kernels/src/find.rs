//! Finds kernels in a directory or file, and names them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::image::{self, Banner, ImageFormat};
use crate::{Architecture, Error, Kernel, Target, cache, package};

/// Returns the kernels in a file, or in a directory and its direct subdirectories.
///
/// In a directory these file names count: `vmlinuz`, `vmlinux` and `bzImage`, alone or followed by
/// `-` and anything; `linux.uml`; and Debian packages of kernels, which are unpacked into the
/// [`cache`]. A kernel is named by its own banner. The result is sorted by name, with numbers in
/// numeric order.
///
/// # Errors
///
/// Returns an error if there is no kernel, or if one of these files cannot be booted.
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

/// Like [`find`], for these files.
pub fn files(files: &[PathBuf]) -> Result<Vec<Kernel>, Error> {
    Ok(named(files.iter().map(|file| look(file)).collect::<Result<_, _>>()?))
}

/// Returns the kernels and packages in a directory and its subdirectories, by file name.
fn inside(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in list(dir)? {
        if path.is_dir() {
            // Skips unreadable subdirectories.
            files.extend(list(&path).into_iter().flatten().filter(|file| file.is_file()));
        } else {
            files.push(path);
        }
    }
    files.retain(|file| file.file_name().is_some_and(|name| fits(&name.to_string_lossy())));
    // `vmlinux` is the same kernel as `vmlinuz`, uncompressed.
    let twins: Vec<_> = files.iter().filter_map(|file| uncompressed(file)).collect();
    files.retain(|file| !twins.contains(file));
    Ok(files)
}

/// Returns the path of the `vmlinux` beside a `vmlinuz`.
fn uncompressed(file: &Path) -> Option<PathBuf> {
    let rest = file.file_name()?.to_str()?.strip_prefix("vmlinuz")?;
    Some(file.with_file_name(format!("vmlinux{rest}")))
}

/// Returns the sorted paths in a directory, without hidden ones: the fetch and package modules use
/// hidden names for incomplete files.
fn list(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::file("listed", dir))?;
    let shown = |entry: &fs::DirEntry| !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut paths: Vec<_> = entries.flatten().filter(shown).map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Whether this is the name of a kernel, or of a package with one. `vmlinux.o` is not.
fn fits(name: &str) -> bool {
    let image = ["vmlinuz", "vmlinux", "bzImage"].into_iter().any(|image| {
        name.strip_prefix(image).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    image || name == "linux.uml" || (name.ends_with(".deb") && package::fits(name))
}

/// Examines one file; unpacks a package first.
fn look(file: &Path) -> Result<(Banner, Target), Error> {
    let package = fs::File::open(file).and_then(package::is).map_err(Error::file("read", file))?;
    let image = if package { package::unpack(file, None, &cache())? } else { file.to_owned() };
    let content = fs::read(&image).map_err(Error::file("read", &image))?;
    let format = image::format(&content).map_err(|why| image::refused(&image, why))?;
    let banner = image::banner(&content, format)
        .ok_or_else(|| image::refused(&image, "it contains no version"))?;
    let qemu = |architecture, image| Target::Qemu { architecture, image };
    let target = match format {
        ImageFormat::Uml => Target::Uml { linux: image },
        ImageFormat::BzImage | ImageFormat::Pvh => qemu(Architecture::X86_64, image),
        ImageFormat::Raw(architecture) => qemu(architecture, image),
    };
    Ok((banner, target))
}

/// Gives each kernel a unique name. Kernels with the same Debian version, built for two Debian
/// releases, are named by their releases; kernels with the same release are numbered.
fn named(kernels: Vec<(Banner, Target)>) -> Vec<Kernel> {
    let mut times = BTreeMap::<String, usize>::new();
    for (banner, _) in &kernels {
        *times.entry(banner.name.clone()).or_default() += 1;
    }
    let mut taken = BTreeMap::<String, usize>::new();
    let mut kernels: Vec<_> = kernels
        .into_iter()
        .map(|(Banner { release, name }, target)| {
            let name = if times[&name] > 1 { release } else { name };
            let nth = taken.entry(name.clone()).or_default();
            *nth += 1;
            let name = if *nth > 1 { format!("{name}-{nth}") } else { name };
            Kernel { name, target }
        })
        .collect();
    kernels.sort_by_cached_key(|kernel| version_key(&kernel.name));
    kernels
}

/// Returns a sort key for versions: runs of digits compare as numbers, so that 6.9 is before 6.12,
/// and `~` sorts before the end, as in Debian, so that 7.3~rc7 is before 7.3.
pub fn version_key(version: &str) -> Vec<(String, u64)> {
    const TILDE: &str = "\x01";
    const END: &str = "\x02";
    let digit = |c: char| c.is_ascii_digit();
    let mut key = Vec::new();
    let mut rest = version;
    while !rest.is_empty() {
        let (text, tail) = rest.split_at(rest.find(digit).unwrap_or(rest.len()));
        let (number, tail) = tail.split_at(tail.find(|c| !digit(c)).unwrap_or(tail.len()));
        key.push((text.replace('~', TILDE), number.parse().unwrap_or(0)));
        rest = tail;
    }
    key.push((END.to_owned(), 0));
    key
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
            ("vmlinux-b", "the same, uncompressed"),
            ("bzImage", "6.9.0 (x)"),
            ("deeper/vmlinuz-a", "6.12.1+deb13-cloud-amd64 (x) #1 Debian 6.12.1-1 (y)"),
            ("deeper/bzImage", "6.9.0 (x)"),
            ("deeper/vmlinuz", "6.12.0-1-amd64 (x) #1 Debian 6.12.7-1 (y)"),
            ("vmlinux.o", "not the name of a kernel"),
            ("readme.deb", "nor this"),
        ] {
            std::fs::write(path(name), bzimage(version)).expect("a file");
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
        let (architecture, image) = (Architecture::X86_64, path("deeper/vmlinuz"));
        assert_eq!(kernels[4].target, Target::Qemu { architecture, image });
    }

    #[test]
    fn versions_are_sorted_as_debian_sorts_them() {
        let sorted = [
            "5.10.262-1",
            "6.9.1-1",
            "6.12-1",
            "6.12.9-1",
            "6.12.117-1",
            "7.3~rc7-1~exp1",
            "7.3~rc10-1~exp1",
            "7.3-1",
            "7.3.4-1~bpo13+1",
            "7.3.4-1",
            "7.3.4-1+deb14u1",
        ];
        assert!(sorted.is_sorted_by_key(|version| version_key(version)));
    }

    #[test]
    fn files_that_are_not_kernels_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let refusal = |path: &Path| find(path).expect_err("a refusal").to_string();
        let none = refusal(dir.path());
        assert!(none.contains("no kernel is in") && none.contains("vmlinuz-*"), "{none}");

        let file = dir.path().join("vmlinuz");
        assert!(refusal(&file).contains("cannot be read: No such file"));
        for (content, why) in [
            (&[0; 4096][..], "no format of a kernel"),
            (b"", "no format of a kernel"),
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
