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
    /// The manual page it stands in.
    pub fn page(&self) -> &'static str {
        if self.number.starts_with('P') { "process-keyring(7)" } else { "thread-keyring(7)" }
    }
}

/// All of them, in the order of the pages.
pub const SENTENCES: [Sentence; 19] = [
    Sentence { number: "P1", claim: "It anchors keys on behalf of a process." },
    Sentence { number: "P2", claim: "It comes into being only when a process asks for it." },
    Sentence { number: "P3", claim: "Its name (description) is `_pid`." },
    Sentence {
        number: "P4",
        claim: "`KEY_SPEC_PROCESS_KEYRING` stands for the calling process's own one wherever a \
                serial number is taken.",
    },
    Sentence {
        number: "P5",
        claim: "`@p` means the same to keyctl(1), where it is of no use, as that program runs \
                after a fork.",
    },
    Sentence {
        number: "P6",
        claim: "A thread made with `CLONE_THREAD` has the same one as the caller of clone(2).",
    },
    Sentence { number: "P7", claim: "A new process made by fork() has none at first." },
    Sentence { number: "P8", claim: "execve(2) clears it." },
    Sentence {
        number: "P9",
        claim: "It is destroyed when the last thread that refers to it ends.",
    },
    Sentence {
        number: "P10",
        claim: "Accessed while absent: created if it is to be modified, else `ENOKEY`.",
    },
    Sentence { number: "T1", claim: "It anchors keys on behalf of a process." },
    Sentence { number: "T2", claim: "It comes into being only when a thread asks for it." },
    Sentence { number: "T3", claim: "Its name (description) is `_tid`." },
    Sentence {
        number: "T4",
        claim: "`KEY_SPEC_THREAD_KEYRING` stands for the calling thread's own one wherever a \
                serial number is taken.",
    },
    Sentence {
        number: "T5",
        claim: "`@t` means the same to keyctl(1), where it is of no use, as that program runs \
                after a fork.",
    },
    Sentence {
        number: "T6",
        claim: "It is not inherited across clone(2) and fork(2), and execve(2) clears it.",
    },
    Sentence { number: "T7", claim: "It is destroyed when the thread that refers to it ends." },
    Sentence { number: "T8", claim: "A thread has none at first." },
    Sentence {
        number: "T9",
        claim: "Accessed while absent: created if it is to be modified, else `ENOKEY`.",
    },
];

/// Finds a sentence by its number.
pub fn sentence(number: &str) -> Option<&'static Sentence> {
    SENTENCES.iter().find(|sentence| sentence.number == number)
}
