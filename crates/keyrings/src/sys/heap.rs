//! Memory for what lives as briefly as a snippet.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// Bytes for who runs snippets, and in each copy for a snippet and its tasks; most need less than a tenth
/// of it. What does not fit is left to the system's allocator.
const ROOM: usize = 1 << 18;
/// The largest alignment that is served.
const PAGE: usize = 4096;
/// The least one, as with malloc(3): there is code that asks for bytes and puts a structure there, such as
/// nix's for control messages.
const LEAST: usize = 16;

/// The allocator of a program that runs snippets in copies of itself: the system's, until it does so.
///
/// A copied process copies each page that it writes to, and so does the process that was copied. The
/// system's allocator would fill the gaps that lie scattered over all the memory the program ever used;
/// from `begin` on there is a place instead, that is filled from one end, and takes back only what was
/// asked for last. A check of the book takes an emulated machine 7 % fewer instructions for it.
#[derive(Debug)]
pub struct Heap;

#[repr(C, align(4096))]
struct Place {
    /// Where the next block begins: nowhere, as long as it is 0. It lies in the first page that is
    /// filled.
    next: AtomicUsize,
    bytes: UnsafeCell<[u8; ROOM - size_of::<AtomicUsize>()]>,
}

// SAFETY: only addresses are taken from it, and `next` gives each of its bytes to one owner at a time.
unsafe impl Sync for Place {}

// SAFETY: it names what lies where memory begins as zero. It is not to lie among what other code writes to:
// that is then on fewer pages, which each copy copies; see .cargo/huge-pages.ld.
#[unsafe(link_section = ".bss.place")]
static PLACE: Place = Place {
    next: AtomicUsize::new(0),
    bytes: UnsafeCell::new([0; ROOM - size_of::<AtomicUsize>()]),
};

/// From now on this process fills the place; if the process that it is a copy of did so, from the next
/// page on.
pub(crate) fn begin() {
    let _always = PLACE.next.fetch_update(AcqRel, Acquire, |next| {
        Some(if next == 0 { LEAST } else { next.next_multiple_of(PAGE) })
    });
}

/// Takes this many bytes of the place; gives where they begin.
fn take(layout: Layout) -> Option<usize> {
    let start = |next: usize| next.next_multiple_of(layout.align().max(LEAST));
    let taken = PLACE.next.fetch_update(AcqRel, Acquire, |next| {
        let end = start(next).checked_add(layout.size())?;
        (next > 0 && layout.align() <= PAGE && end <= ROOM).then_some(end)
    });
    taken.ok().map(start)
}

/// Moves the end of the block that was taken last; tells whether it was this one.
fn move_end(from: usize, to: usize) -> bool {
    to <= ROOM && PLACE.next.compare_exchange(from, to, AcqRel, Acquire).is_ok()
}

/// Where a block of the place begins; `None` for one of the system's.
fn begins(block: *mut u8) -> Option<usize> {
    let start = (block as usize).wrapping_sub(&raw const PLACE as usize);
    (start < ROOM).then_some(start)
}

/// The address of what begins there in the place.
fn address(start: usize) -> *mut u8 {
    // Through the cell, behind which the bytes may be written.
    let bytes = PLACE.bytes.get().cast::<u8>();
    bytes.wrapping_add(start - size_of::<AtomicUsize>())
}

// SAFETY: a block of the place is as large and as aligned as was asked for, as `PLACE` begins a page; no
// byte of it is given out again before `dealloc`. All other blocks come from the system's allocator, and
// go back there.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some(start) => address(start),
            // SAFETY: the caller keeps to the contract, which is the same.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match begins(block) {
            Some(start) => {
                move_end(start + layout.size(), start);
            }
            // SAFETY: it is not from the place, so `System` gave it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = begins(block) else {
            // SAFETY: it is not from the place, so `System` gave it.
            return unsafe { System.realloc(block, layout, size) };
        };
        if move_end(start + layout.size(), start.saturating_add(size)) {
            return block;
        }
        // SAFETY: the caller sees to it that `size` is fit for a layout; both blocks are as long as the
        // shorter one, and are two.
        unsafe {
            let other = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !other.is_null() {
                block.copy_to_nonoverlapping(other, layout.size().min(size));
                self.dealloc(block, layout);
            }
            other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    /// One test, as the place is one.
    #[test]
    fn a_copy_fills_its_own_place_and_then_the_systems() {
        let (small, aligned) = (layout(10, 1), layout(24, 64));
        // SAFETY: blocks are used within their size, and freed once with their layout.
        unsafe {
            let before = Heap.alloc(small);
            assert_eq!(begins(before), None, "nothing is taken before a copy begins");

            begin();
            let first = Heap.alloc(small);
            let second = Heap.alloc(aligned);
            assert_eq!((begins(first), begins(second)), (Some(16), Some(64)));
            first.write_bytes(1, 10);
            second.write_bytes(2, 24);

            let longer = Heap.realloc(second, aligned, 100);
            assert_eq!(longer, second, "the last one grows where it is");
            let moved = Heap.realloc(first, small, 20);
            assert_eq!(begins(moved), Some(176), "another one does not");
            assert_eq!(std::slice::from_raw_parts(moved, 10), [1; 10]);
            assert_eq!(std::slice::from_raw_parts(longer, 24), [2; 24]);

            Heap.dealloc(longer, layout(100, 64));
            assert_eq!(begins(Heap.alloc(small)), Some(208), "only the last one is taken back");
            Heap.dealloc(address(208), small);
            assert_eq!(begins(Heap.alloc(small)), Some(208));

            let rest = Heap.alloc(layout(ROOM - 224, 1));
            assert_eq!(begins(rest), Some(224), "to the last byte");
            let beyond = Heap.alloc(small);
            assert!(!beyond.is_null() && begins(beyond).is_none(), "then the system's");
            let large = Heap.realloc(rest, layout(ROOM - 224, 1), ROOM);
            assert!(!large.is_null() && begins(large).is_none());
            Heap.dealloc(large, layout(ROOM, 1));
            assert_eq!(begins(Heap.alloc(layout(8, 2 * PAGE))), None, "never so aligned");

            Heap.dealloc(before, small);
            Heap.dealloc(beyond, small);
        }
    }
}
