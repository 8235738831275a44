//! Guests that have started and wait for a program, kept in the cache; see the guest module.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use memchr::memmem;

use crate::console::Console;
use crate::guest::{PAGE, PLACE, READY, SIGN, mark};
use crate::{BEGIN, Program, cache, image, open_file};

/// The place grows in steps, so that a new program seldom needs a new one: bytes.
const STEP: u64 = 2 << 20;

/// How long the emulator may say nothing while it writes down a guest, which takes it less than a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest that has started, with the program in it: what the emulator reads to go on with it.
pub struct Started(pub Vec<u8>);

/// Where a guest that has started is kept, and how to tell that it is this one.
pub struct Kept {
    file: PathBuf,
    /// All that it depends on, in one line.
    about: String,
    pages: u64,
}

impl Kept {
    /// The place for a guest with this kernel that is run `by` this emulator with these arguments. The
    /// program itself is none of what it depends on, but for its files.
    pub fn of(kernel: &Path, by: &str, program: &Program) -> Option<Kept> {
        let pages =
            fs::metadata(&program.executable).ok()?.len().next_multiple_of(STEP) / PAGE as u64;
        let mut about = format!("{PLACE} {by} {}", told(kernel)?);
        for (file, place) in &program.files {
            about += &format!(" {place} {}", told(file)?);
        }
        let about = about.replace('\n', " ");
        let mut hash = DefaultHasher::new();
        kernel.canonicalize().ok()?.hash(&mut hash);
        let name = format!("{:016x}-{pages}", hash.finish());
        Some(Kept { file: cache().join("started").join(name), about, pages })
    }

    /// A word for the kernel's command line, by which `/init` holds a place for the program.
    pub fn word(&self) -> String {
        format!("{PLACE}={}", self.pages)
    }

    /// The guest that is kept, with this program in it.
    pub fn with(&self, program: &Path) -> Option<Started> {
        let file = fs::read(&self.file).ok()?;
        let packed = file.strip_prefix(self.about.as_bytes())?.strip_prefix(b"\n")?;
        let mut guest = Vec::new();
        FrameDecoder::new(packed).read_to_end(&mut guest).ok()?;
        put(&mut guest, &fs::read(program).ok()?, self.pages)?;
        Some(Started(guest))
    }

    /// Starts a guest by this command, and keeps it once it is ready. Nothing, if its program does not
    /// wait, or something is amiss: a guest that is started in the ordinary way does without, or says why
    /// not.
    pub fn make(&self, command: &mut Command, begin: Duration, program: &Path) -> Option<Started> {
        let dir = tempfile::tempdir().ok()?;
        let monitor = dir.path().join("monitor");
        command.arg("-monitor").arg(format!("unix:{},server=on,wait=off", monitor.display()));
        // It outlives the emulator, which is told it by number.
        let mut file = tempfile::tempfile().ok()?;
        let mut console = Console::open(command, Some(dir.path()), "").ok()?;
        // A program that does not wait begins.
        let waits = |line: &str| [READY, BEGIN].contains(&line).then(|| line == READY);
        let (_, true) = console.listen(READY, begin, waits).ok()? else { return None };
        let mut guest = written(&monitor, &mut file)?;
        drop(console);
        self.keep(&guest);
        put(&mut guest, &fs::read(program).ok()?, self.pages)?;
        Some(Started(guest))
    }

    /// One that cannot be kept is made again next time.
    fn keep(&self, guest: &[u8]) {
        let mut file = format!("{}\n", self.about).into_bytes();
        let mut packed = FrameEncoder::new(&mut file);
        if packed.write_all(guest).is_err() || packed.finish().is_err() {
            return;
        }
        if let Some(dir) = self.file.parent() {
            let _ = fs::create_dir_all(dir);
            let _ = image::write(&self.file, &file);
        }
    }

