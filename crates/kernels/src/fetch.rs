//! Fetches kernels from Debian's mirrors with apt, without touching this machine's own packages:
//! apt has a root of its own for the while, and nothing is installed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::group::Group;
use crate::{Error, Kernel, find, package};

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Wanted {
    /// The newest kernel for clouds of every series (5.10, 6.1, …), which is the smallest there is
    /// and has all of keyrings; the oldest of all; and the newest User Mode Linux.
    #[default]
    Series,
    /// Packages by name, such as `linux-image-6.12.43+deb12-amd64`, `linux-binary-…` from 6.19 on,
    /// and `user-mode-linux`.
    Packages(Vec<String>),
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// apt reads what there is.
    Lists,
    /// The mirror has nothing under this address; it goes on without.
    Lacking(String),
    /// So many packages were chosen.
    Chosen(usize),
    /// A package is here from before.
    Here(String),
    /// A package is being fetched, and then unpacked.
    Fetch {
        /// Its name.
        package: String,
        /// Its size in bytes.
        bytes: u64,
    },
}

/// Releases of Debian, oldest first. By code name, as the names by age (`oldstable`) are not there
/// for all of them. One that a mirror lacks, or lacks by now, is left out.
const RELEASES: [&str; 6] = ["bullseye", "bookworm", "trixie", "forky", "sid", "experimental"];

/// Those with security updates, and newer kernels than their own, under another name.
const SECURITY: [&str; 4] = ["bullseye", "bookworm", "trixie", "forky"];
const BACKPORTS: [&str; 2] = ["bookworm-backports", "trixie-backports"];

/// Debian's keys. Named, so that no other key on this machine counts.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The least size of a package with a kernel, in bytes: those that only depend on one have its name.
const LEAST: u64 = 1 << 20;

/// What apt says of an address where a mirror has nothing.
const LACKS: &str = "does not have a Release file";

/// Fetches what is `wanted` into `cache`, but for what is there, and gives all of it.
///
/// # Errors
///
/// If there is no apt, no mirror answers, or a package does not exist.
pub fn fetch(
    cache: &Path,
    wanted: &Wanted,
    progress: &mut dyn FnMut(&Step),
) -> Result<Vec<Kernel>, Error> {
    if !Path::new(KEYS).exists() {
        return Err(Error::new(
            format!("{KEYS} is not here, by which Debian's packages are told from others"),
            "install debian-archive-keyring, or name a directory of kernels instead",
        ));
    }
    fs::create_dir_all(cache).map_err(Error::file("made", cache))?;
    let root = tempfile::Builder::new()
        .prefix(".apt")
        .tempdir_in(cache)
        .map_err(Error::file("written to", cache))?;
    let apt = Apt { group: Group::new(Some(root.path()))?, root: root.path() };
    apt.prepare()?;

    progress(&Step::Lists);
    let update = apt.run("apt-get", &["update"])?;
    let complaints = String::from_utf8_lossy(&update.stderr).into_owned();
    for line in complaints.lines().filter(|line| line.contains(LACKS)) {
        progress(&Step::Lacking(line.split('\'').nth(1).unwrap_or(line).to_owned()));
    }

    let chosen = match wanted {
        Wanted::Series => {
            let mut chosen = series(apt.kernels()?);
            chosen.extend(apt.show(&["user-mode-linux".into()])?);
            chosen
        }
        Wanted::Packages(names) => {
            let chosen = apt.show(names)?;
            let lacks = |name: &&String| !chosen.iter().any(|package| package.name == **name);
            if let Some(name) = names.iter().find(lacks) {
                return Err(Error::new(
                    format!("the mirror has no package {name}{}", last(&complaints)),
                    "see `apt-cache search linux-image` for the names of kernels",
                ));
            }
            chosen
        }
    };
    if chosen.is_empty() {
        return Err(Error::new(
            format!("the mirror has no kernels{}", last(&complaints)),
            "see that this machine gets to the mirror, or name a directory of kernels instead",
        ));
    }
    progress(&Step::Chosen(chosen.len()));

    let mut kernels = Vec::new();
    for package in &chosen {
        let image = match package::unpacked(cache, &package.name, &package.version) {
            Some(image) => {
                progress(&Step::Here(package.name.clone()));
                image
            }
            None => {
                progress(&Step::Fetch { package: package.name.clone(), bytes: package.size });
                let deb = apt.download(package)?;
                // The library its own release has; the newest there is will do.
                let libc = match package.name.as_str() {
                    "user-mode-linux" => match apt.show(&["libc6".into()])?.first() {
                        Some(libc) => Some(apt.download(libc)?),
                        None => None,
                    },
                    _ => None,
                };
                let image = package::unpack_with(&deb, libc.as_deref(), cache)?;
                for deb in libc.iter().chain([&deb]) {
                    fs::remove_file(deb).map_err(Error::file("removed", deb))?;
                }
                image
            }
        };
        kernels.push(image);
    }
    find::files(&kernels)
}

