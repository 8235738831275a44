//! Fetches kernels from Debian's mirrors with apt. apt gets a temporary root directory, so nothing is
//! installed and this machine's package lists stay unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::find::{self, version_key};
use crate::group::Group;
use crate::{Architecture, Error, Kernel, companions, package};

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Wanted {
    /// For x86-64 the newest cloud kernel of every series (5.10, 6.1, …), the oldest cloud kernel of all, and the
    /// newest User Mode Linux. Cloud kernels are the smallest ones with all features of keyrings. For another
    /// architecture, whose guests are emulated slowly, the newest kernel of the first and of the last series.
    #[default]
    Series,
    /// Packages by name, such as `linux-image-6.12.43+deb12-amd64`, `linux-binary-…` from 6.19 on,
    /// and `user-mode-linux`.
    Packages(Vec<String>),
}

/// Reports the progress of [`fetch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// apt reads the package lists.
    Lists,
    /// The mirror does not have the suite at this address; it is skipped.
    Missing(String),
    /// This many packages were chosen.
    Chosen(usize),
    /// A package was fetched before.
    Cached(String),
    /// A package is fetched and unpacked.
    Fetch {
        /// Its name.
        package: String,
        /// Its size in bytes.
        bytes: u64,
    },
}

/// Debian's releases, oldest first. Code names, because not all of them have a name like `oldstable`.
/// A release that the mirror does not have is skipped.
const RELEASES: [&str; 6] = ["bullseye", "bookworm", "trixie", "forky", "sid", "experimental"];

/// Releases with security updates, and backports of newer kernels.
const SECURITY: [&str; 4] = ["bullseye", "bookworm", "trixie", "forky"];
const BACKPORTS: [&str; 2] = ["bookworm-backports", "trixie-backports"];

/// Debian's keys. No other key on this machine is trusted.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The smallest size of a package with a kernel, in bytes. Metapackages have similar names.
const LEAST: u64 = 1 << 20;

/// apt's message if the mirror does not have a suite.
const MISSING: &str = "does not have a Release file";

/// The package of User Mode Linux.
const UML: &str = "user-mode-linux";

/// Fetches the wanted kernels into `cache`, except for those already there, and returns them all.
///
/// # Errors
///
/// Returns an error if apt or Debian's keys are not installed, no mirror answers, or a package does
/// not exist.
pub fn fetch(
    cache: &Path,
    architecture: Architecture,
    wanted: &Wanted,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Vec<Kernel>, Error> {
    if !Path::new(KEYS).exists() {
        return Err(Error::new(
            format!("{KEYS}, which authenticates Debian's packages, does not exist"),
            "install debian-archive-keyring, or name a directory of kernels instead",
        ));
    }
    fs::create_dir_all(cache).map_err(Error::file("created", cache))?;
    let root = tempfile::Builder::new()
        .prefix(".apt")
        .tempdir_in(cache)
        .map_err(Error::file("written to", cache))?;
    let group = Group::new(Some(root.path()))?;
    let apt = Apt { group, root: root.path(), architecture: architecture.of_kernel() };
    apt.prepare()?;

    progress(&Progress::Lists);
    let update = apt.run("apt-get", &["update"])?;
    let messages = String::from_utf8_lossy(&update.stderr);
    for line in messages.lines().filter(|line| line.contains(MISSING)) {
        progress(&Progress::Missing(line.split('\'').nth(1).unwrap_or(line).to_owned()));
    }
    let chosen = apt.choose(wanted, &messages)?;
    progress(&Progress::Chosen(chosen.len()));

    let mut kernels = Vec::new();
    for package in &chosen {
        kernels.push(match package::unpacked(cache, &package.name, &package.version) {
            Some(image) => {
                progress(&Progress::Cached(package.name.clone()));
                image
            }
            None => {
                let Package { name, size, .. } = package;
                progress(&Progress::Fetch { package: name.clone(), bytes: *size });
                apt.download_and_unpack(package, cache)?
            }
        });
    }
    apt.companions(cache)?;
    find::files(&kernels)
}

/// A package on the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    size: u64,
}

/// apt with a temporary root directory.
struct Apt<'a> {
    group: Group,
    root: &'a Path,
    /// The architecture of the packages.
    architecture: Architecture,
}

