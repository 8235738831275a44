//! Guests that have started and wait for a program, kept in the cache; see the guest module.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
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

/// A guest that has started, and the program that it is to go on with.
pub struct Started {
    guest: FrameDecoder<BufReader<File>>,
    marks: Vec<Mark>,
    program: Vec<u8>,
}

/// Where in the file of a guest a mark is, in bytes, and the number of its page of the place.
type Mark = (u64, u64);

impl Started {
    /// Writes what the emulator reads to go on with it. Never all of it is in memory: to get that costs
    /// more than to unpack it.
    pub fn write_to(mut self, to: impl Write) -> io::Result<()> {
        let mut to = BufWriter::with_capacity(1 << 17, to);
        let mut at = 0;
        for (mark, number) in self.marks {
            // The cache is a file like any other, and may hold anything.
            let before = mark.checked_sub(at).ok_or(io::ErrorKind::InvalidData)?;
            io::copy(&mut self.guest.by_ref().take(before), &mut to)?;
            io::copy(&mut self.guest.by_ref().take(PAGE as u64), &mut io::sink())?;
            at = mark + PAGE as u64;
            let from = (number as usize).saturating_mul(PAGE).min(self.program.len());
            let part = &self.program[from..self.program.len().min(from + PAGE)];
            to.write_all(part)?;
            to.write_all(&[0; PAGE][part.len()..])?;
        }
        io::copy(&mut self.guest, &mut to)?;
        to.flush()
    }
}

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

    /// The guest that is kept, with this program.
    pub fn with(&self, program: &Path) -> Option<Started> {
        let mut file = BufReader::new(File::open(&self.file).ok()?);
        let mut about = String::new();
        file.read_line(&mut about).ok()?;
        let mut packed = String::new();
        file.read_line(&mut packed).ok()?;
        let whole =
            about.len() as u64 + packed.len() as u64 + packed.trim_end().parse::<u64>().ok()?;
        if about.trim_end() != self.about || file.get_ref().metadata().ok()?.len() != whole {
            return None;
        }
        let mut guest = FrameDecoder::new(file);
        let mut number = || {
            let mut bytes = [0; 8];
            guest.read_exact(&mut bytes).ok()?;
            Some(u64::from_le_bytes(bytes))
        };
        let marks = (0..number()?).map(|_| Some((number()?, number()?))).collect::<Option<_>>()?;
        let program = fs::read(program).ok()?;
        (program.len() as u64 <= self.pages * PAGE as u64).then_some(Started {
            guest,
            marks,
            program,
        })
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
        let guest = written(&monitor, &mut file)?;
        drop(console);
        self.keep(&guest)?;
        self.with(program)
    }

    /// Keeps it, if it holds the whole place.
    fn keep(&self, guest: &[u8]) -> Option<()> {
        let marks = marks(guest, self.pages)?;
        let mut packed = FrameEncoder::new(Vec::new());
        let numbers = marks.iter().flat_map(|(mark, number)| [*mark, *number]);
        for number in [marks.len() as u64].into_iter().chain(numbers) {
            packed.write_all(&number.to_le_bytes()).ok()?;
        }
        packed.write_all(guest).ok()?;
        let packed = packed.finish().ok()?;
        let mut file = format!("{}\n{}\n", self.about, packed.len()).into_bytes();
        file.extend(packed);
        fs::create_dir_all(self.file.parent()?).ok()?;
        image::write(&self.file, &file).ok()
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

/// Where the marks of so many pages are, if all of them are there.
fn marks(guest: &[u8], pages: u64) -> Option<Vec<Mark>> {
    let mut missing: BTreeSet<u64> = (0..pages).collect();
    let mut marks = Vec::new();
    for sign in memmem::find_iter(guest, &SIGN) {
        let Some(page) = guest.get(sign..sign + PAGE) else { continue };
        let number = page[SIGN.len()..].first_chunk().copied().map(u64::from_le_bytes)?;
        // The sign also lies in the code that makes the marks.
        if number < pages && *page == mark(number) {
            // A page that changed while it was written down is there twice.
            missing.remove(&number);
            marks.push((sign as u64, number));
        }
    }
    missing.is_empty().then_some(marks)
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

    /// What was kept with this program in it.
    fn filled(kept: &Kept, program: &Path) -> Option<Vec<u8>> {
        let mut filled = Vec::new();
        kept.with(program)?.write_to(&mut filled).ok()?;
        Some(filled)
    }

    /// A directory with a program of so many bytes, and how a guest is kept there.
    fn place(bytes: usize) -> (tempfile::TempDir, PathBuf, impl Fn(&str, u64) -> Kept) {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("program");
        fs::write(&program, program_of(bytes)).expect("a file");
        let file = dir.path().join("kept");
        let kept =
            move |about: &str, pages| Kept { file: file.clone(), about: about.into(), pages };
        (dir, program, kept)
    }

    fn program_of(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn the_program_takes_the_place_of_the_marks() {
        let (_dir, program, kept) = place(PAGE + 10);
        let whole = guest(&[1, 0, 1]);
        kept("a", 2).keep(&whole).expect("a place");
        let filled = filled(&kept("a", 2), &program).expect("what was kept");
        let page = |nth: usize| &filled[4 + nth * (8 + PAGE) + 8..][..PAGE];
        let program = program_of(PAGE + 10);
        assert_eq!(page(1), &program[..PAGE]);
        for second in [page(0), page(2)] {
            assert_eq!(&second[..10], &program[PAGE..]);
            assert_eq!(&second[10..], [0; PAGE - 10]);
        }
        // All else is as it was.
        assert_eq!(filled.len(), whole.len());
        assert_eq!(filled[..12], whole[..12]);
        assert_eq!(filled[filled.len() - SIGN.len()..], SIGN);
    }

    #[test]
    fn a_place_that_is_not_whole_or_too_small_is_none() {
        assert_eq!(marks(&guest(&[0, 2]), 3), None, "a mark is missing");
        let mut cut = guest(&[0]);
        cut.truncate(2000);
        assert_eq!(marks(&cut, 1), None, "a mark is cut");
        assert_eq!(marks(&guest(&[0]), 1), Some(vec![(12, 0)]));

        let (_dir, program, kept) = place(PAGE + 1);
        assert!(kept("a", 3).keep(&guest(&[0, 2])).is_none() && !kept("a", 3).file.exists());
        kept("a", 1).keep(&guest(&[0])).expect("a place");
        assert!(kept("a", 1).with(&program).is_none(), "a page too long");
    }

    #[test]
    fn what_is_kept_is_found_again_only_for_the_same() {
        let (_dir, program, kept) = place(5);
        assert!(kept("a", 1).with(&program).is_none());
        kept("a", 1).keep(&guest(&[0])).expect("a place");
        assert!(
            filled(&kept("a", 1), &program).is_some_and(|guest| guest[12..17] == program_of(5))
        );
        assert!(kept("b", 1).with(&program).is_none(), "another kernel");
        let mut odd = kept("a", 1).with(&program).expect("what was kept");
        odd.marks.push((3, 0));
        let error = odd.write_to(io::sink()).expect_err("a mark within another");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut broken = fs::read(kept("a", 1).file).expect("a file");
        broken.pop();
        fs::write(kept("a", 1).file, broken).expect("a file");
        assert!(kept("a", 1).with(&program).is_none(), "not all of it");
        kept("a", 1).forget();
        assert!(!kept("a", 1).file.exists());
    }
}