/// A package as the mirror has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    size: u64,
}

/// apt with a root of its own.
struct Apt<'a> {
    group: Group,
    root: &'a Path,
}

impl Apt<'_> {
    /// Writes its configuration and sources.
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
            fs::create_dir_all(&dir).map_err(Error::file("made", &dir))?;
        }
        // Of this machine's own configuration only how it gets to its mirror: there are hooks in the
        // rest.
        let own = self.host("apt-config", &["dump", "Acquire"])?;
        let way = |line: &&str| {
            ["Acquire::http::", "Acquire::https::", "Acquire::Retries"]
                .iter()
                .any(|way| line.starts_with(way))
        };
        let mut conf: String = own.lines().filter(way).map(|line| format!("{line}\n")).collect();
        let root = self.root.display();
        conf += &format!(
            "Dir \"{root}\";\n\
             Dir::State::status \"{root}/var/lib/dpkg/status\";\n\
             APT::Architecture \"amd64\";\n\
             APT::Architectures \"amd64\";\n\
             Acquire::Languages \"none\";\n"
        );
        // The user apt gives its work to may not read a directory in a home.
        conf += "APT::Sandbox::User \"root\";\n";
        // A release file is valid for some days, which keeps a mirror from hiding updates. Here old
        // kernels are wanted on purpose, and old copies of a mirror are good; signatures are checked
        // all the same.
        conf += "Acquire::Check-Valid-Until \"false\";\nAcquire::Check-Date \"false\";\n";

        let own = self.host("apt-get", &["indextargets", "--format", "$(REPO_URI)"])?;
        self.write("apt.conf", &conf)?;
        self.write("var/lib/dpkg/status", "")?;
        self.write("etc/apt/sources.list", &sources(&own))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(Error::file("written", &path))
    }

    /// What this machine's apt says.
    fn host(&self, program: &str, args: &[&str]) -> Result<String, Error> {
        let output = self.output(Command::new(program).args(args))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs one of apt's programs with the root.
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
        let mend = "install apt, or name a directory of kernels instead";
        let child = self.group.spawn(command, mend)?;
        child.wait_with_output().map_err(Error::doing("no word of apt's end"))
    }

    /// The newest version of each package.
    fn show(&self, names: &[String]) -> Result<Vec<Package>, Error> {
        let mut args = vec!["show", "--no-all-versions", "--"];
        args.extend(names.iter().map(String::as_str));
        let output = self.run("apt-cache", &args)?;
        Ok(packages(&String::from_utf8_lossy(&output.stdout)))
    }

    /// All kernels for clouds, oldest first.
    fn kernels(&self) -> Result<Vec<Package>, Error> {
        let pattern = "^linux-(image|binary)-[0-9].*-cloud-amd64$";
        let output = self.run("apt-cache", &["search", "--names-only", pattern])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names: Vec<String> =
            text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
        if names.is_empty() {
            return Ok(vec![]);
        }
        let packages = self.show(&names)?.into_iter().filter(|package| package.size >= LEAST);
        sort(packages.collect())
    }

    /// Fetches one package; apt checks it.
    fn download(&self, package: &Package) -> Result<std::path::PathBuf, Error> {
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
            let complaints = String::from_utf8_lossy(&output.stderr);
            Error::new(
                format!("{name} {version} cannot be fetched{}", last(&complaints)),
                "try again",
            )
        })
    }
}

