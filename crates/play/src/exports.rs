//! What the browser calls. It writes texts into memory that it was given, asks, and reads the answer.
#![allow(
    unsafe_code,
    reason = "a name that the browser can call is marked as unsafe; nothing here uses memory by its address"
)]

use crate::answer;
use std::cell::RefCell;

/// The texts of the next question, the first of which says what is asked, and the last answer.
#[derive(Default)]
struct Desk {
    texts: [Vec<u8>; 4],
    answer: String,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// Memory for a text of this length: where it is.
#[unsafe(no_mangle)]
pub extern "C" fn put(nth: usize, length: usize) -> *mut u8 {
    DESK.with_borrow_mut(|desk| {
        let text = &mut desk.texts[nth];
        *text = vec![0; length];
        text.as_mut_ptr()
    })
}

/// Answers the question, and forgets its texts. Returns the length of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> usize {
    let [question, one, two, three] = DESK.with_borrow_mut(|desk| std::mem::take(&mut desk.texts));
    let answer = answer(&String::from_utf8_lossy(&question), [one, two, three]);
    let length = answer.len();
    DESK.with_borrow_mut(|desk| desk.answer = answer);
    length
}

/// Where the answer is, until the next question.
#[unsafe(no_mangle)]
pub extern "C" fn answered() -> *const u8 {
    DESK.with_borrow(|desk| desk.answer.as_ptr())
}