impl Apt<'_> {
    /// Writes apt's configuration and sources.
    fn prepare(&self) -> Result<(), Error> {
        for dir in [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/sources.list.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
        ] {
            let dir = self.root.join(dir);
            fs::create_dir_all(&dir).map_err(Error::file("created", &dir))?;
        }
        // Of this machine's configuration only the network settings: the rest contains hooks.
        let own = self.host("apt-config", &["dump", "Acquire"])?;
        let network = |line: &&str| {
            ["Acquire::http::", "Acquire::https::", "Acquire::Retries"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let mut conf: String =
            own.lines().filter(network).map(|line| format!("{line}\n")).collect();
        let (root, architecture) = (self.root.display(), self.architecture.debian());
        conf += &format!(
            "Dir \"{root}\";\n\
             Dir::State::status \"{root}/var/lib/dpkg/status\";\n\
             APT::Architecture \"{architecture}\";\n\
             APT::Architectures \"{architecture}\";\n\
             Acquire::Languages \"none\";\n"
        );
        // apt's own sandbox user cannot read a home directory.
        conf += "APT::Sandbox::User \"root\";\n";
        // Release files expire after some days, so that a mirror cannot hide updates. Old kernels and
        // old copies of a mirror are fine here. Signatures are still checked.
        conf += "Acquire::Check-Valid-Until \"false\";\nAcquire::Check-Date \"false\";\n";

        let own = self.host("apt-get", &["indextargets", "--format", "$(REPO_URI)"])?;
        self.write("apt.conf", &conf)?;
        self.write("var/lib/dpkg/status", "")?;
        self.write("etc/apt/sources.list", &sources(&own, architecture))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(Error::file("written", &path))
    }

    /// Returns the output of an apt program with this machine's configuration.
    fn host(&self, program: &str, args: &[&str]) -> Result<String, Error> {
        let output = self.output(Command::new(program).args(args))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs an apt program with the temporary root directory.
    fn run(&self, program: &str, args: &[&str]) -> Result<Output, Error> {
        self.output(
            Command::new(program)
                .args(args)
                .env("APT_CONFIG", self.root.join("apt.conf"))
                .current_dir(self.root),
        )
    }

    fn output(&self, command: &mut Command) -> Result<Output, Error> {
        command.env("LC_ALL", "C").stdout(Stdio::piped()).stderr(Stdio::piped());
        let remedy = "install apt, or name a directory of kernels instead";
        let child = self.group.spawn(command, remedy)?;
        child.wait_with_output().map_err(Error::doing("apt cannot be waited for"))
    }

    /// Returns the wanted packages. `messages` is the standard error of `apt-get update`.
    fn choose(&self, wanted: &Wanted, messages: &str) -> Result<Vec<Package>, Error> {
        let chosen = match wanted {
            Wanted::Series if self.architecture == Architecture::X86_64 => {
                let mut chosen = series(self.kernels()?);
                chosen.extend(self.show(&[UML.into()])?);
                chosen
            }
            Wanted::Series => ends(self.kernels()?),
            Wanted::Packages(names) => {
                let chosen = self.show(names)?;
                let missing = |name: &&String| !chosen.iter().any(|package| package.name == **name);
                if let Some(name) = names.iter().find(missing) {
                    return Err(Error::new(
                        format!("the mirror has no package {name}{}", last(messages)),
                        "see `apt-cache search linux-image` for the names of kernels",
                    ));
                }
                chosen
            }
        };
        if chosen.is_empty() {
            return Err(Error::new(
                format!("the mirror has no kernels{}", last(messages)),
                "check that this machine reaches the mirror, or name a directory of kernels instead",
            ));
        }
        Ok(chosen)
    }

    /// Returns the newest version of each package.
    fn show(&self, names: &[String]) -> Result<Vec<Package>, Error> {
        let mut args = vec!["show", "--no-all-versions", "--"];
        args.extend(names.iter().map(String::as_str));
        let output = self.run("apt-cache", &args)?;
        Ok(packages(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Returns all cloud kernels, oldest first; all kernels where there are no cloud kernels.
    fn kernels(&self) -> Result<Vec<Package>, Error> {
        let flavor = match self.architecture {
            Architecture::X86_64 | Architecture::Aarch64 => "[0-9].*-cloud",
            // As in linux-image-6.12.118+deb13-s390x: no further word before the architecture.
            _ => "[0-9][^-]*(-[0-9]+)?",
        };
        let pattern = format!("^linux-(image|binary)-{flavor}-{}$", self.architecture.debian());
        let output = self.run("apt-cache", &["search", "--names-only", &pattern])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names: Vec<String> =
            text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
        if names.is_empty() {
            return Ok(vec![]);
        }
        let mut packages = self.show(&names)?;
        packages.retain(|package| package.size >= LEAST);
        packages.sort_by_cached_key(|package| version_key(&package.version));
        Ok(packages)
    }

    /// Fetches a package, and returns the path of its kernel in `cache`.
    fn download_and_unpack(&self, package: &Package, cache: &Path) -> Result<PathBuf, Error> {
        let deb = self.download(package)?;
        // The newest C library also runs programs that were linked with an older one.
        let libc = match package.name.as_str() {
            UML => self.show(&["libc6".into()])?.first().map(|libc| self.download(libc)),
            _ => None,
        };
        let libc = libc.transpose()?;
        let image = package::unpack(&deb, libc.as_deref(), cache)?;
        for deb in libc.iter().chain([&deb]) {
            fs::remove_file(deb).map_err(Error::file("removed", deb))?;
        }
        Ok(image)
    }

    /// Fetches the programs that guests of another architecture than this machine's need, unless they are there.
    fn companions(&self, cache: &Path) -> Result<(), Error> {
        let folder = companions::folder(cache, self.architecture);
        if Architecture::here() == Some(self.architecture) || folder.exists() {
            return Ok(());
        }
        let packages = self.show(&companions::PACKAGES.map(str::to_owned))?;
        let packages = packages.iter().map(|package| self.download(package));
        let packages = packages.collect::<Result<Vec<_>, _>>()?;
        companions::unpack(&packages, &folder)
    }

    /// Fetches one package. apt verifies it.
    fn download(&self, package: &Package) -> Result<PathBuf, Error> {
        let Package { name, version, .. } = package;
        let output = self.run("apt-get", &["download", &format!("{name}={version}")])?;
        let deb = fs::read_dir(self.root)
            .map_err(Error::file("listed", self.root))?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                file.starts_with(&format!("{name}_")) && file.ends_with(".deb")
            });
        deb.filter(|_| output.status.success()).ok_or_else(|| {
            let messages = String::from_utf8_lossy(&output.stderr);
            Error::new(
                format!("{name} {version} cannot be fetched{}", last(&messages)),
                "try again",
            )
        })
    }
}

/// Returns apt's last error or warning, other than about a missing suite.
fn last(messages: &str) -> String {
    let counts = |line: &&str| {
        (line.starts_with("E: ") || line.starts_with("W: ")) && !line.contains(MISSING)
    };
    let line = messages.lines().rev().find(counts);
    line.map(|line| format!(": {}", &line[3..])).unwrap_or_default()
}

/// Returns a sources.list for the mirrors in `own`, the addresses that this machine uses.
fn sources(own: &str, architecture: &str) -> String {
    let mirror = |name: &str| {
        let mut own = own.lines().map(|uri| uri.trim_end_matches('/'));
        own.find(|uri| uri.rsplit('/').next() == Some(name))
            .map_or(format!("http://deb.debian.org/{name}"), str::to_owned)
    };
    let (main, security) = (mirror("debian"), mirror("debian-security"));
    let line = |mirror: &str, suite: String| {
        format!("deb [arch={architecture} signed-by={KEYS}] {mirror} {suite} main\n")
    };
    let releases = RELEASES.iter().chain(&BACKPORTS).map(|suite| line(&main, suite.to_string()));
    releases.chain(SECURITY.iter().map(|s| line(&security, format!("{s}-security")))).collect()
}

/// Parses the output of `apt-cache show`.
fn packages(text: &str) -> Vec<Package> {
    let field = |paragraph: &str, name: &str| {
        paragraph
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
    };
    text.split("\n\n")
        .filter_map(|paragraph| {
            Some(Package {
                name: field(paragraph, "Package")?,
                version: field(paragraph, "Version")?,
                size: field(paragraph, "Size")?.parse().ok()?,
            })
        })
        .collect()
}

/// Returns the oldest kernel and the newest of each series. `kernels` is sorted, oldest first.
fn series(kernels: Vec<Package>) -> Vec<Package> {
    let first = kernels.first().cloned();
    let newest: BTreeMap<_, _> =
        kernels.into_iter().map(|package| (series_of(&package), package)).collect();
    let mut chosen: Vec<_> = first.into_iter().collect();
    chosen.extend(
        newest.into_values().filter(|package| !chosen.contains(package)).collect::<Vec<_>>(),
    );
    chosen
}

/// Returns the newest kernels of the first and of the last series. `kernels` is sorted, oldest first.
fn ends(kernels: Vec<Package>) -> Vec<Package> {
    let Some((last, rest)) = kernels.split_last() else { return Vec::new() };
    let first = rest.iter().take_while(|it| series_of(it) == series_of(&rest[0])).last();
    let first = first.filter(|first| series_of(first) != series_of(last));
    first.into_iter().chain([last]).cloned().collect()
}

/// The first two numbers of its version.
fn series_of(package: &Package) -> Vec<u64> {
    version_key(&package.version).into_iter().take(2).map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: &str) -> Package {
        Package { name: format!("linux-image-{version}"), version: version.into(), size: LEAST }
    }

    #[test]
    fn the_newest_of_each_series_and_the_oldest_are_chosen() {
        let versions = [
            "6.12.9-1",
            "7.3.4-1~bpo13+1",
            "6.1.192-2",
            "6.12.117-1",
            "5.10.218-1",
            "7.4~rc2-1~exp1",
            "6.1.192-1",
            "7.3~rc7-1~exp1",
            "5.10.262-1",
            "7.4~rc1-1~exp1",
            "6.9.1-1",
        ];
        let mut sorted = versions.map(package);
        sorted.sort_by_key(|package| version_key(&package.version));
        let chosen: Vec<_> =
            series(sorted.into()).into_iter().map(|package| package.version).collect();
        assert_eq!(
            chosen,
            [
                "5.10.218-1",
                "5.10.262-1",
                "6.1.192-2",
                "6.9.1-1",
                "6.12.117-1",
                "7.3.4-1~bpo13+1",
                "7.4~rc2-1~exp1",
            ]
        );
        assert_eq!(series(vec![package("6.1.1-1")]), [package("6.1.1-1")]);
        let ends = |versions: &[&str]| ends(versions.iter().map(|it| package(it)).collect());
        let [old, newer, between, newest] = ["5.10.218-1", "5.10.262-1", "6.1.1-1", "7.3-1"];
        assert_eq!(ends(&[old, newer, between, newest]), [package(newer), package(newest)]);
        assert_eq!(ends(&[newer, between, newest]), [package(newer), package(newest)]);
        assert_eq!(ends(&[old, newer]), [package(newer)]);
        assert_eq!(ends(&[old]), [package(old)]);
    }

    #[test]
    fn packages_are_parsed() {
        let text =
            "Package: a\nVersion: 1~rc1-1\nSize: 23\nDescription: b\n Size: 4\n\nPackage: c\n";
        assert_eq!(
            packages(text),
            [Package { name: "a".into(), version: "1~rc1-1".into(), size: 23 }]
        );
    }

    #[test]
    fn the_mirror_is_this_machines_own() {
        let own = "http://mirror.here/debian/\nhttps://else.where/debian-security/\nhttp://x/y/\n";
        let own = sources(own, "amd64");
        assert!(own.contains("] http://mirror.here/debian bookworm main\n"), "{own}");
        assert!(
            own.contains("] https://else.where/debian-security trixie-security main\n"),
            "{own}"
        );
        let own = sources("", "arm64");
        assert!(own.contains("[arch=arm64 signed-by="), "{own}");
        assert!(own.contains("] http://deb.debian.org/debian sid main\n"));
        assert_eq!(own.matches("signed-by=").count(), own.lines().count());
    }
}
