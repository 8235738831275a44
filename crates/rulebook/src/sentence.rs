//! The sentences of the two manual pages, numbered, in other words than theirs.

/// What a sentence claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// `P1` … `P10` for process-keyring(7), `T1` … `T9` for thread-keyring(7).
    pub number: &'static str,
    /// Its claim.
    pub claim: &'static str,
}

impl Sentence {
    /// The manual page it is from.
    pub fn page(&self) -> &'static str {
        if self.number.starts_with('P') { "process-keyring(7)" } else { "thread-keyring(7)" }
    }
}

const fn new(number: &'static str, claim: &'static str) -> Sentence {
    Sentence { number, claim }
}

/// All sentences, in the order of the pages.
pub const SENTENCES: [Sentence; 19] = [
    new("P1", "It anchors keys on behalf of a process."),
    new("P2", "It comes into being only when a process asks for it."),
    new("P3", "Its name (description) is `_pid`."),
    new(
        "P4",
        "`KEY_SPEC_PROCESS_KEYRING` stands for the calling process's own one wherever a serial number is taken.",
    ),
    new(
        "P5",
        "`@p` means the same to keyctl(1), where it is of no use, as that program runs after a fork.",
    ),
    new("P6", "A thread made with `CLONE_THREAD` has the same one as the caller of clone(2)."),
    new("P7", "A new process created by fork() has no process keyring at first."),
    new("P8", "execve(2) clears it."),
    new("P9", "It is destroyed when the last thread that refers to it ends."),
    new("P10", "Accessed while absent: created to be modified, else `ENOKEY`."),
    new("T1", "It anchors keys on behalf of a process."),
    new("T2", "It comes into being only when a thread asks for it."),
    new("T3", "Its name (description) is `_tid`."),
    new(
        "T4",
        "`KEY_SPEC_THREAD_KEYRING` stands for the calling thread's own one wherever a serial number is taken.",
    ),
    new(
        "T5",
        "`@t` means the same to keyctl(1), where it is of no use, as that program runs after a fork.",
    ),
    new("T6", "It is not inherited across clone(2) and fork(2), and execve(2) clears it."),
    new("T7", "It is destroyed when the thread that refers to it ends."),
    new("T8", "A thread has no thread keyring at first."),
    new("T9", "Accessed while absent: created to be modified, else `ENOKEY`."),
];

/// Finds a sentence by its number.
pub fn sentence(number: &str) -> Option<&'static Sentence> {
    SENTENCES.iter().find(|sentence| sentence.number == number)
}