/// The last that apt complained of, other than what a mirror lacks.
fn last(complaints: &str) -> String {
    let tells =
        |line: &&str| (line.starts_with("E: ") || line.starts_with("W: ")) && !line.contains(LACKS);
    let line = complaints.lines().rev().find(tells);
    line.map(|line| format!(": {}", &line[3..])).unwrap_or_default()
}

/// Lines of sources, at the mirrors among `own`, which are addresses this machine uses.
fn sources(own: &str) -> String {
    let mirror = |name: &str| {
        let own = own.lines().map(|uri| uri.trim_end_matches('/'));
        own.into_iter()
            .find(|uri| uri.rsplit('/').next() == Some(name))
            .map_or(format!("http://deb.debian.org/{name}"), str::to_owned)
    };
    let (main, security) = (mirror("debian"), mirror("debian-security"));
    let line = |mirror: &str, suite: String| {
        format!("deb [arch=amd64 signed-by={KEYS}] {mirror} {suite} main\n")
    };
    let releases = RELEASES.iter().chain(&BACKPORTS).map(|suite| line(&main, suite.to_string()));
    releases.chain(SECURITY.iter().map(|s| line(&security, format!("{s}-security")))).collect()
}

/// The packages in what `apt-cache show` prints.
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

/// In the order of their versions, as Debian has it: 6.9 before 6.12, 7.3~rc7 before 7.3. The `sort`
/// of every machine with apt knows it.
fn sort(packages: Vec<Package>) -> Result<Vec<Package>, Error> {
    let mut child = Command::new("sort")
        .arg("-V")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Error::start("sort", "install coreutils"))?;
    let text: String =
        packages.iter().enumerate().map(|(n, p)| format!("{} {n}\n", p.version)).collect();
    let stdin = child.stdin.take();
    let feed = thread::spawn(move || stdin.map(|mut to| to.write_all(text.as_bytes())));
    let output = child.wait_with_output().map_err(Error::doing("no word of sort's end"))?;
    let _ = feed.join();
    let text = String::from_utf8_lossy(&output.stdout);
    let place = |line: &str| packages.get(line.split(' ').nth(1)?.parse::<usize>().ok()?).cloned();
    Ok(text.lines().filter_map(place).collect())
}

/// Of kernels from the oldest to the newest: the oldest of all, and the last of each series.
fn series(kernels: Vec<Package>) -> Vec<Package> {
    let of = |package: &Package| {
        let mut numbers = package.version.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse::<u32>().ok()?, numbers.next()?.parse::<u32>().ok()?))
    };
    let first = kernels.first().cloned();
    let newest: BTreeMap<_, _> =
        kernels.into_iter().filter_map(|package| Some((of(&package)?, package))).collect();
    let mut chosen: Vec<_> = first.into_iter().collect();
    chosen.extend(
        newest.into_values().filter(|package| !chosen.contains(package)).collect::<Vec<_>>(),
    );
    chosen
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
        let sorted = sort(versions.iter().map(|version| package(version)).collect()).expect("sort");
        let chosen: Vec<_> = series(sorted).into_iter().map(|package| package.version).collect();
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
    }

    #[test]
    fn packages_are_read_from_apt() {
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
        let own = sources(own);
        assert!(own.contains("] http://mirror.here/debian bookworm main\n"), "{own}");
        assert!(
            own.contains("] https://else.where/debian-security trixie-security main\n"),
            "{own}"
        );
        assert!(sources("").contains("] http://deb.debian.org/debian sid main\n"));
        assert_eq!(sources("").matches("signed-by=").count(), sources("").lines().count());
    }
}
