//! What the browser calls. It writes texts into memory that it was given, asks, and reads the answer.
#![allow(
    unsafe_code,
    reason = "names that the browser calls and offers are marked as unsafe; nothing here uses memory by its address"
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

#[cfg(feature = "logs")]
pub(crate) use faults::ask_faults;

/// What the browser offers: questions to the module `faults`.
#[cfg(feature = "logs")]
mod faults {
    #[link(wasm_import_module = "faults")]
    unsafe extern "C" {
        /// Passes on a question and its text. Returns the length of the answer.
        safe fn tell(
            question: *const u8,
            length: usize,
            text: *const u8,
            text_length: usize,
        ) -> usize;
        /// Writes the last answer.
        safe fn hear(answer: *mut u8);
    }

    pub(crate) fn ask_faults(question: &str, text: &str) -> String {
        let length = tell(question.as_ptr(), question.len(), text.as_ptr(), text.len());
        let mut answer = vec![0; length];
        hear(answer.as_mut_ptr());
        String::from_utf8_lossy(&answer).into_owned()
    }
}