    /// Forgets a guest that did not go on.
    pub fn forget(&self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// What tells one file from another, without reading it.
fn told(file: &Path) -> Option<String> {
    let metadata = fs::metadata(file).ok()?;
    let time = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}:{}:{}", file.canonicalize().ok()?.display(), metadata.len(), time.as_nanos()))
}

/// Has the emulator write down its guest in a file, by the monitor at this socket, and end.
fn written(monitor: &Path, file: &mut File) -> Option<Vec<u8>> {
    let mut monitor = UnixStream::connect(monitor).ok()?;
    monitor.set_read_timeout(Some(PATIENCE)).ok()?;
    // As fast as can be: the guest is on nobody's network.
    let orders = format!(
        "migrate_set_parameter max-bandwidth 1T\nmigrate \"exec:cat >{}\"\ninfo migrate\nquit\n",
        open_file(file).display()
    );
    monitor.write_all(orders.as_bytes()).ok()?;
    let mut answer = Vec::new();
    monitor.read_to_end(&mut answer).ok()?;
    memmem::find(&answer, b"Migration status: completed")?;
    let mut guest = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut guest)).ok()?;
    Some(guest)
}

/// Puts the program where the marks of so many pages are, if all of them are there.
fn put(guest: &mut [u8], program: &[u8], pages: u64) -> Option<()> {
    let mut missing: BTreeSet<u64> = (0..pages).collect();
    let signs: Vec<usize> = memmem::find_iter(guest, &SIGN).collect();
    for sign in signs {
        let Some(page) = guest.get_mut(sign..sign + PAGE) else { continue };
        let number = page[SIGN.len()..].first_chunk().copied().map(u64::from_le_bytes)?;
        // The sign also lies in the code that makes the marks.
        if number >= pages || *page != mark(number) {
            continue;
        }
        // A page that changed while it was written down is there twice.
        missing.remove(&number);
        let from = (number as usize * PAGE).min(program.len());
        let part = &program[from..program.len().min(from + PAGE)];
        page.fill(0);
        page[..part.len()].copy_from_slice(part);
    }
    (missing.is_empty() && program.len() as u64 <= pages * PAGE as u64).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks of these numbers among other bytes.
    fn guest(numbers: &[u64]) -> Vec<u8> {
        let mut guest = b"some".to_vec();
        for number in numbers {
            guest.extend(b"header..");
            guest.extend(mark(*number));
        }
        guest.extend(SIGN);
        guest
    }

    #[test]
    fn the_program_takes_the_place_of_the_marks() {
        let program: Vec<u8> = (0..PAGE + 10).map(|n| (n % 251) as u8).collect();
        let mut filled = guest(&[1, 0, 1]);
        put(&mut filled, &program, 2).expect("a place");
        let page = |nth: usize| &filled[4 + nth * (8 + PAGE) + 8..][..PAGE];
        assert_eq!(page(1), &program[..PAGE]);
        for second in [page(0), page(2)] {
            assert_eq!(&second[..10], &program[PAGE..]);
            assert_eq!(&second[10..], [0; PAGE - 10]);
        }
    }

    #[test]
    fn a_place_that_is_not_whole_or_too_small_is_none() {
        assert_eq!(put(&mut guest(&[0, 2]), b"program", 3), None, "a mark is missing");
        assert_eq!(put(&mut guest(&[0]), &[1; PAGE + 1], 1), None, "a page too long");
        let mut cut = guest(&[0]);
        cut.truncate(2000);
        assert_eq!(put(&mut cut, b"program", 1), None, "a mark is cut");
        assert_eq!(put(&mut guest(&[0]), b"program", 1), Some(()));
    }

    #[test]
    fn what_is_kept_is_found_again_only_for_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("program");
        fs::write(&program, "12345").expect("a file");
        let kept =
            |about: &str| Kept { file: dir.path().join("kept"), about: about.to_owned(), pages: 1 };
        assert!(kept("a").with(&program).is_none());
        kept("a").keep(&guest(&[0]));
        let found = kept("a").with(&program).expect("what was kept");
        assert_eq!(&found.0[12..17], b"12345");
        assert!(kept("b").with(&program).is_none(), "another kernel");
        let mut broken = fs::read(dir.path().join("kept")).expect("a file");
        broken.truncate(60);
        fs::write(dir.path().join("kept"), broken).expect("a file");
        assert!(kept("a").with(&program).is_none(), "half of it");
        kept("a").forget();
        assert!(!dir.path().join("kept").exists());
    }
}
