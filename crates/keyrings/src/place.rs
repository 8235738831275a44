//! What programs here get of the kernel's keyrings, by what the system calls answer: never by the
//! name of the system.

use crate::{Errno, room, sys};
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::convert::Infallible;
use std::path::Path;
use std::sync::OnceLock;

/// What the three system calls were seen to answer.
#[derive(Debug)]
pub struct Keyrings {
    answers: Vec<(&'static Probe, Answer)>,
}

/// A call of which a kernel with keyrings knows the answer at once, whatever keys there are.
#[derive(Debug)]
struct Probe {
    /// What is there if it answers well.
    gives: &'static str,
    call: fn() -> Result<i64, Errno>,
    /// Whether this is an answer that such a kernel may give.
    sound: fn(Errno) -> bool,
}

const SESSION: &str = "session keyrings";
const THREAD: &str = "thread keyrings";
const PROCESS: &str = "process keyrings";
const ADD_KEY: &str = "add_key(2)";
const REQUEST_KEY: &str = "request_key(2)";

const PROBES: &[Probe] = &[
    Probe {
        gives: SESSION,
        call: || sys::keyctl(libc::KEYCTL_JOIN_SESSION_KEYRING, [0; 4]),
        sound: |_| false,
    },
    // In a process of its own, which has neither of these keyrings yet.
    Probe { gives: THREAD, call: || get_keyring_id(-1), sound: |_| false },
    Probe { gives: PROCESS, call: || get_keyring_id(-2), sound: |_| false },
    Probe {
        gives: ADD_KEY,
        call: || sys::add_key(None, None, None, 0, 0),
        sound: |error| error == Errno::EFAULT,
    },
    Probe {
        gives: REQUEST_KEY,
        call: || sys::request_key(None, None, None, 0),
        sound: |error| error == Errno::EFAULT,
    },
];

fn get_keyring_id(special: i32) -> Result<i64, Errno> {
    sys::keyctl(libc::KEYCTL_GET_KEYRING_ID, [special as usize, 1, 0, 0])
}

impl Keyrings {
    /// What was found when this process first asked.
    pub fn here() -> &'static Keyrings {
        static HERE: OnceLock<Keyrings> = OnceLock::new();
        HERE.get_or_init(Keyrings::find)
    }

    /// Asks, each call in a process of its own, as a filter may kill.
    fn find() -> Keyrings {
        room::wait_for_room();
        let answer = |probe: &'static Probe| {
            let answer = match ask(probe.call) {
                Answer::Error(error) if (probe.sound)(error) => Answer::Fine,
                answer => answer,
            };
            (probe, answer)
        };
        Keyrings { answers: PROBES.iter().map(answer).collect() }
    }

    fn answer(&self, gives: &str) -> Answer {
        let found = self.answers.iter().find(|(probe, _)| probe.gives == gives);
        found.map_or(Answer::Fine, |(_, answer)| *answer)
    }

    /// Says why this is not to be had, such as `add_key(2)` or `thread keyrings`; `None` if it is.
    pub fn lacks(&self, gives: &str) -> Option<String> {
        let answer = self.answer(gives);
        (answer != Answer::Fine).then(|| format!("{} {}", asked_for(gives), answer.words()))
    }

    /// One line on what is here: a kernel with keyrings, a part of one, or none.
    pub fn verdict(&self) -> String {
        if self.explain().is_some() {
            let lacking = [THREAD, SESSION].into_iter().find_map(|gives| self.lacks(gives));
            return format!("no keyrings: {}", lacking.unwrap_or_default());
        }
        let lacking: Vec<String> =
            self.answers.iter().filter_map(|(probe, _)| self.lacks(probe.gives)).collect();
        match &lacking[..] {
            [] => "a kernel with keyrings, whose three system calls all answer".to_owned(),
            lacking => {
                let like = match (self.answer(ADD_KEY), self.answer(REQUEST_KEY)) {
                    (Answer::Error(Errno::ENOSYS), Answer::Error(Errno::ENOSYS)) => {
                        ", as under podman's default profile"
                    }
                    _ => "",
                };
                format!("partly blocked{like}: {}", lacking.join("; "))
            }
        }
    }

    /// One paragraph for a person if no rule can be observed here: what is the matter, and what
    /// can be done.
    pub fn explain(&self) -> Option<String> {
        let (session, thread) = (self.answer(SESSION), self.answer(THREAD));
        let (what, why, remedy) = match (session, thread, self.answer(PROCESS)) {
            (Answer::Fine, Answer::Fine, _) | (Answer::Fine, _, Answer::Fine) => return None,
            (Answer::Fine, answer, _) => (
                format!(
                    "keyctl(2) gives session keyrings, but neither thread nor process keyrings ({})",
                    answer.words()
                ),
                "That is so in gVisor, whose own kernel knows a part of keyctl(2)",
                LEAVE,
            ),
            (Answer::Error(Errno::EDQUOT), Answer::Fine, _) => (
                room::used_up(),
                "Every keyring counts for the quota of its owner, /proc/keys lists them",
                "Revoke or unlink some keys, raise the limits in /proc/sys/kernel/keys, or run this \
                 as another user",
            ),
            (answer, ..) => (
                format!("the system call keyctl(2) {}", answer.words()),
                match answer {
                    Answer::Error(Errno::ENOSYS) if !Path::new("/proc/keys").exists() => {
                        "The kernel was built without CONFIG_KEYS, or a sandbox hides it"
                    }
                    Answer::Error(Errno::ENOSYS) => {
                        "A sandbox hides it: the kernel has keyrings, as it has /proc/keys"
                    }
                    Answer::Killed => "A seccomp filter forbids it",
                    _ => {
                        "A seccomp filter blocks it, as those of Docker, containerd, \
                         systemd-nspawn and Flatpak do"
                    }
                },
                LEAVE,
            ),
        };
        Some(format!("No rule can be observed here: {what}. {why}. {remedy}."))
    }
}

const LEAVE: &str = "Run this outside of the sandbox, or allow keyctl, add_key and request_key in \
                     it (Docker and podman: --security-opt seccomp=unconfined); or use another \
                     kernel";

/// The question that a probe puts.
fn asked_for(gives: &str) -> String {
    match gives {
        ADD_KEY | REQUEST_KEY => gives.to_owned(),
        _ => format!("keyctl(2) for {gives}"),
    }
}

/// What a call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Well.
    Fine,
    /// By this error.
    Error(Errno),
    /// By a deadly signal.
    Killed,
}

impl Answer {
    fn words(self) -> String {
        match self {
            Answer::Fine => "works here".to_owned(),
            Answer::Error(Errno::ENOSYS) => {
                "does not exist here (ENOSYS, Function not implemented)".to_owned()
            }
            Answer::Error(error) => format!("is refused here ({error:?}, {})", error.desc()),
            Answer::Killed => "kills whoever makes it here (SIGSYS)".to_owned(),
        }
    }
}

/// Makes a call in a process of its own.
pub(crate) fn ask(call: fn() -> Result<i64, Errno>) -> Answer {
    let child = || -> Infallible {
        match call() {
            Ok(_) => sys::exit(0),
            Err(error) => sys::exit(error as i32),
        }
    };
    let pid = match sys::fork_like(sys::Way::Fork, child) {
        Ok(pid) => pid,
        Err(error) => return Answer::Error(error),
    };
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Signaled(_, Signal::SIGSYS, _)) => return Answer::Killed,
            Ok(WaitStatus::Exited(_, status)) if status != 0 => {
                return Answer::Error(Errno::from_raw(status));
            }
            _ => return Answer::Fine,
        }
    }
}
