//! The guest's side: to start, and to wait there for a program.
//!
//! A kernel takes seconds to start in an emulator, and comes to the same each time. So one that has
//! started is kept as the emulator's own file of a machine that moves elsewhere. Its `/init` holds a
//! place for the program: a file of as many pages as that may need, each with a mark. Whoever goes on
//! with the machine finds the marks in that file and puts the program there; `/init` sees its file
//! become the program, and runs it. No device is needed for this, and no driver.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The variable of `/init`'s environment that says how many pages the place is to have. Without it
/// `/init` is itself the program. If what `/init` does before it runs the program changes, or what lies
/// beside it in every guest, so does this name: guests that are kept have the old ones.
pub const PLACE: &str = "KEYBOOK_PLACE";

/// The line a guest prints when the place is there.
pub const READY: &str = "keybook: ready";

/// Bytes of a page of memory.
pub const PAGE: usize = 4096;

/// What a mark begins with. It is spelt so that no text has it.
pub(crate) const SIGN: [u8; 16] = *b"keybook\xff\xfe place\0";

/// So many pages are written at once: a huge page, which some kernels give a file of a tmpfs only for as much as
/// that. Linux 6.16 is one: a check took it a third more instructions than 6.18.
const AT_ONCE: usize = (2 << 20) / PAGE;

/// How often a guest looks for the program: now and then, as it waits for no more than the emulator.
const LOOK: Duration = Duration::from_millis(2);

/// The mark of a page of the place: its number, and nothing else in the page.
pub(crate) fn mark(number: u64) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page[..SIGN.len()].copy_from_slice(&SIGN);
    page[SIGN.len()..][..8].copy_from_slice(&number.to_le_bytes());
    page
}

/// How many pages `/init` is to hold ready, if it is to wait for a program.
pub fn pages_to_hold() -> Option<u64> {
    std::env::var(PLACE).ok()?.parse().ok()
}

/// Makes `file` a place of so many pages, says so on the console, and waits until it is an executable.
///
/// # Errors
///
/// If the file cannot be written or read.
pub fn wait_for_program(file: &Path, pages: u64) -> io::Result<()> {
    let mut options = File::options();
    let place = options.read(true).write(true).create_new(true).mode(0o755).open(file)?;
    for first in (0..pages).step_by(AT_ONCE) {
        let marks: Vec<u8> = (first..pages).take(AT_ONCE).flat_map(mark).collect();
        place.write_all_at(&marks, first * PAGE as u64)?;
    }
    println!("{READY}");
    let mut seen = SIGN;
    while seen == SIGN {
        std::thread::sleep(LOOK);
        place.read_exact_at(&mut seen, 0)?;
    }
    // Closed here: the kernel does not run a file that is open for writing.
    Ok(())
}
